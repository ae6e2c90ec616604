"""Recorded trades as WebSocket frames without end, with ids that count up by one."""

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, groupby, islice
from operator import attrgetter
from pathlib import Path

from benchmarks.capture.told import CHUNK
from simulator.dialect import dialect_of
from simulator.feed import Group
from simulator.recording import Recording, found, read
from simulator.tape import Tape

FIRST = 1_000_000_000
"""The first id; all have ten digits, of which a chunk shares the first six."""
PIECE = 65_536
"""Bytes that are sent at once, at least."""
MARK = b"\0" * 6
"""What stands for the first six digits until they are known."""
TEXT = 0x81
Told = Callable[[Group], str]


class NoRecording(Exception):
    """There are no recorded trades of an exchange; the message says where to look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """A chunk of frames, ready for the line but for the ids' first six digits."""

    pieces: Sequence[bytes]
    """The same frames, in whole ones of at least `PIECE` bytes."""
    frames: Sequence[bytes]
    trades: Sequence[int]
    """How many trades are in each frame."""

    def chunk(self, number: int) -> Iterator[bytes]:
        """Yield the pieces of the chunk of that number, counted from 0."""
        digits = self._digits(number)
        return (piece.replace(MARK, digits) for piece in self.pieces)

    def one_by_one(self, number: int) -> Iterator[tuple[bytes, int]]:
        """Yield the frames of a chunk, each with how many trades it holds."""
        digits = self._digits(number)
        for frame, trades in zip(self.frames, self.trades, strict=True):
            yield frame.replace(MARK, digits), trades

    @staticmethod
    def _digits(number: int) -> bytes:
        return str(FIRST // CHUNK + number).encode()


def frames_of(recording: Recording, told: Told) -> Frames:
    """Return a chunk of a recording's trades, group by group as `told` tells them."""
    groups = grouped(recording)
    texts = numbered(groups, told, "987654")
    # A second time with other ids: what differs is the ids, and nothing else.
    others = numbered(groups, told, "876543")
    marked = [text.replace(b"987654", MARK) for text in texts]
    if marked != [text.replace(b"876543", MARK) for text in others]:
        raise ValueError("a recorded number looks like an id: choose other digits")
    frames = [framed(text) for text in marked]
    return Frames(
        pieces=list(joined(frames)),
        frames=frames,
        trades=[len(group) for group in groups],
    )


def grouped(recording: Recording) -> list[Group]:
    """Return a chunk of trades as the exchange puts them into frames.

    Those of one millisecond share a frame where it tells several at once.
    """
    frame = dialect_of(recording.exchange).frame
    # The recorded text has the recorded id: each is told anew.
    trades = [t._replace(recorded="") for t in islice(cycle(recording.trades), CHUNK)]
    if frame(trades[:2]) == frame(trades[:1]):
        return [[trade] for trade in trades]
    return [list(group) for _, group in groupby(trades, attrgetter("time_ms"))]


def numbered(groups: Sequence[Group], told: Told, digits: str) -> list[bytes]:
    """Return the texts with ids that begin with these six digits and count up."""
    next_id, texts = int(digits) * CHUNK, []
    for group in groups:
        renamed = [t._replace(trade_id=next_id + n) for n, t in enumerate(group)]
        texts.append(told(renamed).encode())
        next_id += len(group)
    return texts


def framed(text: bytes) -> bytes:
    """Return a text as a server's WebSocket frame: whole, and not masked."""
    size = len(text)
    if size < 126:
        return bytes((TEXT, size)) + text
    if size < 65_536:
        return struct.pack("!BBH", TEXT, 126, size) + text
    return struct.pack("!BBQ", TEXT, 127, size) + text


def joined(frames: Sequence[bytes]) -> Iterator[bytes]:
    piece = bytearray()
    for frame in frames:
        piece += frame
        if len(piece) >= PIECE:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)


def recording_of(exchange: str, folder: Path | None) -> Recording:
    """Return what was recorded of one exchange, or invented trades without a folder.

    Raises:
        NoRecording: the folder has nothing of it.
    """
    if folder is None:
        return invented(exchange)
    file = found(folder).get(exchange)
    if file is None:
        pattern, what = dialect_of(exchange).recordings
        raise NoRecording(
            f"nothing recorded of {exchange} in {folder}: leave --recorded out for "
            f"invented trades, or name a folder that holds {exchange}/{pattern or '-'} "
            f"with {what or 'what this exchange has none of'}"
        )
    return read(exchange, file)


def invented(exchange: str) -> Recording:
    """Return trades of the simulator's first market of an exchange."""
    market = dialect_of(exchange).markets[0]
    tape = Tape(exchange, market, [(0, 1000.0, 1)], {})
    trades = list(tape.trades(market.first_id, market.first_id + CHUNK - 1))
    return Recording(
        exchange=exchange,
        symbol=market.symbol,
        trades=trades,
        received_ns=[trade.time_ns for trade in trades],
        digest="invented",
    )
