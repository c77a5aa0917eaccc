"""ARCHITECTURE.md is the map of the code: what it names is there, and the sizes it states hold."""

import ast
import re
import statistics
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from textwrap import indent

import pytest

from support.paths import ROOT
from support.source_tree import FILES, PACKAGE, ROOMS, TREES

HOME = ROOT / PACKAGE
MAP = (HOME / "ARCHITECTURE.md").read_text(encoding="utf-8")
TESTS = {str(path): path for path in sorted((ROOT / "tests").rglob("*.py"))}
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

PLACEHOLDER = re.compile(r"MODEL|TARGET|DEVICE|PASS|ROOM")
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
    assert found("tests/exporters/test_TARGET.py")
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


def test_tests_lie_in_the_rooms_of_what_they_test() -> None:
    folders = {path.relative_to(ROOT / "tests").parts[0] for path in TESTS.values()}
    assert folders - {"conftest.py", "house", "planted", "support"} <= set(ROOMS)
    assert len(folders) > 15


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


def lengths(source: str, tree: ast.Module) -> list[int]:
    """Lengths of all functions of a module, inner ones too, that do anything."""
    lines = source.splitlines()
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [node for node in ast.walk(tree) if isinstance(node, functions)]
    return [length for node in nodes if (length := body_lines(node, lines))]


def test_no_folder_is_crowded() -> None:
    assert crowded([*FILES.values(), *TESTS.values()]) == {}


def test_no_module_is_long() -> None:
    assert longer(FILES | TESTS) == set()


def test_functions_are_short() -> None:
    every = [
        length
        for name, tree in TREES.all().items()
        for length in lengths(FILES[name].read_text("utf-8"), tree)
    ]
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
    assert lengths(source, ast.parse(source)) == [2]
    empty = 'def f():\n    """Doc."""\n'
    assert lengths(empty, ast.parse(empty)) == []


# Docstrings

FEWEST_EXPLAINED = 3
"""Parameters from which on a docstring says of each what it is."""

Owned = tuple[ast.FunctionDef | ast.AsyncFunctionDef, ast.ClassDef | None]


def functions_of(node: ast.AST, owner: ast.ClassDef | None = None) -> Iterator[Owned]:
    """Functions and methods with their class; one inside another function is nobody else's."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield child, owner
        else:
            yield from functions_of(child, child if isinstance(child, ast.ClassDef) else owner)


def is_command(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a function is a command; its docstring is the help, where options are explained."""
    calls = (d.func for d in function.decorator_list if isinstance(d, ast.Call))
    return any(isinstance(called, ast.Attribute) and called.attr == "command" for called in calls)


def base_names(owner: ast.ClassDef) -> set[str]:
    """Names of a class's bases, without their modules and parameters."""
    return {ast.unparse(base).split("[")[0].split(".")[-1] for base in owner.bases}


def overrides_documented(method: str, owner: ast.ClassDef, classes: list[ast.ClassDef]) -> bool:
    """Whether a method overrides one with a docstring; bases are found by name."""
    seen: set[str] = set()
    names = base_names(owner)
    while names:
        bases = [base for base in classes if base.name in names]
        if any(documents(base, method) for base in bases):
            return True
        seen |= names
        names = set().union(*map(base_names, bases)) - seen
    return False


def documents(owner: ast.ClassDef, method: str) -> bool:
    """Whether a class itself has a method with a docstring."""
    own = (function for function, _ in functions_of(owner) if function.name == method)
    return any(ast.get_docstring(function) for function in own)


def unexplained(trees: Mapping[str, ast.Module]) -> list[str]:
    """Public functions with three or more parameters whose docstring has no `Args:`."""
    nodes = (node for tree in trees.values() for node in ast.walk(tree))
    classes = [node for node in nodes if isinstance(node, ast.ClassDef)]
    missing = []
    for module, tree in trees.items():
        for function, owner in functions_of(tree):
            taken = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
            explained = [a for a in taken if a.arg not in ("self", "cls")]
            if function.name.startswith("_") or len(explained) < FEWEST_EXPLAINED:
                continue
            text = ast.get_docstring(function)
            inherited = (
                text is None
                and owner is not None
                and overrides_documented(function.name, owner, classes)
            )
            if not (inherited or is_command(function) or "Args:" in (text or "")):
                missing.append(f"{module}:{function.lineno}: {function.name}")
    return missing


def test_parameters_are_explained() -> None:
    shipped = {name: tree for name, tree in TREES.all().items() if "runtime" not in name.split(".")}
    assert unexplained(shipped) == []


