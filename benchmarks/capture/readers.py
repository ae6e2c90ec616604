"""Who reads: our capture as it really is, the peer in two ways, and a bare loop."""

from collections.abc import Mapping, Sequence

from benchmarks.capture.measured import Reader, Run

BARE = "websockets and json, nothing else"


def capture(run: Run) -> Sequence[str]:
    python = str(run.place.python("spark"))
    return [python, "-P", "-m", "ingestion", "capture", run.exchange]


def settings(run: Run) -> Mapping[str, str]:
    """Return what the laptop's supervisor would tell a capture, with our addresses."""
    prefix = f"BULLION_{run.exchange.upper()}"
    return {
        "BULLION_KAFKA_SERVERS": run.servers,
        "BULLION_REGISTRY_URL": run.at,
        "BULLION_LIMITS": str(run.folder / "limits"),
        f"{prefix}_WS_URL": f"{run.at.replace('http', 'ws')}/{run.exchange}",
        f"{prefix}_REST_URL": f"{run.at}/{run.exchange}",
        f"{prefix}_SYMBOLS": run.symbol,
    }


def bare(run: Run) -> Sequence[str]:
    python = str(run.place.python("spark"))
    return [python, "-P", "-m", "benchmarks.capture.bare", *told(run)]


def peer(run: Run) -> Sequence[str]:
    python = str(run.place.python("capture-peer"))
    return [python, "-P", "-m", "benchmarks.capture.peer", *told(run)]


def peer_to_kafka(run: Run) -> Sequence[str]:
    return [*peer(run), "--kafka", run.servers, run.topic]


def told(run: Run) -> Sequence[str]:
    return [run.exchange, "--at", run.at, "--count", str(run.count)]


OURS = Reader(name="bullion, to Kafka", words=capture, env=settings, to_kafka=True)
PEERS = (
    Reader(name="cryptofeed, to nothing", words=peer, peer=True),
    Reader(
        name="cryptofeed, to Kafka",
        words=peer_to_kafka,
        to_kafka=True,
        peer=True,
        share=0.05,
        steady=False,
    ),
)
CEILING = Reader(name=BARE, words=bare)
