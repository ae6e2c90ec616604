"""`./bullion sql` answers in every format, draws, and says what was meant."""

import argparse
import io
import json
import sys
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from pyarrow import parquet
from rich.console import Console

from query import Lake
from query.__main__ import arguments
from query.command import progress
from query.command.dots import HEIGHT
from query.command.sql import run
from query.reading.refused import QueryRefused
from query.settings import Settings
from tests.query.market_days import GOLD, HOUR, ONE, TWO, commit, gold_rows, market
from tests.query.test_terms import settings_of

PRICES = f"SELECT timestamp, price FROM {GOLD} WHERE exchange = '{ONE.upper()}'"
DIGITS = Decimal("83744.300000000000000001")
Asking = Callable[..., str]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("lake")
    commit(market(folder), [*gold_rows(ONE, 0, 9), *gold_rows(TWO, 0, 9)])
    return settings_of(folder)


@pytest.fixture
def sql(settings: Settings, capsys: pytest.CaptureFixture[str]) -> Asking:
    """Run the command, and return what it wrote to standard output."""

    def asking(*words: str) -> str:
        assert run(parsed(*words), settings) == 0
        return capsys.readouterr().out

    return asking


def parsed(*words: str) -> argparse.Namespace:
    return arguments().parse_args(["sql", *words])


def test_every_format_goes_into_a_file_with_all_digits(
    sql: Asking, tmp_path: Path
) -> None:
    text = f"{PRICES} ORDER BY 1 LIMIT 2"
    for form in ("parquet", "arrow", "csv", "json", "table"):
        file = tmp_path / f"prices.{form}"
        assert sql(text, "-o", str(file), "--format", form) == ""
        assert [each.name for each in tmp_path.iterdir()] == [file.name]
        match form:
            case "parquet":
                first = parquet.read_table(file).to_pylist()[0]
                assert first == {"timestamp": HOUR, "price": DIGITS}
            case "arrow":
                read = pa.ipc.open_file(file).read_all()
                assert read.to_pylist()[0] == {"timestamp": HOUR, "price": DIGITS}
            case _:
                assert str(DIGITS) in file.read_text()
        file.unlink()


def test_the_file_says_the_format_unless_it_is_said(
    sql: Asking, tmp_path: Path
) -> None:
    sql("SELECT 1 AS one", "-o", str(tmp_path / "x.json"))
    sql("SELECT 1 AS one", "-o", str(tmp_path / "x.parquet"))

    assert json.loads((tmp_path / "x.json").read_text()) == [{"one": 1}]
    assert parquet.read_table(tmp_path / "x.parquet").to_pylist() == [{"one": 1}]


def test_a_file_is_whole_or_as_it_was(
    settings: Settings, sql: Asking, tmp_path: Path
) -> None:
    file = tmp_path / "x.parquet"
    sql("SELECT 1 AS one", "-o", str(file))
    late = "CASE WHEN i = 999999 THEN error('late') ELSE i END"
    failing = f"SELECT {late} AS i FROM range(1000000) t(i)"

    with pytest.raises(QueryRefused, match="late"):
        run(parsed(failing, "-o", str(file)), settings)
    assert parquet.read_table(file).to_pylist() == [{"one": 1}]
    assert list(tmp_path.iterdir()) == [file]
    with pytest.raises(QueryRefused, match="no folder"):
        run(parsed("SELECT 1", "-o", str(tmp_path / "no/x.csv")), settings)


class Pipe(io.BytesIO):
    """Standard output, as a pipe or as a terminal."""

    def __init__(self, *, seen: bool) -> None:
        super().__init__()
        self.seen = seen
        self.buffer = self

    def isatty(self) -> bool:
        return self.seen


def test_bytes_go_into_a_pipe_and_never_before_eyes(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = Pipe(seen=False)
    monkeypatch.setattr(sys, "stdout", pipe)
    run(parsed("SELECT 7 AS n", "--format", "arrow"), settings)
    assert pa.ipc.open_file(pipe.getvalue()).read_all().to_pylist() == [{"n": 7}]

    monkeypatch.setattr(sys, "stdout", Pipe(seen=True))
    with pytest.raises(QueryRefused, match="say where to, as -o x.parquet"):
        run(parsed("SELECT 7 AS n", "--format", "parquet"), settings)


def test_a_chart_rises_where_the_numbers_do(sql: Asking) -> None:
    lines = sql("--plot", "SELECT i, i AS up FROM range(100) t(i)").splitlines()

    filled = [
        [place for place, letter in enumerate(line) if "⠀" < letter <= "⣿"]
        for line in lines[:HEIGHT]
    ]
    assert all(filled)
    # From top to bottom the line comes nearer to the left edge.
    assert filled == sorted(filled, reverse=True)
    assert "99" in lines[0] and "0" in lines[HEIGHT - 1]
    assert lines[HEIGHT].split() == ["0", "i", "99"]
    assert lines[HEIGHT + 1].split() == ["━", "up"]


def test_a_chart_of_times_has_a_line_for_each_exchange(sql: Asking) -> None:
    drawn = sql(f"SELECT timestamp, exchange, price FROM {GOLD}", "--plot")

    assert f"{ONE.upper()} price" in drawn and f"{TWO.upper()} price" in drawn
    assert f"{HOUR:%Y-%m-%d %H:%M}" in drawn
    assert f"{HOUR + timedelta(seconds=160):%Y-%m-%d %H:%M}" in drawn


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SELECT 'a' AS a", "nothing to draw"),
        (
            "SELECT 1 AS x, i::VARCHAR AS name, i AS y FROM range(9) t(i)",
            "9 lines are more than can be told apart",
        ),
    ],
)
def test_what_cannot_be_drawn_is_said(settings: Settings, text: str, said: str) -> None:
    with pytest.raises(QueryRefused, match=said):
        run(parsed(text, "--plot"), settings)


