"""What capture says of itself is read from its metrics, as they are exported."""

import re
from dataclasses import replace

from query.capture import capture, told
from query.settings import Settings
from schemas.table import ROOT

PAGE = """# HELP bullion_connections_open WebSockets that are open.
# TYPE bullion_connections_open gauge
bullion_connections_open{exchange="acme"} 2.0
bullion_subscription_confirmed{exchange="acme",symbol="BTC/USD"} 1.0
bullion_subscription_confirmed{exchange="acme",symbol="ETH/USD"} 0.0
bullion_subscription_refused{exchange="acme",symbol="BTC/USD"} 0.0
bullion_subscription_refused{exchange="acme",symbol="NO/USD"} 1.0
bullion_frames_total{exchange="acme"} 1.2e+06
"""


def test_connections_and_dead_subscriptions_are_read() -> None:
    assert told(PAGE) == {
        "connections": 2,
        "unconfirmed": ["ETH/USD"],
        "refused": ["NO/USD"],
    }


def test_only_metrics_are_read_that_capture_exports() -> None:
    source = (ROOT / "query/capture.py").read_text()
    read = set(re.findall(r'case "(bullion_\w+)"', source))
    page = (ROOT / "docs/metrics.md").read_text()

    assert len(read) == 3
    for name in read:
        assert f"| `{name}` | gauge |" in page


def test_a_capture_that_does_not_answer_says_why(settings: Settings) -> None:
    away = replace(settings, capture_metrics={"acme": "http://127.0.0.1:1/metrics"})
    found = capture(away, "acme")

    assert found is not None and "refused" in found["error"]
    assert capture(settings, "acme") is None
