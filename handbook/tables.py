"""The page of the tables, from their specs."""

from collections.abc import Iterator

from handbook.markdown import code, table
from schemas.table import NAMESPACE, Column, Table, all_tables

HEAD = f"""\
# Tables

All of them are Iceberg tables in the namespace `{NAMESPACE}`; times are UTC, to the
microsecond. In `./bullion sql` a table's name is enough. `bronze_crypto_trades` and
`silver_crypto_trades` are views there: the tables of all exchanges in one. Where a name
has `<exchange>`, each exchange has a table of its own.

"""


def page() -> str:
    """Return what each table is, how it is laid out, and what its columns mean."""
    tables = all_tables()
    rows = ((link(each), each.layer.value, each.about) for each in tables)
    return HEAD + table(("table", "layer", "what it holds"), rows) + "".join(parts())


def parts() -> Iterator[str]:
    for each in all_tables():
        yield f"\n## {stored(each)}\n\n{each.about}\n\n"
        yield from (f"- {name}: {fact}\n" for name, fact in facts(each))
        yield "\n"
        yield table(("column", "type", "may be NULL", "what it says"), columns(each))


def stored(each: Table) -> str:
    """Return its name in the catalog, such as `silver_<exchange>_trades`."""
    return each.stored_as.replace("{exchange}", "&lt;exchange&gt;")


def link(each: Table) -> str:
    anchor = each.stored_as.replace("{exchange}", "exchange")
    return f"[{stored(each)}](#{anchor})"


def facts(each: Table) -> Iterator[tuple[str, str]]:
    yield "address in the code", f"`{each.address}`"
    yield "one row for each", code(each.key)
    yield "partitioned by", code(each.partitioned_by)
    if each.sorted_by:
        yield "sorted by", code(each.sorted_by)
    kept = f"{each.kept_for.days} days" if each.kept_for else "for ever"
    yield "kept", f"{kept}, unless `{each.keep_setting}` says otherwise"
    yield "files of about", f"{each.target_file_mb} MB"


def columns(each: Table) -> Iterator[tuple[str, str, str, str]]:
    for column in each.columns:
        yield f"`{column.name}`", f"`{column.type}`", nullable(column), column.about


def nullable(column: Column) -> str:
    return "yes" if column.nullable else ""
