"""SoftNetwork -> Network: the limit ε → 0, layer by layer, with nothing folded yet."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network import network as hard
from ultralif_deploy.network.composition import Composed, Diagonal
from ultralif_deploy.program.convolution import Conv2d, average_pool
from ultralif_deploy.program.graph import INPUT, AnyMap, Dense, Identity, Projection
from ultralif_deploy.soft import baseline_neurons as baseline
from ultralif_deploy.soft import neurons as soft
from ultralif_deploy.soft.architectures import BatchNorm, Branch, Stage
from ultralif_deploy.soft.network import SoftNetwork

READOUT = "readout"
"""Name of the read-out population."""


def harden(
    network: SoftNetwork, encoder: Encoder, input_maximum: int | None = None
) -> hard.Network:
    """The hard network that a soft one becomes at ε = 0, soft membranes keeping their ε.

    Args:
        network: soft network; its temperatures are ignored, but for those of soft membranes.
        encoder: says how integer inputs are read, and for how many timesteps.
        input_maximum: largest integer input; by default 1 for rate coding, else 255.

    Returns:
        A float64 network, one population per soft neuron and one read-out.

    Raises:
        UltralifError: a neuron kind that has no hard model here.
    """
    populations: list[hard.Population] = []
    projections: list[Projection] = []
    shapes = {INPUT: _input_shape(network)}
    for stage in network.stages():
        target = READOUT if stage.neuron is None else stage.name
        bias, linears = np.zeros(1), []
        for branch in stage.branches:
            linear, shift, shapes[target] = _linear_map(branch, shapes[branch.sources[0]])
            bias = bias + shift
            linears += [Projection(source, target, linear) for source in branch.sources]
        size = linears[0].map.target_size
        model: hard.Neuron = hard.Integrator()
        if stage.neuron is not None:
            # Rings over channels: the channels of a position lie one map apart.
            stride = int(np.prod(shapes[target][1:])) if stage.channelwise else 1
            make = _stateless_model if stage.stateless else _model
            model = make(target, stage.neuron, size, stride)
        populations.append(
            hard.Population(target, size, model, hard.per_neuron(bias, size, f"{target}: bias"))
        )
        projections += linears
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
            *encoder.reading(network.architecture.widths[0]),
            constant=encoder.kind == "constant",
        ),
        tuple(populations),
        tuple(projections),
        encoder.timesteps,
        encoder.timesteps,
    )


def folds_bias(stage: Stage) -> bool:
    """Whether the bias of this population's current folds into its threshold exactly."""
    neuron = stage.neuron
    if stage.stateless:
        return not isinstance(neuron, soft.UltraDLIF)
    return isinstance(neuron, soft.UltraLIF) and not neuron.soft_membrane


def shares_scale(stage: Stage) -> bool:
    """Whether one scale must serve all neurons: they compare membranes, or share a table."""
    neuron = stage.neuron
    if isinstance(neuron, soft.UltraLIF):
        return neuron.soft_membrane
    return isinstance(neuron, (soft.UltraDLIF, soft.PaperUltraDLIF))


def _model(name: str, neuron: soft.SoftNeuron, size: int, stride: int) -> hard.Neuron:
    def spread(value: soft.Scalar, what: str) -> np.ndarray:
        return hard.per_neuron(_numpy(value), size, f"{name}: {what}")

    zero = hard.per_neuron(0.0, size, name)
    if isinstance(neuron, soft.UltraLIF):
        threshold = spread(neuron.theta, "threshold")
        decay = -spread(neuron.log_tau(), "log tau")
        if neuron.soft_membrane:
            epsilon = float(_numpy(neuron.temperature()))
            return hard.LogMaxLIF(threshold, decay, epsilon, inclusive=True)
        return hard.TropicalLIF(threshold, decay, zero, zero, inclusive=True)
    if isinstance(neuron, (soft.UltraDLIF, soft.PaperUltraDLIF)):
        threshold, tau = spread(neuron.theta, "threshold"), spread(neuron.tau(), "tau")
        form = "released" if isinstance(neuron, soft.UltraDLIF) else "paper"
        return hard.UltraDLIF(threshold, tau, form, inclusive=True, stride=stride)
    if isinstance(neuron, baseline.AdaLIF):
        kept = spread(neuron.adaptation_decay, "adaptation")
        jump = neuron.adaptation * (1 - kept)
        threshold, tau = spread(neuron.threshold(), "threshold"), spread(neuron.tau(), "tau")
        return hard.AdaLIF(threshold, tau, kept, jump, inclusive=True)
    if isinstance(neuron, baseline.LIF):
        threshold, tau = spread(neuron.threshold(), "threshold"), spread(neuron.tau(), "tau")
        return hard.LIF(threshold, tau, inclusive=True, reset=zero)
    raise UltralifError(f"{name}: {type(neuron).__name__} has no hard model")


