"""Descriptions of files as plain values, for `inspect`."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ultralif_deploy.findings.assumptions import Assumptions, Chosen
from ultralif_deploy.network.composition import Composed
from ultralif_deploy.network.network import Network
from ultralif_deploy.program.names import shown
from ultralif_deploy.schema.commands import CheckpointContent, Layer, NetworkContent

if TYPE_CHECKING:
    from torch import Tensor

    from ultralif_deploy.readers.second_order import HardCheckpoint
    from ultralif_deploy.soft.network import SoftNetwork


def soft_description(
    path: Path, network: "SoftNetwork", record: Mapping[str, Any]
) -> CheckpointContent:
    """Describe a checkpoint of a soft network.

    Args:
        path: the file.
        network: the network in it.
        record: plain values that the training stored in the file.
    """
    architecture = network.architecture
    layers: list[Layer] = []
    for linear, norm, stage in network.layers():
        outputs, inputs = linear.weight.shape[:2]
        neuron = stage.neuron
        layers.append(
            {
                "name": stage.name,
                "inputs": inputs,
                "outputs": outputs,
                "kernel": list(linear.weight.shape[2:]),
                "batch_norm": norm is not None,
                "neuron": None if neuron is None else type(neuron).__name__,
                "learned": {}
                if neuron is None
                else {k: _mean(v) for k, v in neuron.state_dict().items()},
                "epsilon": None if neuron is None else _mean(neuron.temperature()),
            }
        )
    return {
        "file": path.name,
        "architecture": architecture.name,
        "widths": list(architecture.channels or architecture.widths),
        "neuron": architecture.neuron,
        "batch_norm": architecture.batch_norm,
        "skip": architecture.skip,
        "spiking_output": architecture.spiking_output,
        "parameters": sum(p.numel() for p in network.parameters()),
        "layers": layers,
        "record": dict(record),
    }


def second_order_description(path: Path, checkpoint: "HardCheckpoint") -> CheckpointContent:
    """Describe a second-order network, with the same keys as `soft_description`."""
    layers: list[Layer] = []
    parameters = 0
    for population in checkpoint.network.populations:
        (projection,) = checkpoint.network.incoming(population.name)
        learned = checkpoint.learned[population.name]
        normed = isinstance(projection.map, Composed)
        parameters += population.size * (projection.map.source_size + len(learned) + 2 * normed)
        spikes = population is not checkpoint.network.populations[-1]
        layers.append(
            {
                "name": population.name,
                "inputs": projection.map.source_size,
                "outputs": population.size,
                "batch_norm": normed,
                "neuron": type(population.neuron).__name__ if spikes else None,
                "learned": {k: float(v.mean()) for k, v in learned.items()},
                "epsilon": None,
            }
        )
    return {
        "file": path.name,
        "architecture": checkpoint.architecture_name,
        "widths": list(checkpoint.widths),
        "neuron": checkpoint.neuron,
        "batch_norm": layers[0]["batch_norm"],
        "skip": False,
        "spiking_output": False,
        "parameters": parameters,
        "layers": layers,
        "record": {},
    }


def network_description(path: Path, network: Network) -> NetworkContent:
    """Describe a NIR file of another tool."""
    delayed = network.delayed()
    return {
        "file": path.name,
        "inputs": network.input.size,
        "populations": [
            {
                "name": p.name,
                "neurons": p.size,
                "neuron": type(p.neuron).__name__,
                "reset": getattr(p.neuron, "reset_mode", None),
                "incoming": [
                    {
                        "source": q.source,
                        "map": type(q.map).__name__,
                        "delayed": q.name in delayed,
                    }
                    for q in network.incoming(p.name)
                ],
            }
            for p in network.populations
        ],
    }


def other_names(network: Network) -> Assumptions:
    """The populations that got other names than they were read with, if there are any."""
    renamed = [p for p in network.populations if p.given is not None]
    if not renamed:
        return Assumptions()
    pairs = (f"{shown(str(p.given))} is {p.name}" for p in renamed)
    return Chosen(
        "population names", "; ".join(pairs), "names that every target can hold"
    ).recorded()


def _mean(value: "Tensor | float") -> float:
    """The mean of a tensor, or the number itself."""
    return float(value.detach().double().mean()) if hasattr(value, "detach") else float(value)
