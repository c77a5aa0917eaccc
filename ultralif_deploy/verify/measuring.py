"""Soft against hard against integer, on the same input spikes; every comparison is paired."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from itertools import tee
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.energy.counts import EventCounter
from ultralif_deploy.findings.findings import Finding
from ultralif_deploy.io.parallel import in_order
from ultralif_deploy.io.parallel.cluster import Cluster
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
from ultralif_deploy.verify.accuracy.accuracies import accuracies
from ultralif_deploy.verify.accuracy.classes import classes_of
from ultralif_deploy.verify.accuracy.forms import Chain
from ultralif_deploy.verify.accuracy.parts import (
    AUTHORS,
    BEFORE,
    PREDICTIONS,
    SWEEP,
    OnWorker,
    Part,
    PartFigures,
    PartRun,
)
from ultralif_deploy.verify.accuracy.predictions import Predictions
from ultralif_deploy.verify.accuracy.tallies import Tally
from ultralif_deploy.verify.margins import margin_histogram, margin_units

if TYPE_CHECKING:
    from ultralif_deploy.data import Split
    from ultralif_deploy.soft.network import SoftNetwork

PART_BYTES = 1 << 22
"""Float64 values of all neurons and timesteps of the samples that are measured at once."""

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


def measure(
    chain: Chain,
    test: "Split",
    encoder: Encoder,
    counter: EventCounter,
    on_progress: Callable[[int, int], None] | None = None,
    cluster: Cluster | None = None,
) -> tuple[Figures, Predictions]:
    """Measure accuracies, spike rates, agreement and margins on the test split.

    Parts of the samples are measured one by one, and what was found is added up in their order. So
    the figures do not depend on where the parts were measured.

    Args:
        chain: the networks.
        test: samples; without labels the accuracies are None.
        encoder: encoder of the inputs.
        counter: counter of the integer program's runs on the first draw of the input spikes.
        on_progress: function that is called with the samples of all draws done, and their number.
        cluster: its workers measure the parts; None measures them here, on all processors.

    Returns:
        Figures for the report: accuracies as fractions, gaps in percentage points. Where
        input spikes are drawn and samples are few, accuracies are means over several draws; the
        curve over ε and `integer_first_draw` beside it are of the first. Beside the figures, the
        predictions of every sample on the first draw.

    Raises:
        UltralifError: the cluster fails.
    """
    samples = len(test.x)
    draws = draws_of(encoder, samples) if test.y is not None else 1
    run, tally = PartRun(chain, encoder, counter.count, samples), Tally()
    first: tuple[Raster, Membranes | None] | None = None
    given, under_way = tee(_parts(chain, encoder, test, draws))
    results = _here(run, given) if cluster is None else cluster.in_order(OnWorker(run), given)
    for found, part in zip(results, under_way, strict=True):
        tally.add(found.tally)
        if found.events is not None:
            counter.take(part.values[: chain.program.timesteps], found.events)
        first = first or found.shown
        if on_progress is not None:
            on_progress(part.draw * samples + part.where.stop, draws * samples)
    assert first is not None
    predicted = {name: np.concatenate(parts) for name, parts in tally.predicted.items()}
    predictions = Predictions(
        chain.compared, test.y, predicted[BEFORE], predicted["hard"], predicted["integer"]
    )
    shown: _Shown = {
        "raster": first[0],
        "membranes": first[1],
        "classes": classes_of(predictions, test.x, encoder),
    }
    return _summary(chain, tally, counter.totals(), samples, draws, shown), predictions


def draws_of(encoder: Encoder, samples: int) -> int:
    """Draws of the input spikes over which accuracies are means: several for few samples."""
    return max(1, min(DRAWS, MOST_SAMPLES // samples)) if encoder.kind == "rate" else 1


def _parts(chain: Chain, encoder: Encoder, test: "Split", draws: int) -> Iterator[Part]:
    """The samples of every draw, as many at once as keep the values of one run in `PART_BYTES`."""
    neurons = chain.naive.input.size + sum(p.size for p in chain.naive.populations)
    most = max(1, PART_BYTES // (8 * chain.naive.timesteps * neurons))
    for draw in range(draws):
        for where, values in replace(encoder, seed=encoder.seed + draw).blocks(test.x):
            for start in range(where.start, where.stop, most):
                part = slice(start, min(start + most, where.stop))
                chosen = values[:, part.start - where.start : part.stop - where.start]
                labels = None if test.y is None else test.y[part]
                yield Part(part, np.ascontiguousarray(chosen), labels, draw)


def _here(run: PartRun, parts: Iterator[Part]) -> Iterator[PartFigures]:
    """Measure the parts on all processors of this machine; one part takes one of them."""
    how: AbstractContextManager[object] = nullcontext()
    if run.chain.soft is not None:
        from ultralif_deploy.soft.compute import repeatable
        from ultralif_deploy.soft.network import one_thread_each

        how = ExitStack()
        how.enter_context(one_thread_each())
        how.enter_context(repeatable())
    with how:
        yield from in_order(run, parts)


def _summary(
    chain: Chain,
    tally: Tally,
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
            "agreement_integer_hard": tally.agreement("integer_hard", p.name),
            "agreement_integer_soft": tally.agreement("integer_soft", p.name),
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
        "prediction_agreement": {"integer_hard": tally.agreement("integer_hard", PREDICTIONS)},
        "populations": populations,
        "input_spike_rate": float(counts.spikes["input"].sum())
        / (steps * chain.program.input.size),
        **shown,
    }


def _sweep(
    network: "SoftNetwork", tally: Tally, correct: dict[str, np.ndarray]
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
