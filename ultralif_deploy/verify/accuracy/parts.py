"""Everything that is measured on one part of the samples, here or on a worker of a cluster."""

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.energy.counts import BlockCounter, BlockEvents
from ultralif_deploy.network.network import Network
from ultralif_deploy.program.trace import Executable, Trace
from ultralif_deploy.schema.measured import Membranes, Raster
from ultralif_deploy.verify.accuracy.forms import LEARNED, Chain, FloatRuns, run_floats
from ultralif_deploy.verify.accuracy.tallies import Tally
from ultralif_deploy.verify.backends import load_on
from ultralif_deploy.verify.margins import margin_sample
from ultralif_deploy.verify.membranes import membranes_of
from ultralif_deploy.verify.raster import sample_raster

SWEEP = (1.0, 0.5, 0.25, 0.1, 0.05, 0.02, 0.01, 0.0)
"""Factors of the learned ε at which the soft network is evaluated."""

SWEEP_SAMPLES = 1000
"""About as many samples are evaluated at the other factors; enough to see the curve's shape."""

BEFORE = "before"
"""Where the predictions of the soft or float network are tallied."""

PREDICTIONS = "->predictions"
"""Where the agreement of predictions is tallied; no population can have this name."""

AUTHORS = "->authors"
"""Where the spike rate as the authors count it is tallied."""


_ONE = threading.Lock()
"""One run of a program takes all cores, and times which way is the fastest."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Samples that are measured at once.

    Attributes:
        where: their place in the data set.
        values: their inputs, uint8 [time, sample, input].
        labels: their classes; None where the data has none.
        draw: number of the draw of the input spikes; all figures are of draw 0, and of the others
            what is right.
    """

    where: slice
    values: np.ndarray
    labels: np.ndarray | None
    draw: int


@dataclass(frozen=True, slots=True, eq=False)
class PartFigures:
    """What was measured on a part.

    Attributes:
        tally: counts and sums.
        events: events of the integer program; None for other draws than the first.
        shown: raster and membrane potentials of the first sample, in the part that has it.
    """

    tally: Tally
    events: BlockEvents | None
    shown: tuple[Raster, Membranes | None] | None


