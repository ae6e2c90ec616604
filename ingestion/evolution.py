"""Why a new Avro schema could not read what an old one wrote, field by field."""

import json
from collections.abc import Iterator
from typing import TypeAlias

Json: TypeAlias = str | int | float | bool | None | list["Json"] | dict[str, "Json"]

PROMOTED = {
    "int": {"long", "float", "double"},
    "long": {"float", "double"},
    "float": {"double"},
    "string": {"bytes"},
    "bytes": {"string"},
}
"""What Avro lets a reader take for what: the specification's schema resolution."""


def obstacles(old: str, new: str) -> list[str]:
    """Return a sentence for each change that BACKWARD compatibility forbids."""
    return list(between(json.loads(old), json.loads(new), "the record"))


def between(old: Json, new: Json, where: str) -> Iterator[str]:
    """Yield what keeps a reader of `new` from data of `old`."""
    match old, new:
        case [*_], _ if isinstance(old, list):
            branches = new if isinstance(new, list) else [new]
            for one in old:
                if not any(not list(between(one, each, where)) for each in branches):
                    yield f"{where}: {spelt(one)} can no longer be read"
        case _, [*branches]:
            if not any(not list(between(old, each, where)) for each in branches):
                yield f"{where}: {spelt(old)} is none of {spelt(new)}"
        case {"type": "record"}, {"type": "record"}:
            assert isinstance(old, dict) and isinstance(new, dict)
            yield from between_records(old, new, where)
        case {"type": "enum", "symbols": [*had]}, {"type": "enum", "symbols": [*has]}:
            gone = [str(one) for one in had if one not in has]
            if gone and isinstance(new, dict) and "default" not in new:
                yield f"{where}: the symbols {', '.join(gone)} were taken away"
        case {"type": "map", "values": was}, {"type": "map", "values": now}:
            yield from between(was, now, f"values of {where}")
        case {"type": "array", "items": was}, {"type": "array", "items": now}:
            yield from between(was, now, f"items of {where}")
        case _ if logical(old) != logical(new):
            yield f"{where}: the type changed from {spelt(old)} to {spelt(new)}"
        case _ if plain(new) not in {plain(old), *PROMOTED.get(plain(old), ())}:
            yield f"{where}: the type changed from {spelt(old)} to {spelt(new)}"


def between_records(
    old: dict[str, Json], new: dict[str, Json], where: str
) -> Iterator[str]:
    """Yield what keeps a record from being read: new names, or new needs."""
    if old["name"] != new["name"]:
        yield f"{where}: it was renamed from {old['name']} to {new['name']}"
    had = fields(old)
    for name, field in fields(new).items():
        if name in had:
            yield from between(had[name]["type"], field["type"], f"field {name!r}")
        elif "default" not in field:
            yield (
                f"field {name!r}: it is new and has no default,"
                " so older messages could not be read"
            )


def fields(record: dict[str, Json]) -> dict[str, dict[str, Json]]:
    """Return a record's fields by name."""
    listed = record["fields"]
    assert isinstance(listed, list)
    return {str(f["name"]): f for f in listed if isinstance(f, dict)}


def plain(schema: Json) -> str:
    """Return the type's name without what decorates it."""
    return str(schema["type"] if isinstance(schema, dict) else schema)


def logical(schema: Json) -> tuple[Json, ...]:
    """Return what decides how bytes and numbers are meant."""
    if not isinstance(schema, dict):
        return (None, None, None)
    return schema.get("logicalType"), schema.get("precision"), schema.get("scale")


def spelt(schema: Json) -> str:
    """Return a type as a person would write it."""
    match schema:
        case {"logicalType": "decimal", "precision": p, "scale": s}:
            return f"decimal({p}, {s})"
        case {"logicalType": str(name)} | {"name": str(name)} | {"type": str(name)}:
            return name
        case [*branches]:
            return " or ".join(spelt(branch) for branch in branches)
        case _:
            return str(schema)
