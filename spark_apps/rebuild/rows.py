"""What two layers say of the same row, and what has to be done where they differ."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from schemas.table import CATALOG
from schemas.table import Column as Field
from spark_apps.marks import saying

SAID = "said"
ACTION, DROP, MEND = "action", "drop", "mend"


def said(fields: Iterable[Field]) -> Column:
    """Return 64 bits of all that a row says in these fields, digit by digit."""
    return F.xxhash64(F.to_json(F.struct(*(as_text(each) for each in fields))))


def as_text(field: Field) -> Column:
    """Return a field as text that is the same for the same value, and only for it."""
    value = F.col(field.name)
    if field.type.startswith("map"):
        value = F.to_json(F.array_sort(F.map_entries(value)))
    elif field.type == "binary":
        value = F.hex(value)
    return value.cast("string").alias(field.name)


def change(
    changes: DataFrame,
    identifier: str,
    key: Sequence[str],
    fields: Sequence[str],
    where: str,
    properties: Mapping[str, str],
) -> None:
    """Drop or mend rows of a table, in one commit.

    `changes` has the key, ACTION, and the fields as they should be. `where` bounds what
    is read of the table, in literals; `{0}` stands for its name.
    """
    target = f"{CATALOG}.{identifier}"
    same = " AND ".join(f"{target}.{name} = s.{name}" for name in key)
    on = f"{same} AND ({where.format(target)})"
    with saying(changes.sparkSession, properties):
        (
            changes.alias("s")
            .mergeInto(target, F.expr(on))
            .whenMatched(F.expr(f"s.{ACTION} = '{DROP}'"))
            .delete()
            .whenMatched(F.expr(f"s.{ACTION} = '{MEND}'"))
            .update({name: F.col(f"s.{name}") for name in fields})
            .merge()
        )


def append(rows: DataFrame, identifier: str, properties: Mapping[str, str]) -> None:
    """Append rows, in a commit that says why."""
    writer = rows.writeTo(f"{CATALOG}.{identifier}")
    for name, value in properties.items():
        writer = writer.option(f"snapshot-property.{name}", value)
    writer.append()


def named(run_at: datetime) -> str:
    """Return the name of a rebuild: when it began."""
    return f"{run_at:%Y-%m-%dT%H:%M:%S.%f}"
