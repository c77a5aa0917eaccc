"""Shared cases of other tools' networks, with the spikes that their frameworks computed."""

from dataclasses import dataclass

import numpy as np

from support.paths import shared_file
from ultralif_deploy.network.network import Network
from ultralif_deploy.readers.nir.network import import_nir
from ultralif_deploy.readers.nir.neurons import Conventions

CASES: dict[str, Conventions] = {
    "threshold-beyond-membrane": Conventions(),
    "grid-kept-too-coarse": Conventions(),
    "grid-of-trained-quantization": Conventions(),
    "norse-default-export": Conventions(dt=1e-6),
    "synaptic-pulses-norse": Conventions(dt=1e-3, synapse="pulse"),
    "ties-spikingjelly": Conventions(fires="at"),
}
"""Conventions by which each file means what its framework computed."""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A network as read, its inputs uint8 [time, sample, input] and the spikes expected of it."""

    network: Network
    inputs: np.ndarray
    expected: dict[str, np.ndarray]


def case(name: str, how: Conventions | None = None) -> Case:
    """A shared case, by its own conventions unless others are given."""
    folder = f"cases/{name}"
    with np.load(shared_file(f"{folder}/inputs.npz")) as file:
        inputs = np.ascontiguousarray(np.swapaxes(file["x_test"], 0, 1))
    path = shared_file(f"{folder}/net.nir")
    network = import_nir(path, how or CASES[name], timesteps=len(inputs))
    names = {p.name.lstrip("_"): p.name for p in network.populations}
    with np.load(shared_file(f"{folder}/expected.npz")) as file:
        expected = {names[key.lstrip("_")]: file[key] != 0 for key in file.files}
    return Case(network, inputs, expected)


def kept(expected: np.ndarray, found: np.ndarray) -> tuple[float, float]:
    """Recall and precision of spikes at the same place and timestep."""
    found = found != 0
    both = np.count_nonzero(expected & found)
    return both / max(1, np.count_nonzero(expected)), both / max(1, np.count_nonzero(found))
