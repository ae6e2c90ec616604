"""What MkDocs calls while it builds: pages from the code, links, and no other host."""

import logging

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from handbook import command_line, dags, rules, settings, tables, topics
from handbook.links import fetched, relinked
from handbook.markdown import unbarred
from schemas.table import ROOT

log = logging.getLogger("mkdocs.plugins.handbook")
MADE = {
    "reference/commands.md": command_line.page,
    "reference/settings.md": settings.page,
    "reference/tables.md": tables.page,
    "reference/topics.md": topics.page,
    "reference/rules.md": rules.page,
    "reference/dags.md": dags.page,
}
"""Pages that the code makes of itself: there is no copy that could be older."""
ELSEWHERE = {
    "README.md": "house/readme.md",
    "DECISIONS.md": "house/decisions.md",
    "CHANGELOG.md": "house/changelog.md",
    "dags/README.md": "house/dags.md",
    "docker/README.md": "house/docker.md",
    "expectations/README.md": "house/expectations.md",
    "ingestion/README.md": "house/ingestion.md",
    "simulator/README.md": "house/simulator.md",
}
"""Files that stay where their readers look for them, and are pages all the same."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that do not lie in docs/."""
    for path, page in MADE.items():
        files.append(File.generated(config, path, content=page()))
    for source, path in ELSEWHERE.items():
        text = (ROOT / source).read_text()
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, files: Files, **_: object) -> str:
    """Lead links between files of the repository to their pages; mend bars in code."""
    path = page.file.src_uri
    pages = {f"docs/{file.src_uri}": file.src_uri for file in files} | ELSEWHERE
    source = {page: source for source, page in ELSEWHERE.items()}
    text = unbarred(markdown)
    return relinked(text, source.get(path, f"docs/{path}"), path, pages)


def on_post_page(output: str, page: Page, **_: object) -> str:
    """Warn, which ends a strict build, of what would be loaded from another host."""
    for tag in fetched(output):
        log.warning("%s would load %s", page.file.src_uri, tag)
    return output
