"""Soft against hard against integer, on the same input spikes; every comparison is paired."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.energy.counts import EventCounter
from ultralif_deploy.findings.findings import Finding
from ultralif_deploy.io.parallel import in_order
from ultralif_deploy.network.network import Network
from ultralif_deploy.program.trace import EventCounts
from ultralif_deploy.schema.measured import (
    Authors,
    Classes,
    EpsilonPoint,
    Measured,
    Membranes,
    Population,
    Raster,
)
from ultralif_deploy.simulators import Executable
from ultralif_deploy.verify.accuracy.accuracies import accuracies
from ultralif_deploy.verify.accuracy.classes import classes_of
from ultralif_deploy.verify.accuracy.forms import LEARNED, Chain, FloatRuns, run_floats
from ultralif_deploy.verify.accuracy.predictions import Predictions
from ultralif_deploy.verify.backends import load_on
from ultralif_deploy.verify.margins import margin_histogram, margin_sample, margin_units
from ultralif_deploy.verify.membranes import membranes_of
from ultralif_deploy.verify.raster import sample_raster
from ultralif_deploy.verify.spikes_kept import SpikesKept

if TYPE_CHECKING:
    from ultralif_deploy.data import Split
    from ultralif_deploy.soft.network import SoftNetwork

SWEEP = (1.0, 0.5, 0.25, 0.1, 0.05, 0.02, 0.01, 0.0)
"""Factors of the learned ε at which the soft network is evaluated."""

SWEEP_SAMPLES = 1000
"""About as many samples are evaluated at the other factors; enough to see the curve's shape."""

PART_BYTES = 1 << 23
"""Float64 values of all neurons and timesteps of the samples that are measured at once."""

BEFORE = "before"
"""Where the predictions of the soft or float network are tallied."""

PREDICTIONS = "->predictions"
"""Where the agreement of predictions is tallied; no population can have this name."""

AUTHORS = "->authors"
"""Where the spike rate as the authors count it is tallied."""

DRAWS = 10
"""Most draws of the input spikes over which accuracies are means."""

MOST_SAMPLES = 10_000
"""Samples of which one draw tells enough, and the most that all draws take."""


class _Shown(TypedDict):
    """What the report shows of single samples and of classes."""

    raster: Raster
    membranes: Membranes | None
    classes: Classes | None


class Figures(Measured):
    """What was measured, with `findings` of what was counted."""

    findings: list[Finding]


@dataclass(slots=True)
class _Tally:
    """Sums over blocks of samples."""

    correct: dict[str, list[np.ndarray]]
    predicted: dict[str, list[np.ndarray]]
    rates: dict[str, float]
    agreement: dict[str, dict[str, int]]
    sizes: dict[str, int]
    swept: dict[float, int]
    margins: dict[str, list[np.ndarray]]
    kept: SpikesKept


