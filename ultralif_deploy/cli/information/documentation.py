"""The command `docs`: the pages of documentation that are installed with the package."""

from pathlib import Path

import click

from ultralif_deploy.cli.running import Refusal
from ultralif_deploy.errors import UltralifError

PACKAGE = Path(__file__).parents[2]
FURTHER = ("ARCHITECTURE", "CHANGELOG", "PROGRAM")
"""Pages beside the folder `docs`, which are about the package itself."""

STYLE = (
    "body{max-width:56rem;margin:2rem auto;padding:0 1rem;font:1rem/1.5 system-ui,sans-serif}"
    "pre{overflow:auto;background:#f4f4f4;padding:.8rem}code{font-size:.92em}"
    "table{border-collapse:collapse;display:block;overflow:auto}td,th{border:1px solid #ccc;"
    "padding:.3rem .6rem;text-align:left}img{max-width:100%}"
)


def pages() -> dict[str, Path]:
    """Path of every page by its name."""
    found = {path.stem: path for path in sorted((PACKAGE / "docs").glob("*.md"))}
    return found | {name.lower(): PACKAGE / f"{name}.md" for name in FURTHER}


def title(path: Path) -> str:
    """The first heading of a page."""
    return path.read_text(encoding="utf-8").split("\n", 1)[0].lstrip("# ")


@click.command()
@click.argument("page", required=False)
@click.option("--open", "in_browser", is_flag=True, help="Open the page in a browser.")
def docs(page: str | None, in_browser: bool) -> None:
    """List the pages of documentation, or read one.

    Example: ultralif docs energy
    """
    found = pages()
    if page is None:
        width = max(map(len, found))
        click.echo("\n".join(f"{name:{width}}  {title(path)}" for name, path in found.items()))
        return
    if page not in found:
        raise Refusal(UltralifError(f"no page {page!r}; expected one of {', '.join(found)}"))
    if in_browser:
        click.launch(written_page(found[page]).as_uri())
        return
    from rich.console import Console
    from rich.markdown import Markdown

    console, text = Console(), found[page].read_text(encoding="utf-8")
    if console.is_terminal:
        with console.pager(styles=True):
            console.print(Markdown(text))
    else:
        click.echo(text)


def written_page(path: Path) -> Path:
    """The page as HTML in the user's folder for temporary files; a browser opens it from disk."""
    import html
    import tempfile

    from markdown_it import MarkdownIt

    body = (
        MarkdownIt("commonmark", {"html": False})
        .enable("table")
        .render(path.read_text(encoding="utf-8"))
    )
    folder = Path(tempfile.mkdtemp(prefix="ultralif-docs-"))
    written = folder / f"{path.stem}.html"
    written.write_text(
        f"<!doctype html><meta charset=utf-8><title>{html.escape(title(path))}</title>"
        f"<style>{STYLE}</style>{body}",
        encoding="utf-8",
    )
    return written
