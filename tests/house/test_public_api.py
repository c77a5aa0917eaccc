"""What `import ultralif_deploy` offers."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import ultralif_deploy as ul
import ultralif_deploy.cli.commands
import ultralif_deploy.pipeline
from support.paths import ROOT


@pytest.mark.parametrize("name", ul.__all__)
def test_names_are_what_they_say(name: str) -> None:
    """Not modules: a submodule of the same name would take a function's place once imported."""
    value = getattr(ul, name)
    assert not isinstance(value, ModuleType)
    assert value.__name__ == name
    assert value.__doc__
    assert name in dir(ul)


def test_type_checkers_and_editors_see_the_same_names() -> None:
    tree = ast.parse(Path(ul.__file__).read_text("utf-8"))
    (checked,) = (
        node
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    seen = {
        alias.name: node.module
        for node in checked.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == ul._PUBLIC
    assert sorted(seen) == ul.__all__


def test_public_modules_are_checked_strictly() -> None:
    """Every flag of `mypy --strict` holds for the modules that public names come from."""
    project = ROOT / "pyproject.toml"
    settings = tomllib.loads(project.read_text("utf-8"))["tool"]["mypy"]
    *_, strict = settings["overrides"]
    assert strict["module"] == ["ultralif_deploy", *sorted(set(ul._PUBLIC.values()))]
    told = subprocess.run(
        [sys.executable, "-m", "mypy", "--help"], capture_output=True, text=True, check=True
    ).stdout
    listed = re.sub(r"\s+", "", told.partition("enables the following flags:")[2])
    flags = re.match(r"(--[a-z-]+,)+--[a-z-]+?(?=--)", listed)
    assert flags is not None
    for flag in flags[0].split(","):
        name = flag.removeprefix("--").replace("-", "_")
        wanted = not name.startswith("no_")
        name = name.removeprefix("no_")
        assert strict.get(name, settings.get(name)) is wanted, flag


def test_unknown_names() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ul.nothing
