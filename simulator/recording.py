"""Recorded files, read into trades without losing a digit.

What a file holds, the dialect of the exchange knows that its folder is called after.
"""

import gzip
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from simulator.dialect import all_dialects, dialect_of
from simulator.trade import Trade


class NotARecording(ValueError):
    """Nothing can be replayed from the path; the text says what it should hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """The trades of one symbol of one exchange, and when each was received."""

    exchange: str
    symbol: str
    trades: list[Trade]
    received_ns: list[int]
    digest: str


def recordings(path: Path) -> list[Recording]:
    """Return what is recorded at this path: a file, or a folder with one a exchange.

    Raises:
        NotARecording: there is nothing, or not what we can read.
    """
    if path.is_file():
        return [alone(path)]
    files = found(path)
    if not files:
        raise NotARecording(
            f"nothing is recorded in {path}: expected {expected()}; "
            "`--feed simulated` needs no files"
        )
    return [read(exchange, file) for exchange, file in files.items()]


def expected() -> str:
    """Return which files can be replayed, for people."""
    kinds = {name: spoken.recordings for name, spoken in all_dialects().items()}
    return ", or ".join(
        f"{name}/{pattern} with {what}"
        for name, (pattern, what) in kinds.items()
        if pattern
    )


def alone(file: Path) -> Recording:
    """Return what a single file holds, of the exchange whose words it has.

    Raises:
        NotARecording: it is nobody's.
    """
    why = NotARecording(f"cannot replay {file}: expected {expected()}")
    for name, spoken in all_dialects().items():
        if spoken.recordings[0] and file.match(spoken.recordings[0]):
            try:
                return read(name, file)
            except NotARecording as other:
                why = other
    raise why


def found(folder: Path) -> dict[str, Path]:
    """Return the recording of each exchange that has one in the folder."""
    files: dict[str, Path] = {}
    for name, spoken in all_dialects().items():
        pattern, _ = spoken.recordings
        matching = sorted((folder / name).glob(pattern)) if pattern else []
        if len(matching) > 1:
            names = ", ".join(str(file) for file in matching)
            raise NotARecording(f"one recording an exchange, please, not: {names}")
        files |= {name: file for file in matching}
    return files


def read(exchange: str, file: Path) -> Recording:
    """Return what a file holds of an exchange."""
    packed = file.read_bytes()
    raw = gzip.decompress(packed) if file.suffix == ".gz" else packed
    digest = sha256(raw).hexdigest()[:16]
    try:
        trades, received = dialect_of(exchange).read(raw.decode())
        return one_symbol(exchange, trades, received, digest)
    except (KeyError, IndexError, TypeError, ValueError) as broken:
        raise NotARecording(f"cannot replay {file}: {broken!r}") from broken


def one_symbol(
    exchange: str, trades: list[Trade], received: list[int], digest: str
) -> Recording:
    ids = [trade.trade_id for trade in trades]
    if len({trade.symbol for trade in trades}) != 1:
        raise ValueError("a recording holds trades of exactly one symbol")
    if ids != list(range(ids[0], ids[0] + len(ids))):
        raise ValueError("the ids of a recording count up by one")
    return Recording(
        exchange=exchange,
        symbol=trades[0].symbol,
        trades=trades,
        received_ns=received,
        digest=digest,
    )
