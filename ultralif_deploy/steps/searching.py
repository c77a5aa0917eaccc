"""Search for the bits of every population: what a choice aims at, and which candidates are tried.

The search begins with the same bits for all populations. From the best of these it changes one
population at a time, those that store or send most first, as long as the choice gets better.
Two populations are not changed at once, so another combination may be better still.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypedDict, TypeVar

from ultralif_deploy.energy.devices import Device, load_device
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.schema.choices import Candidate
from ultralif_deploy.simulators.loihi import simulator as loihi

T = TypeVar("T", int, str)

MAX_LOSS = 0.5
"""Percentage points that a candidate may lose unless the user says otherwise."""

CHIPS = {"loihi1": loihi.load1, "loihi2": loihi.load2}
"""Chips whose cores may be bounded, and what places a program on them."""

DEVICE = "yan2024"
"""Device whose energy is estimated unless the user names others; it covers memories too."""

SMALLEST, MOST_ACCURATE, OVER = 0.0, 1.0, 2.0
"""Classes of candidates, the best first: ranked by size, by loss, and over the budget."""


class Taken(TypedDict):
    """What a budget may bound; every `Candidate` has it."""

    weight_bytes: int
    joules: float | None
    cores: dict[str, int | str]


@dataclass(frozen=True, slots=True)
class Goal:
    """What a choice of bits aims at.

    Without a budget it is the fewest bits within the loss; where nothing is within it, the smallest
    loss. With a budget it is the smallest loss within the budget.

    Attributes:
        device: device whose energy is estimated.
        max_gap: percentage points that a candidate may lose; None is `MAX_LOSS` without a budget,
            and any loss with one.
        weight_bytes: most bytes of the stored weights; None for no bound.
        joules: most joules of one inference; None for no bound.
        cores: most cores of each chip that is named, one of `CHIPS`.
    """

    device: Device
    max_gap: float | None = None
    weight_bytes: int | None = None
    joules: float | None = None
    cores: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_max_gap(self.max_gap)
        for chip in self.cores:
            if chip not in CHIPS:
                raise UltralifError(f"max cores of {chip!r:.40}; expected {' or '.join(CHIPS)}")
        bounds = {"weight memory": self.weight_bytes, "max energy": self.joules}
        cores = {f"max cores of {chip}": most for chip, most in self.cores.items()}
        for name, most in {**bounds, **cores}.items():
            if most is not None and not 0 < most < math.inf:
                raise UltralifError(f"{name} = {most}; expected a number above 0")

    @classmethod
    def on(
        cls,
        devices: Sequence[Device],
        max_gap: float | None,
        weight_bytes: int | None,
        joules: float | None,
        cores: Mapping[str, int] | None,
    ) -> "Goal":
        """A goal whose joules are those of the first device; of `DEVICE` where there is none.

        Args:
            devices: devices of the run.
            max_gap: same as the attribute.
            weight_bytes: same as the attribute.
            joules: same as the attribute.
            cores: same as the attribute; None for none.

        Raises:
            UltralifError: a bound that is no number above 0, or no gap.
        """
        first = devices[0] if devices else load_device(DEVICE)
        return cls(first, max_gap, weight_bytes, joules, cores or {})

    @property
    def budgeted(self) -> bool:
        """Whether anything is bounded beside the loss."""
        return self.weight_bytes is not None or self.joules is not None or bool(self.cores)

    @property
    def max_loss(self) -> float | None:
        """Percentage points that a candidate may lose; None for any."""
        return MAX_LOSS if self.max_gap is None and not self.budgeted else self.max_gap

    def unbudgeted(self) -> "Goal":
        """The same without a budget."""
        return Goal(self.device, self.max_gap)

    def reached(self, one: Candidate) -> bool:
        """Whether a candidate loses no more than is allowed."""
        return self.max_loss is None or one["loss"] <= self.max_loss

    def excess(self, one: Taken) -> float:
        """How many times the budget a candidate takes; 0 where it fits, infinite off a chip.

        Raises:
            UltralifError: energy is bounded, and there is no figure for this program.
        """
        shares = [0.0]
        if self.weight_bytes is not None:
            shares.append(one["weight_bytes"] / self.weight_bytes)
        if self.joules is not None:
            if one["joules"] is None:
                raise UltralifError(
                    f"--max-energy: {self.device.name} has no figure for this program; expected a "
                    f"device with one first in --energy-device, as {DEVICE}"
                )
            shares.append(one["joules"] / self.joules)
        for chip, most in self.cores.items():
            taken = one["cores"][chip]
            shares.append(math.inf if isinstance(taken, str) else taken / most)
        return max(shares) if max(shares) > 1 else 0.0

    def rank(self, one: Candidate, size: float) -> tuple[float, ...]:
        """A candidate's place among all: the smallest is the best.

        Args:
            one: the candidate.
            size: bits of all that is stored, or sent.
        """
        over = self.excess(one)
        if over:
            return (OVER, over, one["loss"])
        if not self.budgeted and self.reached(one):
            return (SMALLEST, size, one["loss"])
        return (MOST_ACCURATE, one["loss"], size)


def check_max_gap(max_gap: float | None) -> None:
    """Refuse a largest gap that is no number of percentage points.

    Raises:
        UltralifError: it is negative or nan.
    """
    if max_gap is not None and not max_gap >= 0:
        raise UltralifError(f"max gap = {max_gap}; expected percentage points, at least 0")


@dataclass(frozen=True, slots=True)
class Search(Generic[T]):
    """Candidates of one kind of bits, each measured once.

    Attributes:
        measured: runs a candidate, given the format of each population.
        ladder: formats that there are, the largest first.
        width: bits of a format.
        sizes: how many weights, or neurons, each population has.
        goal: what the choice aims at.
        shown: called with the share of the candidates that may come, and the last one in words.
        tried: candidates by their formats, in the order in which they were tried.
    """

    measured: Callable[[dict[str, T]], Candidate]
    ladder: tuple[T, ...]
    width: Callable[[T], float]
    sizes: Mapping[str, int]
    goal: Goal
    shown: Callable[[float, str], None]
    tried: dict[tuple[T, ...], Candidate] = field(default_factory=dict)

    def best(self) -> tuple[dict[str, T], Candidate]:
        """The best formats that the search finds, and what they cost and lose."""
        uniform = [dict.fromkeys(self.sizes, one) for one in self.ladder]
        starts = [min(uniform, key=self._rank)]
        larger = self.ladder.index(next(iter(starts[0].values()))) - 1
        # What is just over the budget may fit once a single population is smaller.
        if self.goal.budgeted and larger >= 0:
            starts.append(uniform[larger])
        found = min((self._descended(start) for start in starts), key=self._rank)
        return found, self.tried[tuple(found.values())]

    def _descended(self, best: dict[str, T]) -> dict[str, T]:
        """The formats after changes of one population at a time, until none is better."""
        varied = sorted((n for n in self.sizes if self.sizes[n]), key=lambda n: -self.sizes[n])
        before = None
        while best != before:
            before = best
            for name in varied:
                best = self._smaller(best, name)
                best = self._larger(best, name)
        return best

    def _smaller(self, best: dict[str, T], name: str) -> dict[str, T]:
        for one in self.ladder[self.ladder.index(best[name]) + 1 :]:
            trial = best | {name: one}
            if self._rank(trial) >= self._rank(best):
                break
            best = trial
        return best

    def _larger(self, best: dict[str, T], name: str) -> dict[str, T]:
        if self._rank(best)[0] != MOST_ACCURATE:
            return best  # it is ranked by its size, or over the budget
        for one in reversed(self.ladder[: self.ladder.index(best[name])]):
            trial = best | {name: one}
            rank = self._rank(trial)
            if rank < self._rank(best):
                best = trial
            if rank[0] == OVER:
                break
        return best

    def _rank(self, formats: dict[str, T]) -> tuple[float, ...]:
        key = tuple(formats.values())
        if key not in self.tried:
            self.tried[key] = self.measured(formats)
            likely = len(self.ladder) * (1 + sum(map(bool, self.sizes.values())))
            self.shown(min(1.0, len(self.tried) / likely), " ".join(map(str, key)))
        size = sum(count * self.width(formats[name]) for name, count in self.sizes.items())
        return self.goal.rank(self.tried[key], size)
