"""What a run keeps in memory is gone when it ends, whatever it met."""

from decimal import Decimal

import pytest

from tests.spark_apps.lake import Lake, trade


@pytest.mark.spark
def test_a_run_leaves_nothing_cached(lake: Lake) -> None:
    """A cached plan that stays is made anew by each commit of the driver's life."""
    one, other = (trade(lake.exchange, trade_id=each) for each in "12")
    bent = trade(lake.exchange, trade_id="1", price=Decimal(7))
    for messages in ((one,), (one, other), (bent,)):
        lake.arrive(*messages)
        _, gold = lake.lane()
        lake.roll_up()
    assert gold["conflicts"] == 1

    jvm = lake.spark._jsparkSession
    assert jvm is not None
    assert jvm.sharedState().cacheManager().isEmpty()
