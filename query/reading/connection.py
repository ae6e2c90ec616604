"""A DuckDB that reads the lake's files: its extensions, its clock, its store."""

import duckdb
import duckdb_extensions

from query.reading.exact import make_known
from query.settings import Settings


def connection(settings: Settings) -> duckdb.DuckDBPyConnection:
    """Return a DuckDB with its extensions from wheels, in UTC, reading the store."""
    engine = duckdb.connect()
    for name in ("avro", "iceberg", "httpfs"):
        duckdb_extensions.import_extension(name, con=engine)
        engine.load_extension(name)
    engine.execute("SET timezone = 'UTC'")
    if settings.s3_endpoint:
        engine.execute(
            "CREATE SECRET (TYPE s3, KEY_ID $1, SECRET $2, REGION $3, ENDPOINT $4, "
            "URL_STYLE 'path', USE_SSL $5)",
            [
                settings.s3_access_key,
                settings.s3_secret_key,
                settings.s3_region,
                settings.s3_endpoint.split("://")[-1],
                settings.s3_endpoint.startswith("https"),
            ],
        )
    make_known(engine)
    return engine
