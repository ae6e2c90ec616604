"""A home for the gate's notes, and what the settings say of it."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from schemas.table import ROOT


@pytest.fixture
def env(tmp_path: Path) -> Mapping[str, str]:
    return {
        "BULLION_GX": str(ROOT / "expectations/gx"),
        "BULLION_GX_RESULTS": str(tmp_path / "results"),
        "BULLION_GX_SITE": str(tmp_path / "site"),
        "BULLION_DATA_DOCS": str(tmp_path / "docs/published"),
        "BULLION_GATES": str(tmp_path / "gates"),
        "BULLION_CHECKPOINTS": str(tmp_path / "checkpoints"),
    }
