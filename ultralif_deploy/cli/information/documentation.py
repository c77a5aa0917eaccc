"""The command `docs`: the pages of documentation that are installed with the package."""

import sys

import click

from ultralif_deploy.cli.information.pages import INDEX, pages, title
from ultralif_deploy.cli.running import Refusal
from ultralif_deploy.errors import UltralifError


@click.command()
@click.argument("page", required=False)
@click.option("--open", "in_browser", is_flag=True, help="Open the page in a browser.")
@click.option("--list", "as_list", is_flag=True, help="List the pages.")
def docs(page: str | None, in_browser: bool, as_list: bool) -> None:
    """Open the documentation in a browser, or read a page here.

    All pages come with the package; nothing is loaded from the network. Where standard output is
    no terminal, `ultralif docs` lists them.

    Examples: ultralif docs; ultralif docs energy; ultralif docs energy --open
    """
    found = pages()
    if page is not None and page not in found:
        raise Refusal(UltralifError(f"no page {page!r}; expected one of {', '.join(found)}"))
    if as_list or (page is None and not in_browser and not _is_terminal()):
        width = max(map(len, found))
        click.echo("\n".join(f"{name:{width}}  {title(path)}" for name, path in found.items()))
    elif page is None or in_browser:
        _open(page or INDEX)
    else:
        _read(found[page].read_text(encoding="utf-8"))


def _is_terminal() -> bool:
    return sys.stdout.isatty()


def _open(page: str) -> None:
    """Open a page in a browser, and say where it lies, as there may be no browser here."""
    from ultralif_deploy.cli.information.html_pages import write_pages

    written = write_pages() / f"{page}.html"
    click.echo(f"{written.as_uri()} (ultralif docs --list lists the pages for reading here)")
    click.launch(written.as_uri())


def _read(text: str) -> None:
    """Show Markdown in a pager, or print it as it is where there is no terminal."""
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console()
    if console.is_terminal:
        with console.pager(styles=True):
            console.print(Markdown(text))
    else:
        click.echo(text)
