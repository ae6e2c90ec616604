"""One stack for the whole story, started once by the command that a newcomer types."""

from collections.abc import Iterator

import pytest

from tests.query.receiver import Receiver, receiver
from tests.stack.laptop import Laptop
from tests.stack.promises import RATE


@pytest.fixture(scope="session")
def hook() -> Iterator[Receiver]:
    """A webhook that hears all that people are told, from the first minute on."""
    with receiver() as one:
        yield one


@pytest.fixture(scope="session")
def laptop(
    tmp_path_factory: pytest.TempPathFactory, hook: Receiver
) -> Iterator[Laptop]:
    """A stack that each test goes on with as the one before it left it."""
    laptop = Laptop(
        tmp_path_factory.mktemp("bullion") / "home",
        {
            "BULLION_LANE_SECONDS": "15",
            "BULLION_LANES_FIRST_S": "20",
            "BULLION_ABSENT_AFTER_SECONDS": "45",
            "BULLION_UNKNOWN_SCHEMA_SECONDS": "10",
            # Addresses with a token in them, which nobody may see.
            "BULLION_ALERT_WEBHOOK": hook.url,
            "BULLION_HEARTBEAT_URL": f"{hook.url}-beating",
        },
    )
    try:
        print(laptop.run("up", "--feed", "simulated", "--rate", str(RATE)))
        yield laptop
    finally:
        laptop.run("down")
