"""What the peer is told, where it listens to other frames than we do.

Its Binance feed takes aggregates, its Kraken feed version 1 of the WebSocket, which has
no ids. The same trades, with as many in a frame as version 1 has: several.
"""

from collections.abc import Mapping

from benchmarks.capture.frames import Told
from simulator.feed import Group


def aggregate(trades: Group) -> str:
    """Return an `aggTrade` frame of one trade."""
    (trade,) = trades
    maker = "true" if trade.side == "sell" else "false"
    return (
        f'{{"stream":"{trade.symbol.lower()}@aggTrade","data":{{"e":"aggTrade",'
        f'"E":{trade.published_ms},"s":"{trade.symbol}","a":{trade.trade_id},'
        f'"p":"{trade.price}","q":"{trade.quantity}","f":{trade.trade_id},'
        f'"l":{trade.trade_id},"T":{trade.time_ms},"m":{maker},"M":true}}}}'
    )


def version_1(trades: Group) -> str:
    """Return a frame of trades as version 1 of Kraken's WebSocket sends them."""
    rows = ",".join(
        f'["{trade.price}","{trade.quantity}","{trade.time_us / 1e6:.6f}",'
        f'"{trade.side[0]}","{trade.order[0]}",""]'
        for trade in trades
    )
    pair = trades[0].symbol.replace("BTC", "XBT")
    return f'[337,[{rows}],"trade","{pair}"]'


WORDS: Mapping[str, Told] = {"binance": aggregate, "kraken": version_1}
"""By exchange; of others it is told what we are."""
