"""The pages of documentation that are installed with the package, and how they are grouped."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[2]
INDEX = "index"
FURTHER = {
    "architecture": PACKAGE / "ARCHITECTURE.md",
    "changelog": PACKAGE / "CHANGELOG.md",
    "data": PACKAGE / "data" / "README.md",
    "program": PACKAGE / "PROGRAM.md",
}
"""Pages outside the folder `docs`, by name."""


@cache
def pages() -> Mapping[str, Path]:
    """Path of every page by its name."""
    found = {path.stem: path for path in sorted((PACKAGE / "docs").glob("*.md"))}
    return found | FURTHER


@cache
def title(path: Path) -> str:
    """The first heading of a page."""
    return path.read_text(encoding="utf-8").split("\n", 1)[0].lstrip("# ")


def page_at(target: str, page: Path) -> str | None:
    """Name of the page that a relative link leads to; None where it leads elsewhere.

    Args:
        target: target of the link, without a part behind `#`.
        page: page that has the link.
    """
    return _names().get((page.parent / target).resolve())


@cache
def _names() -> Mapping[Path, str]:
    """Name of every page by where it lies."""
    return {path.resolve(): name for name, path in pages().items()}


@cache
def groups() -> Mapping[str, list[str]]:
    """Names of the pages below each heading of the index, in its order."""
    index = pages()[INDEX]
    found: dict[str, list[str]] = {}
    for heading, body in re.findall(
        r"^## (.+)\n((?:(?!## ).*\n?)*)", index.read_text("utf-8"), re.M
    ):
        links = re.findall(r"^- \[.+?\]\((.+?)\)", body, re.M)
        found[heading] = [name for link in links if (name := page_at(link, index))]
    return found
