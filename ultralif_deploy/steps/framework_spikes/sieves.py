"""The search among the readings of a NIR file, by sieves from cheap to whole.

Before a neuron's first spike its reset does not matter, and a population that only the input drives
runs alone. So the first sieve compares the first spikes of such a population, on a few samples.
What is left runs longer, then as a whole network, then on all samples. A sieve keeps every reading
without a difference, and the nearest others, so that no reading is lost where the framework
rounded otherwise.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ultralif_deploy.data.encoders import BLOCK
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.progress import Progress, Update
from ultralif_deploy.network.running import run_hard, total_current
from ultralif_deploy.program.graph import INPUT
from ultralif_deploy.readers.nir.neurons import Conventions
from ultralif_deploy.sources.networks import Unread
from ultralif_deploy.verify.expected_spikes.differences import Differences, blocks_of, logits_differ
from ultralif_deploy.verify.expected_spikes.reading import Expected

NEAREST = 8
"""Runs that a sieve keeps at least."""

FEW = 4
"""Samples of the first sieves."""


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """A reading, and where it differs from what is expected of all samples."""

    how: Conventions
    differences: Differences


class _Sieve(NamedTuple):
    """A comparison.

    Attributes:
        score: number of differences of a reading.
        key: readings with the same key have the same score.
    """

    score: Callable[[Conventions], int]
    key: Callable[[Conventions], Hashable]


class Sieves:
    """Compares readings of a file with expected spikes and logits."""

    def __init__(self, file: Unread, expected: Expected, x: np.ndarray) -> None:
        self.file = file
        self.expected = expected
        self.x = x
        first = file.encoder.encode(x[:BLOCK], (0, 0))
        few = _telling(expected, first.shape[1])
        self._inputs = np.ascontiguousarray(first[:, few])
        self._wanted = {name: s[:, few] for name, s in expected.spikes.items()}
        self._logits = None if expected.logits is None else expected.logits[few]
        self._short = max((_typical_first(s) for s in self._wanted.values()), default=len(first))
        self._failed: UltralifError | None = None

    def run(self, every: Sequence[Conventions], progress: Progress) -> list[Compared]:
        """The readings that pass all sieves, compared on all samples; their order is kept.

        Raises:
            UltralifError: no reading can be meant by the file.
        """
        left = list(every)
        with progress.stage(f"{len(every)} readings") as update:
            sieves = self._sieves(left)
            for done, sieve in enumerate(sieves):
                left = self._passed(left, sieve, _part(update, done, len(sieves)))
        if not left:
            raise self._failed or UltralifError(
                f"{self.file.path}: no reading has several spikes in a timestep without --reset "
                "subtract"
            )
        with progress.stage(f"{len(left)} on all samples") as update:
            found = []
            for done, how in enumerate(left):
                found.append(Compared(how, self._whole(how)))
                update((done + 1) / len(left), f"{done + 1}/{len(left)}")
        return found

    def _sieves(self, every: Sequence[Conventions]) -> tuple[_Sieve, ...]:
        """The comparisons on few samples, the cheapest first."""
        whole = _Sieve(self._few, _itself)
        if not self._wanted:
            return (whole,)
        if self._first_runs_alone(every):
            first = _Sieve(self._first_spikes, _before_reset)
            return (first, _Sieve(self._alone, _itself), whole)
        return (_Sieve(self._few_short, _itself), whole)

    def _first_runs_alone(self, every: Sequence[Conventions]) -> bool:
        """Whether the input alone drives the first population with expected spikes."""
        for how in every:
            try:
                network = self.file.network(how)
            except UltralifError:
                continue
            incoming, delayed = network.incoming(next(iter(self._wanted))), network.delayed()
            return all(p.source == INPUT and p.name not in delayed for p in incoming)
        return False

    def _passed(
        self, left: Sequence[Conventions], sieve: _Sieve, update: Update
    ) -> list[Conventions]:
        """The readings without a difference, and the nearest others; their order is kept."""
        scores: dict[Hashable, int | None] = {}
        for done, how in enumerate(left):
            if sieve.key(how) not in scores:
                scores[sieve.key(how)] = self._score(sieve, how)
            update((done + 1) / len(left), "")
        scored = sorted((s, place) for place, s in enumerate(scores.values()) if s is not None)
        near = {place for rank, (s, place) in enumerate(scored) if s == 0 or rank < NEAREST}
        kept = {key for place, key in enumerate(scores) if place in near}
        return [how for how in left if sieve.key(how) in kept]

    def _score(self, sieve: _Sieve, how: Conventions) -> int | None:
        """Number of differences; None for a reading that the file cannot mean."""
        try:
            return sieve.score(how)
        except UltralifError as error:
            self._failed = self._failed or error
            return None

    def _first_spikes(self, how: Conventions) -> int:
        """Differences of the first expected population up to each neuron's first spike."""
        name = next(iter(self._wanted))
        wanted = self._wanted[name][: self._short] != 0
        found = self._run_alone(how, name, self._short) != 0
        return int(np.count_nonzero((found != wanted) & ~_fired_before(wanted)))

    def _alone(self, how: Conventions) -> int:
        """Differences of the first expected population."""
        name = next(iter(self._wanted))
        return int(np.count_nonzero(self._run_alone(how, name, None) != self._wanted[name]))

    def _run_alone(self, how: Conventions, name: str, steps: int | None) -> np.ndarray:
        """Spikes of a population that only the input drives."""
        network = self.file.network(how)
        (population,) = (p for p in network.populations if p.name == name)
        values = self._inputs[:steps].astype(np.float64)
        values = network.input.scale * values + network.input.offset
        return population.neuron.run(total_current(network, population, {INPUT: values}))[0]

    def _few_short(self, how: Conventions) -> int:
        """Differences of the whole network, on few timesteps of few samples."""
        trace = run_hard(self.file.network(how), self._inputs[: self._short])
        return sum(
            int(np.count_nonzero(trace.spikes[name] != wanted[: self._short]))
            for name, wanted in self._wanted.items()
        )

    def _few(self, how: Conventions) -> int:
        """Differences of the whole network, on few samples."""
        trace = run_hard(self.file.network(how), self._inputs)
        found = [np.count_nonzero(trace.spikes[n] != wanted) for n, wanted in self._wanted.items()]
        if self._logits is not None and self.expected.logits is not None:
            differ = logits_differ(trace.logits, self._logits, self.expected.logits)
            found.append(np.count_nonzero(differ))
        return int(sum(found))

    def _whole(self, how: Conventions) -> Differences:
        """Differences on all samples."""
        network, found = self.file.network(how), Differences()
        for block, inputs in blocks_of(network, self.file.encoder, self.x):
            found.add(network, run_hard(network, inputs), self.expected, block)
        return found