SAID = '''def f(a, b, c):
    """Do.

    Args:
        a: one.
        b: two.
        c: three.
    """
'''

EXPLAINED = {
    "said": SAID,
    "two parameters": "def f(a, b): ...",
    "private": "def _f(a, b, c): ...",
    "self": "class A:\n    def f(self, a, b): ...",
    "inside a function": "def f():\n    def g(a, b, c): ...",
    "command": "@main.command()\ndef f(a, b, c): ...",
    "override": "class A:\n"
    + indent(SAID, "    ")
    + "class B(A[int]):\n    def f(self, a, b, c): ...",
}
UNEXPLAINED = {
    "no docstring": "def f(a, b, c): ...",
    "no list": 'def f(a, b, *, c):\n    """Do."""',
    "method": 'class A:\n    def f(self, a, b, c):\n        """Do."""',
    "below a condition": 'if True:\n    def f(a, b, c):\n        """Do."""',
    "other decorator": '@jit\ndef f(a, b, c):\n    """Do."""',
    "override with a docstring": EXPLAINED["override"].replace("c): ...", 'c):\n        """Do."""'),
    "bases of one name": "class A(A): ...\nclass A(A):\n    def f(self, a, b, c): ...",
    "base has no docstring": "class A: ...\nclass B(A):\n    def f(self, a, b, c): ...",
}


@pytest.mark.parametrize("source", EXPLAINED.values(), ids=EXPLAINED)
def test_what_needs_no_list_is_left_out(source: str) -> None:
    assert unexplained({"m": ast.parse(source)}) == []


@pytest.mark.parametrize("source", UNEXPLAINED.values(), ids=UNEXPLAINED)
def test_missing_lists_are_found(source: str) -> None:
    assert len(unexplained({"m": ast.parse(source)})) == 1


NEURON_ROOMS = tuple(f"{PACKAGE}.{room}" for room in ("program.neurons", "network.neurons"))
SOFT_NEURONS = (f"{PACKAGE}.soft.neurons", f"{PACKAGE}.soft.neurons.baselines")
BASES = {"SoftNeuron"}
"""Not a model: asking for it tells a neuron from another torch module."""


def neuron_classes(tree: ast.AST) -> set[str]:
    """Names in a module that stand for neuron models, or for the modules that hold them."""
    rooms = (*NEURON_ROOMS, *SOFT_NEURONS)
    names = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or node.module is None:
            continue
        for alias in node.names:
            whole = f"{node.module}.{alias.name}"
            if node.module.startswith(rooms) or whole.startswith(rooms):
                names.add(alias.asname or alias.name)
    return names - BASES


def class_questions(tree: ast.AST) -> list[int]:
    """Lines that ask a neuron for its class."""
    models = neuron_classes(tree)

    def named(*nodes: ast.AST) -> bool:
        return any(
            isinstance(part, ast.Name) and part.id in models
            for node in nodes
            for part in ast.walk(node)
        )

    lines = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in ("isinstance", "issubclass") and named(*node.args[1:]):
                lines.append(node.lineno)
        elif isinstance(node, ast.Compare):
            if any(isinstance(op, ast.Is | ast.IsNot | ast.Eq | ast.NotEq) for op in node.ops) and (
                named(*node.comparators)
            ):
                lines.append(node.lineno)
        elif isinstance(node, ast.MatchClass) and named(node.cls):
            lines.append(node.lineno)
    return lines


def test_nobody_asks_a_neuron_for_its_class() -> None:
    """What differs between models is said by the model, or stands in a table by model."""
    rooms = (*NEURON_ROOMS, *SOFT_NEURONS)
    asked = {
        name: lines
        for name, tree in TREES.all().items()
        if not f"{PACKAGE}.{name.removeprefix(PACKAGE + '.')}".startswith(rooms)
        and (lines := class_questions(tree))
    }
    assert asked == {}


@pytest.mark.parametrize(
    "text",
    [
        "from ultralif_deploy.program.neurons import LIF\nisinstance(x, (int, LIF))",
        "from ultralif_deploy.network import neurons as models\nisinstance(x, models.LIF)",
        "from ultralif_deploy.soft.neurons import UltraLIF\nissubclass(x, UltraLIF)",
        "from ultralif_deploy.program.neurons import LIF as A\ntype(x) is A",
        "from ultralif_deploy.program.neurons import LIF\nmatch x:\n    case LIF():\n        pass",
    ],
)
def test_questions_for_a_class_are_found(text: str) -> None:
    assert len(class_questions(ast.parse(text))) == 1
