"""What `bench capture` says it measures is what it measures."""

import json
import sys
from array import array
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

import pytest
from confluent_kafka import Producer
from websockets.sync.client import connect

from benchmarks.capture.broker import place_of
from benchmarks.capture.child import Child, ChildFailed, wait_until
from benchmarks.capture.frames import FIRST, Frames, frames_of, recording_of
from benchmarks.capture.measured import Reader, Run, Stage, latencies, measured
from benchmarks.capture.peer_words import WORDS
from benchmarks.capture.readers import CEILING, OURS
from benchmarks.capture.told import CHUNK
from ingestion.exchange import Frame, Instrument, load
from ingestion.wire import header, packed_trade
from schemas.exchange import usual_exchanges
from schemas.trade import Trade
from simulator.dialect import dialect_of
from stack.place import Place
from tests.ingestion.samples import NOON
from tests.simulator import tiny

PLACE = Place.read({"BULLION_HOME": str(Path(sys.executable).parents[3])})


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write(tmp_path_factory.mktemp("recorded"))


def frames(exchange: str, folder: Path | None) -> Frames:
    return frames_of(recording_of(exchange, folder), dialect_of(exchange).frame)


def texts(stream: bytes) -> list[bytes]:
    """Return what is in the frames of a server."""
    found, place = [], 0
    while place < len(stream):
        assert stream[place] == 0x81
        size, place = stream[place + 1], place + 2
        if wide := {126: 2, 127: 8}.get(size, 0):
            size = int.from_bytes(stream[place : place + wide], "big")
            place += wide
        found.append(stream[place : place + size])
        place += size
    return found


def trades_of(exchange: str, folder: Path | None, stream: bytes) -> list[Trade]:
    """Return what our own parser reads in the frames."""
    native = recording_of(exchange, folder).symbol
    market = Instrument(
        native=native,
        rest_name=native,
        base="BTC",
        quote="USD",
        status="",
        trading=True,
    )
    reader = load(exchange)
    return [
        trade
        for text in texts(stream)
        for trade in reader.parse(Frame(text, NOON), {native: market})
    ]


@pytest.mark.parametrize("exchange", usual_exchanges())
@pytest.mark.parametrize("invented", [False, True])
def test_ids_count_up_by_one_over_the_chunks(
    exchange: str, invented: bool, recorded: Path
) -> None:
    folder = None if invented else recorded
    made = frames(exchange, folder)

    stream = b"".join(chain(made.chunk(0), made.chunk(1)))

    ids = [int(trade.trade_id) for trade in trades_of(exchange, folder, stream)]
    assert ids == list(range(FIRST, FIRST + 2 * CHUNK))


@pytest.mark.parametrize("exchange", usual_exchanges())
def test_frames_one_by_one_are_those_of_the_chunk(
    exchange: str, recorded: Path
) -> None:
    made = frames(exchange, recorded)

    alone = list(made.one_by_one(7))

    assert b"".join(frame for frame, _ in alone) == b"".join(made.chunk(7))
    assert sum(trades for _, trades in alone) == CHUNK


def test_a_recorded_frame_is_sent_as_it_was_but_for_its_id(recorded: Path) -> None:
    exchange = next(
        exchange
        for exchange in usual_exchanges()
        if recording_of(exchange, recorded).trades[0].recorded
    )
    sent = texts(b"".join(frames(exchange, recorded).chunk(0)))

    told = [text.decode() for text in sent[: len(tiny.FRAMES)]]

    was = [
        frame.replace(str(tiny.FIRST_ID + place), str(FIRST + place))
        for place, frame in enumerate(tiny.FRAMES)
    ]
    assert told == was


def test_a_number_that_looks_like_an_id_is_no_id(recorded: Path) -> None:
    recording = recording_of(usual_exchanges()[0], recorded)
    spoilt = recording.trades[0]._replace(price="987654.5")
    recording.trades[0] = spoilt

    with pytest.raises(ValueError, match="looks like an id"):
        frames_of(recording, dialect_of(recording.exchange).frame)


@pytest.mark.parametrize("exchange", sorted(WORDS))
def test_the_peer_is_told_the_same_prices(exchange: str, recorded: Path) -> None:
    recording = recording_of(exchange, recorded)
    group = recording.trades[:1]

    told = WORDS[exchange](group)

    json.loads(told)
    assert group[0].price in told and group[0].quantity in told


