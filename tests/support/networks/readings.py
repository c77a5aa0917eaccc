"""NIR files with questions left open, and the spikes that one reading of them gives."""

import itertools
from pathlib import Path

import nir
import numpy as np

from ultralif_deploy.network.running import HardTrace, run_hard
from ultralif_deploy.readers.nir.network import import_nir
from ultralif_deploy.readers.nir.neurons import Conventions

INPUTS, HIDDEN, LAST = 5, 6, 4


def neurons(kind: str, size: int, threshold: float) -> nir.NIRNode:
    """Neurons of a kind, for timesteps of a millisecond."""

    def full(*values: float) -> list[np.ndarray]:
        return [np.full(size, value) for value in values]

    if kind == "IF":
        return nir.IF(*full(1000.0, threshold, 0.0))
    if kind == "LIF":
        return nir.LIF(*full(4e-3, 4.0, 0.0, threshold, 0.0))
    return nir.CubaLIF(*full(2e-3, 4e-3, 4.0, 0.0, threshold, 0.0, 1.0))


def written(path: Path, kind: str, seed: int, back: bool = False) -> Path:
    """Two layers of one kind with weights on a grid, so that membranes meet thresholds exactly."""
    rng = np.random.default_rng(seed)

    def weights(rows: int, columns: int) -> nir.Linear:
        return nir.Linear(rng.integers(-3, 6, (rows, columns)) / 8)

    nodes = {
        "input": nir.Input(np.array([INPUTS])),
        "fc1": weights(HIDDEN, INPUTS),
        "hidden": neurons(kind, HIDDEN, 0.5),
        "fc2": weights(LAST, HIDDEN),
        "last": neurons(kind, LAST, 0.5),
        "output": nir.Output(np.array([LAST])),
    }
    order = ("input", "fc1", "hidden", "fc2", "last", "output")
    edges = list(itertools.pairwise(order))
    if back:
        nodes["back"] = weights(HIDDEN, HIDDEN)
        edges += [("hidden", "back"), ("back", "hidden")]
    nir.write(path, nir.NIRGraph(nodes, edges, type_check=False))
    return path


def data(path: Path, seed: int, samples: int = 6, timesteps: int = 25) -> np.ndarray:
    """Write event frames; returns them as uint8 [time, sample, input]."""
    rng = np.random.default_rng(seed)
    x = (rng.random((samples, timesteps, INPUTS)) < 0.4).astype(np.uint8)
    np.savez(path, x_test=x)
    return np.swapaxes(x, 0, 1)


def meant(model: Path, how: Conventions, inputs: np.ndarray) -> HardTrace:
    """What a reading of a file computes."""
    return run_hard(import_nir(model, how, timesteps=len(inputs)), inputs)
