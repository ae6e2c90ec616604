"""The topics, created by name and never by accident."""

import structlog
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from ingestion.publisher import LARGEST_MESSAGE, QUIET
from schemas.topic import ALL_TOPICS, Topic

log = structlog.get_logger()


def create_topics(servers: str, exchanges: tuple[str, ...]) -> None:
    """Create what is missing; what is there stays, and a difference is named.

    Raises:
        KafkaException: the broker is away, or refuses.
    """
    admin = AdminClient({"bootstrap.servers": servers, "log_level": QUIET})
    asked = {
        topic.name(exchange): topic for exchange in exchanges for topic in ALL_TOPICS
    }
    there = admin.list_topics(timeout=20).topics
    for name, topic in asked.items():
        if name not in there:
            continue
        partitions = len(there[name].partitions)
        if partitions == topic.partitions:
            log.info("topic_there", topic=name, partitions=partitions)
            continue
        log.warning(
            "partitions_differ",
            topic=name,
            partitions=partitions,
            wanted=topic.partitions,
            remedy="harmless but for order by symbol; to change it, make a new topic",
        )
    missing = [as_asked(n, topic) for n, topic in asked.items() if n not in there]
    if not missing:
        return
    for name, made in admin.create_topics(missing, operation_timeout=20).items():
        try:
            made.result()
            log.info("topic_created", topic=name)
        except KafkaException as error:
            # Somebody else was quicker: that is what we wanted.
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise


def as_asked(name: str, topic: Topic) -> NewTopic:
    """Return the request for one topic, with what follows from its specification."""
    return NewTopic(
        name,
        num_partitions=topic.partitions,
        replication_factor=1,
        config={
            "retention.ms": str(int(topic.kept_for.total_seconds() * 1000)),
            "compression.type": topic.compression,
            "max.message.bytes": str(LARGEST_MESSAGE),
        },
    )