def test_a_trade_of_ours_tells_its_place_in_what_was_sent(recorded: Path) -> None:
    exchange = usual_exchanges()[0]
    stream = b"".join(frames(exchange, recorded).chunk(3))

    packed = [packed_trade(t, header(9)) for t in trades_of(exchange, recorded, stream)]

    assert [place_of(each) for each in packed] == list(range(3 * CHUNK, 4 * CHUNK))


def noted(file: Path, times: Sequence[int]) -> Path:
    file.write_bytes(array("q", times).tobytes())
    return file


def test_latency_is_from_sending_to_being_there(tmp_path: Path) -> None:
    sent = noted(tmp_path / "sent", [1_000, 2_000, 3_000, 4_000])
    seen = noted(tmp_path / "seen", [9_000, 5_000, 4_000, 4_500])

    assert latencies(sent, seen, 1) == [5e-7, 1e-6, 3e-6]


@pytest.mark.parametrize("seen", [[1], [1, 0], [1, 2, 3]])
def test_a_trade_that_never_came_spoils_the_latencies(
    tmp_path: Path, seen: list[int]
) -> None:
    sent = noted(tmp_path / "sent", [1, 1])

    with pytest.raises(ValueError, match="2 were sent"):
        latencies(sent, noted(tmp_path / "seen", seen), 0)


def run_of(folder: Path, recorded: Path, count: int, rate: float) -> Run:
    return Run(
        place=PLACE,
        core=0,
        others=[0],
        exchange=usual_exchanges()[0],
        recorded=recorded,
        count=count,
        rate=rate,
        folder=folder,
    )


def test_a_broker_counts_what_it_acknowledged(tmp_path: Path) -> None:
    python = str(PLACE.python("spark"))
    words = [python, "-P", "-m", "benchmarks.capture.broker", "a.topic"]
    broker = Child("broker", words, [0], tmp_path)
    try:
        producer = Producer({"bootstrap.servers": broker.wait("servers")})
        for number in range(500):
            producer.produce("a.topic", str(number), str(number))
        assert producer.flush(30) == 0
        wait_until(lambda: broker.heard.get("acked") == 500, [broker])
        producer.produce("a.topic", "one more")
        producer.flush(30)
        wait_until(lambda: broker.heard.get("acked") == 501, [broker])
    finally:
        broker.end()


def test_a_child_that_fails_is_told_with_its_last_words(tmp_path: Path) -> None:
    child = Child("poor", [sys.executable, "-c", "raise OSError('why')"], [0], tmp_path)

    with pytest.raises(ChildFailed, match="poor ended:(?s:.*)OSError: why"):
        child.wait("something")
    child.end()


BOTH = pytest.mark.parametrize("reader", [OURS, CEILING], ids=["ours", "bare"])


@BOTH
def test_every_trade_that_is_sent_is_counted_once(
    reader: Reader, recorded: Path, tmp_path: Path
) -> None:
    found = measured(reader, run_of(tmp_path, recorded, CHUNK, 0))

    assert found.per_s > 0 and found.cpu_per_million > 0 and found.resident[-1] > 1


@BOTH
def test_a_rate_is_kept_and_each_trade_is_timed(
    reader: Reader, recorded: Path, tmp_path: Path
) -> None:
    found = measured(reader, run_of(tmp_path, recorded, CHUNK, 4000))

    assert found.per_s < 4010
    assert len(found.latencies) == CHUNK - 4000
    assert 0 < found.latency(0.5) <= found.latency(0.99)


def test_a_second_reader_gets_nothing(recorded: Path, tmp_path: Path) -> None:
    with ExitStack() as held:
        stage = Stage(run_of(tmp_path, recorded, CHUNK, 0), held)
        stage.sender(peer=False)
        url = f"{stage.run.at.replace('http', 'ws')}?all"
        one = held.enter_context(connect(url, proxy=None, close_timeout=0.1))
        two = held.enter_context(connect(url, proxy=None, close_timeout=0.1))

        assert one.recv(timeout=10)
        with pytest.raises(TimeoutError):
            two.recv(timeout=0.5)
