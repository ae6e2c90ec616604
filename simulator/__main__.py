"""`python -m simulator`: exchanges at home, until SIGTERM."""

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path

import structlog

from simulator.feeds import feeds
from simulator.pace import Pace
from simulator.server import Server

log = structlog.get_logger()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulator", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="on 127.0.0.1")
    parser.add_argument(
        "--feed",
        default="simulated",
        help="`simulated` (default), or `recorded=PATH`: a folder or one file",
    )
    parser.add_argument(
        "--speed", default="full", help="of a recording: 1, N or full (default)"
    )
    parser.add_argument(
        "--retime", action="store_true", help="move a recording's times to now"
    )
    parser.add_argument(
        "--rate", type=positive, help="trades/s of all symbols together (default 20)"
    )
    parser.add_argument(
        "--exchanges",
        type=lambda text: text.split(","),
        default=(),
        metavar="ACME,...",
        help="whose trades are simulated (default: all that have a folder)",
    )
    parser.add_argument("--seed", type=int, help="of the simulated trades (default 1)")
    parser.add_argument("--state", type=Path, help="a folder; without it, memory only")
    return parser.parse_args()


def positive(text: str) -> float:
    rate = float(text)
    if not 0 < rate <= 100_000:
        raise argparse.ArgumentTypeError("expected a number between 0 and 100000")
    return rate


async def serve(asked: argparse.Namespace) -> None:
    """Serve until a signal ends it, or until a pump breaks."""
    found = feeds(
        asked.feed,
        state=asked.state,
        rate=asked.rate,
        seed=asked.seed,
        speed=asked.speed,
        retime=asked.retime,
        exchanges=asked.exchanges,
    )
    server = Server(found, Pace(), asked.port)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await server.start()
    server.failed.add_done_callback(lambda _: stopped.set())
    await stopped.wait()
    await server.stop()
    if server.failed.done():
        server.failed.result()


def main() -> int:
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    asked = arguments()
    try:
        asyncio.run(serve(asked))
    except (OSError, ValueError) as wrong:
        log.error("cannot_serve", why=str(wrong), port=asked.port)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
