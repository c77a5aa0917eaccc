"""Write the page of the Python interface from the docstrings of the public names.

python examples/api_reference.py            # rewrites the page
python examples/api_reference.py --check    # exit 1 where it is out of date
"""

import inspect
import types
from functools import cached_property
from pathlib import Path

from generated import write_or_check

import ultralif_deploy

PAGE = Path(__file__).parent.parent / "ultralif_deploy" / "docs" / "api.md"
HEAD = """# Python interface
`import ultralif_deploy as ul` gives these names, and no others are public: what is not on this
page may change from one version to the next. `help(ul.NAME)` has arguments, shapes, units and
errors. `python examples/api_reference.py` writes this page from the docstrings.

## Functions and classes

| name | what it is |
|---|---|
"""
MEMBERS = """
## Methods and properties
In a notebook, a `Program`, a `Trace` and a `DeploymentReport` are shown as tables or in words.

| name | what it is |
|---|---|
"""


def page() -> str:
    """The page as Markdown, a row for every public name, then one for every member of a class."""
    names = sorted(ultralif_deploy.__all__, key=str.lower)
    public = {name: getattr(ultralif_deploy, name) for name in names}
    members = "".join(
        _row(f"{name}.{member}", value)
        for name, one in public.items()
        if inspect.isclass(one)
        for member, value in vars(one).items()
        if not member.startswith("_") and _is_documented(value)
    )
    return HEAD + "".join(_row(*row) for row in public.items()) + MEMBERS + members


def _is_documented(value: object) -> bool:
    """Whether a member is a method or property with a docstring; overrides may have none."""
    kinds = (types.FunctionType, property, cached_property, classmethod)
    return isinstance(value, kinds) and bool(inspect.getdoc(value))


def _row(name: str, value: object) -> str:
    summary = (inspect.getdoc(value) or "").split("\n\n")[0].replace("\n", " ")
    summary = summary.replace("|", "\\|")
    call = f"{name}(…)" if inspect.isfunction(value) else name
    return f"| `ul.{call}` | {summary} |\n"


def main() -> None:
    write_or_check(__doc__, {PAGE: page()})


if __name__ == "__main__":
    main()
