"""A capture as a process of its own, and what it says of itself while Kafka is away."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from ingestion.exchange import load
from schemas.table import ROOT, all_exchanges
from tests.ingestion.test_metrics import free_port
from tests.simulator.served import served


@asynccontextmanager
async def registry() -> AsyncIterator[str]:
    """Serve schema ids, as a registry that has every schema."""

    async def known(request: web.Request) -> web.Response:
        return web.json_response({"id": 1})

    app = web.Application()
    app.router.add_post("/subjects/{subject}", known)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port := free_port())
    await site.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


async def metrics_at(port: int) -> dict[str, float]:
    """Return the sum of each sample's values; nothing while nobody listens."""
    try:
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(f"http://127.0.0.1:{port}/metrics")
    except httpx.ConnectError:
        return {}
    told: dict[str, float] = {}
    for family in text_string_to_metric_families(answer.raise_for_status().text):
        for sample in family.samples:
            told[sample.name] = told.get(sample.name, 0) + sample.value
    return told


@pytest.mark.parametrize("name", all_exchanges())
async def test_a_capture_exports_what_it_does_and_ends_when_told(
    name: str, tmp_path: Path
) -> None:
    port, can = free_port(), load(name).capabilities
    async with served(rate=400) as sim, registry() as registry_url:
        env = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            # Nobody listens there: what is published waits.
            "BULLION_KAFKA_SERVERS": f"127.0.0.1:{free_port()}",
            "BULLION_REGISTRY_URL": registry_url,
            "BULLION_METRICS_PORT": str(port),
            "BULLION_LIMITS": str(tmp_path),
            "BULLION_GAPS": str(tmp_path / "gaps.json"),
            "BULLION_FLUSH_S": "0.2",
            f"BULLION_{name.upper()}_WS_URL": f"{sim.url}/{name}".replace("http", "ws"),
            f"BULLION_{name.upper()}_REST_URL": f"{sim.url}/{name}",
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ingestion", "capture", name),
            env=env,
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(60):
                told: dict[str, float] = {}
                clock = "bullion_clock_offset_seconds"
                while told.get("bullion_trades_total", 0) < 200 or (
                    can.clock and clock not in told
                ):
                    await asyncio.sleep(0.1)
                    told = await metrics_at(port)
        finally:
            process.send_signal(signal.SIGTERM)
            said, _ = await process.communicate()

    assert told["bullion_queue_messages"] >= 200
    assert told["bullion_delivery_seconds_count"] == 0
    assert told["bullion_delivery_wait_seconds"] > 0
    assert told["bullion_subscription_confirmed"] >= 1
    assert told["bullion_connections_open"] == can.copies
    assert process.returncode == 1 and b"stopped_with_messages_left" in said
    assert await metrics_at(port) == {}
