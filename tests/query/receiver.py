"""A webhook receiver on this machine, that answers as it is told."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver:
    """What came, newest last, and how the next requests are answered."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/hook/T0KEN-of-the-receiver"
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.gets: list[str] = []
        self.status = 200
        self.wait = threading.Event()
        self.wait.set()


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Serve until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = self.rfile.read(int(self.headers["Content-Length"]))
            held.wait.wait(10)
            if held.status == 200:
                held.bodies.append(json.loads(said))
                held.headers.append(dict(self.headers))
            self.answer()

        def do_GET(self) -> None:
            held.gets.append(self.path)
            self.answer()

        def answer(self) -> None:
            self.send_response(held.status)
            if held.status == 302:
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing among the tests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    held = Receiver(server.server_port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield held
    held.wait.set()
    server.shutdown()
    server.server_close()
