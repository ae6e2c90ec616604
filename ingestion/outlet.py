"""Where messages go, and how a trade gets there."""

from typing import Protocol

from msgspec import json

from ingestion.exchange import Frame, FrameRejected
from schemas.trade import Trade


class Outlet(Protocol):
    """Where messages go: see `ingestion.publisher.Publisher`."""

    @property
    def waiting(self) -> int:
        """How many messages are not acknowledged."""

    @property
    def full(self) -> bool:
        """Whether there is no room now, so that nobody reads."""

    def packed(self, trade: Trade) -> tuple[bytes, bytes]:
        """Return key and value of a trade's message."""

    async def publish(self, key: bytes, value: bytes) -> None:
        """Take a trade; waits while there is no room."""

    async def reject(self, frame: Frame, why: FrameRejected, source: str) -> None:
        """Take a frame that nobody could read."""

    def serve(self) -> None:
        """Run what there is to report; raise if a message was refused for good."""


async def sent(trade: Trade, outlet: Outlet, source: str) -> bool:
    """Send a trade that came from the past; return whether it is one that fits.

    One that does not goes to the rejected frames, as what its source told of it.
    """
    try:
        key, value = outlet.packed(trade)
    except FrameRejected as rejection:
        told = json.encode({"trade_id": trade.trade_id, **trade.vendor_data})
        await outlet.reject(Frame(told, trade.ingestion_timestamp), rejection, source)
        return False
    await outlet.publish(key, value)
    return True
