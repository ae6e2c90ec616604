"""The schema registry, spoken to in Confluent's API: ids out, new versions in."""

import asyncio
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import httpx
import structlog
from msgspec import DecodeError, Struct, json

from ingestion.catalogue import is_local, sleep_unless
from ingestion.evolution import obstacles
from schemas.topic import ALL_TOPICS, Topic

log = structlog.get_logger()

MEDIA = {"Content-Type": "application/vnd.schemaregistry.v1+json"}


class SchemaRefused(Exception):
    """A schema could not read what is in Kafka already: it must not be registered."""


class NotRegistered(Exception):
    """The registry does not know this schema yet."""


class Registered(Struct):
    """The answer to a registration, and to a question for one."""

    id: int


class Version(Struct):
    """One version of a subject."""

    version: int
    schema: str


class Verdict(Struct):
    """The registry's own opinion of a change."""

    is_compatible: bool
    messages: list[str] = []


class Registry:
    """A client that is closed at the end of a `with`."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(
            base_url=url, headers=MEDIA, timeout=20, trust_env=not is_local(url)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def register(self, subject: str, schema: str) -> int:
        """Return the schema's id under BACKWARD compatibility; the same each time.

        Raises:
            SchemaRefused: it cannot read the latest version; the message names the
                field and says what to do.
            httpx.HTTPError: the registry is away, or refuses for another reason.
        """
        if (latest := self._latest(subject)) is not None:
            self._hold_compatibility(subject, latest, schema)
        answer = self._client.post(
            f"/subjects/{subject}/versions", content=json.encode({"schema": schema})
        )
        if answer.status_code == httpx.codes.CONFLICT:
            raise SchemaRefused(refusal(subject, [answer.text]))
        registered = json.decode(answer.raise_for_status().content, type=Registered).id
        self._client.put(
            f"/config/{subject}", content=json.encode({"compatibility": "BACKWARD"})
        ).raise_for_status()
        return registered

    def schema_id(self, subject: str, schema: str) -> int:
        """Return the id under which exactly this schema is registered.

        Raises:
            NotRegistered: it is not; the message says how to register it.
            httpx.HTTPError: the registry is away.
        """
        answer = self._client.post(
            f"/subjects/{subject}", content=json.encode({"schema": schema})
        )
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise NotRegistered(
                f"{subject} has no such schema: run `python -m ingestion schemas`"
            )
        return json.decode(answer.raise_for_status().content, type=Registered).id

    def _latest(self, subject: str) -> Version | None:
        answer = self._client.get(f"/subjects/{subject}/versions/latest")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        return json.decode(answer.raise_for_status().content, type=Version)

    def _hold_compatibility(self, subject: str, latest: Version, schema: str) -> None:
        if found := obstacles(latest.schema, schema):
            raise SchemaRefused(refusal(subject, found))
        answer = self._client.post(
            f"/compatibility/subjects/{subject}/versions/latest?verbose=true",
            content=json.encode({"schema": schema}),
        )
        verdict = json.decode(answer.raise_for_status().content, type=Verdict)
        if not verdict.is_compatible:
            said = verdict.messages or ["the registry says so, and gives no reason"]
            raise SchemaRefused(refusal(subject, said))


def refusal(subject: str, found: list[str]) -> str:
    """Return the whole message: what would break, where, and what to do about it."""
    return (
        f"{subject} refuses the new schema, which could not read older messages:\n"
        + "".join(f"  {line}\n" for line in found)
        + "Give each new field a default and leave the types of the others;"
        " any other change is a new record in a new topic."
    )


def register_all(registry: Registry, exchanges: tuple[str, ...]) -> None:
    """Register both schemas of each exchange; does nothing where they are already."""
    for exchange in exchanges:
        for topic in ALL_TOPICS:
            subject = topic.subject(exchange)
            number = registry.register(subject, topic.schema)
            log.info("schema_registered", subject=subject, id=number)


async def ids_when_there(
    url: str,
    exchange: str,
    topics: tuple[Topic, ...],
    waits: Iterator[float],
    stop: asyncio.Event,
) -> tuple[int, ...]:
    """Return the topics' schema ids; asks until the registry has them, or `stop`."""
    while not stop.is_set():
        try:
            with Registry(url) as registry:
                return tuple(
                    registry.schema_id(topic.subject(exchange), topic.schema)
                    for topic in topics
                )
        except (httpx.HTTPError, NotRegistered, DecodeError) as error:
            wait = next(waits)
            log.warning(
                "registry_not_ready",
                exchange=exchange,
                url=url,
                why=str(error) or type(error).__name__,
                retry_in_s=round(wait, 1),
                remedy="nothing is captured before it answers; is the registry up, and"
                " BULLION_REGISTRY_URL right? see docs/runbooks/pressure.md",
            )
        await sleep_unless(stop, wait)
    return ()
