"""Reading the lake: `from query import Lake`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from query.reading.lake import Lake as Lake
    from query.reading.refused import QueryRefused as QueryRefused

__all__ = ["Lake", "QueryRefused"]


def __getattr__(name: str) -> object:
    """Return what is asked for by its first use: DuckDB takes long to import."""
    if name == "Lake":
        from query.reading.lake import Lake

        return Lake
    if name == "QueryRefused":
        from query.reading.refused import QueryRefused

        return QueryRefused
    raise AttributeError(f"module 'query' has no attribute {name!r}")
