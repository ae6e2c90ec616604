"""What the environment may decide about ingestion, read once at the entry."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Self

from ingestion.exchange import Exchange
from schemas.exchange import usual_exchanges


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where Kafka and the registry are, and how patient to be."""

    kafka_servers: str
    registry_url: str
    exchanges: tuple[str, ...]
    silence_allowed: timedelta | None
    """Overrules what each exchange says of itself."""
    retry_first: timedelta
    retry_most: timedelta
    flush_allowed: timedelta
    progress_every: timedelta
    queue_messages: int
    max_life: timedelta | None
    """Overrules the age at which each exchange's connections are left."""
    stall_least: timedelta
    """How long any symbol may be silent before the exchange is asked for it."""
    ack_allowed: timedelta
    """How long a symbol may be neither confirmed nor heard of before it is named."""
    listings_every: timedelta
    """How often the exchange is asked what it lists."""
    sweep: timedelta | None
    """Overrules how often exchanges that leave trades out are swept by REST."""
    clock_every: timedelta
    """How often an exchange's clock is compared with ours."""
    metrics_port: int
    """Where capture exports its metrics on this machine; 0 is nowhere."""
    gaps: Path
    """Where the ledger says how many gaps each exchange has."""
    limits: Path
    """Where it is counted how often exchanges are asked, for all processes."""
    backfill: Path
    """Where it is noted how far each day of a backfill has come."""
    backfill_rate: float
    """Trades a second that a backfill publishes at most, so that lanes keep up."""

    @classmethod
    def read(cls, env: Mapping[str, str]) -> Self:
        """Return what the environment asks for; KeyError names what it lacks."""
        silence = env.get("BULLION_SILENCE_S")
        life = env.get("BULLION_MAX_LIFE_S")
        sweep = env.get("BULLION_SWEEP_S")
        return cls(
            kafka_servers=env["BULLION_KAFKA_SERVERS"],
            registry_url=env["BULLION_REGISTRY_URL"].rstrip("/"),
            exchanges=words(env.get("BULLION_EXCHANGES", "")) or usual_exchanges(),
            silence_allowed=timedelta(seconds=float(silence)) if silence else None,
            retry_first=seconds(env, "BULLION_RETRY_FIRST_S", 5),
            retry_most=seconds(env, "BULLION_RETRY_MOST_S", 60),
            flush_allowed=seconds(env, "BULLION_FLUSH_S", 20),
            progress_every=seconds(env, "BULLION_PROGRESS_S", 30),
            queue_messages=int(env.get("BULLION_QUEUE_MESSAGES", "500000")),
            max_life=timedelta(seconds=float(life)) if life else None,
            stall_least=seconds(env, "BULLION_STALL_S", 30),
            ack_allowed=seconds(env, "BULLION_ACK_S", 30),
            listings_every=seconds(env, "BULLION_LISTINGS_S", 600),
            sweep=timedelta(seconds=float(sweep)) if sweep else None,
            clock_every=seconds(env, "BULLION_CLOCK_S", 300),
            metrics_port=int(env.get("BULLION_METRICS_PORT") or 0),
            gaps=Path(env.get("BULLION_GAPS") or ".bullion/gaps.json"),
            limits=Path(env.get("BULLION_LIMITS") or ".bullion/limits"),
            backfill=Path(env.get("BULLION_BACKFILL") or ".bullion/backfill"),
            backfill_rate=float(env.get("BULLION_BACKFILL_RATE") or 5000),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one exchange is, and which of its symbols are wanted."""

    ws_url: str
    rest_url: str
    archive_url: str
    symbols: tuple[str, ...]

    @classmethod
    def read(cls, env: Mapping[str, str], exchange: Exchange) -> Self:
        """Return the exchange's own places, or those that the environment names."""
        prefix = f"BULLION_{exchange.name.upper()}"
        return cls(
            ws_url=(env.get(f"{prefix}_WS_URL") or exchange.ws_url).rstrip("/"),
            rest_url=(env.get(f"{prefix}_REST_URL") or exchange.rest_url).rstrip("/"),
            archive_url=(
                env.get(f"{prefix}_ARCHIVE_URL") or exchange.archive_url
            ).rstrip("/"),
            symbols=words(env.get(f"{prefix}_SYMBOLS", "")) or exchange.symbols,
        )


def words(listed: str) -> tuple[str, ...]:
    """Return the words of a list that is separated by commas or blanks, each once."""
    return tuple(dict.fromkeys(re.split(r"[\s,]+", listed.strip(", \n\t")))) * (
        1 if listed.strip(", \n\t") else 0
    )


def seconds(env: Mapping[str, str], name: str, otherwise: float) -> timedelta:
    """Return a duration that a variable gives in seconds."""
    return timedelta(seconds=float(env.get(name) or otherwise))
