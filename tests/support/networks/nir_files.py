"""A program with everything in it as a NIR file, and ways to change the file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
from numpy.testing import assert_array_equal

from ultralif_deploy.program.graph import INPUT, Dense, Identity, Projection
from ultralif_deploy.program.neurons import (
    LIF,
    Integrator,
    LogMaxLIF,
    Threshold,
    TropicalLIF,
    UltraDLIF,
)
from ultralif_deploy.program.program import Input, Population, Program, executed_arrays

NODES = "node/nodes"
METADATA = "node/metadata/ultralif"
LOW, HIGH = -(2**31), 2**31 - 1
ENCODING = {"kind": "rate", "gain": 0.1, "nested": [1, None, {"a": True}], "text": "ε\n"}


def every_kind() -> Program:
    """All neuron models, skip and delayed projections, odd names, extreme integers."""
    rng = np.random.default_rng(7)

    def weights(source: str, target: str, size: int, onto: int) -> Projection:
        return Projection(source, target, Dense(rng.integers(-8, 8, (onto, size))))

    def population(name: str, neuron: Any, bias: Any = (0, 0, 0)) -> Population:
        return Population(name, 3, neuron, np.array(bias), rng.uniform(1e-9, 1e9, 3))

    whole = np.array([5, -7, 0])
    decay = np.array([0, 4096, 1000])
    extremes = np.array([LOW, 0, HIGH])
    populations = (
        population("fc.1", Threshold(np.array([LOW, 2, HIGH])), (-9, 1, 2**30)),
        population("class", Threshold(np.array([1, 5, 3])), (1, 2, 3)),
        population("output", TropicalLIF(whole, -whole, extremes, whole), (1, 0, 2)),
        population("two lines", LIF(whole * 64, decay, -whole, "late-subtract"), (LOW // 64, 3, 1)),
        population("é", UltraDLIF(whole, decay, "released")),
        population("input_to_fc_1", UltraDLIF(whole, decay, "paper", 2), (4, 5, 6)),
        population("soft", LogMaxLIF(whole, extremes, np.array([9, 4, 0, 1]), 3), (4, -5, 6)),
        population("read", Integrator(), (7, 8, -9)),
    )
    projections = (
        weights("é", "input_to_fc_1", 3, 3),
        Projection("output", "read", Identity(3)),
        weights(INPUT, "fc.1", 2, 3),
        Projection("fc.1", "class", Identity(3)),
        Projection("class", "output", Identity(3)),
        Projection("output", "output", Dense(np.eye(3))),
        weights("output", "two lines", 3, 3),
        weights("two lines", "é", 3, 3),
        weights("input_to_fc_1", "class", 3, 3),
        weights("input_to_fc_1", "soft", 3, 3),
        weights("soft", "read", 3, 3),
        weights(INPUT, "read", 2, 3),
        Projection("two lines", "fc.1", Identity(3)),
    )
    return Program(Input(2, 255), populations, projections, "4", 12, 5, ENCODING)


Edit = Callable[[h5py.File], None]


def put(file: h5py.File, name: str, value: Any) -> None:
    """Replace a dataset or group, whatever it was."""
    if name in file:
        del file[name]
    file[name] = value


def changed(path: Path, edit: Edit) -> Path:
    with h5py.File(path, "r+") as file:
        edit(file)
    return path


def added(name: str, index: Any, step: float) -> Edit:
    def edit(file: h5py.File) -> None:
        value = file[f"{NODES}/{name}"][()]
        value[index] += step
        put(file, f"{NODES}/{name}", value)

    return edit


def recurrent(path: Path) -> Path:
    """A recurrent network of 6 inputs and 3 classes, as nir itself writes it."""
    rng = np.random.default_rng(0)

    def full(value: float, size: int) -> np.ndarray:
        return np.full(size, value)

    nodes = {
        "input": nir.Input(np.array([6])),
        "fc1": nir.Affine(rng.normal(size=(8, 6)), rng.normal(size=8) / 4),
        "hidden": nir.CubaLIF(*(full(x, 8) for x in (2e-4, 3e-4, 1.0, 0.1, 0.4, 0.0))),
        "back": nir.Linear(rng.normal(size=(8, 8)) / 4),
        "fc2": nir.Linear(rng.normal(size=(3, 8))),
        "last": nir.LIF(*(full(x, 3) for x in (4e-4, 1.0, 0.0, 0.2))),
        "output": nir.Output(np.array([3])),
    }
    edges = [
        *(("input", "fc1"), ("fc1", "hidden"), ("hidden", "back"), ("back", "hidden")),
        *(("hidden", "fc2"), ("fc2", "last"), ("last", "output")),
    ]
    nir.write(path, nir.NIRGraph(nodes, edges, type_check=False))
    return path


def assert_same_program(actual: Program, expected: Program) -> None:
    """Two programs are the same to the last integer."""
    assert actual.input == expected.input
    assert actual.formats == expected.formats
    assert (actual.timesteps, actual.divisor) == (expected.timesteps, expected.divisor)
    assert actual.encoding == expected.encoding
    assert [p.name for p in actual.projections] == [p.name for p in expected.projections]
    for p, q in zip(actual.projections, expected.projections, strict=True):
        assert type(p.map) is type(q.map)
    for a, b in zip(actual.populations, expected.populations, strict=True):
        assert (a.name, a.size, type(a.neuron)) == (b.name, b.size, type(b.neuron))
        assert a.neuron.structure() == b.neuron.structure()
        assert_array_equal(a.scale, b.scale, strict=True)
    arrays = executed_arrays(actual)
    assert list(arrays) == list(executed_arrays(expected))
    for name, array in executed_arrays(expected).items():
        assert_array_equal(arrays[name], array, name, strict=True)
