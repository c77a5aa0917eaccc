"""Choose bits of weights and spikes on training samples: `--bits auto`, `--spike-bits auto`.

A candidate is a program. Its loss is the accuracy of the soft network, or of the float network of a
NIR file, minus that of the program, in percentage points on the same inputs. Without labels it is
the share of predictions that change. Its joules are estimated from the events that were counted on
these inputs. Test samples have no part in it. `steps/searching.py` says which candidates are tried.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ultralif_deploy.data import Split
from ultralif_deploy.energy.counts import EventCounter
from ultralif_deploy.energy.estimate import estimate
from ultralif_deploy.energy.report import chips_of
from ultralif_deploy.errors import Refused, UltralifError
from ultralif_deploy.io.progress import Progress
from ultralif_deploy.network.network import Network
from ultralif_deploy.network.running import run_hard
from ultralif_deploy.passes import apply_passes
from ultralif_deploy.program.description import describe_program
from ultralif_deploy.program.program import Program
from ultralif_deploy.program.spike_format import MAX_SPIKE_BITS, SpikeBits
from ultralif_deploy.program.weight_format import Bits, alike, weight_format
from ultralif_deploy.report.choices_words import counted_loss
from ultralif_deploy.report.words import joule, whole
from ultralif_deploy.schema.choices import Candidate, Choice
from ultralif_deploy.sources.deployable import Deployable
from ultralif_deploy.sources.programs import program_of_passed
from ultralif_deploy.steps.searching import CHIPS, Goal, Search, Taken
from ultralif_deploy.steps.simulating import run_on
from ultralif_deploy.verify.accuracy.front import undominated

AUTO = "auto"
LADDER = ("8", "6", "5", "4", "3", "2", "ternary")
"""Weight formats that are tried, the largest first."""

SPIKE_LADDER = tuple(range(MAX_SPIKE_BITS, 0, -1))
MOST_SAMPLES, FEWEST_SAMPLES = 2000, 10


@dataclass(frozen=True)
class Judge:
    """Samples on which candidates of one source are compared.

    Attributes:
        source: source with training samples. The candidates may have other bits of spikes.
        goal: what the choice aims at, with the device whose energy is estimated.
    """

    source: Deployable
    goal: Goal

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

    def candidate(
        self, source: Deployable, passed: Network, bits: Bits
    ) -> tuple[Candidate, Program]:
        """Quantize with these bits, and run.

        Args:
            source: source of the candidate.
            passed: its hard network after the passes.
            bits: bits of the weights.
        """
        program = program_of_passed(source, passed, bits)
        counter = EventCounter(program, chips_of([self.goal.device]))
        trace = run_on("fast", program, self.samples, source.encoder, Progress(), counter)
        found, labels = trace.predictions(), self.samples.y
        accuracy = None if labels is None else float((found == labels).mean())
        loss = float((found != self.expected).mean())
        if accuracy is not None:
            loss = float((self.expected == labels).mean()) - accuracy
        operations = sum(int(v.sum()) for v in trace.counts.synaptic_operations.values())
        joules = estimate(counter.events(), self.goal.device).total_j
        spiking = [p for p in program.populations if p.spikes]
        sent = {p.name: p.largest_sent.bit_length() for p in spiking}
        made: Candidate = {
            "weight_bits": describe_program(program)["weight_bits"],
            "spike_bits": alike(sent) if sent else 1,
            "mean_weight_bits": _mean(
                {n: one.bits for n, one in program.formats.items()}, program.stored_weights
            ),
            "mean_spike_bits": _mean(sent, {p.name: p.size for p in spiking}),
            "weight_bytes": program.weight_bits // 8,
            "synaptic_operations": operations / len(found),
            "joules": None if joules is None else joules / len(found),
            "cores": {chip: cores_of(program, chip) for chip in self.goal.cores},
            "accuracy": accuracy,
            "loss": 100 * loss,
            "on_front": False,
            "chosen": False,
        }
        return made, program

    def choice(self, tried: Iterable[Candidate], chosen: Candidate) -> Choice:
        """What was chosen among the candidates.

        Args:
            tried: candidates that were tried, in order.
            chosen: one of them.
        """
        labels, tried, goal = self.samples.y, list(tried), self.goal
        made: Choice = {
            "samples": len(self.samples.x),
            "compared": "float" if self.source.soft is None else "soft",
            "accuracy": None if labels is None else float((self.expected == labels).mean()),
            "device": goal.device.name,
            "max_loss": goal.max_loss,
            "max_weight_bytes": goal.weight_bytes,
            "max_joules": goal.joules,
            "max_cores": dict(goal.cores),
            "reached": goal.reached(chosen),
            "candidates": tried,
        }
        front = undominated([_costs(made, one) for one in tried])
        for one, on_front in zip(tried, front, strict=True):
            one["on_front"] = on_front
            one["chosen"] = one is chosen
        return made


def choose_weight_bits(
    judge: Judge, passed: Network, progress: Progress
) -> tuple[dict[str, str], Choice]:
    """The bits of the weights into each population that meet the goal best.

    Args:
        judge: source, samples and what the choice aims at.
        passed: hard network of the source after the passes.
        progress: progress display of the candidates.

    Raises:
        UltralifError: too few training samples; no candidate is within the budget.
    """
    goal = judge.goal
    first, program = judge.candidate(judge.source, passed, LADDER[0])
    stored = {population.name: 0 for population in passed.populations} | program.stored_weights

    def measured(bits: dict[str, str]) -> Candidate:
        if set(bits.values()) == {LADDER[0]}:
            return first
        return judge.candidate(judge.source, passed, bits)[0]

    with progress.stage("choose bits of weights") as update:
        search = Search(measured, LADDER, lambda one: weight_format(one).bits, stored, goal, update)
        best, chosen = search.best()
    if goal.excess(chosen):
        tried = f"none of {len(search.tried)} candidates"
        raise over_budget(f"{tried} is within the budget; the nearest takes", chosen, goal)
    return best, judge.choice(search.tried.values(), chosen)


def choose_spike_bits(
    opened: Callable[[SpikeBits], Deployable],
    skip_passes: Iterable[str],
    goal: Goal,
    progress: Progress,
) -> tuple[Deployable, Choice]:
    """The source with the bits of spikes that meet the goal best, not annealed.

    Weights have 8 bits.

    Args:
        opened: the source with these bits of spikes.
        skip_passes: passes to leave out.
        goal: what the choice aims at, without a budget.
        progress: progress display of the candidates.

    Raises:
        UltralifError: too few training samples, or neurons without graded spikes.
    """
    passes = tuple(skip_passes)
    source = opened(1)
    spiking = source.require_soft().spike_bits()
    neurons = {p.name: p.size for p in source.network.populations if p.name in spiking}
    judge = Judge(source, goal)

    def measured(bits: dict[str, int]) -> Candidate:
        other = opened(alike(bits))
        return judge.candidate(other, apply_passes(other.network, passes), LADDER[0])[0]

    with progress.stage("choose bits of spikes") as update:
        search = Search(measured, SPIKE_LADDER, float, neurons, goal, update)
        best, chosen = search.best()
    return opened(alike(best)), judge.choice(search.tried.values(), chosen)


def cores_of(program: Program, chip: str) -> int | str:
    """Cores that a program takes on a chip, or why it cannot be there.

    Args:
        program: program that is placed.
        chip: key of `CHIPS`.
    """
    try:
        return CHIPS[chip](program).placement.cores
    except Refused as error:
        return str(error)


def _mean(bits: Mapping[str, float], counts: Mapping[str, int]) -> float:
    """Mean of the bits of each population, by how many weights or neurons it has."""
    total = sum(counts.values())
    return sum(bits[name] * count for name, count in counts.items()) / max(1, total)


def over_budget(begin: str, one: Taken, goal: Goal) -> UltralifError:
    """The refusal of a budget within which nothing is.

    Args:
        begin: its first words.
        one: what the candidate that comes nearest takes.
        goal: what the choice aims at.
    """
    parts, way_out = [], "a smaller network"
    if goal.weight_bytes is not None:
        parts.append(
            f"{whole(one['weight_bytes'])} bytes of weights, where --weight-memory allows "
            f"{whole(goal.weight_bytes)}"
        )
    if goal.joules is not None:
        way_out = "a smaller network, fewer timesteps or sparser spikes"
        parts.append(
            f"{joule(one['joules'] or 0.0)} an inference on {goal.device.name}, where --max-energy "
            f"allows {joule(goal.joules)}"
        )
    for chip, most in goal.cores.items():
        taken = one["cores"][chip]
        if isinstance(taken, str):
            parts.append(f"no cores of {chip}, which refuses it ({taken})")
        else:
            parts.append(f"{taken} cores of {chip}, where --max-cores allows {most}")
    return UltralifError(f"{begin} {' and '.join(parts)} (allow more, or take {way_out})")


def _costs(choice: Choice, one: Candidate) -> tuple[float, float, float, float]:
    """Size, operations, joules and loss of a candidate."""
    joules, loss = one["joules"] or 0.0, counted_loss(choice, one)
    return (one["weight_bytes"], one["synaptic_operations"], joules, loss)
