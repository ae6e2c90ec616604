"""The catalog: which tables there are, and where the metadata of each is now."""

from collections.abc import Mapping

from pyiceberg.catalog import Catalog
from pyiceberg.catalog.sql import SqlCatalog

from query.settings import Settings
from schemas.table import CATALOG, Table, all_tables


def open_catalog(settings: Settings) -> SqlCatalog:
    """Return the catalog of the lake."""
    return SqlCatalog(
        CATALOG,
        **{
            "uri": settings.catalog_uri,
            "init_catalog_tables": "false",
            # A connection may have died with a server that is back by now.
            "pool_pre_ping": "true",
            "warehouse": settings.warehouse,
            "s3.endpoint": settings.s3_endpoint,
            "s3.access-key-id": settings.s3_access_key,
            "s3.secret-access-key": settings.s3_secret_key,
            "s3.region": settings.s3_region,
        },
    )


def table_names(exchanges: tuple[str, ...]) -> Mapping[str, tuple[Table, str]]:
    """Return each table's name without namespace, with its spec and its exchange."""
    found: dict[str, tuple[Table, str]] = {}
    for table in all_tables():
        for exchange in exchanges if table.per_exchange else ("",):
            found[table.identifier(exchange).split(".")[-1]] = (table, exchange)
    return found


def unions(exchanges: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
    """Return the views over all exchanges, such as bronze_crypto_trades."""
    return {
        table.stored_as.format(exchange="crypto"): tuple(
            table.identifier(exchange).split(".")[-1] for exchange in exchanges
        )
        for table in all_tables()
        if table.per_exchange
    }


def identifier(catalog: Catalog, name: str, exchanges: tuple[str, ...]) -> str:
    table, exchange = table_names(exchanges)[name]
    return table.identifier(exchange)
