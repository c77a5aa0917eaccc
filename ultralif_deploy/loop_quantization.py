"""Quantization in the training loop: the forward pass uses the weights that will be deployed."""

import torch
from torch import Tensor, nn

from ultralif_deploy.fixed import FRACTION_BITS
from ultralif_deploy.grid import WeightFormat, fit_scale, second_moment
from ultralif_deploy.hardening import folds_bias, shares_scale
from ultralif_deploy.models import SoftNetwork, layer_current


class LoopQuantizer:
    """Rounds each layer's weights to the grid that `quantize` will choose.

    The batch norm's gain is folded in before rounding and taken out after it, because the scale
    is chosen for the folded weights. The derivative passes straight through the rounding.

    Args:
        form: weight format.
        calibration: real inputs [time, batch, input] on which the scales are chosen.
    """

    def __init__(self, form: WeightFormat, calibration: Tensor) -> None:
        self.form = form
        self.calibration = calibration
        self._scales: dict[nn.Linear, Tensor] = {}
        self._bias_units: dict[nn.Linear, Tensor] = {}

    @torch.no_grad()
    def refresh(self, network: SoftNetwork) -> None:
        """Choose the scales anew, layer by layer, on the spikes of the quantized hard network."""
        network.eval()
        self._scales.clear()
        self._bias_units.clear()
        signal, hidden = self.calibration, None
        for linear, norm, _, neuron in network.layers():
            inputs = signal.flatten(0, 1).double().numpy()
            weight = (linear.weight * gain(norm)[:, None]).double().numpy()
            shared = neuron is None or shares_scale(neuron)
            scale, _ = fit_scale(weight, self.form, second_moment(inputs), shared=shared)
            self._scales[linear] = torch.from_numpy(scale).to(linear.weight.dtype)
            if neuron is None:
                self._bias_units[linear] = self._scales[linear]
                return
            if not folds_bias(neuron) and norm is None:
                self._bias_units[linear] = self._scales[linear] / (1 << FRACTION_BITS)
            signal = neuron(layer_current(linear, norm, signal, self), 0.0)
            if network.architecture.skip:
                signal = signal if hidden is None else signal + hidden
                hidden = signal

    def __call__(self, linear: nn.Linear, norm: nn.BatchNorm1d | None) -> tuple[Tensor, Tensor]:
        """Weight and bias for the forward pass."""
        scale, bn_gain = self._scales[linear], gain(norm).detach()
        folded = linear.weight.detach() * bn_gain[:, None]
        q = torch.clamp(torch.round(folded / scale[:, None]), self.form.low, self.form.high)
        safe = torch.where(bn_gain == 0, torch.ones_like(bn_gain), bn_gain)
        rounded = torch.where((bn_gain == 0)[:, None], folded, q * scale[:, None]) / safe[:, None]
        weight = linear.weight + (rounded - linear.weight).detach()
        bias: Tensor = linear.bias
        unit = self._bias_units.get(linear)
        if unit is not None:
            bias = bias + (torch.round(bias / unit) * unit - bias).detach()
        return weight, bias

    @torch.no_grad()
    def snap(self, network: SoftNetwork) -> None:
        """Replace the weights by the rounded ones, so that `quantize` finds their grid again."""
        self.refresh(network)
        for linear, norm, _, _ in network.layers():
            weight, bias = self(linear, norm)
            linear.weight.copy_(weight)
            linear.bias.copy_(bias)


def gain(norm: nn.BatchNorm1d | None) -> Tensor:
    """γ/√(σ² + e) of a batch norm [neuron]; 1 without one."""
    if norm is None:
        return torch.ones(1)
    assert norm.running_var is not None
    return norm.weight / torch.sqrt(norm.running_var + norm.eps)
