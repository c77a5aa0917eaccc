"""Third-party readers of NIR files, and how to run a network in each of them.

norse and spikingjelly declare torchvision and torchaudio, which have no CPU build everywhere; what
is needed here does not import them, so both are installed without dependencies.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nir
import numpy as np
import torch

from support.requirements import import_or_skip


@dataclass(frozen=True, slots=True)
class Reader:
    """A third-party package that runs NIR files.

    Attributes:
        module: what must be importable.
        install: the line that makes it so.
        load: graph to torch module, which takes and returns a state or keeps its own.
        flavours: of `write_nir` that it executes exactly.
        shapes: of networks that it executes exactly, by name (see test_nir_readers.py).
    """

    module: str
    install: str
    load: Callable[[Any, nir.NIRGraph], torch.nn.Module]
    flavours: tuple[str, ...]
    shapes: tuple[str, ...]


READERS = {
    "snntorch": Reader(
        "snntorch.import_nir",
        "pip install snntorch==1.0.0",
        lambda module, graph: module.import_from_nir(graph),
        ("lif", "cubalif"),
        ("plain", "spikes", "biased", "skip", "two to the read-out", "back"),
    ),
    "norse": Reader(
        "norse.torch",
        "pip install --no-deps norse==1.1.0",
        lambda module, graph: module.from_nir(graph, dt=1e-4),
        ("lif", "cubalif"),
        ("plain", "spikes", "biased", "self", "back"),
    ),
    "spikingjelly": Reader(
        "spikingjelly.activation_based.nir_exchange",
        "pip install --no-deps spikingjelly==2.0.0 loguru==0.7.3",
        lambda module, graph: module.import_from_nir(graph, dt=1e-4),
        ("cubalif",),
        ("plain", "spikes", "biased", "skip", "two to the read-out", "self", "back"),
    ),
}


@contextmanager
def known_warnings() -> Iterator[None]:
    """Let pass what the readers are known to warn of; everything else stays an error."""
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", r"`torch\.jit\.script` is deprecated", DeprecationWarning, r"torch\.jit\."
        )
        warnings.filterwarnings(
            "ignore", r"nirtorch\.load is being deprecated", DeprecationWarning, r"nirtorch\."
        )
        yield


def import_reader(name: str) -> Any:
    """The reader's module; without it the test is skipped with the remedy, under CI it fails."""
    reader = READERS[name]
    with known_warnings():
        return import_or_skip(reader.module, reader.install)


def run_reader(
    name: str, path: Path, inputs: np.ndarray, populations: list[str]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Run a NIR file in a third-party reader, one timestep after the other.

    Args:
        name: of the reader.
        path: of the file.
        inputs: uint8 [time, batch, input].
        populations: node names whose spikes are recorded.

    Returns:
        What arrives at the Output node, float [time, batch, class], and the spikes by node name.
    """
    module = import_reader(name)
    spikes: dict[str, list[np.ndarray]] = {p: [] for p in populations}
    currents = []
    with known_warnings(), torch.no_grad():
        network = READERS[name].load(module, nir.read(path))
        for p, record in spikes.items():
            network.get_submodule(p).register_forward_hook(
                lambda _module, _inputs, output, record=record: record.append(
                    (output[0] if isinstance(output, tuple) else output).numpy().copy()
                )
            )
        state = None
        for values in torch.from_numpy(inputs.astype(np.float32)):
            # nirtorch gives (one tensor per edge into the Output, …, state).
            *arriving, state = network(values, state)
            currents.append(sum(tensor.numpy() for tensor in arriving))
    return np.stack(currents), {p: np.stack(record) for p, record in spikes.items()}
