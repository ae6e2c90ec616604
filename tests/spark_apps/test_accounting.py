"""A batch adds up, message by message, or the lane stands still."""

import pytest

from spark_apps.accounting import RowsLost, Share, balanced
from spark_apps.app import Run
from spark_apps.marks import Mark
from tests.spark_apps.lake import NOON, Lake, trade

RUN = Run(exchange="acme", started_at=NOON)
MARK = Mark(query_id="q", batch_id=3)
CAME = {("t", 0): Share(5, 10, 14, 0b111), ("t", 1): Share(1, 7, 7, 0b1)}
BAD = {("t", 0): Share(1, 12, 12, 0b100)}


def test_each_partition_has_its_line() -> None:
    good = {("t", 0): Share(4, 10, 14, 0b011), ("t", 1): Share(1, 7, 7, 0b1)}

    first, second = balanced(CAME, good, BAD, RUN, MARK)

    assert (first.kafka_partition, first.first_offset, first.last_offset) == (0, 10, 14)
    assert (first.bronze_rows, first.silver_rows, first.dead_letters) == (5, 4, 1)
    assert (second.bronze_rows, second.silver_rows, second.dead_letters) == (1, 1, 0)


@pytest.mark.parametrize(
    "good",
    [
        # One fewer; as many, but another one; one that was never read.
        {("t", 0): Share(3, 10, 14, 0b011), ("t", 1): Share(1, 7, 7, 0b1)},
        {("t", 0): Share(4, 10, 14, 0b010), ("t", 1): Share(1, 7, 7, 0b1)},
        {
            ("t", 0): Share(4, 10, 14, 0b011),
            ("t", 1): Share(1, 7, 7, 0b1),
            ("t", 2): Share(1, 1, 1, 0b1),
        },
    ],
)
def test_a_message_that_is_lost_or_doubled_stops_the_lane(
    good: dict[tuple[str, int], Share],
) -> None:
    with pytest.raises(RowsLost):
        balanced(CAME, good, BAD, RUN, MARK)


@pytest.mark.spark
def test_the_account_of_each_batch_is_kept_by_offsets(lake: Lake) -> None:
    lake.arrive(trade(lake.exchange), b"poison", trade(lake.exchange, trade_id="2"))
    with pytest.raises(Exception, match="Crash: before the commit log"):
        lake.refine(crash="before the commit log")
    lake.refine()
    lake.arrive(b"poison", None)
    lake.refine()

    told = [
        (a.batch_id, a.first_offset, a.last_offset, a.bronze_rows, a.silver_rows)
        for a in lake.rows("silver.accounting", "batch_id")
    ]
    assert [line[1:] for line in told] == [(0, 2, 3, 2), (3, 4, 2, 0)]
    assert told[1][0] == told[0][0] + 1
