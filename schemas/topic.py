"""The topics: what each is called, how it is cut, and the schema of its values."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from schemas.table import ROOT

AVRO = ROOT / "schemas/avro"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """Everything that is true of a topic, whoever produces or consumes it."""

    kind: str
    """`trades` or `rejected`: the part of the name that all exchanges share."""
    about: str
    partitions: int
    kept_for: timedelta
    schema_file: Path
    compression: str = "lz4"

    def name(self, exchange: str) -> str:
        """Return the topic's name, such as `market.crypto.trades.acme`."""
        return f"market.crypto.{self.kind}.{exchange}"

    def subject(self, exchange: str) -> str:
        """Return the registry subject under which the schema of values evolves."""
        return f"{self.name(exchange)}-value"

    @property
    def schema(self) -> str:
        """The Avro schema of the values, as JSON text."""
        return self.schema_file.read_text()


TRADES = Topic(
    kind="trades",
    about="Every trade as one CryptoTradeV3, keyed by symbol.",
    partitions=6,
    kept_for=timedelta(days=7),
    schema_file=AVRO / "crypto_trade_v3.avsc",
)
REJECTED = Topic(
    kind="rejected",
    about="Frames nobody could read, verbatim, with the reason.",
    partitions=1,
    kept_for=timedelta(days=30),
    schema_file=AVRO / "rejected_frame_v1.avsc",
)
ALL_TOPICS = (TRADES, REJECTED)
