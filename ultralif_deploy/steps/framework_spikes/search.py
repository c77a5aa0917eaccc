"""Which reading of a NIR file gives what its framework computed: the command `match`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import nir
import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.files import readable_file
from ultralif_deploy.io.progress import Progress, ShownProgress
from ultralif_deploy.network.network import Network
from ultralif_deploy.readers.nir.frameworks import framework_reading
from ultralif_deploy.readers.nir.graph import Kind, kind_of
from ultralif_deploy.readers.nir.neurons import Conventions
from ultralif_deploy.readers.nir.readings import (
    ASKED_BACK,
    OPTIONS,
    QUESTIONS,
    Answer,
    Answers,
    Told,
    open_answers,
    option_words,
    readings,
    timesteps,
)
from ultralif_deploy.schema.matching import Matched, Reading
from ultralif_deploy.sources.inputs import required
from ultralif_deploy.sources.networks import Unread, open_unread
from ultralif_deploy.sources.settings import Settings
from ultralif_deploy.steps.framework_spikes.sieves import Compared, Sieves
from ultralif_deploy.verify.expected_spikes.comparing import expected_of_network
from ultralif_deploy.verify.expected_spikes.reading import Expected

SHOWN = 3
"""Readings that are shown where none is exact."""


def match(
    model: str | Path, expect: str | Path, settings: Settings, progress: Progress | None = None
) -> Matched:
    """The readings of a NIR file that give every spike and logit of a file, or the nearest.

    Args:
        model: a NIR file of another tool.
        expect: .npz with spikes by population, or logits, of the samples of the data.
        settings: data, encoding, and answers that the user knows.
        progress: progress display of the search.

    Raises:
        UltralifError: bad input.
    """
    kind = kind_of(readable_file(model))
    if kind is not Kind.NETWORK:
        raise UltralifError(f"{model}: {kind.value}; expected {Kind.NETWORK.value}")
    progress = progress or ShownProgress()
    with progress.reading():
        file = open_unread(model, settings)
    dataset = required(file.dataset)
    if file.encoding.as_dict()["encoding"]["source"] == "default" and file.encoder.kind == "rate":
        raise UltralifError(
            f"{dataset.name}: images, and spikes drawn for them cannot be those of a framework; "
            "expected its input spikes as event frames [sample, time, …], or --encoding constant"
        )
    given = answers_given(settings, file.graph)
    network = _some_network(file, given)
    samples, steps = len(dataset.test.x), file.encoder.timesteps
    limited = settings.limit is not None
    expected = expected_of_network(expect, network, samples, steps, limited=limited)
    answers = open_answers(file.graph, given, _told(network, expected))
    every = list(readings(answers))
    found = Sieves(file, expected, dataset.test.x).run(every, progress)
    exact = [reading for reading in found if reading.differences.count == 0]
    nearest = [] if exact else sorted(found, key=lambda r: r.differences.count)[:SHOWN]
    said = _said(answers, exact)
    return {
        "file": Path(model).name,
        "expected": Path(expect).name,
        "expected_sha256": expected.sha256,
        "samples": samples,
        "timesteps": steps,
        "compared": {name: int(s.sum(dtype=np.int64)) for name, s in expected.spikes.items()},
        "logits": expected.logits is not None,
        "open": {q: list(tried) for q, tried in answers.items() if len(tried) > 1},
        "readings": len(every),
        "exact": [_plain(reading, said) for reading in exact],
        "nearest": [_plain(reading, said) for reading in nearest],
    }


def answers_given(settings: Settings, graph: nir.NIRGraph) -> dict[str, Answer]:
    """Answers of the user, by question: single ones, and those of a framework."""
    named = {} if settings.like is None else framework_reading(settings.like, graph)
    single = {q: getattr(settings, OPTIONS.get(q, q)) for q in QUESTIONS}
    return named | {question: answer for question, answer in single.items() if answer is not None}


def _some_network(file: Unread, given: Mapping[str, Answer]) -> Network:
    """The network by some reading in which its last neurons fire, for names and sizes."""
    steps = (given["dt"],) if "dt" in given else timesteps(file.graph)
    failed: UltralifError | None = None
    for dt in steps:
        try:
            return file.network(Conventions(float(dt or 0), "exponential"))
        except UltralifError as error:
            failed = failed or error
    assert failed is not None
    raise failed


def _told(network: Network, expected: Expected) -> Told:
    """What expected spikes say about the questions themselves."""
    firing = [p.name for p in network.populations if p.neuron.FIRES]
    return Told(
        expected.most_spikes,
        set(firing) == set(expected.spikes),
        bool(firing) and firing[-1] in expected.spikes,
        expected.logits is not None,
    )


def _said(tried: Answers, exact: Sequence[Compared]) -> set[str]:
    """Questions whose answer is printed though it is the default, where the samples decided it."""
    asked = {question for question in ASKED_BACK if len(tried[question]) > 1}
    decided = {q for q in asked if len({getattr(one.how, q) for one in exact}) <= 1}
    return decided | (asked & {"dt"})


def _plain(reading: Compared, said: set[str]) -> Reading:
    """A reading as plain values; the options name the questions in `said` in any case."""
    return {
        "options": option_words(reading.how, said),
        "conventions": {q: getattr(reading.how, q) for q in QUESTIONS},
        "differing": reading.differences.count,
        "first": reading.differences.first,
    }
