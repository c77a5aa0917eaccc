"""The pages of documentation as HTML files that lead to each other; a browser needs no network."""

import html
import re
import shutil
import tempfile
from pathlib import Path

from markdown_it import MarkdownIt

from ultralif_deploy.cli.information.pages import INDEX, PACKAGE, groups, page_at, pages, title

STYLE = """
:root{color-scheme:light dark}
body{display:flex;gap:2rem;max-width:76rem;margin:1rem auto;padding:0 1rem;
font:1rem/1.5 system-ui,sans-serif}
nav{flex:0 0 12rem;font-size:.92rem}nav h2{font-size:.92rem;margin:1rem 0 .2rem}
nav ul{list-style:none;margin:0;padding:0}nav [aria-current]{font-weight:bold}
main{flex:1;min-width:0}pre{overflow:auto;background:#8882;padding:.8rem}code{font-size:.92em}
table{border-collapse:collapse;display:block;overflow:auto}
td,th{border:1px solid #888;padding:.3rem .6rem;text-align:left}img{max-width:100%}
@media(max-width:44rem){body{display:block}}
"""


def write_pages() -> Path:
    """Write all pages and their pictures to a new folder for temporary files.

    Returns:
        The folder.
    """
    folder = Path(tempfile.mkdtemp(prefix="ultralif-docs-"))
    for name, path in pages().items():
        (folder / f"{name}.html").write_text(_document(name, path), encoding="utf-8")
    shutil.copytree(PACKAGE / "docs" / "images", folder / "images")
    return folder


def _document(name: str, path: Path) -> str:
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    text = re.sub(r"^<!--.*-->\n", "", path.read_text(encoding="utf-8"), flags=re.M)
    body = re.sub(
        r'(?<=<a href=")([^"#:]+)',
        lambda found: _target(found[1], path),
        markdown.render(text),
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{html.escape(title(path))}'
        f"</title><style>{STYLE}</style><nav>{_navigation(name)}</nav><main>{body}</main></html>"
    )


def _target(target: str, page: Path) -> str:
    """Where a link leads in the folder; links out of the pages stay as they are."""
    name = page_at(html.unescape(target), page)
    return target if name is None else f"{name}.html"


def _navigation(current: str) -> str:
    """Links to all pages, by group."""
    parts = [_list((INDEX,), current)]
    for group, names in groups().items():
        parts.append(f"<h2>{html.escape(group)}</h2>{_list(names, current)}")
    return "".join(parts)


def _list(names: "list[str] | tuple[str, ...]", current: str) -> str:
    found = pages()
    items = (
        f'<li><a href="{name}.html"{" aria-current=page" * (name == current)}>'
        f"{html.escape(title(found[name]))}</a></li>"
        for name in names
    )
    return f"<ul>{''.join(items)}</ul>"
