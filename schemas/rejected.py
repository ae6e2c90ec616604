"""A frame that nobody could read, as it goes to the rejected topic."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedFrame:
    """The bytes as they came, and why no trade was made of them."""

    exchange: str
    """Name of the adapter's folder, in capitals."""
    error_reason: str
    """`frame_unparseable` or `symbol_unknown`."""
    error_detail: str
    """One sentence: what was wrong, where."""
    source: str
    """The address that the frame came from; no secrets."""
    ingestion_timestamp: datetime
    frame: bytes
