"""A job waits for a server that is coming up, and names one that is not."""

import socket
import threading
import time

import pytest

from spark_apps import writer_session
from spark_apps.writer_session import await_server


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_a_server_that_comes_up_late_is_waited_for() -> None:
    port, opened = free_port(), []

    def late() -> None:
        time.sleep(1.5)
        opened.append(socket.create_server(("127.0.0.1", port)))

    starting = threading.Thread(target=late)
    starting.start()
    try:
        await_server("127.0.0.1", port)

        assert opened
    finally:
        starting.join()
        opened[0].close()


def test_a_server_that_stays_away_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_session, "PATIENCE_S", 0)
    port = free_port()

    with pytest.raises(ConnectionError, match=f"127.0.0.1:{port}.*bullion status"):
        await_server("127.0.0.1", port)
