"""The one Spark Connect session that may write a table, whoever held it before."""

import socket
import time
from typing import cast
from uuid import NAMESPACE_URL, uuid5

from pyspark.errors.exceptions.connect import SparkConnectException
from pyspark.sql import SparkSession
from pyspark.sql.connect.client.retries import DefaultPolicy
from pyspark.sql.connect.session import SparkSession as ConnectSession

PATIENCE_S = 45
"""How long a server that supervisord begins again may take to listen."""


def open_writer(host: str, port: int, turn: str) -> SparkSession:
    """Return the session of whoever's turn it is, with nothing left running in it.

    The server goes on with the work of a client that was killed. A session's id follows
    from the turn, such as `gold.trades.acme`, so that the next writer enters the same
    session and interrupts what is left. A closed session cannot be entered again: the
    next id of the turn's series is taken then.

    Raises:
        ConnectionError: no server answers, nor does one come up within PATIENCE_S.
            PySpark alone would retry for minutes.
    """
    await_server(host, port)
    for series in range(1000):
        session = uuid5(NAMESPACE_URL, f"{turn}#{series}")
        remote = f"sc://{host}:{port}/;user_id=bullion;session_id={session}"
        spark = ConnectSession.builder.remote(remote).create()
        # A server that dies in mid-run is noticed after seconds and not after minutes.
        spark.client.set_retry_policies(
            [DefaultPolicy(max_retries=6, max_backoff=2000)]
        )
        try:
            spark.interruptAll()
            for query in spark.streams.active:
                query.stop()
            return cast(SparkSession, spark)
        except SparkConnectException as error:
            if "INVALID_HANDLE.SESSION_CLOSED" not in str(error):
                raise
    raise RuntimeError(f"no session could be opened for {turn}: restart the server")


def await_server(host: str, port: int) -> None:
    """Return once a server listens; one that died comes up within seconds.

    Raises:
        ConnectionError: none did; the message says where to look.
    """
    given_up = time.monotonic() + PATIENCE_S
    while True:
        try:
            socket.create_connection((host, port), timeout=5).close()
            return
        except OSError as error:
            if time.monotonic() > given_up:
                raise ConnectionError(
                    f"no Spark Connect server at {host}:{port} ({error}): look at "
                    "./bullion status and ./bullion logs spark-connect"
                ) from error
        time.sleep(1)
