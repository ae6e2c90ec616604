"""What Kafka still has of a topic."""

from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaException, TopicPartition

PATIENCE_S = 8


class BrokerAway(Exception):
    """Kafka does not answer; the message says what to do."""


class Broker:
    """A consumer that reads nothing and commits nothing."""

    def __init__(self, servers: str) -> None:
        self._servers = servers
        self._consumer = Consumer(
            {
                "bootstrap.servers": servers,
                "group.id": "bullion-drill",
                "enable.auto.commit": False,
                "log_level": 0,
            }
        )

    def kept(self, topic: str) -> Mapping[int, tuple[int, int]]:
        """Return the first offset that is kept, and that of the next message.

        By partition; nothing where the topic does not exist.

        Raises:
            BrokerAway: Kafka does not answer.
        """
        try:
            known = self._consumer.list_topics(topic, timeout=PATIENCE_S).topics[topic]
            found = {
                each: self._consumer.get_watermark_offsets(
                    TopicPartition(topic, each), timeout=PATIENCE_S
                )
                for each in known.partitions
            }
        except KafkaException as error:
            raise self._away(str(error.args[0].str())) from error
        if not all(found.values()):
            raise self._away("no answer in time")
        return {each: (int(at[0]), int(at[1])) for each, at in found.items()}

    def _away(self, why: str) -> BrokerAway:
        return BrokerAway(
            f"Kafka at {self._servers} does not say what it keeps ({why}), so that "
            "nothing is known of the backup: ./bullion status, then drill again"
        )

    def close(self) -> None:
        self._consumer.close()
