"""Exit rules of drawn programs, and what every exported form does with rules that it holds."""

from collections.abc import Callable

import numpy as np
import pytest

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program.exits import ExitRule, Stopping, exact_rule
from ultralif_deploy.program.graph import INPUT, Dense, Projection
from ultralif_deploy.program.neurons import Integrator
from ultralif_deploy.program.program import Input, Population, Program


def rule_of(program: Program, seed: int) -> ExitRule:
    """Exact, or with margins that some samples reach."""
    exact = exact_rule(program, program.timesteps)
    if seed % 3 == 0:
        return exact
    scale = int(np.random.default_rng(seed).choice((1, 5, 100)))
    return ExitRule(scale * np.arange(1, program.timesteps + 1), exact.gain)


def two_classes() -> Program:
    """Each class sums one input."""
    out = Population("out", 2, Integrator(), np.zeros(2), np.ones(2))
    drives = (Projection(INPUT, "out", Dense(np.eye(2))),)
    return Program(Input(2), (out,), drives, "8", 3, 1)


def other_rules_are_refused(exported: Callable[[Program, ExitRule | None], Stopping]) -> None:
    """A form runs by the rule that it was exported with alone.

    Args:
        exported: exports `two_classes` with a rule, and loads it.
    """
    program = two_classes()
    exact = exact_rule(program, 3)
    confident = ExitRule(np.array([1, 2, 3]), exact.gain)
    inputs = np.zeros((3, 1, 2), dtype=np.uint8)
    for held, asked in ((None, exact), (exact, confident), (confident, exact)):
        with pytest.raises(UltralifError, match="not exported with this exit rule"):
            exported(program, held).run_until_exit(inputs, asked)
