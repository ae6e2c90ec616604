"""The ceiling: `websockets` and `json`, and nothing is done with what they return."""

from __future__ import annotations

import asyncio
import json
import time
from array import array

from websockets.asyncio.client import connect

from benchmarks.capture.told import reader_arguments, say


async def read(url: str, count: int) -> array[int]:
    """Read so many trades; return when each was read, in ns of the monotonic clock."""
    read_at = array("q")
    async with connect(url, compression=None, proxy=None) as socket:
        async for frame in socket:
            data = json.loads(frame)["data"]
            trades = len(data) if isinstance(data, list) else 1
            read_at.extend([time.monotonic_ns()] * trades)
            if len(read_at) >= count:
                say(acked=len(read_at), at=time.monotonic())
                break
    return read_at


def main() -> None:
    """Read until all has come."""
    asked = reader_arguments(__doc__).parse_args()
    read_at = asyncio.run(read(f"{asked.at.replace('http', 'ws')}?bare", asked.count))
    if asked.notes:
        asked.notes.write_bytes(read_at.tobytes())


if __name__ == "__main__":
    main()
