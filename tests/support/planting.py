"""Copies of product modules with a bug in them.

A bug is a change of the syntax tree: a fragment of Python and what takes its place, so that
formatting, comments and indentation decide nothing. Both are expressions, or both are statements.
Each fragment must be found exactly once, in the module or in the one definition that the bug names.

A line `...` at the end of a fragment's block stands for the rest of that block, whatever it is; a
line `...` of the replacement puts it there again:

    Bug("for p in populations: ...", "for p in 2 * populations: ...")
"""

import ast
import copy
import functools
import importlib
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from types import CodeType, ModuleType
from typing import Any, NamedTuple

numbers = itertools.count()


class Bug(NamedTuple):
    """What is to be changed in a module.

    Attributes:
        fragment: expression or statements, as they stand in the module.
        replacement: what takes their place; `pass` where statements only go.
        within: name of the function or class that the fragment is in; None for the whole module.
    """

    fragment: str
    replacement: str
    within: str | None = None


Change = tuple[str, str] | tuple[str, str, str]
"""A bug as tables write it."""

PLAIN = ("from ultralif_deploy.simulators.native.compiled import jit", "jit = lambda f: f")
"""The change that makes a module's kernels plain Python."""

PLAIN_PARTS = (
    "from ultralif_deploy.simulators.native.compiled import inlined, jit",
    "inlined = jit = lambda f: f",
)
"""The same for a module that has parts of kernels as well."""


class NotPlantedError(Exception):
    """A bug that does not apply proves nothing, so no test takes this for a bug that was found."""


def copy_of(name: str, *changes: Change, **replaced: object) -> ModuleType:
    """A copy of a module with changes and then names replaced.

    Args:
        name: of the module.
        changes: bugs, one after the other.
        replaced: values of names that the module has; a function that is wrong as a whole, say.
    """
    made = ModuleType(f"planted_{next(numbers)}")
    sys.modules[made.__name__] = made  # dataclasses look their module up
    exec(code_of(name, changes), vars(made))
    for key, value in replaced.items():
        if not hasattr(made, key):
            raise NotPlantedError(f"{name} has no {key}")
        setattr(made, key, value)
    return made


@functools.cache
def code_of(name: str, changes: tuple[Change, ...]) -> CodeType:
    """The code of a module with changes, as `copy_of` takes them."""
    tree = tree_of(name)
    for change in changes:
        plant(tree, Bug(*change), name)
    return compile(tree, f"<planted {name}>", "exec")


def change_file(path: Path, change: Change) -> None:
    """Plant a bug in a Python file."""
    tree = ast.parse(path.read_text("utf-8"))
    plant(tree, Bug(*change), path.name)
    path.write_text(ast.unparse(tree), "utf-8")


def tree_of(name: str) -> ast.Module:
    """The syntax tree of a module."""
    file = importlib.import_module(name).__file__
    assert file is not None
    return ast.parse(Path(file).read_text("utf-8"))


@functools.cache
def applies(name: str, change: Change) -> bool:
    """Whether a module has what a bug changes."""
    tree, bug = tree_of(name), Bug(*change)
    return any(places(scope, bug) for scope in scopes(tree, bug.within))


def plant(tree: ast.Module, bug: Bug, name: str) -> None:
    """Put a bug into a syntax tree.

    Args:
        tree: changed in place.
        bug: that applies in exactly one place.
        name: of the module, for errors.

    Raises:
        NotPlantedError: it applies nowhere, or in several places.
    """
    found = scopes(tree, bug.within)
    if len(found) != 1:
        raise NotPlantedError(f"{name}: {len(found)} definitions of {bug.within}; expected one")
    matches = places(found[0], bug)
    if len(matches) != 1:
        raise NotPlantedError(
            f"{name}: {bug.fragment!r} is found {len(matches)} times in "
            f"{bug.within or 'the module'}; expected once. There is:\n{described(found[0])}"
        )
    _, new = parsed(bug)
    matches[0].replace(new)
    ast.fix_missing_locations(tree)


def described(scope: ast.AST) -> str:
    """A definition as it stands, or the names of a module's definitions."""
    if not isinstance(scope, ast.Module):
        return ast.unparse(scope)
    return ", ".join(node.name for node in scope.body if isinstance(node, DEFINITIONS))


DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def scopes(tree: ast.Module, within: str | None) -> list[ast.AST]:
    """The module, or its definitions of a name."""
    if within is None:
        return [tree]
    nodes = ast.walk(tree)
    return [node for node in nodes if isinstance(node, DEFINITIONS) and node.name == within]


