"""What is not well with the lakehouse, in sentences, the worst first."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

BAD, WARNING = "bad", "warning"
OLD_S = 180
"""Seconds after which an answer says nothing of now; health is asked each minute."""
RELEASE = "Decide in the DAG release_lane; see docs/runbooks/closed-lane.md."
LATE = "Look at the lane's last runs in Airflow, and at ./bullion status."


def verdict(
    parts: Mapping[str, Mapping[str, Any]], bars: Mapping[str, tuple[int, int]]
) -> list[dict[str, str]]:
    """Return what is bad and what is a warning, each with what to do next.

    Nothing is said of a part that has not been answered yet: see its own `error`.
    """
    found: list[dict[str, str]] = []
    for name, part in parts.items():
        if part["error"]:
            text = f"{name.replace('_', ' ')}: {part['error']}"
            found.append(say(WARNING, text, "What is shown of it is its last answer."))
        if part["told"] is None:
            continue
        if name.startswith("lane "):
            found += lane(part["told"], bars)
        elif name in RULES:
            found += RULES[name](part["told"])
    found += old(parts)
    if not any(name.startswith("lane ") for name in parts):
        do = "Begin with: ./bullion up --exchanges NAME"
        found.append(say(WARNING, "No exchange is captured.", do))
    return sorted(found, key=lambda each: each["level"] != BAD)


def old(parts: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    """Yield that answers are old: nobody looked for long, or a question hangs."""
    names = [
        name.replace("_", " ")
        for name, part in parts.items()
        if part["told"] is not None and (part["age_s"] or 0) > OLD_S
    ]
    if names:
        text = f"These figures are older than {OLD_S // 60} min: {', '.join(names)}."
        do = "They are asked anew. If this stays: ./bullion logs airflow-api-server"
        yield say(WARNING, text, do)


def say(level: str, text: str, do: str, dag: str = "") -> dict[str, str]:
    return {"level": level, "text": text, "do": do, "dag": dag}


def lane(told: Mapping[str, Any], bars: Mapping[str, tuple[int, int]]) -> Iterator[Any]:
    exchange, gate = told["exchange"], told["last_gate"] or {}
    dag = f"lane__{exchange}"
    if gate.get("outcome") == "closed":
        text = f"The lane of {exchange} is closed: {', '.join(gate['failed'])}."
        yield say(BAD, text, RELEASE, "release_lane")
    if gate.get("outcome") == "error":
        text = f"The gate of {exchange} could not ask: {', '.join(gate['failed'])}."
        yield say(BAD, text, "That says nothing of the rows; it is tried again.", dag)
    if gate.get("outcome") == "warning":
        text = f"The last gate of {exchange} warned: {', '.join(gate['failed'])}."
        yield say(WARNING, text, "Its rows went on; Data quality has what it measured.")
    if told["paused"]:
        yield say(WARNING, f"The lane of {exchange} is paused.", "Unpause it.", dag)
    late = [
        f"{name} {layer['freshness_s']:,.0f} s"
        for name, layer in told["layers"].items()
        if (layer["freshness_s"] or 0) > bars[name][0]
    ]
    if late:
        text = f"The newest rows of {exchange} are old: {', '.join(late)}."
        yield say(WARNING, text, LATE, dag)
    if isinstance(told["kafka_lag"], str):
        text = f"The Kafka lag of {exchange} is {told['kafka_lag']}"
        yield say(WARNING, text, "Is Kafka up? ./bullion status")


def completeness(told: Mapping[str, Any]) -> Iterator[Any]:
    still_open = sum(each["open"] for each in told["symbols"])
    if still_open:
        text = f"{told['missing']:,} trades are missing in {still_open:,} open gaps."
        do = "The DAG completeness asks the exchanges for them; see the table below."
        yield say(WARNING, text, do, "completeness")
    for row in told["compared"]:
        if row["short"]:
            text = (
                f"{row['short']:,} trades of {row['exchange']} {row['symbol']} that "
                "REST has are not in gold."
            )
            yield say(BAD, text, "See docs/runbooks/gaps.md.", "reconciliation")


def accounting(told: list[Mapping[str, Any]]) -> Iterator[Any]:
    for row in told:
        if row["lost"]:
            text = f"{row['lost']:,} rows of {row['exchange']} are in no account."
            do = "Rows in are not rows out: look at silver_accounting, gold_accounting."
            yield say(BAD, text, do)


def health(told: Mapping[str, Any]) -> Iterator[Any]:
    for row in told["tables"]:
        for trouble in row["troubles"]:
            text, do = f"{row['table']}: {trouble}.", "See docs/runbooks/upkeep.md."
            yield say(WARNING, text, do, "upkeep")
    if told["stray_tables"]:
        text = f"No spec makes these tables: {', '.join(told['stray_tables'])}."
        yield say(WARNING, text, "See docs/runbooks/upkeep.md.")


RULES: Mapping[str, Callable[[Any], Iterator[Any]]] = {
    "completeness": completeness,
    "accounting": accounting,
    "health": health,
}
