"""Networks of frameworks with default settings: what they write as NIR, and what they compute.

`made` builds one network by numbers of a seed, exports it by the framework's own exporter with its
default settings, and runs it. Frameworks whose pins clash with ours run in a process with their own
Python: python framework_process.py NAME FOLDER SEED…
"""

import contextlib
import io
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

SAMPLES, TIMESTEPS, INPUTS, NEURONS = 4, 30, 6, 5


def made(name: str, kind: str, seed: int, folder: Path) -> None:
    """Write model.nir, inputs.npz and expected.npz of a network of one layer.

    Args:
        name: of the framework.
        kind: of its neurons, one of `KINDS[name]`.
        seed: of all numbers.
        folder: for the files, made here.
    """
    rng = np.random.default_rng(seed)
    x = (rng.random((SAMPLES, TIMESTEPS, INPUTS)) < 0.4).astype(np.uint8)
    weight = rng.normal(0.3, 0.5, (NEURONS, INPUTS))
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        graph, spikes = BUILDERS[name](kind, weight, x.astype(np.float64), rng)
    folder.mkdir(parents=True, exist_ok=True)
    import nir

    nir.write(folder / "model.nir", graph)
    np.savez(folder / "inputs.npz", x_test=x)
    np.savez(folder / "expected.npz", spikes=spikes)


def linear(weight: np.ndarray) -> Any:
    """A layer of torch in float64."""
    import torch

    layer = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False).double()
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weight))
    return layer


def full(value: float) -> Any:
    """The same value for every neuron, as a tensor in float64."""
    import torch

    return torch.full((NEURONS,), value, dtype=torch.float64)


def norse(kind: str, weight: np.ndarray, x: np.ndarray, rng: np.random.Generator) -> Any:
    """Spikes [sample, time, neuron] of Norse, and the file of its exporter."""
    import norse.torch as norse
    import torch
    from norse.torch.utils.export_nir import to_nir

    threshold, inverse = full(rng.uniform(0.02, 0.1)), full(rng.uniform(50, 200))
    if kind == "LIFBoxCell":
        p = norse.LIFBoxParameters(tau_mem_inv=inverse, v_th=threshold, v_leak=full(0.0))
        cell = norse.LIFBoxCell(p)
    elif kind == "LIFCell":
        slow = full(rng.uniform(100, 300))
        p = norse.LIFParameters(
            tau_syn_inv=slow, tau_mem_inv=inverse, v_th=threshold, v_leak=full(0.0)
        )
        cell = norse.LIFCell(p)
    else:
        cell = norse.IAFCell(norse.IAFParameters(v_th=full(rng.uniform(0.5, 1.0))))
    layer, state, spikes = linear(weight), None, []
    with torch.no_grad():
        for now in np.swapaxes(x, 0, 1):
            out, state = cell(layer(torch.tensor(now)), state)
            spikes.append(out.numpy())
    net = norse.SequentialState(layer, cell)
    return to_nir(net, torch.zeros(1, INPUTS, dtype=torch.float64)), np.stack(spikes, 1)


def snntorch(kind: str, weight: np.ndarray, x: np.ndarray, rng: np.random.Generator) -> Any:
    import snntorch as snn
    import torch
    from snntorch.export_nir import export_to_nir

    how = {
        "init_hidden": True,
        "spike_grad": lambda v: (v > 0).double(),
        "threshold": full(rng.uniform(0.3, 1.0)),
        "beta": full(rng.uniform(0.5, 0.95)),
    }
    slow = {} if kind == "Leaky" else {"alpha": full(rng.uniform(0.3, 0.8))}
    net = torch.nn.Sequential(linear(weight), getattr(snn, kind)(**how, **slow)).double()
    with torch.no_grad():
        spikes = np.stack([net(torch.tensor(now)).numpy() for now in np.swapaxes(x, 0, 1)], 1)
    net[1].reset_mem()
    sample = torch.zeros(1, INPUTS, dtype=torch.float64)
    return export_to_nir(net, sample, ignore_dims=[0]), spikes