def measure(
    chain: Chain,
    test: "Split",
    encoder: Encoder,
    counter: EventCounter,
    on_progress: Callable[[float], None] | None = None,
) -> tuple[Figures, Predictions]:
    """Measure accuracies, spike rates, agreement and margins on the test split.

    Args:
        chain: the networks.
        test: samples; without labels the accuracies are None.
        encoder: encoder of the inputs.
        counter: counter of the integer program's runs on the first draw of the input spikes.
        on_progress: function that is called with the share done.

    Returns:
        Figures for the report: accuracies as fractions, gaps in percentage points. Where
        input spikes are drawn and samples are few, accuracies are means over several draws; the
        curve over ε and `integer_first_draw` beside it are of the first. Beside the figures, the
        predictions of every sample on the first draw.
    """
    tally = _Tally({}, {}, {}, {}, {}, {}, {}, SpikesKept())
    thresholds = thresholds_of(chain.hard)
    raster: Raster | None = None
    membranes: Membranes | None = None
    executable = load_on("fast", chain.program)
    for where, values, runs in _float_runs(chain, encoder, test.x, SWEEP_SAMPLES):
        labels = None if test.y is None else test.y[where]
        hard, soft_spikes = runs.hard, _add_soft(tally, runs, values, labels)
        inputs = values[: chain.program.timesteps]
        integer = executable.run(inputs, record=True)
        assert integer.spikes is not None
        _add_correct(tally, "integer", integer.logits, labels)
        _add_floats(tally, runs, labels)
        compared = (
            (BEFORE, runs.before),
            ("hard", hard.logits),
            ("integer", integer.logits),
        )
        for form, logits in compared:
            tally.predicted.setdefault(form, []).append(logits.argmax(axis=1))
        choices = (tally.predicted[form][-1] for form in ("integer", "hard"))
        _agree(tally, "integer_hard", PREDICTIONS, *choices)
        for name, spikes in integer.spikes.items():
            steps, population = len(spikes), chain.program.population(name)
            _agree(tally, "integer_hard", name, spikes, hard.spikes[name])
            if chain.soft is None:
                _agree(tally, "integer_soft", name, spikes, hard.spikes[name])
                mean = float((hard.spikes[name] != 0).mean(dtype=np.float64)) * values.shape[1]
                tally.rates[f"soft {name}"] = tally.rates.get(f"soft {name}", 0.0) + mean
            else:
                levels = population.neuron.structure().get("levels", 1)
                meant = np.rint(levels * soft_spikes[name][:steps])
                _agree(tally, "integer_soft", name, spikes, meant)
            margins = hard.margins[name]
            tally.kept.add(population, thresholds[name], hard.spikes[name], margins, spikes)
            share = values.shape[1] / len(test.x)
            units = margin_sample(margins, population.membrane_unit, share)
            tally.margins.setdefault(name, []).append(units)
        if raster is None:
            beside = hard.spikes if chain.soft is None else soft_spikes
            raster = sample_raster(beside, integer.spikes, chain.compared)
            kept = chain.kept()
            membranes = membranes_of(
                chain.program, values, integer, hard, chain.soft, encoder, kept
            )
        counter.add(inputs, integer)
        if on_progress is not None:
            on_progress(where.stop / len(test.x))
    draws = draws_of(encoder, len(test.x)) if test.y is not None else 1
    for draw in range(1, draws):
        _add_draw(chain, test, replace(encoder, seed=encoder.seed + draw), executable, tally)
    assert raster is not None
    predicted = {name: np.concatenate(parts) for name, parts in tally.predicted.items()}
    predictions = Predictions(
        chain.compared, test.y, predicted[BEFORE], predicted["hard"], predicted["integer"]
    )
    shown: _Shown = {
        "raster": raster,
        "membranes": membranes,
        "classes": classes_of(predictions, test.x, encoder),
    }
    figures = _summary(chain, tally, counter.totals(), len(test.x), draws, shown)
    return figures, predictions


