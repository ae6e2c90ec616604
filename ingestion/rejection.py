"""A rejected frame that is too large for Kafka, cut to what it takes."""

from dataclasses import dataclass, replace
from hashlib import sha256

from schemas.rejected import RejectedFrame

LEAST_KEPT = 16 * 1024
"""Bytes below which a frame is not cut: a topic that refuses those takes nothing."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A frame as it came, and how much of it is sent."""

    whole: RejectedFrame
    kept: int
    """Bytes, from the beginning."""

    @property
    def cut(self) -> RejectedFrame:
        """What is sent: a frame that is cut tells its length and SHA-256."""
        frame = self.whole.frame
        if self.kept >= len(frame):
            return self.whole
        lost = f"the first {self.kept} of {len(frame)} bytes"
        detail = (
            f"{self.whole.error_detail}; {lost}, SHA-256 {sha256(frame).hexdigest()}"
        )
        return replace(self.whole, error_detail=detail, frame=frame[: self.kept])

    def halved(self) -> "Rejection | None":
        """Return it with half of what is kept; `None` where that is next to nothing."""
        if self.kept // 2 < LEAST_KEPT:
            return None
        return Rejection(self.whole, self.kept // 2)
