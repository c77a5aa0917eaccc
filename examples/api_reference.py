"""Write the page of the Python interface from the docstrings of the public names.

python examples/api_reference.py            # rewrites the page
python examples/api_reference.py --check    # exit 1 where it is out of date
"""

import argparse
import inspect
import sys
from pathlib import Path

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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    wanted = page()
    if arguments.check:
        current = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
        sys.exit(0 if current == wanted else "docs/api.md is out of date")
    PAGE.write_text(wanted, encoding="utf-8")


if __name__ == "__main__":
    main()
