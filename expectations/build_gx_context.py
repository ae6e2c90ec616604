"""Writes the Great Expectations context: `python -m expectations.build_gx_context`.

The same suites give the same files, so that a test can tell whether they are current.
"""

import re
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import NAMESPACE_URL, uuid5

import great_expectations as gx

from expectations.suites import all_suites
from schemas.table import ROOT

UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
GENERATED = ("suites", "checkpoints", "validation_definitions")
PLACES = ("BULLION_GX_RESULTS", "BULLION_GX_SITE")
"""What `great_expectations.yml` asks whoever opens it."""
HERE = ROOT / "expectations/gx"


def write_context(target: Path = HERE) -> None:
    """Write suites, checkpoints and definitions below `target`."""
    with TemporaryDirectory() as scratch:
        root = Path(scratch)
        shutil.copy(HERE / "great_expectations.yml", root)
        add_everything(root)
        fix_ids(root)
        for name in GENERATED:
            shutil.rmtree(target / name, ignore_errors=True)
            shutil.copytree(root / name, target / name)
        shutil.copy(root / "great_expectations.yml", target)


def add_everything(root: Path) -> None:
    # Nothing is validated here: results and pages have a place that soon is gone.
    places = {name: str(root / name) for name in PLACES}
    context = gx.get_context(
        mode="file", context_root_dir=root, runtime_environment=places
    )
    source = context.data_sources.add_or_update_pandas("increments")
    for name, expectations in all_suites().items():
        asset = source.add_dataframe_asset(name)
        suite = gx.ExpectationSuite(name=name, expectations=list(expectations))
        validation = gx.ValidationDefinition(
            name=name,
            data=asset.add_batch_definition_whole_dataframe("whole"),
            suite=context.suites.add_or_update(suite),
        )
        checkpoint = gx.Checkpoint(
            name=name,
            validation_definitions=[
                context.validation_definitions.add_or_update(validation)
            ],
            result_format="SUMMARY",
        )
        context.checkpoints.add_or_update(checkpoint)


def fix_ids(root: Path) -> None:
    """Replace random ids by ids that follow from the place where they first stand."""
    files = sorted(path for path in root.rglob("*") if path.suffix in (".json", ".yml"))
    fixed: dict[str, str] = {}
    for path in files:
        for place, found in enumerate(UUID.findall(path.read_text())):
            name = f"{path.relative_to(root)}#{place}"
            fixed.setdefault(found, str(uuid5(NAMESPACE_URL, name)))
    for path in files:
        path.write_text(UUID.sub(lambda found: fixed[found[0]], path.read_text()))


if __name__ == "__main__":
    write_context(*map(Path, sys.argv[1:2]))
