"""supervisord: its file, its start, and the questions that are put to it."""

import shlex
import subprocess
import time
import xmlrpc.client
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from stack.place import REPO, Place
from stack.programs import Program, programs
from stack.secrets import kept, write_private


def socket_path(place: Place) -> Path:
    """Return where supervisord listens."""
    return place.socket("supervisor")


def server(place: Place) -> Any:
    """Return supervisord's RPC interface; calling it may raise OSError."""
    transport = SupervisorTransport(None, None, f"unix://{socket_path(place)}")
    proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
    return proxy.supervisor


def is_running(place: Place) -> bool:
    """Return whether a supervisord of this home answers."""
    try:
        return bool(server(place).getState()["statename"] == "RUNNING")
    except (OSError, xmlrpc.client.Error, xmlrpc.client.ProtocolError):
        return False


def states(place: Place) -> dict[str, dict[str, Any]]:
    """Return what supervisord knows of each program; empty when it is not running."""
    try:
        return {told["name"]: told for told in server(place).getAllProcessInfo()}
    except (OSError, xmlrpc.client.Error):
        return {}


def start_daemon(place: Place, env: dict[str, str]) -> None:
    """Write the file and start supervisord, which starts nothing by itself.

    Raises:
        RuntimeError: it did not come up; the message shows what it said.
    """
    socket_path(place).unlink(missing_ok=True)
    (place.run / "supervisord.pid").unlink(missing_ok=True)
    write(place)
    tools = place.python("tools").with_name("supervisord")
    done = subprocess.run(
        [str(tools), "-c", str(place.conf / "supervisord.conf")],
        env=env,
        cwd=place.home,
        capture_output=True,
        text=True,
        check=False,
    )
    for _ in range(100):
        if is_running(place):
            return
        time.sleep(0.1)
    raise RuntimeError(f"supervisord did not start: {done.stdout}{done.stderr}")


def write(place: Place) -> None:
    """Write supervisord.conf; it holds secrets, so only its owner may read it."""
    parts = [header(place), *(section(place, each) for each in programs(place))]
    write_private(place.conf / "supervisord.conf", "\n".join(parts))


def header(place: Place) -> str:
    return f"""\
[unix_http_server]
file={socket_path(place)}
chmod=0700

[supervisord]
logfile={place.logs}/supervisord.log
logfile_maxbytes=5MB
logfile_backups=2
pidfile={place.run}/supervisord.pid
childlogdir={place.logs}
directory={REPO}
umask=022

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl=unix://{socket_path(place)}
"""


def section(place: Place, program: Program) -> str:
    secrets = kept(place)
    env = ",".join(
        f'{name}="{secrets[value[1:]] if value.startswith("@") else value}"'
        for name, value in program.env
    )
    words = (
        str(place.python("tools")),
        *("-m", "stack.when_ready", program.name),
        *program.needs,
        "--",
        *program.command,
    )
    return f"""\
[program:{program.name}]
command={shlex.join(words).replace("%", "%%")}
directory={program.folder}
environment={env}
autostart=false
autorestart=true
startsecs=2
startretries=1000000
stopsignal={program.stop_signal}
stopwaitsecs={program.stop_seconds}
stopasgroup={"false" if program.stop_signal == "INT" else "true"}
killasgroup=true
redirect_stderr=true
stdout_logfile={place.logs}/{program.name}.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=2
"""


def start(place: Place, name: str) -> None:
    """Start one program if it is not running; returns at once."""
    if states(place)[name]["statename"] not in ("RUNNING", "STARTING"):
        server(place).startProcess(name, False)


def stop(place: Place, name: str) -> None:
    """Stop one program and wait until it has ended."""
    if states(place)[name]["statename"] in ("RUNNING", "STARTING", "BACKOFF"):
        server(place).stopProcess(name, True)


def reread(place: Place) -> None:
    """Write the file anew and take up what changed in it; changed programs stop."""
    write(place)
    (changes,) = server(place).reloadConfig()
    added, changed, removed = changes
    for name in (*changed, *removed):
        server(place).stopProcessGroup(name)
        server(place).removeProcessGroup(name)
    for name in (*added, *changed):
        server(place).addProcessGroup(name)


def shutdown(place: Place) -> None:
    """Stop every program in turn, then supervisord itself."""
    try:
        server(place).shutdown()
    except (OSError, xmlrpc.client.Error):
        return
    while is_running(place):
        time.sleep(0.3)
