"""Tables are made from their specs, once; nothing here drops or empties one."""

from collections.abc import Sequence

from pyspark.sql import SparkSession

from schemas.table import CATALOG, NAMESPACE, Layer, Table, all_tables, table_at

VIEW = f"{CATALOG}.{NAMESPACE}.bronze_crypto_trades"


class TableDiffers(Exception):
    """A table in the catalog is not what its spec says: a person must decide."""


def create_all(spark: SparkSession, exchanges: Sequence[str]) -> tuple[str, ...]:
    """Create what is missing of every table, and the view; return the new ones."""
    spark.sql(f"CREATE NAMESPACE IF NOT EXISTS {CATALOG}.{NAMESPACE}")
    there = {
        f"{NAMESPACE}.{row.tableName}"
        for row in spark.sql(f"SHOW TABLES IN {CATALOG}.{NAMESPACE}").collect()
    }
    made = []
    for table in all_tables():
        for identifier in table.identifiers(tuple(exchanges)):
            if identifier in there:
                widen(spark, table, identifier)
                compare(spark, table, identifier)
            else:
                _create(spark, table, identifier)
                made.append(identifier)
    # A catalog that is a folder, as in tests, holds no views.
    if spark.conf.get(f"spark.sql.catalog.{CATALOG}.type") != "hadoop":
        _unite(spark, exchanges)
    return tuple(made)


def require(spark: SparkSession, identifiers: Sequence[str]) -> None:
    """Return if all of these tables exist; a streaming write would create one bare.

    Raises:
        LookupError: the message names those that are missing.
    """
    missing = [
        name for name in identifiers if not spark.catalog.tableExists(_full(name))
    ]
    if missing:
        raise LookupError(
            f"no table {', '.join(missing)}: run `python -m spark_apps.run bootstrap`"
        )


def widen(spark: SparkSession, table: Table, identifier: str) -> tuple[str, ...]:
    """Add the nullable columns that the spec has and the table lacks; return them.

    Rows that are there already have NULL in them, and no file is written anew. Streams
    that run meanwhile go on: they name the columns that they know.
    """
    held = set(spark.table(_full(identifier)).columns)
    new = [c for c in table.columns if c.name not in held and c.nullable]
    for column in new:
        before = table.columns[table.columns.index(column) - 1].name
        spark.sql(
            f"ALTER TABLE {_full(identifier)} ADD COLUMN `{column.name}` {column.type} "
            f"COMMENT {_quoted(column.about)} AFTER `{before}`"
        )
    return tuple(column.name for column in new)


def compare(spark: SparkSession, table: Table, identifier: str) -> None:
    """Return if the table has exactly the columns of its spec.

    Raises:
        TableDiffers: the message names the columns.
    """
    wanted = {(c.name, c.type.replace(" ", "")) for c in table.columns}
    held = {
        (field.name, field.dataType.simpleString().replace(" ", ""))
        for field in spark.table(_full(identifier)).schema
    }
    if wanted != held:
        raise TableDiffers(
            f"{identifier} differs from {table.address} in "
            f"{', '.join(sorted(name for name, _ in wanted ^ held))}: a new nullable "
            "column is added by itself, anything else is a new table and a replay"
        )


def properties(table: Table) -> dict[str, str]:
    """Return the Iceberg properties that follow from a spec."""
    always = {
        "format-version": "2",
        "write.parquet.compression-codec": "zstd",
        "write.metadata.compression-codec": "gzip",
        "write.metadata.delete-after-commit.enabled": "true",
        "write.metadata.previous-versions-max": "20",
        "write.target-file-size-bytes": str(table.target_file_mb * 1024 * 1024),
        "write.distribution-mode": table.distribution,
        "commit.retry.num-retries": "20",
        "commit.manifest.min-count-to-merge": "10",
        # One writer a table and exchange: none meets another's rows.
        "write.delete.isolation-level": "snapshot",
        "write.merge.isolation-level": "snapshot",
    }
    if table.layer is Layer.BRONZE:
        # Bounds of opaque bytes help nobody, and are read by every planner.
        always["write.metadata.metrics.column.raw_bytes"] = "none"
        always["write.spark.fanout.enabled"] = "true"
    return always


def _create(spark: SparkSession, table: Table, identifier: str) -> None:
    columns = ", ".join(
        f"`{column.name}` {column.type}{'' if column.nullable else ' NOT NULL'} "
        f"COMMENT {_quoted(column.about)}"
        for column in table.columns
    )
    partitions = ", ".join(
        # A transform of a column, or the column itself.
        f"{text[:-1].replace('(', '(`')}`)" if "(" in text else f"`{text}`"
        for text in table.partitioned_by
    )
    said = ", ".join(f"'{key}'='{value}'" for key, value in properties(table).items())
    spark.sql(
        f"CREATE TABLE IF NOT EXISTS {_full(identifier)} ({columns}) USING iceberg "
        f"PARTITIONED BY ({partitions}) COMMENT {_quoted(table.about)} "
        f"TBLPROPERTIES ({said})"
    )
    if table.sorted_by:
        spread = (
            "DISTRIBUTED BY PARTITION LOCALLY" if table.distribution == "hash" else ""
        )
        order = ", ".join(f"`{name}`" for name in table.sorted_by)
        spark.sql(
            f"ALTER TABLE {_full(identifier)} WRITE {spread or 'LOCALLY'} "
            f"ORDERED BY {order}"
        )


def _unite(spark: SparkSession, exchanges: Sequence[str]) -> None:
    """One view over bronze, whichever exchange a row came from."""
    bronze = table_at("bronze.trades")
    parts = " UNION ALL ".join(
        f"SELECT *, '{exchange.upper()}' AS exchange "
        f"FROM {_full(bronze.identifier(exchange))}"
        for exchange in exchanges
    )
    spark.sql(f"CREATE OR REPLACE VIEW {VIEW} AS {parts}")


def _full(identifier: str) -> str:
    return f"{CATALOG}.{identifier}"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
