"""The exchanges at home, and what listens to exchanges."""

from stack.place import Place
from stack.programs.program import LOCAL, Program
from stack.settings import exchanges, feed


def simulator(place: Place) -> Program:
    told = feed(place)
    options = [f"--{name}={told[name]}" for name in ("speed", "rate") if name in told]
    if told.get("retime"):
        options.append("--retime")
    if told["feed"] == "simulated":
        options.append(f"--exchanges={','.join(exchanges(place))}")
    return Program(
        name="simulator",
        about=f"the exchanges at home: {told['feed']}",
        command=(
            str(place.python("spark")),
            *("-m", "simulator"),
            f"--port={place.ports['SIMULATOR']}",
            f"--feed={told['feed']}",
            f"--state={place.data / 'simulator'}",
            *options,
        ),
        ready=f"http:http://{LOCAL}:{place.ports['SIMULATOR']}/control/state",
    )


def capture(place: Place, exchange: str) -> Program:
    port = place.ports
    return Program(
        name=f"capture-{exchange}",
        about=f"{exchange}'s WebSocket into Kafka",
        needs=(
            f"tcp:{port['KAFKA']}",
            f"http:http://{LOCAL}:{port['REGISTRY']}/apis/ccompat/v7/subjects",
            f"file:{place.run / 'schemas'}",
        ),
        command=(
            str(place.python("spark")),
            *("-m", "ingestion", "capture", exchange),
        ),
        ready=f"file:{place.run / 'schemas'}",
        env=(
            # Another feed lists other symbols: whoever asked the old one starts anew.
            ("BULLION_FEED", feed(place)["feed"]),
            ("BULLION_METRICS_PORT", str(port[f"METRICS_{exchange.upper()}"])),
        ),
    )
