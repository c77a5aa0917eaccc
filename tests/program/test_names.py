"""Names of populations that some target cannot hold, or takes for another, are refused."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program.graph import Dense, Projection
from ultralif_deploy.program.names import MOST_BYTES, HeldNames, check_names
from ultralif_deploy.program.neurons import Integrator, Threshold
from ultralif_deploy.program.program import Input, Population, Program

RESERVED = ("input",)


def chain(hidden: str, readout: str = "out") -> Program:
    one = np.ones(1)
    return Program(
        Input(1),
        (
            Population(hidden, 1, Threshold(0 * one), 0 * one, one),
            Population(readout, 1, Integrator(), 0 * one, one),
        ),
        (
            Projection("input", hidden, Dense(np.ones((1, 1)))),
            Projection(hidden, readout, Dense(np.ones((1, 1)))),
        ),
        "8",
        1,
        1,
    )


@pytest.mark.parametrize("name", ["input", "out", "logits"])
def test_names_that_stand_for_something_else_are_refused(name: str) -> None:
    with pytest.raises(UltralifError, match=f"population name '{name}': "):
        chain(name)


UNHELD = {
    "": "neurons",
    "a/b": "a.b",
    "a->b": "a-b",
    " a ": "a",
    "..": "_..",
    "=cmd()": "_=cmd()",
    "\ud800": "_",
    "a\0b": "a_b",
    "a\nb": "a_b",
    "\x1b[31mred": "_[31mred",
    "a\u202eb": "a_b",
    "a\u200bb": "a_b",
    "\U0001f642": "_\U0001f642",
    "x" * 70_000: "x" * MOST_BYTES,
    "ü" * 101: "ü" * 100,
}
"""Names that no population has, and what readers make of them."""


@pytest.mark.parametrize("name", UNHELD)
def test_names_that_a_target_cannot_hold_are_refused_in_one_line(name: str) -> None:
    with pytest.raises(UltralifError, match=r"^population name .*: expected printable") as caught:
        chain(name)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 300


@pytest.mark.parametrize("name", UNHELD)
def test_readers_give_another_name(name: str) -> None:
    assert HeldNames(RESERVED).of(name) == UNHELD[name]


@pytest.mark.parametrize(
    ("one", "other"), [("FC", "fc"), ("a.b", "a_b"), ("é", "e\u0301"), ("ﬁ", "fi"), ("ß", "SS")]
)
def test_names_that_become_one_are_refused(one: str, other: str) -> None:
    with pytest.raises(UltralifError, match=r"population names .*: one name where letter case"):
        chain(one, other)
    held = HeldNames(RESERVED, (one,))
    assert [held.of(other), held.of(other)] == [f"{other}_2", f"{other}_3"]


@pytest.mark.parametrize("make", [chain, lambda name: chain("hidden", name)])
@pytest.mark.parametrize("name", ["a.b-c_ü", "0", "int", "class", "Input", "fc1, use 2", "_x"])
def test_other_names_are_taken(make: Callable[[str], Program], name: str) -> None:
    assert make(name).populations
    assert HeldNames(RESERVED).of(name) == name


def test_a_read_out_may_be_called_logits() -> None:
    assert chain("hidden", "logits").readout.name == "logits"


ANYTHING = st.text(st.characters(codec=None), max_size=260)


@given(st.lists(st.one_of(ANYTHING, st.sampled_from(["input", "A", "a", "a_2", "x" * 300]))))
def test_whatever_is_read_gets_names_that_are_accepted(names: list[str]) -> None:
    held = HeldNames(RESERVED)
    check_names([held.of(name) for name in names], RESERVED)
