"""How Spark is set up: the same for the Connect server, for bronze and for tests."""

from urllib.parse import urlsplit

from expectations.places import SCHEME
from schemas.table import CATALOG
from spark_apps.settings import Storage

WRITTEN_AT_ONCE = (
    "org.apache.spark.internal.io.cloud." "AbortableStreamBasedCheckpointFileManager"
)
"""A note appears in S3 whole when its stream is closed: no copy, no rename."""
SECRET = "(?i)secret|password|token|access[.-]?key|credential"
"""Whose value Spark shows to nobody: in its UI, its logs and its answers."""
EXTENSIONS = "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions"


def conf(storage: Storage) -> dict[str, str]:
    """Return Spark's settings; the keys of spark-defaults.conf."""
    if not any(storage.jars.glob("*.jar")):
        raise FileNotFoundError(f"no jars in {storage.jars}: run ./bullion up first")
    return {
        "spark.master": storage.master or f"local[{storage.cores}]",
        # On the application's own class path, and not fetched by Spark: its classes
        # are in the archive that the laptop keeps, and lie at one path on all workers.
        "spark.driver.extraClassPath": f"{storage.jars.resolve()}/*",
        **(_on_executors(storage) if storage.master else {}),
        "spark.driver.memory": storage.driver_memory,
        # Java's zone decides how partition values are printed and parsed.
        "spark.driver.extraJavaOptions": "-Duser.timezone=UTC",
        **_at_home(),
        **_exact(storage.cores),
        **_lean(),
        **(_notes_in_s3(storage) if storage.checkpoints.startswith(SCHEME) else {}),
        **{
            f"spark.sql.catalog.{CATALOG}{key}": value
            for key, value in _catalog(storage).items()
        },
    }


def _on_executors(storage: Storage) -> dict[str, str]:
    return {
        "spark.executor.extraClassPath": f"{storage.jars.resolve()}/*",
        "spark.executor.extraJavaOptions": (
            "-Duser.timezone=UTC -Xss2m -XX:+UseSerialGC"
        ),
        # What executors print is kept in the workers' folders, and never forgotten.
        "spark.executor.logs.rolling.strategy": "size",
        "spark.executor.logs.rolling.maxSize": str(10 * 1024 * 1024),
        "spark.executor.logs.rolling.maxRetainedFiles": "2",
    }


def _notes_in_s3(storage: Storage) -> dict[str, str]:
    """Checkpoints are written by Hadoop's client and not by Iceberg's."""
    said = {
        "endpoint": storage.s3_endpoint,
        "endpoint.region": storage.s3_region,
        "path.style.access": "true",
        "connection.ssl.enabled": str(
            urlsplit(storage.s3_endpoint).scheme == "https"
        ).lower(),
        "aws.credentials.provider": (
            "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider"
        ),
        "access.key": storage.s3_access_key,
        "secret.key": storage.s3_secret_key,
        # A note has one writer and is written once: nothing changes under a reader.
        "change.detection.mode": "none",
    }
    return {f"spark.hadoop.fs.s3a.{name}": value for name, value in said.items()} | {
        "spark.sql.streaming.checkpointFileManagerClass": WRITTEN_AT_ONCE
    }


def _at_home() -> dict[str, str]:
    """Nothing listens beyond this machine; the UI follows SPARK_LOCAL_IP."""
    return {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.ui.showConsoleProgress": "false",
        # A lane run says thousands of lines at INFO.
        "spark.log.level": "WARN",
        # Spark's own pattern takes `access.key`, and shows Iceberg's `access-key-id`
        # to whoever opens the UI, which asks for no login.
        "spark.redaction.regex": SECRET,
    }


def _exact(cores: int) -> dict[str, str]:
    return {
        "spark.sql.extensions": EXTENSIONS,
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.ansi.enabled": "true",
        # A product or quotient of decimals keeps its places, and overflows aloud;
        # the default silently rounds 38-digit operands to six places.
        "spark.sql.decimalOperations.allowPrecisionLoss": "false",
        # Said, so that a session can go back to it; see `pace`.
        "spark.sql.iceberg.vectorization.enabled": "true",
        "spark.sql.shuffle.partitions": str(cores),
        "spark.sql.streaming.stopTimeout": "30s",
    }


def _lean() -> dict[str, str]:
    """A server that lives for months remembers only its last work."""
    return {
        "spark.ui.retainedJobs": "100",
        "spark.ui.retainedStages": "100",
        "spark.ui.retainedTasks": "1000",
        "spark.sql.ui.retainedExecutions": "50",
        "spark.sql.streaming.ui.retainedQueries": "20",
        "spark.sql.streaming.ui.retainedProgressUpdates": "20",
        "spark.sql.streaming.numRecentProgressUpdates": "20",
        "spark.connect.ui.retainedSessions": "20",
        "spark.connect.ui.retainedStatements": "50",
        # What a session has once looked up it would take for the next client's too: a
        # table as it was hours ago, whose snapshots have expired since.
        "spark.connect.session.planCache.maxSize": "0",
        # Spark would take pages of 16 to 64 MB, one at least for each small join.
        "spark.buffer.pageSize": "4m",
    }


def _catalog(storage: Storage) -> dict[str, str]:
    stored = {
        "": "org.apache.iceberg.spark.SparkCatalog",
        ".warehouse": storage.warehouse,
        # Cached tables would show the heads of other processes late.
        ".cache-enabled": "false",
    }
    if not storage.catalog_uri:
        return stored | {".type": "hadoop"}
    return stored | {
        ".type": "jdbc",
        ".uri": storage.catalog_uri,
        ".jdbc.user": storage.catalog_user,
        ".jdbc.password": storage.catalog_password,
        # The server ends connections that are not used, and all when it restarts.
        ".retryable_status_codes": "57P05,57P01",
        # V1 is what lets a JDBC catalog hold views.
        ".jdbc.schema-version": "V1",
        ".io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
        ".s3.endpoint": storage.s3_endpoint,
        ".s3.path-style-access": "true",
        ".s3.access-key-id": storage.s3_access_key,
        ".s3.secret-access-key": storage.s3_secret_key,
        ".client.region": storage.s3_region,
        # Each run of a stream opens the manifests of all snapshots that are kept
        # (Iceberg issue 16940); they never change.
        ".io.manifest.cache-enabled": "true",
        ".io.manifest.cache.max-total-bytes": str(64 * 1024 * 1024),
        ".io.manifest.cache.expiration-interval-ms": str(3600 * 1000),
    }
