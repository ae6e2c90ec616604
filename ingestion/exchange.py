"""What ingestion asks of an exchange: words to translate, and no I/O."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from typing import IO, Annotated, Literal, Protocol

from msgspec import DecodeError, Meta, Struct

from ingestion.kept import Kept
from schemas.table import all_exchanges
from schemas.trade import Trade

UNREADABLE = (DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises on bytes that are no JSON, no such JSON, or nested too deep."""

# No sign of infinity, no NaN, none of the underscores that Python would allow.
DIGITS = r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$"
Digits = Annotated[str, Meta(pattern=DIGITS)]
"""A number that an exchange sends as text; `Decimal` reads each of them."""

Reason = Literal["frame_unparseable", "symbol_unknown"]
LONGEST_KEPT = 40
"""Letters of a number that is kept as it was read, at most."""
QUOTED = 300
"""Letters of a text that are told of it where it may be an exchange's own."""


class Frame(Struct, frozen=True):
    """Bytes from an exchange, and the moment (UTC, aware) at which they reached us."""

    payload: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One line of an exchange's catalogue: what it calls a pair, and what that is."""

    native: str
    """As the stream spells it."""
    rest_name: str
    """As the REST endpoints spell it."""
    base: str
    quote: str
    status: str
    """The exchange's own word, as it came."""
    trading: bool
    """Whether that word means that trades should flow."""

    @property
    def symbol(self) -> str:
        """Base and quote in one: what our records call it."""
        return self.base + self.quote


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One question to an exchange's REST, below its address."""

    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    cost: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """How an exchange's REST tells the time. Pure."""

    request: Request
    read: Callable[[bytes], datetime]
    """Returns the time (aware) in an answer.

    Raises:
        AskedTooOften: the answer says that we ask too often.
        ClockUnreadable: it is another error, or tells no time.
    """
    step: timedelta
    """What the time is cut off to: it may be so much later, and is never earlier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """An exchange's habits as data, so that no code asks which exchange it is."""

    numbers: Literal["text", "json"]
    side_is: Literal["taker", "maker", "buyer_maker"]
    replay: int
    """Trades of each symbol that a new subscription repeats."""
    max_streams: int
    """Symbols that one connection carries."""
    sends_per_second: int
    """Messages that we may send on one connection."""
    max_life: timedelta | None
    """Age at which the exchange ends a connection; `None` is never."""
    silence_allowed: timedelta
    """How long a sound connection may bring no frame at all."""
    copies: int = 1
    """Connections that carry the same symbols, where no REST brings a loss back."""
    sweep: timedelta | None = None
    """How often REST is asked for trades that the stream may have left out.

    `None` is never: a stream that is known to send each of its ids.
    """
    clock: Clock | None = None
    """How the exchange tells its time; `None` is not at all."""
    confirms: Callable[[bytes], Collection[str]] | None = None
    """Returns the native symbols whose subscription a frame without trades confirms.

    It is asked only of frames that `parse` has read, and raises nothing. `None` where
    no frame proves a subscription: trades do, or REST.
    """

    @property
    def max_life_kept(self) -> timedelta | None:
        """Age at which we leave a connection, while the exchange still serves it."""
        return None if self.max_life is None else self.max_life * 47 / 48


@dataclass(frozen=True, slots=True)
class Keepalive:
    """What must be said, and how often, so that the exchange keeps the connection."""

    payload: bytes
    every: timedelta


@dataclass(frozen=True, slots=True)
class Allowance:
    """What we let ourselves ask of an exchange's REST: so much cost in so long."""

    cost: int
    per: timedelta


@dataclass(frozen=True, slots=True)
class Page:
    """Trades that REST returned, and the cursor that asks for those behind them."""

    trades: tuple[Trade, ...]
    after: str


def short(words: str) -> str:
    """Return a text, or its beginning and how long it was: it may be 10 MB."""
    if len(words) <= QUOTED:
        return words
    return f"{words[:QUOTED]}... ({len(words)} letters)"


class Told(Exception):
    """What an exchange said, in its own words, of which the first are enough."""

    def __init__(self, why: str) -> None:
        super().__init__(short(why))


class FrameRejected(Exception):
    """A frame nobody can read: keep it verbatim with the reason, and carry on."""

    def __init__(self, error_reason: Reason, detail: str) -> None:
        self.error_reason: Reason = error_reason
        self.detail = short(detail)
        super().__init__(f"{error_reason}: {self.detail}")


class SymbolRefused(Told):
    """The exchange will not serve this symbol: drop it, call a person, and carry on."""

    def __init__(self, why: str, native: str = "") -> None:
        super().__init__(why)
        self.native = native
        """The symbol, where the refusal names it."""


class StreamBroken(Told):
    """This connection is of no more use: open the next one, then close it."""


class StreamEnding(Exception):
    """The exchange will end this connection soon: open the next, then leave it."""


class CatalogueUnreadable(Told):
    """The exchange answered, but not with its list of symbols: ask again later."""


class AskedTooOften(Told):
    """The exchange wants to be left alone for a while: ask again later."""


class PageUnreadable(Told):
    """REST answered, but not with trades: note it, and ask again later."""


class ClockUnreadable(Told):
    """REST answered, but not with the time: ask again later."""


class ArchiveUnreadable(Exception):
    """A file of past trades is not what the exchange says it is: fetch it again."""