class PartRun:
    """Measures parts; several threads may do so at once. A copy in another process loads there.

    Args:
        chain: the networks.
        encoder: encoder of the inputs, which says what they are for the soft network.
        count: counts the events of the program.
        samples: number of all samples.
    """

    def __init__(self, chain: Chain, encoder: Encoder, count: BlockCounter, samples: int) -> None:
        self.chain, self.encoder, self.count, self.samples = chain, encoder, count, samples
        self.thresholds = thresholds_of(chain.hard)
        self.executable: Executable | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "executable": None}

    def __call__(self, part: Part) -> PartFigures:
        """The figures of a part; they depend on nothing else."""
        first = part.draw == 0
        inputs = part.values[: self.chain.program.timesteps]
        integer = self._integer(inputs, record=first)
        # Counted before the float forms run, whose values take the most memory.
        events = self.count(inputs, integer) if first else None
        factors = SWEEP if first and part.where.start < SWEEP_SAMPLES else (LEARNED,)
        runs = run_floats(self.chain, self.encoder, part.values, factors)
        tally = Tally()
        for form, logits in (
            ("integer", integer.logits),
            ("soft", runs.before),  # where training was hard, the hard network
            ("hard", runs.hard.logits),
            ("naive", runs.naive),
        ):
            tally.judge(form, logits, part.labels)
        if not first:
            return PartFigures(tally, events, None)
        soft_spikes = _add_soft(tally, runs, part)
        _add_predictions(tally, runs, integer)
        self._add_populations(tally, runs, integer, soft_spikes)
        shown = None
        if part.where.start == 0:
            shown = self._shown(part.values, runs, integer, soft_spikes)
        return PartFigures(tally, events, shown)

    def _integer(self, inputs: np.ndarray, *, record: bool) -> Trace:
        """Run the program, which is made ready once."""
        with _ONE:
            if self.executable is None:
                self.executable = load_on("fast", self.chain.program)
            return self.executable.run(inputs, record)

    def _add_populations(
        self, tally: Tally, runs: FloatRuns, integer: Trace, soft_spikes: dict[str, np.ndarray]
    ) -> None:
        """Add rates, agreement, margins and the spikes kept of every spiking population."""
        hard, program = runs.hard, self.chain.program
        assert integer.spikes is not None
        for name, spikes in integer.spikes.items():
            steps, samples, _ = spikes.shape
            population = program.population(name)
            tally.agree("integer_hard", name, spikes, hard.spikes[name])
            if self.chain.soft is None:
                tally.agree("integer_soft", name, spikes, hard.spikes[name])
                mean = float((hard.spikes[name] != 0).mean(dtype=np.float64)) * samples
                tally.rates[f"soft {name}"] = mean
            else:
                levels = population.neuron.structure().get("levels", 1)
                meant = np.rint(levels * soft_spikes[name][:steps])
                tally.agree("integer_soft", name, spikes, meant)
            margins = hard.margins[name]
            tally.kept.add(population, self.thresholds[name], hard.spikes[name], margins, spikes)
            share = samples / self.samples
            tally.margins[name] = [margin_sample(margins, population.membrane_unit, share)]

    def _shown(
        self,
        values: np.ndarray,
        runs: FloatRuns,
        integer: Trace,
        soft_spikes: dict[str, np.ndarray],
    ) -> tuple[Raster, Membranes | None]:
        """Raster and membrane potentials of the first sample of a part."""
        chain = self.chain
        assert integer.spikes is not None
        beside = runs.hard.spikes if chain.soft is None else soft_spikes
        raster = sample_raster(beside, integer.spikes, chain.compared)
        membranes = membranes_of(
            chain.program, values, integer, runs.hard, chain.soft, self.encoder, chain.kept()
        )
        return raster, membranes


class OnWorker:
    """Measures parts on the workers of a cluster, where products take one thread each, as here.

    The threads of a worker stay so, because others of them may be in the middle of a part.

    Args:
        run: what measures them.
    """

    def __init__(self, run: PartRun) -> None:
        self.run = run

    def __call__(self, part: Part) -> PartFigures:
        """The figures of a part, as `run` has them."""
        threadpool_limits(1)
        if self.run.chain.soft is not None:
            import torch

            torch.set_num_threads(1)  # each thread has its own number
        return self.run(part)


def thresholds_of(network: Network) -> dict[str, np.ndarray]:
    """θ [neuron] of every spiking population."""
    return {p.name: p.neuron.threshold for p in network.populations if p.neuron.FIRES}


def _add_soft(tally: Tally, runs: FloatRuns, part: Part) -> dict[str, np.ndarray]:
    """Add the figures of the soft network; returns its spikes at the learned ε."""
    samples, spikes = part.values.shape[1], {}
    for factor, run in runs.soft.items():
        key = f"sweep {factor}"
        tally.swept[factor] = samples
        tally.judge(key, run.logits, part.labels)
        tally.rates[key] = run.spike_rate * samples
        if factor == LEARNED:
            spikes = run.spikes
            tally.rates[AUTHORS] = run.output_rate * samples
    for name, sent in spikes.items():
        tally.rates[f"soft {name}"] = float(sent.mean(dtype=np.float64)) * samples
    return spikes


def _add_predictions(tally: Tally, runs: FloatRuns, integer: Trace) -> None:
    """Add what the forms predict, and how often the integers and the hard network agree."""
    compared = ((BEFORE, runs.before), ("hard", runs.hard.logits), ("integer", integer.logits))
    for form, logits in compared:
        tally.predicted[form] = [logits.argmax(axis=1)]
    choices = (tally.predicted[form][0] for form in ("integer", "hard"))
    tally.agree("integer_hard", PREDICTIONS, *choices)
