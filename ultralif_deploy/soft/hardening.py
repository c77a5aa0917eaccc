"""Convert a SoftNetwork to a Network: take the limit ε → 0 in each layer, without folding."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.composition import Composed, Diagonal
from ultralif_deploy.network.network import Input, Network, Population, per_neuron
from ultralif_deploy.network.neurons import (
    LIF,
    AdaLIF,
    FloatNeuron,
    GradedUltraDLIF,
    Integrator,
    MultiThreshold,
    Threshold,
    TropicalLIF,
    UltraDLIF,
)
from ultralif_deploy.program.convolution import Conv2d, average_pool
from ultralif_deploy.program.graph import INPUT, AnyMap, Dense, Identity, Projection
from ultralif_deploy.soft.architectures import BatchNorm, Branch, Stage
from ultralif_deploy.soft.network import SoftNetwork
from ultralif_deploy.soft.neurons.model import Scalar, SoftNeuron

READOUT = "readout"
"""Name of the read-out population."""


def harden(network: SoftNetwork, encoder: Encoder, input_maximum: int | None = None) -> Network:
    """The hard network that a soft network becomes at ε = 0; soft membranes keep their ε.

    Args:
        network: soft network. Only the temperatures of soft membranes are used.
        encoder: determines how integer inputs are read, and the number of timesteps.
        input_maximum: largest integer input; by default 1 for rate coding, else 255.

    Returns:
        A float64 network, one population per soft neuron and one read-out.

    Raises:
        UltralifError: a neuron kind that has no hard model here.
    """
    populations: list[Population] = []
    projections: list[Projection] = []
    shapes = {INPUT: _input_shape(network)}
    levels = {s.name: s.neuron.levels for s in network.stages() if s.neuron is not None}
    for stage in network.stages():
        target = READOUT if stage.neuron is None else stage.name
        bias, linears = np.zeros(1), []
        for branch in stage.branches:
            linear, shift, shapes[target] = _linear_map(branch, shapes[branch.sources[0]])
            bias = bias + shift
            linears += [
                Projection(source, target, _shared_out(linear, levels.get(source, 1)))
                for source in branch.sources
            ]
        size = linears[0].map.target_size
        model: FloatNeuron = Integrator()
        if stage.neuron is not None:
            # On a ring over channels, the channels of one position are one map size apart.
            stride = int(np.prod(shapes[target][1:])) if stage.channelwise else 1
            steps = 1 if stage.stateless else encoder.timesteps
            model = _model(target, stage.neuron, size, stride, steps)
            if stage.stateless:
                model = _STATELESS[type(model)](model)
        populations.append(
            Population(target, size, model, per_neuron(bias, size, f"{target}: bias"))
        )
        projections += linears
    if populations[-1].name != READOUT:
        size = populations[-1].size
        zero = per_neuron(0.0, size, READOUT)
        populations.append(Population(READOUT, size, Integrator(), zero))
        last = populations[-2].name
        projections.append(Projection(last, READOUT, _shared_out(Identity(size), levels[last])))
    maximum = input_maximum or (1 if encoder.kind == "rate" else 255)
    return Network(
        Input(
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


def folds_bias(stage: Stage, timesteps: int) -> bool:
    """Whether the bias of this population's current can be folded exactly into its thresholds.

    With graded spikes this holds for a single timestep, where no membrane is needed.
    """
    neuron = stage.neuron
    if neuron is None or neuron.RING:
        return False
    if stage.stateless:
        return True
    if neuron.levels > 1:
        return timesteps == 1
    return neuron.SOFT_MAXIMUM and not neuron.soft_membrane


def shares_scale(stage: Stage, timesteps: int) -> bool:
    """Whether all neurons need one scale, because they compare membranes or share a table."""
    neuron = stage.neuron
    if neuron is None:
        return False
    graded = neuron.levels > 1 and timesteps > 1 and not stage.stateless
    return neuron.RING or neuron.soft_membrane or (graded and neuron.SOFT_MAXIMUM)


def _model(name: str, neuron: SoftNeuron, size: int, stride: int, timesteps: int) -> FloatNeuron:
    def spread(value: Scalar, what: str) -> np.ndarray:
        return per_neuron(_numpy(value), size, f"{name}: {what}")

    try:
        return neuron.hard_limit(spread, stride, timesteps)
    except UltralifError as error:
        raise UltralifError(f"{name}: {error}") from error


def _threshold(whole: LIF | AdaLIF) -> FloatNeuron:
    """The membrane potential is τ·0 + I = I, so the neuron fires exactly if I ≥ θ."""
    return Threshold(whole.threshold, inclusive=True)


def _max_plus_threshold(whole: TropicalLIF) -> FloatNeuron:
    """The membrane is max(log τ, I): the neuron fires if I ≥ θ, and always if log τ ≥ θ."""
    if np.all(-whole.decay >= whole.threshold):
        return whole  # fires at every timestep, and is reset at every timestep
    return Threshold(whole.threshold, inclusive=True)


def _ring_of_currents(whole: UltraDLIF | GradedUltraDLIF) -> FloatNeuron:
    """Even without memory, neurons on a ring compare their membranes with their neighbours'."""
    return replace(whole, tau=per_neuron(0.0, len(whole.tau), "tau"))


_STATELESS: dict[type[FloatNeuron], Callable[..., FloatNeuron]] = {
    LIF: _threshold,
    AdaLIF: _threshold,
    TropicalLIF: _max_plus_threshold,
    UltraDLIF: _ring_of_currents,
    GradedUltraDLIF: _ring_of_currents,
    MultiThreshold: lambda whole: whole,
}
"""For each neuron model: its equivalent if v starts at 0 in every timestep (stateless)."""


def _shared_out(linear: AnyMap, levels: int) -> AnyMap:
    """The map for graded spikes, which count levels; one level is 1/levels of a soft spike."""
    if levels == 1:
        return linear
    share = Diagonal(np.full(linear.target_size, 1 / levels))
    parts = linear.parts if isinstance(linear, Composed) else (linear,)
    return Composed((*parts, share))


Shape = tuple[int, ...]
"""(neurons,) or (channels, height, width)."""


def _input_shape(network: SoftNetwork) -> Shape:
    a = network.architecture
    return (a.channels[0], a.side, a.side) if a.channels else (a.widths[0],)


def _linear_map(branch: Branch, shape: Shape) -> tuple[AnyMap, np.ndarray, Shape]:
    """Linear map of a branch with input `shape`, its constant [neuron], and its output shape."""
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
    if branch.after is not None:  # pooling takes a mean, which leaves the constant unchanged
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
    return torch.as_tensor(value).detach().cpu().double().numpy()