class Archive(Protocol):
    """Files of past trades, one for each symbol and day (UTC). Pure."""

    def path(self, instrument: Instrument, day: date) -> str:
        """Return where a day's file is, below the archive's address."""

    def checksum_path(self, instrument: Instrument, day: date) -> str:
        """Return where its checksum is."""

    def sha256(self, answer: bytes) -> str:
        """Return the checksum in the answer to `checksum_path`, as hex.

        Raises:
            ArchiveUnreadable: there is none.
        """

    def trades(
        self, file: IO[bytes], instrument: Instrument, received_at: datetime
    ) -> Iterator[Trade]:
        """Yield the trades of a file, ascending.

        Raises:
            ArchiveUnreadable: a row, or the file, is not as it should be.
        """


class Fill(Protocol):
    """How an exchange's REST is asked for trades that are missing. Pure."""

    allowance: Allowance
    """Our share of what the exchange grants an address, all our processes together."""

    def first(self, first_id: int, after: datetime) -> str | None:
        """Return the cursor that asks for ids from this one on, the one before it too.

        `after` is when the trade before the hole happened. `None` where REST has its
        newest trades and no others.
        """

    def since(self, moment: datetime) -> str | None:
        """Return the cursor that asks for trades from a time on.

        `None` where REST does not reach back to it, or counts by id only.
        """

    def request(self, instrument: Instrument, cursor: str) -> Request:
        """Return the question for one page."""

    def newest(self, instrument: Instrument) -> Request:
        """Return the question for the newest trade; `page` reads its answer.

        Where REST has no others, it is the question for as many as there are.
        """

    def page(
        self, answer: bytes, instrument: Instrument, received_at: datetime
    ) -> Page:
        """Return the trades of an answer, ascending.

        Raises:
            AskedTooOften: the answer says that we ask too often.
            PageUnreadable: it is another error, or no page of trades.
        """


class Exchange(Protocol):
    """One exchange's dialect. Pure: the same arguments always give the same answer."""

    name: str
    """Name of the folder; in topics and tables as it is, in the record in capitals."""
    ws_url: str
    """Where its streams are, unless a setting names another place."""
    rest_url: str
    archive_url: str
    """Where its files of past trades are; empty where it has none."""
    symbols: tuple[str, ...]
    """Native names that are captured unless a setting names others."""
    catalogue_path: str
    """Path below the REST address that answers with every symbol."""
    capabilities: Capabilities
    keepalive: Keepalive | None
    fill: Fill | None
    """`None` where REST has no way to ask for past trades."""
    archive: Archive | None
    """`None` where whole days come from REST, or from nowhere."""

    def instruments(self, answer: bytes) -> Iterable[Instrument]:
        """Yield every symbol in the answer to `catalogue_path`.

        Raises:
            CatalogueUnreadable: the answer is an error, or no catalogue.
        """

    def url(self, at: str, symbols: Sequence[str]) -> str:
        """Return the address, below `at`, at which these native symbols stream."""

    def subscriptions(self, symbols: Sequence[str]) -> Iterable[bytes]:
        """Yield what must be said on connecting, in order."""

    def parse(
        self, frame: Frame, instruments: Mapping[str, Instrument]
    ) -> Iterable[Trade]:
        """Yield every trade of a frame, in the order sent; none if it is no trade.

        `instruments` holds the catalogue by native name.

        Raises:
            FrameRejected: the frame is malformed, or of a kind not known here, or of
                a symbol that the catalogue lacks.
            SymbolRefused: the exchange declines a subscription for good.
            StreamEnding: the exchange gives notice that it ends this connection.
            StreamBroken: the exchange cannot serve this connection.
        """


def instrument_of(native: str, instruments: Mapping[str, Instrument]) -> Instrument:
    """Return the catalogue's line for a native name.

    Raises:
        FrameRejected: the catalogue has none, so base and quote are not known.
    """
    if (instrument := instruments.get(native)) is None:
        raise FrameRejected("symbol_unknown", f"the catalogue has no {native!r}")
    return instrument


def digits_read(text: str) -> Decimal:
    """Return the number in a text of the form `Digits`.

    Raises:
        FrameRejected: it is of another form.
    """
    if are_digits(text) is None:
        raise FrameRejected("frame_unparseable", f"{short(text)!r} is no number")
    return Decimal(text)


are_digits = re.compile(DIGITS).search
# Trades of a burst share their prices, and many of them their quantities.
NUMBERS = Kept(digits_read, lambda text: len(text) <= LONGEST_KEPT)
"""What `digits_read` returns, by the text."""


def with_unread(told: dict[str, str], unread: Mapping[str, str]) -> dict[str, str]:
    """Return `told` with the fields that we do not know beside it, as JSON text.

    An exchange may add a field at any time; one that takes a name of ours is kept
    as `sent.<name>`.
    """
    for name in sorted(unread):
        told[f"sent.{name}" if name in told else name] = unread[name]
    return told


def load(name: str) -> Exchange:
    """Return the adapter in the folder of that name.

    Raises:
        LookupError: there is no such folder; the message names those there are.
    """
    if name not in all_exchanges():
        raise LookupError(f"no exchange {name!r}; known: {', '.join(all_exchanges())}")
    adapter: Exchange = import_module(f"ingestion.exchanges.{name}").adapter
    return adapter
