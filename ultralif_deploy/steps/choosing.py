"""Choose bits of weights and spikes on training samples: `--bits auto`, `--spike-bits auto`.

A candidate is a program. Its loss is the accuracy of the soft network, or of the float network of a
NIR file, minus that of the program, in percentage points on the same inputs. Without labels it is
the share of predictions that change. Test samples have no part in it.

Weights: the fewest bits for all populations alike within the allowed loss come first. Then each
population gets as few as the loss allows, beginning with the population that has most weights.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ultralif_deploy.data import Split
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.progress import Progress
from ultralif_deploy.network.network import Network
from ultralif_deploy.network.running import run_hard
from ultralif_deploy.passes import apply_passes
from ultralif_deploy.program.description import describe_program
from ultralif_deploy.program.program import Program
from ultralif_deploy.program.weight_format import alike
from ultralif_deploy.schema.choices import Candidate, Choice
from ultralif_deploy.sources.deployable import Deployable
from ultralif_deploy.sources.programs import program_of_passed
from ultralif_deploy.steps.simulating import run_on
from ultralif_deploy.verify.accuracy.front import undominated

AUTO = "auto"
LADDER = ("8", "6", "5", "4", "3", "2", "ternary")
"""Weight formats that are tried, the largest first."""

MOST_SPIKE_BITS = 4
MOST_SAMPLES, FEWEST_SAMPLES = 2000, 10
MAX_LOSS = 0.5
"""Percentage points that a candidate may lose unless the user says otherwise."""

Bits = dict[str, str]
"""Format of the weights into each population, by name."""


@dataclass(frozen=True)
class Judge:
    """Samples on which candidates of one source are compared.

    Attributes:
        source: source with training samples.
        network: its hard network, or that of its annealed soft network.
        skip_passes: passes to leave out.
    """

    source: Deployable
    network: Network
    skip_passes: tuple[str, ...]

    @cached_property
    def passed(self) -> Network:
        """The network after its passes, which do not depend on bits."""
        return apply_passes(self.network, self.skip_passes)

    @cached_property
    def samples(self) -> Split:
        """The last training samples, at most half of them.

        Raises:
            UltralifError: too few training samples.
        """
        dataset = self.source.data
        count = 0 if dataset.train is None else min(MOST_SAMPLES, len(dataset.train.x) // 2)
        if dataset.train is None or count < FEWEST_SAMPLES:
            raise UltralifError(
                f"{dataset.name}: {2 * count} training samples; `auto` chooses bits on at least "
                f"{2 * FEWEST_SAMPLES} (give the bits, or data with x_train)"
            )
        return dataset.train.held_out(count)[1]

    @cached_property
    def expected(self) -> np.ndarray:
        """What the soft network predicts for the samples, or the float network if there is none."""
        encoder = self.source.encoder
        if self.source.soft is None:
            blocks = encoder.blocks(self.samples.x)
            logits = [run_hard(self.source.network, values).logits for _, values in blocks]
            return np.concatenate(logits).argmax(axis=1)
        from ultralif_deploy.soft.anneal import predictions

        return predictions(self.source.soft, self.samples, encoder)

    def candidate(self, bits: Bits | str) -> tuple[Candidate, Program]:
        """Quantize with these bits, and run."""
        program = program_of_passed(self.source, self.passed, bits)
        trace = run_on("fast", program, self.samples, self.source.encoder, Progress())
        found, labels = trace.predictions(), self.samples.y
        accuracy = None if labels is None else float((found == labels).mean())
        loss = float((found != self.expected).mean())
        if accuracy is not None:
            loss = float((self.expected == labels).mean()) - accuracy
        operations = sum(int(v.sum()) for v in trace.counts.synaptic_operations.values())
        soft = self.source.soft
        made: Candidate = {
            "weight_bits": describe_program(program)["weight_bits"],
            "spike_bits": 1 if soft is None else alike(soft.spike_bits()),
            "weight_bytes": program.weight_bits // 8,
            "synaptic_operations": operations / len(found),
            "accuracy": accuracy,
            "loss": 100 * loss,
            "on_front": False,
            "chosen": False,
        }
        return made, program

    def choice(self, tried: list[Candidate], chosen: Candidate, max_loss: float) -> Choice:
        """What was chosen among the candidates.

        Args:
            tried: candidates that were tried, in order.
            chosen: one of them.
            max_loss: largest loss that was allowed, in percentage points.
        """
        labels = self.samples.y
        for one, on_front in zip(tried, undominated(list(map(_costs, tried))), strict=True):
            one["on_front"] = on_front
            one["chosen"] = one is chosen
        return {
            "samples": len(self.samples.x),
            "compared": "float" if self.source.soft is None else "soft",
            "accuracy": None if labels is None else float((self.expected == labels).mean()),
            "max_loss": max_loss,
            "reached": chosen["loss"] <= max_loss,
            "candidates": tried,
        }


def choose_weight_bits(judge: Judge, max_loss: float, progress: Progress) -> tuple[Bits, Choice]:
    """The fewest bits of weights within the allowed loss; 8 bits where nothing is within it.

    Args:
        judge: source, network and samples.
        max_loss: percentage points.
        progress: progress display of the candidates.

    Raises:
        UltralifError: too few training samples.
    """
    tried: dict[tuple[str, ...], Candidate] = {}
    first, program = judge.candidate(LADDER[0])
    names = tuple(p.name for p in program.populations)
    stored = program.stored_weights
    weighted = sorted((n for n in names if stored[n]), key=lambda n: -stored[n])
    most = len(LADDER) * (1 + len(weighted))
    with progress.stage("choose bits of weights") as update:

        def loss(bits: Bits) -> float:
            key = tuple(bits[name] for name in names)
            if key not in tried:
                tried[key] = first if not tried else judge.candidate(bits)[0]
                update(len(tried) / most, " ".join(bits[name] for name in weighted))
            return tried[key]["loss"]

        uniform = [dict.fromkeys(names, one) for one in LADDER]
        best = uniform[0]
        for bits in uniform:
            if loss(bits) <= max_loss:
                best = bits
        for name in weighted:
            for fewer in _below(best[name]):
                trial = best | {name: fewer}
                if loss(trial) > max_loss:
                    break
                best = trial
    chosen = tried[tuple(best[name] for name in names)]
    return best, judge.choice(list(tried.values()), chosen, max_loss)


def choose_spike_bits(
    opened: Callable[[int], Deployable],
    skip_passes: Iterable[str],
    max_loss: float,
    progress: Progress,
) -> tuple[Deployable, Choice]:
    """The source with the fewest bits of spikes within the allowed loss, not annealed.

    Weights have 8 bits. Where nothing is within the loss, the source that loses least is taken.

    Args:
        opened: the source with so many bits of spikes.
        skip_passes: passes to leave out.
        max_loss: percentage points.
        progress: progress display of the candidates.

    Raises:
        UltralifError: too few training samples, or neurons without graded spikes.
    """
    sources, tried = [], []
    passes = tuple(skip_passes)
    with progress.stage("choose bits of spikes") as update:
        for bits in range(1, MOST_SPIKE_BITS + 1):
            source = opened(bits)
            judge = Judge(source, source.network, passes)
            sources.append(source)
            tried.append(judge.candidate(LADDER[0])[0])
            update(bits / MOST_SPIKE_BITS, f"{bits}")
    within = [i for i, one in enumerate(tried) if one["loss"] <= max_loss]
    place = within[0] if within else int(np.argmin([one["loss"] for one in tried]))
    return sources[place], judge.choice(tried, tried[place], max_loss)


def _below(bits: str) -> Iterator[str]:
    """Formats with fewer bits, the largest first."""
    yield from LADDER[LADDER.index(bits) + 1 :]


def _costs(one: Candidate) -> tuple[float, float, float]:
    """Size, operations and loss; a gain counts as no loss."""
    return (one["weight_bytes"], one["synaptic_operations"], max(0.0, one["loss"]))
