"""The ceiling: `websockets` and `json`, and nothing is done with what they return."""

import asyncio
import json
import time
from array import array
from pathlib import Path

from websockets.asyncio.client import connect

from benchmarks.capture.told import reader_arguments, say


async def read(url: str, count: int, notes: Path | None) -> None:
    """Read so many trades; note when each was read, in ns of the monotonic clock."""
    read_at = array("q")
    async with connect(url, compression=None, proxy=None) as socket:
        async for frame in socket:
            data = json.loads(frame)["data"]
            trades = len(data) if isinstance(data, list) else 1
            read_at.extend([time.monotonic_ns()] * trades)
            if len(read_at) >= count:
                break
        ended = time.monotonic()
        if notes:
            notes.write_bytes(read_at.tobytes())
        # Who hears this ends us at once.
        say(acked=len(read_at), at=ended)


def main() -> None:
    """Read until all has come."""
    asked = reader_arguments(__doc__).parse_args()
    url = f"{asked.at.replace('http', 'ws')}?bare"
    asyncio.run(read(url, asked.count, asked.notes))


if __name__ == "__main__":
    main()
