"""Third-party tools run our files: every spike and read-out current, at every timestep."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from torch import nn

from support.foreign.readers import READERS, import_reader, run_reader
from ultralif_deploy.exporters.nir.identifiers import ATTRIBUTES
from ultralif_deploy.exporters.nir.programs import write_nir
from ultralif_deploy.program.graph import INPUT, Dense, Identity, Projection
from ultralif_deploy.program.neurons import Integrator, Threshold
from ultralif_deploy.program.program import Input, Population, Program
from ultralif_deploy.simulators.reference import simulator as reference

INPUTS, FIRST, SECOND, CLASSES = 9, 14, 10, 10
TIME, BATCH = 25, 20

CASES = [
    pytest.param(name, flavour, shape, id=f"{name}-{flavour}-{shape}")
    for name, reader in READERS.items()
    for flavour in reader.flavours
    for shape in reader.shapes
]


def network(shape: str, rng: np.random.Generator) -> Program:
    """Two layers of threshold units, each neuron with its own threshold and bias."""

    def weights(source: str, target: str, size: int, onto: int) -> Projection:
        return Projection(source, target, Dense(rng.integers(-6, 7, (onto, size))))

    def units(name: str, size: int) -> Population:
        threshold = rng.integers(-5, 9, size)
        bias = rng.integers(-3, 4, size)
        return Population(name, size, Threshold(threshold), bias, np.ones(size))

    last = Identity(SECOND) if shape == "spikes" else None
    projections = [
        weights(INPUT, "first", INPUTS, FIRST),
        weights("first", "second", FIRST, SECOND),
        Projection("second", "out", last) if last else weights("second", "out", SECOND, CLASSES),
    ]
    if shape == "skip":
        projections.append(weights(INPUT, "second", INPUTS, SECOND))
    if shape == "two to the read-out":
        projections.append(weights("first", "out", FIRST, CLASSES))
    if shape == "self":
        projections.append(weights("second", "second", SECOND, SECOND))
    if shape == "back":
        projections.append(weights("second", "first", SECOND, FIRST))
    bias = rng.integers(-9, 10, CLASSES) if shape == "biased" else np.zeros(CLASSES)
    out = Population("out", CLASSES, Integrator(), bias, np.ones(CLASSES))
    populations = (units("first", FIRST), units("second", SECOND), out)
    return Program(Input(INPUTS), populations, tuple(projections), "4", TIME, TIME)


def currents_into(
    program: Program, name: str, inputs: np.ndarray, spikes: dict[str, np.ndarray]
) -> np.ndarray:
    """I + bias of a population, int64 [time, batch, neuron]."""
    population = next(p for p in program.populations if p.name == name)
    total = np.zeros((*inputs.shape[:2], population.size), dtype=np.int64) + population.bias
    for projection in program.incoming(name):
        sent = (spikes | {INPUT: inputs})[projection.source].astype(np.int64)
        if projection.name in program.delayed:
            sent = np.concatenate([np.zeros_like(sent[:1]), sent[:-1]])
        total += sent @ projection.map.matrix().T.astype(np.int64)
    return total


@pytest.mark.parametrize(("reader", "flavour", "shape"), CASES)
def test_reader_executes_every_spike(reader: str, flavour: str, shape: str, tmp_path: Path) -> None:
    rng = np.random.default_rng([TIME, *shape.encode()])
    program = network(shape, rng)
    inputs = (rng.random((TIME, BATCH, INPUTS)) < 0.4).astype(np.uint8)
    expected = reference.load(program).run(inputs, record=True)
    assert expected.spikes is not None
    path = tmp_path / "program.nir"
    write_nir(program, path, flavour)
    arriving, spikes = run_reader(reader, path, inputs, list(expected.spikes))
    for name, fired in expected.spikes.items():
        # Both sides of the comparison are met: equality is silent, one above fires.
        above = currents_into(program, name, inputs, expected.spikes)
        above -= next(p.neuron.threshold for p in program.populations if p.name == name)
        assert np.count_nonzero(above == 0) > 0.01 * above.size
        assert np.count_nonzero(above == 1) > 0.01 * above.size
        assert_array_equal(spikes[name], fired, name)
    assert_array_equal(arriving, currents_into(program, "out", inputs, expected.spikes))
    assert_array_equal(arriving.sum(axis=0), expected.logits)


def test_missing_reader_is_skipped_here_and_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(READERS, "norse", replace(READERS["norse"], module="norse_that_is_not"))
    remedy = r"norse_that_is_not cannot be imported .*; pip install --no-deps norse==1\.1\.0"
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=remedy):
        import_reader("norse")
    monkeypatch.setenv("CI", "1")
    with pytest.raises(pytest.fail.Exception, match=remedy):
        import_reader("norse")


NAMES = ("forward", "training", "class", "_modules", "0", "ü", "graph", "x" * 200)


@pytest.mark.parametrize("reader", READERS)
def test_readers_take_any_name(reader: str, tmp_path: Path) -> None:
    for name in NAMES:
        program = network(READERS[reader].shapes[0], np.random.default_rng(0))
        given = {"first": name}
        renamed = replace(
            program,
            populations=tuple(
                replace(p, name=given.get(p.name, p.name)) for p in program.populations
            ),
            projections=tuple(
                replace(
                    p, source=given.get(p.source, p.source), target=given.get(p.target, p.target)
                )
                for p in program.projections
            ),
        )
        inputs = np.ones((2, 1, INPUTS), dtype=np.uint8)
        expected = reference.load(program).run(inputs, record=True)
        assert expected.spikes is not None
        write_nir(renamed, tmp_path / "program.nir", READERS[reader].flavours[0])
        _, spikes = run_reader(reader, tmp_path / "program.nir", inputs, ["second"])
        assert_array_equal(spikes["second"], expected.spikes["second"])


def test_attributes_of_modules_are_known() -> None:
    assert {name for name in dir(nn.Module()) if not name.startswith("_")} <= ATTRIBUTES
