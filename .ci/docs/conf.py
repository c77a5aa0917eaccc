"""Sphinx builds the site: sphinx-build -W -c .ci/docs ultralif_deploy build/site."""

from importlib.metadata import version as installed_version

from sphinx.application import Sphinx

from ultralif_deploy.cli.information.pages import INDEX, PACKAGE, groups, pages

project = "ultralif-deploy"
release = installed_version("ultralif-deploy")
html_theme = "furo"
html_title = f"ultralif-deploy {release}"
html_show_copyright = False
extensions = ["myst_parser"]
myst_heading_anchors = 3
include_patterns = [path.relative_to(PACKAGE).as_posix() for path in pages().values()]
root_doc = f"docs/{INDEX}"
highlight_language = "none"


def _with_navigation(app: Sphinx, name: str, source: list[str]) -> None:
    """Add what stands on the left of every page, from the headings and links of the index."""
    if name != root_doc:
        return
    for group, members in groups().items():
        paths = [pages()[member].relative_to(PACKAGE).with_suffix("") for member in members]
        lines = "\n".join(f"/{path.as_posix()}" for path in paths)
        source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {group}\n\n{lines}\n```\n"


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.connect("source-read", _with_navigation)