def test_rows_are_written_or_drawn_and_not_both(
    settings: Settings, tmp_path: Path
) -> None:
    there = tmp_path / "rows.csv"

    with pytest.raises(QueryRefused, match="ask for one of the two"):
        run(parsed(PRICES, "--plot", "-o", str(there)), settings)

    assert not there.exists()


def test_as_of_reads_the_tables_as_they_were(sql: Asking, settings: Settings) -> None:
    text = f"SELECT count(*) AS rows FROM {GOLD}"

    assert json.loads(sql(text, "--format", "json")) == [{"rows": 18}]
    then = ("--as-of", "2020-01-01", "--format", "json")
    assert json.loads(sql(*then, text)) == [{"rows": 0}]
    with pytest.raises(QueryRefused, match="is no time"):
        run(parsed(text, "--as-of", "the other day"), settings)


def test_help_and_tables_are_told(sql: Asking, settings: Settings) -> None:
    assert "vwap(since, until)\n" in sql(".help")
    assert {GOLD, "symbols"} <= set(sql(".tables").split())
    with pytest.raises(QueryRefused, match="there are .tables, .help"):
        run(parsed(".tabels"), settings)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"SELECT prise FROM {GOLD}", "no column 'prise'. Did you mean price?"),
        (f"SELECT t.prise FROM {GOLD} t", f"{GOLD} has: message_id, trade_id"),
        ("FROM symbol", "no table 'symbol'. Did you mean symbols?"),
        ("FROM wvap('a', 'b')", r"Did you mean vwap\(since, until\)"),
        ("FROM vwap(now())", r"it is asked as vwap\(since, until\)"),
        (f"FROM {GOLD} WHERE timestamp > 'noon'", "'noon' is no time: write"),
    ],
)
def test_a_wrong_name_says_what_there_is_and_was_meant(
    settings: Settings, text: str, said: str
) -> None:
    with pytest.raises(QueryRefused, match=said):
        run(parsed(text), settings)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            f"FROM {GOLD} WHERE symbol = 'BTC/USD'",
            "no symbol 'BTC/USD'. Did you mean BTCUSD? There are: BTCUSD, BTCUSDT",
        ),
        (
            f"FROM spread('BTCUSDT', 'BTCEUR', '1m', '{HOUR}', '{HOUR}')",
            "no symbol 'BTCEUR'. Did you mean BTCUSD?",
        ),
        (
            f"FROM {GOLD} WHERE exchange IN ('{ONE}')",
            f"no exchange '{ONE}'. Did you mean {ONE.upper()}?",
        ),
        (
            "FROM vwap('2020-01-01', '2020-01-02') WHERE symbol = 'BTCUSD'",
            f"gold has trades from {HOUR.date()} to {HOUR.date()}",
        ),
    ],
)
def test_an_empty_answer_says_what_gold_does_not_have(
    settings: Settings, text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run(parsed(text), settings)

    assert said in capsys.readouterr().err


def test_a_long_question_shows_how_far_it_has_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(progress, "PATIENCE_S", 0.05)
    monkeypatch.setattr(progress, "LOOKS_S", 0.01)
    seen, unseen = io.StringIO(), io.StringIO()
    engine = duckdb.connect()
    for out, is_terminal in ((seen, True), (unseen, False)):
        console = Console(file=out, force_terminal=is_terminal)
        with progress.progress(engine, console):
            engine.execute(
                "SELECT sum(hash(a.i + b.i)) FROM range(20000) a(i), range(1000) b(i)"
            ).fetchall()

    assert "%" in seen.getvalue()
    assert unseen.getvalue() == ""


def test_a_script_reads_arrow_and_pandas(settings: Settings) -> None:
    with Lake(settings) as lake:
        frame = lake.pandas(f"{PRICES} ORDER BY timestamp LIMIT 1")
        table = lake.arrow(f"{PRICES} ORDER BY timestamp LIMIT 1")

    assert frame["price"].tolist() == [DIGITS]
    assert frame["timestamp"].tolist() == [HOUR]
    assert table.schema.field("price").type == pa.decimal128(38, 18)
