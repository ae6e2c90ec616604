"""What a client may ask on a Coinbase feed, and what it is answered."""

import json
from dataclasses import dataclass, field

from simulator.coinbase.frames import compact, match
from simulator.hub import Connection, Hub

CHANNELS = ("matches", "heartbeat")
"""Those that are played here."""


@dataclass(slots=True)
class Subscriptions:
    """The products of each channel to which one connection listens."""

    channels: dict[str, dict[str, None]] = field(
        default_factory=lambda: {name: {} for name in CHANNELS}
    )
    asked: bool = False
    """Whether a request to subscribe was heeded."""

    def answers(self, hub: Hub, connection: Connection, text: str) -> list[str]:
        """Carry a request out and return the replies.

        One that names a product which is not there is refused as a whole.
        """
        try:
            asked = json.loads(text)
        except json.JSONDecodeError:
            return [error("Malformed JSON", "")]
        if not isinstance(asked, dict) or asked.get("type") not in (
            "subscribe",
            "unsubscribe",
        ):
            return [error("Type has to be either subscribe or unsubscribe", "")]
        wanted = named(asked)
        failed = f"Failed to {asked['type']}"
        for channel, products in wanted:
            if channel not in CHANNELS:
                return [error(failed, f"{channel} is not a valid channel")]
            for product in products:
                if product not in hub.feed.symbols:
                    return [error(failed, f"{product} is not a valid product")]
        if asked["type"] == "unsubscribe":
            self._leave(hub, connection, wanted)
            return [self.told()]
        if hub.disorder.refused():
            return [error(failed, "internal error")]
        repeated = self._follow(hub, connection, wanted)
        return [self.told(), *repeated]

    def _follow(
        self, hub: Hub, connection: Connection, wanted: list[tuple[str, list[str]]]
    ) -> list[str]:
        """Follow what was asked for; return the last match of what is new."""
        self.asked = True
        fresh = []
        for channel, products in wanted:
            mine = self.channels[channel]
            if channel == "matches":
                fresh = [product for product in products if product not in mine]
            mine.update(dict.fromkeys(products))
        followed = hub.follow(connection, fresh)
        return [
            match("last_match", trade)
            for product in followed
            for trade in hub.newest(product, 1)
        ]

    def _leave(
        self, hub: Hub, connection: Connection, wanted: list[tuple[str, list[str]]]
    ) -> None:
        for channel, products in wanted:
            for product in products:
                self.channels[channel].pop(product, None)
                if channel == "matches":
                    connection.follows.pop(product, None)
        hub.note_followers()

    def told(self) -> str:
        """Return the one answer: all that the connection listens to by now."""
        return compact(
            {
                "type": "subscriptions",
                "channels": [
                    {"name": name, "product_ids": list(products)}
                    for name, products in self.channels.items()
                    if products
                ],
            }
        )


def named(asked: dict[str, object]) -> list[tuple[str, list[str]]]:
    """Return each channel with its products: its own, or those named for all."""
    common, channels = asked.get("product_ids"), asked.get("channels")
    found = []
    for channel in channels if isinstance(channels, list) else []:
        own = channel if isinstance(channel, dict) else {"name": channel}
        products = own.get("product_ids", common)
        listed = products if isinstance(products, list) else []
        found.append((str(own.get("name")), [str(product) for product in listed]))
    return found


def error(what: str, reason: str) -> str:
    said = {"type": "error", "message": what}
    return compact(said | ({"reason": reason} if reason else {}))