def spikingjelly(kind: str, weight: np.ndarray, x: np.ndarray, rng: np.random.Generator) -> Any:
    import torch
    from spikingjelly.activation_based import layer, neuron
    from spikingjelly.activation_based.nir_exchange import export_to_nir

    how: dict[str, Any] = {"v_threshold": float(rng.uniform(0.3, 1.0)), "v_reset": 0.0}
    if kind == "IFNode":
        weight = np.rint(weight * 8) / 8  # so that membranes meet thresholds exactly
        how["v_threshold"] = 0.5
    if kind == "LIFNode":
        how |= {"tau": float(rng.uniform(1.5, 8)), "decay_input": bool(rng.integers(2))}
    if kind == "CUBALIFNode":
        how |= {"c_decay": float(rng.uniform(0.2, 0.8)), "v_decay": float(rng.uniform(0.2, 0.9))}
    dense = layer.Linear(INPUTS, NEURONS, bias=False).double()
    with torch.no_grad():
        dense.weight.copy_(torch.tensor(weight))
        net = torch.nn.Sequential(dense, getattr(neuron, kind)(**how)).double()
        spikes = np.stack([net(torch.tensor(now)).numpy() for now in np.swapaxes(x, 0, 1)], 1)
    net[1].reset()
    return export_to_nir(net, torch.zeros(1, INPUTS, dtype=torch.float64)), spikes


def sinabs(kind: str, weight: np.ndarray, x: np.ndarray, rng: np.random.Generator) -> Any:
    import sinabs.layers as sl
    import torch
    from sinabs.nir import to_nir

    how = {"spike_threshold": full(rng.uniform(0.3, 1.0))}
    if kind == "LIF":
        how["tau_mem"] = full(rng.uniform(2, 20))
        weight = weight * 4
    neurons = getattr(sl, kind)(**how).double()
    net = torch.nn.Sequential(linear(weight), neurons)
    with torch.no_grad():
        spikes = net(torch.tensor(x)).numpy()
    neurons.reset_states()
    return to_nir(net, torch.zeros(1, 1, INPUTS, dtype=torch.float64)), spikes


def rockpool(kind: str, weight: np.ndarray, x: np.ndarray, rng: np.random.Generator) -> Any:
    import torch
    from rockpool.nn.combinators import Sequential
    from rockpool.nn.modules import LIFNeuronTorch, LIFTorch, LinearTorch
    from rockpool.nn.modules.torch.nir import to_nir

    made = {"LIFTorch": LIFTorch, "LIFNeuronTorch": LIFNeuronTorch}[kind]
    slow = {"tau_syn": full(rng.uniform(3e-3, 2e-2)).float()} if kind == "LIFTorch" else {}
    neurons = made(  # its spikes are float32, and so is all it computes
        NEURONS,
        tau_mem=full(rng.uniform(5e-3, 3e-2)).float(),
        threshold=full(rng.uniform(0.5, 2.0)).float(),
        bias=full(0.0).float(),
        dt=1e-3,
        **slow,
    )
    layer = LinearTorch((INPUTS, NEURONS), weight=torch.tensor(weight.T).float(), has_bias=False)
    net = Sequential(layer, neurons)
    with torch.no_grad():
        spikes = net(torch.tensor(x).float())[0].numpy()
    return to_nir(net, torch.zeros(1, 1, INPUTS)), spikes


BUILDERS = {
    "norse": norse,
    "snntorch": snntorch,
    "spikingjelly": spikingjelly,
    "sinabs": sinabs,
    "rockpool": rockpool,
}

KINDS = {
    "norse": ("LIFBoxCell", "LIFCell", "IAFCell"),
    "snntorch": ("Leaky", "Synaptic"),
    "spikingjelly": ("IFNode", "LIFNode", "CUBALIFNode"),
    "sinabs": ("IAF", "LIF"),
    "rockpool": ("LIFTorch", "LIFNeuronTorch"),
}
"""Classes of neurons that each framework exports."""


if __name__ == "__main__":
    for number in sys.argv[3:]:
        for one in KINDS[sys.argv[1]]:
            made(sys.argv[1], one, int(number), Path(sys.argv[2]) / f"{one}-{number}")
