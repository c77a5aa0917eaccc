"""Quantization in the training loop: the forward pass uses the weights that will be deployed."""

import numpy as np
import torch
from torch import Tensor, nn

from ultralif_deploy.program.fixed import FRACTION_BITS
from ultralif_deploy.program.weight_format import WeightFormat
from ultralif_deploy.quantization.grid import fit_scale
from ultralif_deploy.quantization.moments import Moment, second_moment
from ultralif_deploy.soft.architectures import BatchNorm
from ultralif_deploy.soft.hardening import folds_bias, shares_scale
from ultralif_deploy.soft.network import SoftNetwork, added, fire, first_signals, stage_current

MOMENT_ROWS = 20_000
"""Number of input rows of a convolution that are used to estimate second moments."""


class LoopQuantizer:
    """Rounds each layer's weights to the grid that `quantize` will choose.

    The batch norm's gain is folded in before rounding and taken out after it, because the scale
    is chosen for the folded weights. The rounding has a straight-through gradient. Some layers
    change before they are rounded, because pooling is folded into them or several maps share
    their scale. The weights of these layers are not rounded here.

    Args:
        weights: their format.
        calibration: real inputs [time, batch, input] on which the scales are chosen.
    """

    def __init__(self, weights: WeightFormat, calibration: Tensor) -> None:
        self.weights = weights
        self.calibration = calibration
        self._scales: dict[nn.Module, Tensor] = {}
        self._bias_units: dict[nn.Module, Tensor] = {}

    @torch.no_grad()
    def refresh(self, network: SoftNetwork) -> None:
        """Choose new scales, layer by layer, from the spikes of the quantized hard network."""
        network.eval()
        self._scales.clear()
        self._bias_units.clear()
        signals = first_signals(network, self.calibration)
        time = len(self.calibration)
        for stage in network.stages():
            branch, *others = stage.branches
            linear, norm, neuron = branch.linear, branch.norm, stage.neuron
            if linear is not None and not (others or branch.before or branch.after):
                source = added([signals[name] for name in branch.sources])
                weight = (linear.weight.flatten(1) * gain(norm)[:, None]).double().numpy()
                moment = Moment(second_moment(_inputs(linear, source)))
                shared = neuron is None or shares_scale(stage, time)
                scale, _ = fit_scale(weight, self.weights, moment, shared=shared)
                self._scales[linear] = torch.from_numpy(scale).to(linear.weight.dtype)
                if neuron is None:
                    self._bias_units[linear] = self._scales[linear]
                elif not folds_bias(stage, time) and norm is None:
                    self._bias_units[linear] = self._scales[linear] / (1 << FRACTION_BITS)
            if neuron is not None:
                current = stage_current(stage, signals, self)
                signals[stage.name] = fire(stage, current, time, 0.0)

    def __call__(
        self, linear: nn.Linear | nn.Conv2d, norm: BatchNorm | None
    ) -> tuple[Tensor, Tensor | None]:
        """Weight and bias for the forward pass."""
        if linear not in self._scales:
            return linear.weight, linear.bias
        scale, bn_gain = self._scales[linear], gain(norm).detach()
        weight = linear.weight.flatten(1)
        folded = weight.detach() * bn_gain[:, None]
        q = torch.clamp(torch.round(folded / scale[:, None]), self.weights.low, self.weights.high)
        safe = torch.where(bn_gain == 0, torch.ones_like(bn_gain), bn_gain)
        rounded = torch.where((bn_gain == 0)[:, None], folded, q * scale[:, None]) / safe[:, None]
        weight = weight + (rounded - weight).detach()
        bias = linear.bias
        unit = self._bias_units.get(linear)
        if unit is not None and bias is not None:
            bias = bias + (torch.round(bias / unit) * unit - bias).detach()
        return weight.view_as(linear.weight), bias

    @torch.no_grad()
    def snap(self, network: SoftNetwork) -> None:
        """Replace the weights by the rounded ones, so that `quantize` finds the same grid."""
        self.refresh(network)
        for linear, norm, _ in network.layers():
            weight, bias = self(linear, norm)
            linear.weight.copy_(weight)
            if bias is not None:
                linear.bias.copy_(bias)  # type: ignore[union-attr]


def _inputs(linear: nn.Linear | nn.Conv2d, signal: Tensor) -> np.ndarray:
    """Inputs that a row of weights multiplies, float64 [n, weight], at most `MOMENT_ROWS`."""
    if isinstance(linear, nn.Conv2d):
        assert not isinstance(linear.padding, str)
        patches = nn.functional.unfold(
            signal, linear.kernel_size, padding=linear.padding, stride=linear.stride
        )
        rows = patches.transpose(1, 2).flatten(0, 1)
        return rows[:: max(1, len(rows) // MOMENT_ROWS)].double().numpy()
    return signal.flatten(1).double().numpy()


def gain(norm: BatchNorm | None) -> Tensor:
    """γ/√(σ² + e) of a batch norm [neuron]; 1 without one."""
    if norm is None:
        return torch.ones(1)
    assert norm.running_var is not None
    return norm.weight / torch.sqrt(norm.running_var + norm.eps)