def _stateless_model(name: str, neuron: soft.SoftNeuron, size: int, stride: int) -> hard.Neuron:
    """The model of a neuron that starts from v = 0 at every timestep.

    A leaky membrane is then τ·0 + I = I, and a max-plus one max(0 + log τ, I): both fire iff I ≥ θ,
    but that the latter fires always where log τ ≥ θ. A ring goes on comparing neighbours.
    """
    whole = _model(name, neuron, size, stride)
    if isinstance(whole, hard.UltraDLIF):
        return replace(whole, tau=hard.per_neuron(0.0, size, f"{name}: tau"))
    assert isinstance(whole, (hard.TropicalLIF, hard.LIF, hard.AdaLIF))
    if isinstance(whole, hard.TropicalLIF) and np.all(-whole.decay >= whole.threshold):
        return whole  # fires at every timestep, and is reset at every timestep
    return hard.Threshold(whole.threshold, inclusive=True)


Shape = tuple[int, ...]
"""(neurons,) or (channels, height, width)."""


def _input_shape(network: SoftNetwork) -> Shape:
    a = network.architecture
    return (a.channels[0], a.side, a.side) if a.channels else (a.widths[0],)


def _linear_map(branch: Branch, shape: Shape) -> tuple[AnyMap, np.ndarray, Shape]:
    """Linear map of a branch that reads `shape`, what it adds [neuron], and the shape it gives."""
    parts: list[AnyMap] = []
    shift = np.zeros(1)
    if branch.before is not None:
        pool = _pooling(branch.before, shape)
        parts.append(pool)
        shape = pool.output_shape
    linear, norm = branch.linear, branch.norm
    if linear is None:
        parts.append(Identity(int(np.prod(shape))))
    elif isinstance(linear, nn.Conv2d):
        stride, padding = ((int(v[0]), int(v[1])) for v in (linear.stride, linear.padding))
        conv = Conv2d(_numpy(linear.weight), _image(shape), stride, padding)
        parts.append(conv)
        shape = conv.output_shape
    else:
        parts.append(Dense(_numpy(linear.weight)))
        shape = (linear.out_features,)
    positions = int(np.prod(shape[1:]))
    if linear is not None and linear.bias is not None:
        shift = _numpy(linear.bias)
    if norm is not None:
        gain, offset = _batch_norm(norm)
        shift = gain * shift + offset
        parts.append(Diagonal(np.repeat(gain, positions)))
    if branch.after is not None:  # the mean of a constant is the constant
        pool = _pooling(branch.after, shape)
        parts.append(pool)
        shape = pool.output_shape
    shift = np.repeat(shift, int(np.prod(shape[1:]))) if len(shift) > 1 else shift
    return parts[0] if len(parts) == 1 else Composed(tuple(parts)), shift, shape


def _pooling(pool: nn.Module, shape: Shape) -> Conv2d:
    if isinstance(pool, nn.AvgPool2d):
        size = int(pool.kernel_size)  # type: ignore[arg-type]
        return average_pool(_image(shape), (size, size), (size, size))
    return average_pool(_image(shape), _image(shape)[1:], (1, 1))


def _image(shape: Shape) -> tuple[int, int, int]:
    channels, height, width = shape
    return channels, height, width


def _batch_norm(norm: BatchNorm) -> tuple[np.ndarray, np.ndarray]:
    """Gain γ/√(variance + e) and shift β − gain·mean, [channel]."""
    assert norm.running_var is not None
    assert norm.running_mean is not None
    gain = _numpy(norm.weight) / np.sqrt(_numpy(norm.running_var) + norm.eps)
    return gain, _numpy(norm.bias) - gain * _numpy(norm.running_mean)


def _numpy(value: Tensor | float | None) -> np.ndarray:
    if value is None:
        return np.zeros(())
    return torch.as_tensor(value).detach().double().numpy()
