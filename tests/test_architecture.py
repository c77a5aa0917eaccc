"""ARCHITECTURE.md is the map of the code: what it names is there, and the sizes it states hold."""

import ast
import re
import statistics
import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
from test_layers import FILES, PACKAGE, ROOMS, ROOT, TREES

HOME = ROOT / PACKAGE
MAP = (HOME / "ARCHITECTURE.md").read_text(encoding="utf-8")
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

PLACEHOLDER = re.compile(r"MODEL|TARGET|DEVICE|PASS")
"""In a path, a name that the reader chooses: any file of that kind stands for it."""

FILE_NAME = re.compile(r"(?:[\w.-]+/)*[\w-]+\.(?:py|md|toml|j2|json)|(?:[\w.-]+/)+")


def named_paths(text: str) -> list[str]:
    """Files and folders in backticks; also those that a command in backticks runs."""
    words = {word for span in re.findall(r"`([^`\n]+)`", text) for word in span.split()}
    return sorted(word for word in words if FILE_NAME.fullmatch(word))


def found(path: str) -> bool:
    """Whether a path leads somewhere, from the package or from the root of the repository."""
    pattern = PLACEHOLDER.sub("*", path)
    return any(list(base.glob(pattern)) for base in (HOME, ROOT))


@pytest.mark.parametrize("path", named_paths(MAP))
def test_every_path_on_the_map_exists(path: str) -> None:
    assert found(path), f"ARCHITECTURE.md names {path}, which does not exist"


def test_paths_are_found_in_the_text() -> None:
    text = "`a/b.py`, `python examples/c.py -x`, `PROGRAM.md`, `steps/`; `max_gap`, `T = 1`"
    assert named_paths(text) == ["PROGRAM.md", "a/b.py", "examples/c.py", "steps/"]
    assert len(named_paths(MAP)) > 70
    assert found("tests/test_TARGET.py")
    assert not found("passes/fold_nothing.py")
    assert not found("nothing/TARGET.py")


def rows(heading: str) -> list[list[str]]:
    """Cells of the table below a heading of the map."""
    section = MAP.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = re.findall(r"^\|(.*)\|$", section, re.M)
    return [[cell.strip() for cell in line.split("|")] for line in lines[2:]]


def test_every_room_has_its_line_in_the_order_of_imports() -> None:
    assert [row[0].strip("`") for row in rows("The rooms")] == list(ROOMS)
    assert all(row[1] and row[2] for row in rows("The rooms"))


def test_every_function_of_the_road_is_in_its_module() -> None:
    for _, function, module, _ in rows("The road"):
        (path,) = named_paths(module)
        base = ROOT if path.startswith("exporters/") else HOME
        (tree,) = [TREES[name] for name, file in FILES.items() if file == base / path]
        defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert function.strip("`") in defined, path


def test_the_map_is_short() -> None:
    assert len(MAP.splitlines()) <= 200


def test_every_package_is_installed() -> None:
    made = {name for name, path in FILES.items() if path.name == "__init__.py"}
    copied = {name for name in made if "runtime" in name.split(".")}  # data of the exporters
    assert set(SETTINGS["tool"]["setuptools"]["packages"]) == made - copied


def test_every_page_of_the_package_is_shipped() -> None:
    shipped = SETTINGS["tool"]["setuptools"]["package-data"][PACKAGE]
    assert {path.name for path in HOME.glob("*.md")} <= set(shipped)


# Sizes

MOST_MODULES, MOST_LINES, MEDIAN, NINETIETH = 14, 420, 8, 30


def longer(files: dict[str, Path]) -> set[str]:
    """Names of the modules with too many lines."""
    sizes = {name: len(path.read_text("utf-8").splitlines()) for name, path in files.items()}
    return {name for name, lines in sizes.items() if lines > MOST_LINES}


def crowded(files: Iterable[Path]) -> dict[Path, int]:
    """Folders with too many modules, and how many; the file that makes a package is none."""
    count = Counter(path.parent for path in files if path.name != "__init__.py")
    return {folder: modules for folder, modules in count.items() if modules > MOST_MODULES}


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]) -> int:
    """Lines of a function's body that are not blank, without the signature and the docstring."""
    body = function.body[ast.get_docstring(function) is not None :]
    if not body:
        return 0
    return sum(bool(line.strip()) for line in lines[body[0].lineno - 1 : function.end_lineno])


def lengths(source: str) -> list[int]:
    """Lengths of all functions of a module, inner ones too, that do anything."""
    lines = source.splitlines()
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, functions)]
    return [length for node in nodes if (length := body_lines(node, lines))]


def test_no_folder_is_crowded() -> None:
    assert crowded(FILES.values()) == {}


def test_no_module_is_long() -> None:
    assert longer(FILES) == set()


def test_functions_are_short() -> None:
    every = [n for path in FILES.values() for n in lengths(path.read_text("utf-8"))]
    assert statistics.median(every) <= MEDIAN
    assert statistics.quantiles(every, n=10)[-1] <= NINETIETH


def test_sizes_are_seen(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("pass\n" * (MOST_LINES + 1), encoding="utf-8")
    (tmp_path / "b.py").write_text("pass\n" * MOST_LINES, encoding="utf-8")
    assert longer({"a": tmp_path / "a.py", "b": tmp_path / "b.py"}) == {"a"}
    made = [tmp_path / f"{i}.py" for i in range(MOST_MODULES)]
    assert crowded([*made, tmp_path / "__init__.py"]) == {}
    assert crowded([*made, tmp_path / "a.py"]) == {tmp_path: MOST_MODULES + 1}
    source = 'def f(\n    a,\n):\n    """Doc.\n\n    More.\n    """\n    b = a\n\n    return b\n'
    assert lengths(source) == [2]
    assert lengths('def f():\n    """Doc."""\n') == []
