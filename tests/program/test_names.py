"""Names of populations that would stand for two things are refused."""

from collections.abc import Callable

import numpy as np
import pytest

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program.graph import Dense, Projection
from ultralif_deploy.program.neurons import Integrator, Threshold
from ultralif_deploy.program.program import Input, Population, Program


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


@pytest.mark.parametrize("name", ["input", "", "a/b", "a->b", "out", "logits"])
def test_names_that_stand_for_something_else_are_refused(name: str) -> None:
    with pytest.raises(UltralifError, match=f"population name {name!r}: "):
        chain(name)


@pytest.mark.parametrize("make", [chain, lambda name: chain("hidden", name)])
def test_other_names_are_taken(make: Callable[[str], Program]) -> None:
    assert make("a.b-c_ü").populations


def test_a_read_out_may_be_called_logits() -> None:
    assert chain("hidden", "logits").readout.name == "logits"