def _itself(how: Conventions) -> Hashable:
    return how


def _before_reset(how: Conventions) -> Hashable:
    """What a reading says that matters before a neuron's first spike."""
    return how.dt, how.discretization, how.fires, how.synapse, how.min_membrane


def _telling(expected: Expected, held: int) -> np.ndarray:
    """The few samples with the most expected spikes, of the first `held`, in their order."""
    counts = np.zeros(held)
    for spikes in expected.spikes.values():
        counts += spikes[:, :held].sum(axis=(0, 2), dtype=np.float64)
    return np.sort(np.argsort(-counts, kind="stable")[:FEW])


def _typical_first(spikes: np.ndarray) -> int:
    """Timesteps until half of the neurons that fire at all have fired."""
    fired = spikes != 0
    firsts = np.argmax(fired, axis=0)[fired.any(axis=0)]
    return len(spikes) if not firsts.size else int(np.median(firsts)) + 1


def _fired_before(spikes: np.ndarray) -> np.ndarray:
    """Whether a neuron fired in an earlier timestep, bool [time, sample, neuron]."""
    earlier = np.zeros_like(spikes, dtype=bool)
    earlier[1:] = np.logical_or.accumulate(spikes, axis=0)[:-1]
    return earlier


def _part(update: Update, done: int, parts: int) -> Update:
    """An update of one of several parts of a stage."""
    return lambda share, text: update((done + share) / parts, text)
