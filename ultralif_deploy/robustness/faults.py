"""The table of faults: what each does, how strong a level is, and the levels tried by default."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program.program import Program
from ultralif_deploy.robustness.inputs import drop, jitter, noise
from ultralif_deploy.robustness.weights import Rule, flipped, stuck_at_0, stuck_at_1
from ultralif_deploy.schema.studies.stress import Place

Disturb = Callable[[np.ndarray, float, int, np.random.Generator], np.ndarray]


@dataclass(frozen=True, slots=True)
class InputFault:
    """A fault of the inputs.

    Attributes:
        meaning: description of what happens, in words.
        amount: function that gives a level's amount for a program and its timesteps.
        unit: function that gives the amount's unit for a program.
        disturb: function that applies the fault.
        levels: levels that are tried where none are given.
    """

    meaning: str
    amount: Callable[[float, Program, int], float]
    unit: Callable[[Program], str]
    disturb: Disturb
    levels: tuple[float, ...] = (0.01, 0.03, 0.1, 0.2, 0.3)

    @property
    def place(self) -> Place:
        """Where it strikes."""
        return "inputs"


@dataclass(frozen=True, slots=True)
class WeightFault:
    """A fault of the stored bits of weights; its level is the probability that a bit is faulty.

    Attributes:
        meaning: description of what happens, in words.
        rule: rule for the values that faulty bits read.
        levels: levels that are tried where none are given.
    """

    meaning: str
    rule: Rule
    levels: tuple[float, ...] = (0.001, 0.003, 0.01, 0.03, 0.1)

    @property
    def place(self) -> Place:
        """Where it strikes."""
        return "weights"

    def amount(self, level: float, program: Program, timesteps: int) -> float:
        """The level itself.

        Args:
            level: 0 to 1.
            program: program that is disturbed.
            timesteps: timesteps of a run.
        """
        del program, timesteps
        return level

    def unit(self, program: Program) -> str:
        """Of the amount."""
        del program
        return "of the bits"


Fault = InputFault | WeightFault


def _noise(level: float, program: Program, timesteps: int) -> float:
    return level if program.input.maximum == 1 else level * program.input.maximum


def _noise_unit(program: Program) -> str:
    return "of the places" if program.input.maximum == 1 else "input unit"


def _probability(level: float, program: Program, timesteps: int) -> float:
    return level


def _shift(level: float, program: Program, timesteps: int) -> float:
    """Whole timesteps: the share of T − 1 that is nearest, 1 at least where the level is not 0."""
    return max(1, round(level * (timesteps - 1))) if level else 0


FAULTS: dict[str, Fault] = {
    "noise": InputFault(
        "input spikes flip, each place with this probability; inputs of several levels get "
        "Gaussian noise, its deviation this share of the largest value, rounded and held in range",
        _noise,
        _noise_unit,
        noise,
    ),
    "drop": InputFault(
        "input spikes are lost, each with this probability; a value above 1 is lost whole",
        _probability,
        lambda program: "of the spikes",
        drop,
    ),
    "jitter": InputFault(
        "input spikes move earlier or later, by at most this share of the way from the first to "
        "the last timestep; those that meet add up, to the largest value",
        _shift,
        lambda program: "timestep",
        jitter,
        (0.1, 0.25, 0.5, 0.75, 1.0),
    ),
    "stuck-at-0": WeightFault(
        "bits of stored weights read 0, each with this probability", stuck_at_0
    ),
    "stuck-at-1": WeightFault(
        "bits of stored weights read 1, each with this probability", stuck_at_1
    ),
    "flip": WeightFault("bits of stored weights flip, each with this probability", flipped),
}
"""By the names that `--faults` takes."""


def chosen(names: tuple[str, ...] | None, timesteps: int) -> dict[str, Fault]:
    """Faults by name; all that can be where none are named.

    Raises:
        UltralifError: a fault that there is not, or jitter where no other timestep is.
    """
    unknown = [name for name in names or () if name not in FAULTS]
    if unknown:
        raise UltralifError(f"fault {unknown[0]!r}; expected one of {', '.join(FAULTS)}")
    if names is None:
        names = tuple(name for name in FAULTS if name != "jitter" or timesteps > 1)
    if "jitter" in names and timesteps == 1:
        raise UltralifError("fault jitter: the program runs one timestep; leave jitter out")
    return {name: FAULTS[name] for name in dict.fromkeys(names)}


def check_levels(levels: tuple[float, ...] | None) -> None:
    """Refuse levels that are no shares.

    Raises:
        UltralifError: none at all, or one outside 0 to 1.
    """
    if levels is not None and not levels:
        raise UltralifError("no levels; expected numbers from 0 to 1")
    for level in levels or ():
        if not 0 <= level <= 1:
            raise UltralifError(f"level {level:g}; expected 0 to 1")
