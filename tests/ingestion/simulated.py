"""Capture and REST of an exchange, pointed at a simulator."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx

from ingestion.capture import Capture
from ingestion.catalogue import fetch_catalogue
from ingestion.exchange import Allowance, Exchange, Instrument
from ingestion.limiter import Limiter
from ingestion.line import Line
from ingestion.outlet import Outlet
from ingestion.rest import Rest
from tests.ingestion.test_capture import Remembered
from tests.simulator.served import Served

WIDE = Allowance(cost=10_000_000, per=timedelta(seconds=1))


async def catalogue_at(sim: Served, exchange: Exchange) -> dict[str, Instrument]:
    """Return what the simulated exchange lists, by native name."""
    url = f"{sim.url}/{exchange.name}"
    return await fetch_catalogue(exchange, url, iter(()), asyncio.Event())


def capture_at(
    sim: Served,
    exchange: Exchange,
    symbols: tuple[str, ...],
    instruments: dict[str, Instrument],
    outlet: Outlet | None = None,
) -> Capture:
    """Return a capture that reconnects soon, and remembers what it publishes.

    Another outlet takes what is published, if it is given.
    """
    return Capture(
        exchange=exchange,
        ws_url=f"{sim.url}/{exchange.name}".replace("http", "ws", 1),
        symbols=symbols,
        instruments=instruments,
        outlet=outlet or Remembered(),
        silence_allowed=timedelta(seconds=30),
        retry_first=timedelta(milliseconds=20),
        retry_most=timedelta(milliseconds=80),
        overlap=timedelta(milliseconds=50),
    )


@asynccontextmanager
async def line_at(sim: Served, exchange: Exchange, folder: Path) -> AsyncIterator[Line]:
    """Give the line to its REST, asked as often as we like."""
    async with httpx.AsyncClient(trust_env=False) as client:
        yield Line(
            url=f"{sim.url}/{exchange.name}",
            limiter=Limiter(WIDE, folder / "limits.json"),
            client=client,
        )


@asynccontextmanager
async def rest_at(sim: Served, exchange: Exchange, folder: Path) -> AsyncIterator[Rest]:
    """Give its REST; tries follow each other at once."""
    assert exchange.fill is not None
    async with line_at(sim, exchange, folder) as line:
        yield Rest(fill=exchange.fill, line=line, pauses=(0.01, 0.01))
