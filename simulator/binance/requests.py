"""What a client may ask on a Binance WebSocket, and what it is answered."""

import json
from dataclasses import dataclass, field

from simulator.binance.frames import compact

SUFFIX = "@trade"


@dataclass(slots=True)
class Streams:
    """The streams of one connection; names that nobody knows are taken silently."""

    limit: int
    names: dict[str, None] = field(default_factory=dict)

    def symbols(self) -> set[str]:
        """Return the symbols of which trades are wanted; names are lower case."""
        return {
            name.removesuffix(SUFFIX).upper()
            for name in self.names
            if name.endswith(SUFFIX) and name == name.lower()
        }

    def answer(self, text: str) -> str:
        """Carry a request out and return the reply."""
        try:
            asked = json.loads(text)
        except json.JSONDecodeError as broken:
            return refusal(f"Invalid JSON: {broken}", None)
        if not isinstance(asked, dict):
            return refusal("Invalid request: not an object", None)
        number = asked.get("id")
        params = asked.get("params", [])
        if not isinstance(params, list) or not all(
            isinstance(name, str) for name in params
        ):
            return refusal("Invalid request: params must be strings", number)
        match asked.get("method"):
            case "SUBSCRIBE" if params:
                if len({*self.names, *params}) > self.limit:
                    return refusal("Invalid request: too many streams", number)
                self.names.update(dict.fromkeys(params))
                return compact({"result": None, "id": number})
            case "UNSUBSCRIBE" if params:
                for name in params:
                    self.names.pop(name, None)
                return compact({"result": None, "id": number})
            case "LIST_SUBSCRIPTIONS":
                return compact({"result": list(self.names), "id": number})
            case method:
                return refusal(f"Invalid request: unknown method {method}", number)


def refusal(why: str, number: object) -> str:
    return compact({"error": {"code": 2, "msg": why}, "id": number})
