"""Publishes the Data Docs so that they are read whole, at once and offline."""

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp

import great_expectations as gx

from expectations.history_page import write as write_history

# What the pages of Great Expectations 1.24.1 load from other hosts, and where it is in
# the WebJars below META-INF/resources/webjars.
ASSETS = {
    "https://code.jquery.com/jquery-3.7.1": "jquery/3.7.1/jquery",
    "https://cdnjs.cloudflare.com/ajax/libs/popper.js/1.12.9/umd/popper.min.js": (
        "popper.js/1.12.9/dist/umd/popper.min.js"
    ),
    "https://cdnjs.cloudflare.com/ajax/libs/": "",
    "https://maxcdn.bootstrapcdn.com/": "",
    "https://stackpath.bootstrapcdn.com/": "",
    "https://unpkg.com/bootstrap-table@1.19.0/": "bootstrap-table/1.19.1/",
    "https://unpkg.com/bootstrap-table@1.19.1/": "bootstrap-table/1.19.1/",
}
# Plots and a dark theme, which validation results do without; the logo is in the site.
# Their newsletter says nothing of these trades either.
SPARE = re.compile(
    r'<(script|link)[^>]*"https://cdn\.jsdelivr\.net/[^>]*>(</script>)?'
    r"|<footer>.*?</footer>",
    re.DOTALL,
)
LOGO = re.compile(r"https://great-expectations-web-assets[^\"']*")
URL = "/data-docs"


HISTORY = "history.html"
MENU = f'<p style="padding:1em"><a href="{HISTORY}">Gates over time</a></p>'


def publish_site(env: Mapping[str, str], keep: int, exchanges: Sequence[str]) -> int:
    """Publish the newest `keep` results and each failed one; return how many pages.

    Beside them lies the history of each expectation, over all gates of these lanes.

    Nothing is built when no result is newer than what is published.
    """
    published = Path(env["BULLION_DATA_DOCS"])
    newest_first = sorted(
        Path(env["BULLION_GX_RESULTS"]).rglob("*.json"),
        key=lambda path: path.stat().st_mtime,
        reverse=True,
    )
    prune(newest_first[keep:])
    if published.exists() and newest_first:
        if (
            newest_first[0].stat().st_mtime
            <= (published / "index.html").stat().st_mtime
        ):
            return 0

    published.parent.mkdir(parents=True, exist_ok=True)
    site = Path(mkdtemp(prefix=f"{published.name}-", dir=published.parent))
    gx.get_context(
        mode="file",
        context_root_dir=env["BULLION_GX"],
        runtime_environment={
            "BULLION_GX_RESULTS": env["BULLION_GX_RESULTS"],
            "BULLION_GX_SITE": str(site),
        },
    ).build_data_docs()
    pages = localise(site) + 1
    write_history(
        site / HISTORY, Path(env["BULLION_GATES"]), exchanges, datetime.now(UTC)
    )

    before = published.resolve() if published.exists() else None
    new = published.with_name(f"{published.name}-new")
    new.unlink(missing_ok=True)
    new.symlink_to(site)
    new.replace(published)  # one rename: a reader sees the old site or the new one
    if before:
        shutil.rmtree(before)
    return pages


def prune(older: Sequence[Path]) -> None:
    """Delete old results of gates that passed, and repeated ones of those that failed.

    A closed lane is judged again each half minute over the same rows: the first and the
    last failure of each suite, lane and hour stay. `older` are the newest first.
    """
    failed: dict[tuple[str, ...], list[Path]] = {}
    for result in older:
        if json.loads(result.read_text())["success"]:
            result.unlink()
        else:
            failed.setdefault(hour_of(result), []).append(result)
    for _, *between, _ in (each for each in failed.values() if len(each) > 2):
        for result in between:
            result.unlink()


def hour_of(result: Path) -> tuple[str, ...]:
    """Return a result's suite, lane and hour, as its path has them."""
    suite, run, at, _ = result.parts[-4:]
    return suite, run.split(".")[0], at[: len("20261122T13")]


def localise(site: Path, url: str = URL) -> int:
    """Point each page at the vendored copies below `url`; return how many pages."""
    pages = list(site.rglob("*.html"))
    for page in pages:
        text = SPARE.sub("", page.read_text())
        text = LOGO.sub(f"{url}/static/images/logo-long.png", text)
        for remote, local in ASSETS.items():
            text = text.replace(f'"{remote}', f'"{url}/vendor/{local}')
        page.write_text(text)
    index = site / "index.html"
    index.write_text(re.sub(r"(<body[^>]*>)", rf"\1{MENU}", index.read_text(), count=1))
    return len(pages)
