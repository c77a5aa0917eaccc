"""Write the page of the Python interface from the docstrings of the public names.

python examples/api_reference.py            # rewrites the page
python examples/api_reference.py --check    # exit 1 where it is out of date
"""

import inspect
from pathlib import Path

from generated import write_or_check

import ultralif_deploy

PAGE = Path(__file__).parent.parent / "ultralif_deploy" / "docs" / "api.md"
HEAD = """# Python interface
`import ultralif_deploy as ul` gives these names, and no others are public: what is not on this
page may change from one version to the next. `help(ul.NAME)` has arguments, shapes, units and
errors. `python examples/api_reference.py` writes this page from the docstrings.

| name | what it is |
|---|---|
"""


def page() -> str:
    """The page as Markdown, a row for every public name."""
    return HEAD + "".join(_row(name) for name in sorted(ultralif_deploy.__all__, key=str.lower))


def _row(name: str) -> str:
    public = getattr(ultralif_deploy, name)
    summary = (inspect.getdoc(public) or "").split("\n\n")[0].replace("\n", " ")
    call = f"{name}(…)" if inspect.isfunction(public) else name
    return f"| `ul.{call}` | {summary} |\n"


def main() -> None:
    write_or_check(__doc__, {PAGE: page()})


if __name__ == "__main__":
    main()
