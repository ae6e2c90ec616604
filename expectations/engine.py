"""A DuckDB that reads the object store, without the network's extensions."""

from collections.abc import Mapping

import duckdb
import duckdb_extensions


def connection(env: Mapping[str, str]) -> duckdb.DuckDBPyConnection:
    """Return a DuckDB that reads the object store, in UTC."""
    engine = duckdb.connect()
    duckdb_extensions.import_extension("httpfs", con=engine)
    engine.load_extension("httpfs")
    engine.execute("SET timezone = 'UTC'")
    endpoint = env["BULLION_S3_ENDPOINT"]
    engine.execute(
        "CREATE SECRET (TYPE s3, KEY_ID $1, SECRET $2, REGION $3, ENDPOINT $4, "
        "URL_STYLE 'path', USE_SSL $5)",
        [
            env["BULLION_S3_ACCESS_KEY"],
            env["BULLION_S3_SECRET_KEY"],
            env["BULLION_S3_REGION"],
            endpoint.split("://")[-1],
            endpoint.startswith("https"),
        ],
    )
    return engine