Parsed = ast.expr | list[ast.stmt]


@functools.cache
def parsed(bug: Bug) -> tuple[Parsed, Parsed]:
    """Fragment and replacement, as two expressions where both are."""
    old, new = (ast.parse(dedent(text)).body for text in (bug.fragment, bug.replacement))
    if not old or not new:
        raise NotPlantedError(f"{bug}: nothing there; to remove statements, replace them by pass")
    if len(old) == len(new) == 1:
        first, second = old[0], new[0]
        if isinstance(first, ast.Expr) and isinstance(second, ast.Expr):
            return first.value, second.value
    return old, new


class Place(NamedTuple):
    """A slot of a syntax tree where a fragment was found.

    Attributes:
        parent: node that has it.
        field: of the parent.
        index: in the field's list; None where the field is one node.
        count: statements that are replaced.
        rest: what `...` stood for.
    """

    parent: ast.AST
    field: str
    index: int | None
    count: int
    rest: list[ast.stmt]

    def replace(self, new: Parsed) -> None:
        """Put an expression or statements in the place."""
        made: Any = copy.deepcopy(new)
        if isinstance(made, list):
            put_back(made, self.rest)
            body = getattr(self.parent, self.field)
            body[self.index : self.index + self.count] = made  # type: ignore[operator]
            return
        held = getattr(self.parent, self.field)
        old = held if self.index is None else held[self.index]
        if hasattr(old, "ctx") and hasattr(made, "ctx"):
            made.ctx = old.ctx
        if self.index is None:
            setattr(self.parent, self.field, made)
        else:
            held[self.index] = made


def put_back(body: list[ast.stmt], rest: list[ast.stmt]) -> None:
    """Put what `...` stood for in its place, in these statements or in a block of theirs."""
    for at, statement in enumerate(body):
        if is_rest(statement):
            body[at : at + 1] = rest
            return
        for _, block in ast.iter_fields(statement):
            if is_block(block):
                put_back(block, rest)


def places(scope: ast.AST, bug: Bug) -> list[Place]:
    """Where a bug's fragment stands."""
    old, _ = parsed(bug)
    find = statements if isinstance(old, list) else expressions
    return list(find(scope, old))  # type: ignore[arg-type]


def expressions(scope: ast.AST, old: ast.expr) -> Iterator[Place]:
    """Where an expression stands."""
    for parent in ast.walk(scope):
        for field, value in ast.iter_fields(parent):
            if isinstance(value, ast.expr) and alike(old, value, []):
                yield Place(parent, field, None, 1, [])
            if isinstance(value, list):
                for index, item in enumerate(value):
                    if isinstance(item, ast.expr) and alike(old, item, []):
                        yield Place(parent, field, index, 1, [])


def statements(scope: ast.AST, old: list[ast.stmt]) -> Iterator[Place]:
    """Where statements stand in a row."""
    for parent in ast.walk(scope):
        for field, value in ast.iter_fields(parent):
            if not is_block(value):
                continue
            for index in range(len(value) - len(old) + 1):
                rest: list[ast.stmt] = []
                if alike(old, value[index : index + len(old)], rest):
                    yield Place(parent, field, index, len(old), rest)


def is_block(value: object) -> bool:
    """Whether the field of a node holds statements."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], ast.stmt)


def is_rest(node: object) -> bool:
    """Whether a statement is `...`."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and node.value.value is Ellipsis
    )


def alike(pattern: Any, found: Any, rest: list[ast.stmt]) -> bool:
    """Whether two trees are the same, wherever they stand.

    Args:
        pattern: part of a fragment; `...` at the end of a block takes what is left of the block.
        found: part of a module.
        rest: gets what `...` took.
    """
    if isinstance(pattern, ast.AST):
        if type(pattern) is not type(found):
            return False
        fields = [name for name in pattern._fields if name not in ("ctx", "kind", "type_comment")]
        return all(alike(getattr(pattern, name), getattr(found, name), rest) for name in fields)
    if isinstance(pattern, list):
        if not isinstance(found, list):
            return False
        if pattern and is_rest(pattern[-1]) and len(found) >= len(pattern):
            rest += found[len(pattern) - 1 :]
            pattern, found = pattern[:-1], found[: len(pattern) - 1]
        pairs = zip(pattern, found, strict=False)
        return len(pattern) == len(found) and all(alike(a, b, rest) for a, b in pairs)
    return type(pattern) is type(found) and pattern == found
