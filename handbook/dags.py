"""The page of the DAGs, read from their files: Airflow is not needed to build it."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from schemas.table import ROOT

HEAD = """\
# DAGs

The notes of each DAG, as its page in Airflow shows them. `<exchange>` is the name of
one that is captured.

"""
SLOT = "<exchange>"
HEADING = re.compile(r"^### (.+)$", re.MULTILINE)
"""Nearly the same in each DAG: they would only lengthen the table of contents."""
NAMED = re.compile(r"\bdocs/([\w/-]+\.md)")
"""A page of docs/ as notes name it, where no link leads to the repository."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a DAG says of itself."""

    dag_id: str
    description: str
    notes: str


def page() -> str:
    """Return the notes of every DAG, by name."""
    return HEAD + "".join(map(part, sorted(all_dags(), key=lambda dag: dag.dag_id)))


def part(dag: Told) -> str:
    notes = HEADING.sub(r"**\1**\n", dag.notes)
    notes = NAMED.sub(r"[docs/\1](../\1)", notes)
    return f"\n## {escaped(dag.dag_id)}\n\n{escaped(dag.description)}\n\n{notes}\n"


def escaped(text: str) -> str:
    return text.replace("<", "&lt;").replace(">", "&gt;")


def all_dags() -> Iterator[Told]:
    """Return every DAG that a file makes, by a call of DAG or of `upkeep_dag`."""
    for file in sorted((ROOT / "dags").rglob("*.py")):
        yield from dags_of(file)


def dags_of(file: Path) -> Iterator[Told]:
    tree = ast.parse(file.read_text())
    names = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="DAG"), keywords=keywords):
                said = {each.arg: each.value for each in keywords if each.arg}
            case ast.Call(func=ast.Name(id="upkeep_dag"), args=[words, _, about, does]):
                said = {"dag_id": words, "description": about, "doc_md": does}
            case _:
                continue
        texts = [
            text(said[name], names) for name in ("dag_id", "description", "doc_md")
        ]
        # A factory whose words are its caller's arguments is told of by its callers.
        if all(texts):
            dag_id, description, notes = texts
            yield Told(dag_id.split()[0], description, notes.strip())


def text(node: ast.expr, names: Mapping[str, ast.expr]) -> str:
    """Return the text that an expression is, "" if it is known only when it runs."""
    match node:
        case ast.Constant(value=str(value)):
            return value
        case ast.JoinedStr(values=values):
            return "".join(text(value, names) or SLOT for value in values)
        case ast.Name(id=name) if name in names:
            return text(names[name], names)
        case ast.Call(
            func=ast.Attribute(value=whole, attr="replace"),
            args=[ast.Constant(value=str(old)), _],
        ):
            return text(whole, names).replace(old, SLOT)
        case _:
            return ""
