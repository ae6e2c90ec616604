"""The archive of Spark's classes: when it is made, and who is given it."""

import gzip
import os
import subprocess
from pathlib import Path

import pytest

from stack import class_archive, java
from stack.place import Place

LAUNCHER = """\
#!/bin/bash
for word; do
  case $word in -XX:SharedArchiveFile=*) archive=${word#*=} ;; esac
  printf '%s\\n' "$word"
done
case "$*" in
  *-Xshare:dump*) [ -z "$REFUSED" ] || { echo "no room"; exit 1; }; echo > "$archive" ;;
esac
"""
"""Says what it is told, and makes the file of an archive if it is told to."""


@pytest.fixture()
def place(tmp_path: Path) -> Place:
    runtime = tmp_path / "runtime"
    (runtime / "bin").mkdir(parents=True)
    (runtime / "bin/java").write_text(LAUNCHER)
    (runtime / "bin/java").chmod(0o755)
    (runtime / "release").write_text("21")
    told = Place.read(
        {"BULLION_HOME": str(tmp_path / "home"), "BULLION_JAVA_HOME": str(runtime)}
    )
    (told.jars / "spark").mkdir(parents=True)
    (told.jars / "spark/iceberg.jar").touch()
    java.make_home(told)
    return told


def said(place: Place, *words: str, **env: str) -> list[str]:
    done = subprocess.run(
        (str(place.java / "bin/java"), *words),
        env={k: v for k, v in os.environ.items() if k != "TMPDIR"} | env,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def sparks_own(place: Place) -> str:
    """Return the class path as Spark's launcher writes it."""
    spark = f"{place.packages('spark')}/pyspark"
    jars = f"{spark}/jars/slf4j-api-2.0.17.jar:{spark}/jars/*"
    return f"{place.jars}/spark/*:{spark}/conf:{jars}"


def test_a_driver_is_given_the_archive_and_the_class_path_it_was_made_for(
    place: Place,
) -> None:
    class_archive.keep(place)

    told = said(place, "-cp", sparks_own(place), "-Xmx1g", "a.Main", "two words")

    assert f"-XX:SharedArchiveFile={java.archive(place)}" in told
    assert told[-5:] == ["-cp", java.class_path(place), "-Xmx1g", "a.Main", "two words"]


@pytest.mark.parametrize(
    "class_path", ["/usr/share/java/*", "{jars}/kafka/*", "{jars}/spark/*:/mine/jars/*"]
)
def test_other_programs_are_left_as_they_are(place: Place, class_path: str) -> None:
    class_archive.keep(place)
    words = ("-cp", class_path.format(jars=place.jars), "a.Main")

    assert said(place, *words) == list(words)


def test_without_an_archive_spark_starts_all_the_same(place: Place) -> None:
    told = said(place, "-cp", sparks_own(place), "a.Main")

    assert told == ["-cp", java.class_path(place), "a.Main"]


def test_java_keeps_its_temporary_files_where_others_do(place: Place) -> None:
    assert said(place, "a.Main", TMPDIR="/mine") == [
        "-Djava.io.tmpdir=/mine",
        "a.Main",
    ]


def test_a_maintainer_s_lists_are_written_without_the_archive(
    place: Place, tmp_path: Path
) -> None:
    class_archive.keep(place)

    told = said(
        place, "-cp", sparks_own(place), "a.Main", BULLION_CLASS_LISTS=str(tmp_path)
    )

    assert told[0].startswith(f"-XX:DumpLoadedClassList={tmp_path}/")
    assert not any("SharedArchiveFile" in word for word in told)


def test_an_archive_is_made_once_and_again_after_a_change(place: Place) -> None:
    made = java.archive(place)
    class_archive.keep(place)
    first = made.stat().st_ino
    class_archive.keep(place)
    assert made.stat().st_ino == first

    made.write_text("the old one")
    (place.jars / "spark/iceberg.jar").write_text("another version")
    class_archive.keep(place)

    assert made.read_text() != "the old one"


def test_an_archive_that_cannot_be_made_is_told_once_and_stops_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REFUSED", "yes")

    class_archive.keep(place)
    assert "no room" in capsys.readouterr().err
    class_archive.keep(place)

    assert not capsys.readouterr().err
    assert not java.archive(place).exists()


def test_lists_are_merged_without_what_differs_from_process_to_process(
    tmp_path: Path,
) -> None:
    texts = [
        "# said by the JVM\norg/b/B id: 2\njava/lang/Object id: 1\n"
        "com/sun/proxy/jdk/proxy1/$Proxy17 id: 3\n"
        "@lambda-proxy org/b/B apply ()V\n@lambda-form-invoker [x]\n",
        "java/lang/Object id: 1\norg/a/A id: 4 super: 1 source: /mine/a.jar\n"
        "@cp org/b/B 14 27\n",
    ]
    lists = [tmp_path / str(n) for n in range(2)]
    for file, text in zip(lists, texts, strict=True):
        file.write_text(text)

    assert list(class_archive.merged(lists)) == [
        "java/lang/Object",
        "org/b/B",
        "@lambda-form-invoker [x]",
        "@lambda-proxy org/b/B apply ()V",
    ]


def test_the_list_that_is_kept_is_of_spark_and_of_the_lake() -> None:
    names = gzip.decompress(class_archive.LIST.read_bytes()).decode().splitlines()

    assert "org/apache/spark/sql/connect/service/SparkConnectService" in names
    assert "org/apache/iceberg/spark/source/SparkWrite" in names
    assert not any("$Proxy" in name for name in names if name[0] != "@")
