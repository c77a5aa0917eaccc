"""Programs and inputs that are drawn once, for all planted bugs that are searched for on them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from support.strategies.shapes import MODES, inputs_for
from ultralif_deploy.program.program import Program
from ultralif_deploy.program.trace import Trace
from ultralif_deploy.simulators.reference import simulator as reference

SETS = (15, 60)
"""Sizes of the sets that come first: most bugs show on the first programs."""


@dataclass(frozen=True, eq=False)
class Example:
    """A program and its inputs, uint8 [time, batch, input]."""

    program: Program
    inputs: np.ndarray

    @cached_property
    def expected(self) -> Trace:
        """What the reference makes of it, with all spikes."""
        return reference.load(self.program).run(self.inputs, record=True)


def examples_of(drawn: st.SearchStrategy[Program], most: int) -> Iterator[Example]:
    """Examples in larger and larger sets, the last of them of `most`; each set is drawn once.

    Args:
        drawn: strategy of the programs. Strategies that read the same are the same.
        most: size of the last set.
    """
    for size in (*(size for size in SETS if size < most), most):
        key = repr(drawn), size
        if key not in _DRAWN:
            _DRAWN[key] = _drawn(drawn, size)
        yield from _DRAWN[key]


_DRAWN: dict[tuple[str, int], list[Example]] = {}


def _drawn(drawn: st.SearchStrategy[Program], size: int) -> list[Example]:
    found = []

    @settings(max_examples=size, phases=(Phase.generate,))
    @given(stimulated(drawn))
    def keep(example: Example) -> None:
        found.append(example)

    keep()
    return found


@st.composite
def stimulated(draw: st.DrawFn, drawn: st.SearchStrategy[Program]) -> Example:
    """Programs with inputs of all their timesteps, or of half of them."""
    program = draw(drawn)
    time = program.timesteps // draw(st.sampled_from((1, 1, 1, 2))) or 1
    return Example(program, draw(inputs_for(program, time, len(MODES))))
