"""One trade as an exchange of ours tells it, in the digits that it sends."""

from typing import NamedTuple


class Trade(NamedTuple):
    """A trade that happened; a tuple, since thousands a second are made of it."""

    symbol: str
    trade_id: int
    price: str
    quantity: str
    time_ns: int
    side: str
    """`buy` or `sell`: what the taker did."""
    order: str
    """`limit` or `market`: the taker's order."""
    published_ms: int = 0
    recorded: str = ""
    """The frame as it was recorded, where one was."""

    @property
    def time_us(self) -> int:
        return self.time_ns // 1000

    @property
    def time_ms(self) -> int:
        return self.time_ns // 1_000_000
