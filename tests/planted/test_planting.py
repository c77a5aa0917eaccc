"""Planted bugs follow the code through any reformatting, and apply in one place alone."""

import ast
from pathlib import Path

import pytest

from support.planted.text import change_text
from support.planting import Bug, NotPlantedError, applies, change_file, copy_of, plant

PLAIN = """
def leak(v, decay):
    kept = v * (16 - decay) >> 4
    if v > 8:
        return kept
    if v < 0:
        v = 0
        return -kept
    return kept

def total(values):
    result = 4
    for value in values:
        result += value
    return result

class Count:
    def total(self):
        return 0
"""

REFORMATTED = """
def leak(
    v,
    decay,
):
    # a comment
    kept = (
        (v * (16 - decay))
        >> 4
    )
    if (v > 8): return (kept)
    if v < 0: v = 0; return -kept
    return kept

def total(values):
    result = 4
    for value in \\
            values:
        result += value
    return result

class Count:
    def total(self): return 0
"""

BUGS = {
    "expression": (Bug("16 - decay", "decay"), 15, 4),
    "comparison in a condition": (Bug("v < 0", "v < -20"), -16, -11),
    "statements": (Bug("v = 0\nreturn -kept", "return kept"), -16, -11),
    "indented fragment": (Bug("    v = 0\n    return -kept", "    pass"), -16, -11),
    "what stands in several functions": (Bug("4", "3", "leak"), 8, 11),
    "rest of a block": (Bug("if v > 8: ...", "if v > 4:\n    kept = 7\n    ..."), 8, 7),
    "rest of a block elsewhere": (Bug("if v > 8: ...", "kept = 1\n..."), 8, 1),
    "name that is called": (Bug("kept", "v", "leak"), 0, None),
}
"""Bug, argument, and what `leak` gives for it with the bug; None where the bug does not apply."""


def leak_with(source: str, bug: Bug, v: int) -> int:
    tree = ast.parse(source)
    plant(tree, bug, "m")
    names: dict[str, object] = {}
    exec(compile(tree, "<planted>", "exec"), names)
    leak = names["leak"]
    assert callable(leak)
    return leak(v, 5)


@pytest.mark.parametrize("source", [PLAIN, REFORMATTED], ids=["plain", "reformatted"])
@pytest.mark.parametrize("case", BUGS)
def test_reformatting_does_not_break_a_bug(source: str, case: str) -> None:
    assert ast.dump(ast.parse(PLAIN)) == ast.dump(ast.parse(REFORMATTED))
    bug, v, expected = BUGS[case]
    if expected is None:
        with pytest.raises(NotPlantedError):
            leak_with(source, bug, v)
    else:
        assert leak_with(source, bug, v) == expected


@pytest.mark.parametrize(
    ("bug", "message"),
    [
        (
            Bug("15 - decay", "decay"),
            r"'15 - decay' is found 0 times in the module; .*\nleak, total",
        ),
        (Bug("kept", "v"), "'kept' is found 4 times in the module; expected once"),
        (Bug("return kept", "pass", "leak"), r"2 times in leak; expected once.*\ndef leak\(v"),
        (Bug("result += 1", "pass", "leak"), r"0 times in leak(.|\n)*16 - decay"),
        (Bug("v = 0\nreturn kept", "pass"), "0 times"),
        (Bug("0", "1", "none"), "m: 0 definitions of none; expected one"),
        (Bug("0", "1", "total"), "m: 2 definitions of total; expected one"),
        (Bug("return -kept", ""), "nothing there"),
    ],
)
def test_a_fragment_that_is_not_found_exactly_once_is_an_error(bug: Bug, message: str) -> None:
    with pytest.raises(NotPlantedError, match=message):
        plant(ast.parse(PLAIN), bug, "m")


def test_a_copy_has_the_bug_and_the_module_has_not() -> None:
    name = "ultralif_deploy.program.fixed"
    assert copy_of(name).leak(-5, 0, 12) == -5
    assert copy_of(name, ("kept if v >= 0 else -kept", "kept")).leak(-5, 0, 12) == 5
    assert copy_of(name).leak(-5, 0, 12) == -5
    assert copy_of(name, leak=max).leak is max
    with pytest.raises(NotPlantedError, match="has no gone"):
        copy_of(name, gone=max)
    assert applies(name, ("kept if v >= 0 else -kept", "kept"))
    assert not applies(name, ("no_such_name", "kept"))


def test_files_are_changed_in_one_place(tmp_path: Path) -> None:
    python, text = tmp_path / "a.py", tmp_path / "a.c"
    python.write_text("a = (1 +\n     2)\n", "utf-8")
    change_file(python, ("1 + 2", "3"))
    assert python.read_text("utf-8") == "a = 3"
    text.write_text("int a = 1; int b = 2;", "utf-8")
    change_text(text, "a = 1", "a = 3")
    assert text.read_text("utf-8") == "int a = 3; int b = 2;"
    for old, times in (("int", 2), ("long", 0)):
        with pytest.raises(NotPlantedError, match=f"a.c: '{old}' is found {times} times"):
            change_text(text, old, "")
