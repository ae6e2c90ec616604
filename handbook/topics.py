"""The page of the topics, from their specs and the Avro schemas of their values."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from handbook.markdown import table
from schemas.topic import ALL_TOPICS, Topic

HEAD = """\
# Topics

`./bullion up` makes each topic by itself, for each exchange, and registers the schema
of its values. Values have the registry's header (a zero byte, four bytes of schema id)
and the Avro record behind it.

"""
EACH = "<exchange>"


def page() -> str:
    """Return how each topic is cut and kept, and the fields of its values."""
    rows = (
        (
            f"`{each.name(EACH)}`",
            str(each.partitions),
            f"{each.kept_for.days} days",
            each.compression,
            each.about,
        )
        for each in ALL_TOPICS
    )
    header = ("topic", "partitions", "kept", "compression", "what it carries")
    return HEAD + table(header, rows) + "".join(map(part, ALL_TOPICS))


def part(topic: Topic) -> str:
    schema: Mapping[str, Any] = json.loads(topic.schema)
    title = f"{schema['namespace']}.{schema['name']}"
    subject = f"Subject in the registry: `{topic.subject(EACH)}`."
    about = schema.get("doc", "")
    rows = table(("field", "Avro type", "what it says"), fields(schema))
    return f"\n## {title}\n\n{about}\n\n{subject}\n\n{rows}"


def fields(schema: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for each in schema["fields"]:
        yield f"`{each['name']}`", f"`{kind(each['type'])}`", each.get("doc", "")


def kind(told: Any) -> str:
    """Return an Avro type in one line, such as `bytes, decimal(38, 18)`."""
    match told:
        case {"logicalType": "decimal", "precision": digits, "scale": places}:
            return f"{told['type']}, decimal({digits}, {places})"
        case {"logicalType": name}:
            return f"{told['type']}, {name}"
        case {"type": "enum", "symbols": symbols}:
            return f"enum of {', '.join(symbols)}"
        case {"type": "map", "values": values}:
            return f"map of {kind(values)}"
        case {"type": "array", "items": items}:
            return f"array of {kind(items)}"
        case list():
            return " or ".join(map(kind, told))
        case _:
            return str(told)
