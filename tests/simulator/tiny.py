"""A tiny recording of our own making: invented trades in the recorded shape."""

import json
from pathlib import Path

FIRST_ID = 1_000_001
T0_MS = 1_735_689_598_000
"""Two seconds before midnight, 2025-01-01."""


def binance_frame(place: int) -> str:
    moment = T0_MS + place * 25
    return (
        f'{{"stream":"btcusdt@trade","data":{{"e":"trade","E":{moment + 1},'
        f'"s":"BTCUSDT","t":{FIRST_ID + place},"p":"{90000 + place}.50000000",'
        f'"q":"0.0000000{1 + place % 9}","T":{moment},'
        f'"m":{"true" if place % 3 else "false"},"M":true}}}}'
    )


def kraken_row(place: int) -> list[object]:
    # Three trades share a millisecond, and the digits need exact decimals.
    seconds = f"{(T0_MS + place // 3 * 400) // 1000}.{place // 3 * 400 % 1000:03d}9717"
    return [
        f"{90000 + place}.10000",
        "0.00000001",
        float(seconds),
        "b" if place % 2 else "s",
        "m" if place % 5 else "l",
        "",
        500 + place,
    ]


FRAMES = [binance_frame(place) for place in range(200)]
ROWS = [kraken_row(place) for place in range(120)]


RECORDED = ("binance", "kraken")


def write(folder: Path) -> Path:
    """Write both recordings into a folder and return it."""
    (folder / "binance").mkdir(parents=True)
    (folder / "kraken").mkdir()
    lines = (
        f"{(T0_MS + 9) * 10**6 + place * 25 * 10**6} {frame}\n"
        for place, frame in enumerate(FRAMES)
    )
    (folder / "binance/tiny.jsonl").write_text("".join(lines))
    page = {"error": [], "result": {"XBTUSDT": ROWS, "last": "1"}}
    (folder / "kraken/tiny.json").write_text(json.dumps(page, indent=1))
    return folder
