"""Links lead from the repository to the site, and the site to no other host."""

import pytest

from handbook.links import fetched, relinked
from handbook.markdown import barred, unbarred
from schemas.table import ROOT

PAGES = {
    "docs/runbooks/gaps.md": "runbooks/gaps.md",
    "docs/pictures/lane.png": "pictures/lane.png",
    "dags/README.md": "house/dags.md",
    "README.md": "house/readme.md",
}


@pytest.mark.parametrize(
    ("source", "page", "before", "after"),
    [
        (
            "README.md",
            "house/readme.md",
            "docs/runbooks/gaps.md",
            "../runbooks/gaps.md",
        ),
        (
            "README.md",
            "house/readme.md",
            "docs/pictures/lane.png",
            "../pictures/lane.png",
        ),
        (
            "dags/README.md",
            "house/dags.md",
            "../docs/runbooks/gaps.md#open",
            "../runbooks/gaps.md#open",
        ),
        ("docs/performance.md", "performance.md", "../README.md", "house/readme.md"),
        ("docs/alerts.md", "alerts.md", "runbooks/gaps.md", "runbooks/gaps.md"),
        ("docs/alerts.md", "alerts.md", "../stack/no.md", "../stack/no.md"),
        ("docs/alerts.md", "alerts.md", "https://a.b/c.md", "https://a.b/c.md"),
    ],
)
def test_a_link_leads_to_the_page_of_its_file(
    source: str, page: str, before: str, after: str
) -> None:
    assert relinked(f"[x]({before})", source, page, PAGES) == f"[x]({after})"


@pytest.mark.parametrize(
    "tag",
    [
        '<script src="https://unpkg.com/x"></script>',
        '<script async src="//cdn.example/x.js"></script>',
        '<link rel="stylesheet" href="https://fonts.example/css">',
        '<link href="https://fonts.example" rel="preconnect" crossorigin>',
        '<img alt="" src="http://example.org/a.png">',
    ],
)
def test_what_comes_from_another_host_is_found(tag: str) -> None:
    assert len(list(fetched(f"<p>{tag}</p>"))) == 1


@pytest.mark.parametrize(
    "tag",
    [
        '<script src="../assets/x.js"></script>',
        '<a href="https://example.org">there</a>',
        '<link rel="next" href="a.html">',
    ],
)
def test_what_is_our_own_or_only_named_is_not(tag: str) -> None:
    assert list(fetched(tag)) == []


def test_bars_in_cells_stay_text() -> None:
    assert barred("a | b `c || d`") == "a \\| b `c || d`"
    assert unbarred("| `table\\|csv` | a \\| b |") == "| `table|csv` | a \\| b |"


def test_lists_and_tables_are_read_alike_by_github_and_by_the_site() -> None:
    """Python-Markdown nests by four blanks, and begins tables after an empty line."""
    wrong = []
    for file in sorted((ROOT / "docs").rglob("*.md")):
        before = ""
        for number, line in enumerate(file.read_text().splitlines(), 1):
            block = line.lstrip().startswith(("- ", "|", "```"))
            indent = len(line) - len(line.lstrip())
            table = line.startswith("|") and before and not before.startswith("|")
            if table or block and indent in (1, 2, 3):
                wrong.append(f"{file.name}:{number}: {line[:40]}")
            before = line
    assert wrong == []
