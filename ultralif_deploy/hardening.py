"""SoftNetwork -> Network: the limit ε → 0, layer by layer, with nothing folded yet."""

import numpy as np
import torch
from torch import Tensor, nn

from ultralif_deploy import network as hard
from ultralif_deploy import neurons as soft
from ultralif_deploy.encode import Encoder
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.graph import INPUT, Identity, Projection
from ultralif_deploy.models import SoftNetwork

READOUT = "readout"
"""Name of the read-out population."""


def harden(
    network: SoftNetwork, encoder: Encoder, input_maximum: int | None = None
) -> hard.Network:
    """The hard network that a soft one becomes at ε = 0.

    Args:
        network: soft network; its temperatures are ignored.
        encoder: says how integer inputs are read, and for how many timesteps.
        input_maximum: largest integer input; by default 1 for rate coding, else 255.

    Returns:
        A float64 network, one population per soft neuron and one read-out.

    Raises:
        UltralifError: a neuron kind that has no hard model here (AdaLIF).
    """
    populations: list[hard.Population] = []
    projections: list[Projection] = []
    sources = [INPUT]
    for linear, norm, name, neuron in network.layers():
        size = linear.out_features
        target = READOUT if neuron is None else name
        model = hard.Integrator() if neuron is None else _model(name, neuron, size)
        bias = hard.per_neuron(_numpy(linear.bias), size, f"{target}: bias")
        populations.append(hard.Population(target, size, model, bias, _batch_norm(norm, target)))
        weight = _numpy(linear.weight)
        projections += [hard.dense(source, target, weight) for source in sources]
        keep = network.architecture.skip and sources != [INPUT]
        sources = [*sources, target] if keep else [target]
    if populations[-1].name != READOUT:
        size = populations[-1].size
        zero = hard.per_neuron(0.0, size, READOUT)
        populations.append(hard.Population(READOUT, size, hard.Integrator(), zero))
        projections.append(Projection(populations[-2].name, READOUT, Identity(size)))
    maximum = input_maximum or (1 if encoder.kind == "rate" else 255)
    return hard.Network(
        hard.Input(
            network.architecture.widths[0],
            maximum,
            encoder.scale,
            encoder.offset,
            constant=encoder.kind == "constant",
        ),
        tuple(populations),
        tuple(projections),
        encoder.timesteps,
        encoder.timesteps,
    )


def folds_bias(neuron: soft.SoftNeuron) -> bool:
    """Whether the bias of this neuron's current folds into its threshold exactly."""
    return isinstance(neuron, soft.UltraLIF)


def shares_scale(neuron: soft.SoftNeuron) -> bool:
    """Whether the neurons compare membranes with each other, so that one scale must serve all."""
    return isinstance(neuron, (soft.UltraDLIF, soft.PaperUltraDLIF))


def _model(name: str, neuron: soft.SoftNeuron, size: int) -> hard.Neuron:
    def spread(value: soft.Scalar, what: str) -> np.ndarray:
        return hard.per_neuron(_numpy(value), size, f"{name}: {what}")

    zero = hard.per_neuron(0.0, size, name)
    if isinstance(neuron, soft.UltraLIF):
        threshold = spread(neuron.theta, "threshold")
        decay = -spread(neuron.log_tau(), "log tau")
        return hard.TropicalLIF(threshold, decay, zero, zero, inclusive=True)
    if isinstance(neuron, (soft.UltraDLIF, soft.PaperUltraDLIF)):
        threshold, tau = spread(neuron.theta, "threshold"), spread(neuron.tau(), "tau")
        form = "released" if isinstance(neuron, soft.UltraDLIF) else "paper"
        return hard.UltraDLIF(threshold, tau, form, inclusive=True)
    if isinstance(neuron, soft.LIF) and not isinstance(neuron, soft.AdaLIF):
        threshold, tau = spread(neuron.threshold(), "threshold"), spread(neuron.tau(), "tau")
        return hard.LIF(threshold, tau, inclusive=True)
    raise UltralifError(
        f"{name}: {type(neuron).__name__} has no integer model; its threshold adapts, and no "
        "integer form of that is offered"
    )


def _batch_norm(norm: nn.BatchNorm1d | None, name: str) -> hard.BatchNorm | None:
    if norm is None:
        return None
    assert norm.running_var is not None
    assert norm.running_mean is not None
    gain = _numpy(norm.weight) / np.sqrt(_numpy(norm.running_var) + norm.eps)
    shift = _numpy(norm.bias) - gain * _numpy(norm.running_mean)
    size = norm.num_features
    return hard.BatchNorm(
        hard.per_neuron(gain, size, f"{name}: batch norm"),
        hard.per_neuron(shift, size, f"{name}: batch norm"),
    )


def _numpy(value: Tensor | float | None) -> np.ndarray:
    if value is None:
        return np.zeros(())
    return torch.as_tensor(value).detach().double().numpy()