def _parts(chain: Chain, encoder: Encoder, x: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Encoded samples, as many at once as keep the values of one run within `PART_BYTES`."""
    neurons = chain.naive.input.size + sum(p.size for p in chain.naive.populations)
    most = max(1, PART_BYTES // (8 * chain.naive.timesteps * neurons))
    for where, values in encoder.blocks(x):
        for first in range(where.start, where.stop, most):
            part = slice(first, min(first + most, where.stop))
            yield part, values[:, first - where.start : part.stop - where.start]


def draws_of(encoder: Encoder, samples: int) -> int:
    """Draws of the input spikes over which accuracies are means: several for few samples."""
    return max(1, min(DRAWS, MOST_SAMPLES // samples)) if encoder.kind == "rate" else 1


def _float_runs(
    chain: Chain, encoder: Encoder, x: np.ndarray, swept: int
) -> Iterator[tuple[slice, np.ndarray, FloatRuns]]:
    """Each part of the samples, its inputs and the float forms on it, on all processors.

    Args:
        chain: the networks.
        encoder: encoder of the inputs.
        x: the samples.
        swept: about so many samples run at all factors of ε, and the rest at the learned one.
    """
    how: AbstractContextManager[object] = nullcontext()
    if chain.soft is not None:
        from ultralif_deploy.soft.compute import repeatable
        from ultralif_deploy.soft.network import one_thread_each

        how = ExitStack()
        how.enter_context(one_thread_each())
        how.enter_context(repeatable())

    def run(part: tuple[slice, np.ndarray]) -> tuple[slice, np.ndarray, FloatRuns]:
        where, values = part
        factors = SWEEP if where.start < swept else (LEARNED,)
        return where, values, run_floats(chain, encoder, values, factors)

    with how:
        yield from in_order(run, _parts(chain, encoder, x))


def _add_draw(
    chain: Chain, test: "Split", encoder: Encoder, executable: Executable, tally: _Tally
) -> None:
    """Add what all forms of the network get right with other input spikes."""
    for where, values, runs in _float_runs(chain, encoder, test.x, swept=0):
        labels = None if test.y is None else test.y[where]
        integer = executable.run(values[: chain.program.timesteps])
        _add_correct(tally, "integer", integer.logits, labels)
        _add_floats(tally, runs, labels)


def _add_floats(tally: _Tally, runs: FloatRuns, labels: np.ndarray | None) -> None:
    """Add what the float forms get right; where training was hard, `soft` is the hard network."""
    for form, logits in (("soft", runs.before), ("hard", runs.hard.logits), ("naive", runs.naive)):
        _add_correct(tally, form, logits, labels)


def thresholds_of(network: Network) -> dict[str, np.ndarray]:
    """θ [neuron] of every spiking population."""
    return {p.name: p.neuron.threshold for p in network.populations if p.neuron.FIRES}


def _add_soft(
    tally: _Tally, runs: FloatRuns, values: np.ndarray, labels: np.ndarray | None
) -> dict[str, np.ndarray]:
    """Add the figures of the soft network; returns its spikes at the learned ε."""
    samples, spikes = values.shape[1], {}
    for factor, run in runs.soft.items():
        key = f"sweep {factor}"
        tally.swept[factor] = tally.swept.get(factor, 0) + samples
        _add_correct(tally, key, run.logits, labels)
        tally.rates[key] = tally.rates.get(key, 0.0) + run.spike_rate * samples
        if factor == LEARNED:
            spikes = run.spikes
            tally.rates[AUTHORS] = tally.rates.get(AUTHORS, 0.0) + run.output_rate * samples
    for name, sent in spikes.items():
        mean = float(sent.mean(dtype=np.float64)) * samples
        tally.rates[f"soft {name}"] = tally.rates.get(f"soft {name}", 0.0) + mean
    return spikes


def _add_correct(tally: _Tally, name: str, logits: np.ndarray, labels: np.ndarray | None) -> None:
    if labels is not None:
        tally.correct.setdefault(name, []).append(logits.argmax(axis=1) == labels)


def _agree(tally: _Tally, kind: str, name: str, a: np.ndarray, b: np.ndarray) -> None:
    counts = tally.agreement.setdefault(kind, {})
    counts[name] = counts.get(name, 0) + int(np.count_nonzero(a == b))
    tally.sizes[f"{kind} {name}"] = tally.sizes.get(f"{kind} {name}", 0) + a.size


def _summary(
    chain: Chain,
    tally: _Tally,
    counts: EventCounts,
    samples: int,
    draws: int,
    shown: _Shown,
) -> Figures:
    correct = {name: np.concatenate(parts) for name, parts in tally.correct.items()}
    sweep = [] if chain.soft is None else _sweep(chain.soft, tally, correct)
    steps = counts.timesteps * counts.samples
    trained = {p.name: p.size for p in chain.naive.populations}
    populations: dict[str, Population] = {}
    for p in chain.program.populations:
        if not p.spikes:
            continue
        margins = np.concatenate(tally.margins[p.name])
        populations[p.name] = {
            "neurons": p.size,
            "neurons_trained": trained[p.name],
            "spike_rate_soft": tally.rates[f"soft {p.name}"] / samples,
            "spike_rate_integer": float(counts.spikes[p.name].sum()) / (steps * p.size),
            "spikes_kept": tally.kept.populations[p.name].as_dict(),
            "agreement_integer_hard": _agreement(tally, "integer_hard", p.name),
            "agreement_integer_soft": _agreement(tally, "integer_soft", p.name),
            "margin_units": margin_units(margins),
            "margin_histogram": margin_histogram(margins),
            "margin_below_one_unit": float((np.abs(margins) < 1).mean()),
        }
    authors: Authors | None = None
    if chain.soft is not None:
        rate = tally.rates[AUTHORS] / samples
        authors = {"spike_rate": rate, "timesteps_times_spike_rate": chain.naive.timesteps * rate}
    return {
        "findings": list(tally.kept.findings()),
        "accuracy": accuracies(chain.compared, correct, samples, draws),
        "authors": authors,
        "epsilon_sweep": sweep,
        "prediction_agreement": {"integer_hard": _agreement(tally, "integer_hard", PREDICTIONS)},
        "populations": populations,
        "input_spike_rate": float(counts.spikes["input"].sum())
        / (steps * chain.program.input.size),
        **shown,
    }


def _agreement(tally: _Tally, kind: str, name: str) -> float:
    return tally.agreement[kind][name] / tally.sizes[f"{kind} {name}"]


def _sweep(
    network: "SoftNetwork", tally: _Tally, correct: dict[str, np.ndarray]
) -> list[EpsilonPoint]:
    """Accuracy and spike rate of the soft network at every factor of its ε."""
    learned = network.epsilon()
    return [
        {
            "epsilon": factor * learned,
            "factor": factor,
            "accuracy": float(correct[f"sweep {factor}"].mean()) if correct else None,
            "spike_rate": tally.rates[f"sweep {factor}"] / tally.swept[factor],
            "samples": tally.swept[factor],
        }
        for factor in SWEEP
    ]
