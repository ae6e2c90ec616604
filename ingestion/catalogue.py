"""Which symbols to capture: those wanted that the exchange really has."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

import httpx
import structlog

from ingestion.exchange import CatalogueUnreadable, Exchange, Instrument

log = structlog.get_logger()


class NothingToCapture(Exception):
    """None of the symbols wanted can be captured: the settings must change."""


def is_local(url: str) -> bool:
    """Whether an address is on this machine, where no proxy must come between."""
    return urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"}


async def fetch_catalogue(
    exchange: Exchange, rest_url: str, waits: Iterator[float], stop: asyncio.Event
) -> dict[str, Instrument]:
    """Return the exchange's catalogue by native name; asks until it answers or stop."""
    url = f"{rest_url}{exchange.catalogue_path}"
    async with httpx.AsyncClient(timeout=30, trust_env=not is_local(url)) as client:
        while not stop.is_set():
            try:
                answer = (await client.get(url)).raise_for_status()
                return {i.native: i for i in exchange.instruments(answer.content)}
            except (httpx.HTTPError, CatalogueUnreadable) as error:
                wait = next(waits)
                log.warning(
                    "catalogue_not_read",
                    exchange=exchange.name,
                    url=url,
                    why=str(error) or type(error).__name__,
                    retry_in_s=round(wait, 1),
                )
            await sleep_unless(stop, wait)
    return {}


def is_pattern(word: str) -> bool:
    """Return whether a word stands for whatever the exchange lists that is like it."""
    return word == "all" or any(letter in word for letter in "*?[")


def meant(wanted: Iterable[str], catalogue: Mapping[str, Instrument]) -> Iterator[str]:
    """Yield the native names that are wanted; `all` and patterns as what trades now."""
    for word in wanted:
        if not is_pattern(word):
            yield word
            continue
        like = "*" if word == "all" else word
        for native, instrument in sorted(catalogue.items()):
            if instrument.trading and fnmatchcase(native, like):
                yield native


def chosen(
    exchange: str, wanted: Sequence[str], catalogue: Mapping[str, Instrument]
) -> tuple[str, ...]:
    """Return the native names to capture; one warning names what cannot be.

    A word may be `all`, or a pattern such as `*USDT`.

    Raises:
        NothingToCapture: no symbol is left; the message says which setting to change.
    """
    wanted = list(dict.fromkeys(meant(wanted, catalogue)))
    unlisted = [name for name in wanted if name not in catalogue]
    listed = [catalogue[name] for name in wanted if name in catalogue]
    namesakes = list(repeated(listed))
    if unlisted or namesakes:
        log.warning(
            "symbols_left_out",
            exchange=exchange,
            not_listed=" ".join(unlisted) or None,
            named_like_another=" ".join(namesakes) or None,
        )
    if paused := [one.native for one in listed if not one.trading]:
        log.info("symbols_not_trading_now", exchange=exchange, names=" ".join(paused))
    if not (kept := tuple(i.native for i in listed if i.native not in namesakes)):
        raise NothingToCapture(
            f"{exchange} lists none of: {' '.join(wanted)}. Set"
            f" BULLION_{exchange.upper()}_SYMBOLS to names that it lists, such as:"
            f" {' '.join(sorted(catalogue)[:3])}"
        )
    return kept


def repeated(listed: Iterable[Instrument]) -> Iterator[str]:
    """Yield native names whose symbol is another's already: their ids would collide."""
    seen: set[str] = set()
    for instrument in listed:
        if instrument.symbol in seen:
            yield instrument.native
        seen.add(instrument.symbol)


async def sleep_unless(stop: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until there is nothing to wait for any more."""
    waiting = asyncio.create_task(stop.wait())
    await asyncio.wait({waiting}, timeout=seconds)
    waiting.cancel()
