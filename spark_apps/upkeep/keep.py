"""How long things are kept: by the table specs, unless a setting says otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from schemas.table import Layer, Table, all_tables


class KeepRefused(Exception):
    """A setting that is no length of time; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """Ages at which rows, snapshots and orphans may go."""

    rows: Mapping[str, timedelta | None]
    """By the address of the table; None keeps them for ever."""
    bronze_snapshots: timedelta = timedelta(hours=6)
    snapshots: timedelta = timedelta(days=1)
    orphans: timedelta = timedelta(days=3)

    @classmethod
    def read(cls, env: Mapping[str, str]) -> Self:
        """Return what the environment asks for.

        Raises:
            KeepRefused: a setting is neither a positive number nor, for rows, `ever`.
        """
        day, hour = timedelta(days=1), timedelta(hours=1)
        return cls(
            rows={
                table.address: _rows(env, table.keep_setting, table.kept_for)
                for table in all_tables()
            },
            bronze_snapshots=_age(env, "BULLION_KEEP_BRONZE_SNAPSHOTS_HOURS", 6) * hour,
            snapshots=_age(env, "BULLION_KEEP_SNAPSHOTS_HOURS", 24) * hour,
            orphans=_age(env, "BULLION_KEEP_ORPHANS_DAYS", 3) * day,
        )

    def history(self, table: Table) -> timedelta:
        """Return how long the snapshots of a table are kept in any case."""
        return self.bronze_snapshots if table.layer is Layer.BRONZE else self.snapshots


def _rows(
    env: Mapping[str, str], name: str, usual: timedelta | None
) -> timedelta | None:
    match env.get(name, ""):
        case "":
            return usual
        case "ever":
            return None
        case _:
            return timedelta(days=_age(env, name, 0))


def _age(env: Mapping[str, str], name: str, usual: float) -> float:
    text = env.get(name) or str(usual)
    try:
        found = float(text)
    except ValueError:
        found = 0
    # Neither nan nor infinity is an age.
    if not 0 < found < 1e6:
        raise KeepRefused(f"{name} is {text!r}: it must be a number above 0")
    return found
