"""Updates of the neuron models as tensor programs on int64, as PROGRAM.md specifies them.

No operation here rounds, and by PROGRAM.md every sum and product fits 57 bits. `>>` on negative
int64 is an arithmetic shift in torch, so it rounds down, as ⌊ ⌋ does.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ultralif_deploy.program.fixed import (
    DECAY_BITS,
    FRACTION_BITS,
    INT32_MAX,
    MEMBRANE_MAX,
    largest_held,
)
from ultralif_deploy.program.neurons import (
    LIF,
    AdaLIF,
    CSiLIF,
    CubaLI,
    CubaLIF,
    GradedLIF,
    GradedLogMaxLIF,
    GradedUltraDLIF,
    Integrator,
    LeakyIntegrator,
    LeakySum,
    LogMaxLIF,
    MultiThreshold,
    NeuronModel,
    SiLIF,
    Threshold,
    TropicalLIF,
    UltraDLIF,
)


@dataclass(frozen=True, slots=True)
class Update:
    """Inputs of a population's update; all tensors are int64 on one device.

    Attributes:
        neuron: the model.
        current: [batch, neuron], without bias; [time, batch, neuron] for models without memory.
        bias: [neuron].
        words: state [batch, neuron], one tensor per state word.
        parameters: by name, [neuron] or as the model has them.
    """

    neuron: Any
    current: Tensor
    bias: Tensor
    words: tuple[Tensor, ...]
    parameters: Mapping[str, Tensor]

    def __getitem__(self, parameter: str) -> Tensor:
        return self.parameters[parameter]

    def drive(self, fraction_bits: int | Tensor = FRACTION_BITS) -> Tensor:
        """2^f·I + bias.

        Args:
            fraction_bits: f, one number or int64 [neuron].
        """
        return (self.current << fraction_bits) + self.bias


Result = tuple[Tensor | None, tuple[Tensor, ...]]
"""Spikes as bool or int64 (None for a read-out), and the new state words."""


def _leak(v: Tensor, decay: Tensor, bits: int) -> Tensor:
    """sgn(v)·⌊|v|·(2^bits − decay)/2^bits⌋."""
    kept = (v.abs() * ((1 << bits) - decay)) >> bits
    return torch.where(v < 0, -kept, kept)


def _leaked(p: Update, word: int = 0, decay: str = "decay") -> Tensor:
    """A state word after its leak."""
    return _leak(p.words[word], p[decay], p.neuron.decay_bits)


def _sat(v: Tensor, top: int = MEMBRANE_MAX) -> Tensor:
    return v.clamp(-top, top)


def _threshold(p: Update) -> Result:
    return p.current + p.bias > p["threshold"], ()


def _tropical_lif(p: Update) -> Result:
    u = torch.maximum(p.words[0] - p["decay"], p.drive(0))
    spikes = u > p["threshold"]
    return spikes, (torch.where(spikes, p["reset"], u),)


def _lif(p: Update) -> Result:
    spikes, after = _fire_and_reset(p, _leaked(p) + p.drive(p.neuron.fraction_bits))
    return spikes, (after,)


def _cuba_lif(p: Update) -> Result:
    synaptic = _leaked(p, 1, "synaptic_decay") + p.drive(p.neuron.fraction_bits)
    synaptic = _sat(synaptic, largest_held(p.neuron.membrane_bits))
    spikes, after = _fire_and_reset(p, _leaked(p) + synaptic)
    return spikes, (after, synaptic)


def _fire_and_reset(p: Update, w: Tensor) -> tuple[Tensor, Tensor]:
    """Spikes and the membrane potential after the reset, with its lower bound if there is one."""
    spikes, after = _fire(p, w)
    return spikes, torch.maximum(after, p["floor"]) if "floor" in p.parameters else after


def _fire(p: Update, w: Tensor) -> tuple[Tensor, Tensor]:
    """Spikes and the membrane potential after the reset, for every reset mode."""
    mode, top = p.neuron.reset_mode, largest_held(p.neuron.membrane_bits)
    threshold, reset = p["threshold"], p["reset"]
    u = _sat(w, top)
    if mode in ("late-value", "late-subtract", "immediate-subtract"):
        late = reset if mode == "late-value" else _sat(w - reset, top)
        u = torch.where(p.words[0] > threshold, late, u)
    spikes = u > threshold
    if mode == "value":
        return spikes, torch.where(spikes, reset, u)
    if mode == "subtract":
        count = _spike_count(p, u - threshold)
        return count, _sat(u - count * reset, top)
    if mode == "immediate-subtract":
        return spikes, _sat(torch.where(spikes, w - reset, w), top)
    return spikes, u


def _spike_count(p: Update, above: Tensor) -> Tensor:
    """Number of spikes of neurons whose membranes exceed their thresholds by `above`."""
    most = p.neuron.most_spikes
    if most == 1:  # the reset may then be 0 or less
        return (above > 0).long()
    rounded_up = above.clamp(min=0) + p["reset"] - 1
    return torch.div(rounded_up, p["reset"], rounding_mode="floor").clamp(max=most)


def _ultradlif(p: Update) -> Result:
    u, compared = _ring(p)
    spikes = compared > p["threshold"]
    return spikes, (torch.where(spikes, 0, u),)


def _ring(p: Update) -> tuple[Tensor, Tensor]:
    """Membrane potentials before the reset, and the values that are compared."""
    stride = p.neuron.stride

    def largest(own: Tensor, ring: Tensor) -> Tensor:
        neighbours = torch.maximum(ring.roll(stride, -1), ring.roll(-stride, -1))
        return torch.maximum(own, neighbours)

    if p.neuron.form == "released":
        u = _sat(_leaked(p) + p.drive())
        return u, largest(u, u)
    u = _sat(largest(_leaked(p), p.words[0]) + p.drive())
    return u, u


def _log_max_lif(p: Update) -> Result:
    u = _soft_maximum(p)
    spikes = u > p["threshold"]
    return spikes, (torch.where(spikes, 0, u),)


def _soft_maximum(p: Update) -> Tensor:
    """The soft maximum of the leaked membrane potential and the drive."""
    kept, drive, table = p.words[0] - p["decay"], p.drive(), p["table"]
    entry = (kept - drive).abs() >> p.neuron.shift
    inside = entry < len(table)
    correction = torch.where(inside, table[entry.clamp(max=len(table) - 1)], 0)
    return _sat(torch.maximum(kept, drive) + correction)


def _passed(p: Update, v: Tensor) -> Tensor:
    """Number of thresholds that the value of each neuron exceeds."""
    count = torch.zeros_like(v)
    for limit in p["thresholds"].view(p.neuron.levels, -1):
        count = count + (v > limit)
    return count


def _multi_threshold(p: Update) -> Result:
    return _passed(p, p.current + p.bias), ()


def _graded_log_max_lif(p: Update) -> Result:
    u = _soft_maximum(p)
    return _count_and_reset(p, u, u)


def _graded_lif(p: Update) -> Result:
    u = _sat(_leaked(p) + p.drive())
    return _count_and_reset(p, u, u)


def _graded_ultradlif(p: Update) -> Result:
    return _count_and_reset(p, *_ring(p))


def _count_and_reset(p: Update, u: Tensor, compared: Tensor) -> Result:
    """Number of thresholds that a value exceeds, and what these levels leave of the membrane u."""
    count = _passed(p, compared)
    # No level takes nothing, so the number of levels is the index.
    taken = torch.cat([torch.zeros_like(p["reset"][:1]), p["reset"]])[count]
    return count, (_leak(u, taken, DECAY_BITS),)


def _integrator(p: Update) -> Result:
    return None, (p.words[0] + p.current + p.bias,)


def _leaky_integrator(p: Update) -> Result:
    return None, (_sat(_leaked(p) + p.drive(), INT32_MAX),)


def _cuba_li(p: Update) -> Result:
    synaptic = _sat(_leaked(p, 1, "synaptic_decay") + p.drive(), INT32_MAX)
    return None, (_sat(_leaked(p) + synaptic, INT32_MAX), synaptic)


def _rounded(p: Update, product: Tensor) -> Tensor:
    """⌊product/2^c + 1/2⌋ with c = coefficient_bits."""
    c = p["coefficient_bits"]
    return (product + (torch.ones_like(c) << (c - 1))) >> c


def _clipped(p: Update, v: Tensor) -> Tensor:
    """Saturated to ±(2^(k − 1) − 1) with k = state_bits."""
    bits = p["state_bits"]
    top = (torch.ones_like(bits) << (bits - 1)) - 1
    return torch.maximum(torch.minimum(v, top), -top)


def _silif(p: Update) -> Result:
    u, w = p.words
    before = (u > p["threshold"]).long()
    w = _clipped(p, _rounded(p, p["beta"] * w + p["a"] * u) + p["b"] * before)
    kept = _rounded(p, p["alpha"] * (u - p["reset"] * before + w))
    u = _clipped(p, kept - w + p.drive(p["shift"]))
    return u > p["threshold"], (u, w)


def _csilif(p: Update) -> Result:
    (x, y), real, imaginary = p.words, p["real"], p["imaginary"]
    r = torch.where(x > p["threshold"], x - p["reset"], x)
    x = _clipped(p, _rounded(p, real * r - imaginary * y) + p.drive(p["shift"]))
    y = _clipped(p, _rounded(p, imaginary * r + real * y))
    return x > p["threshold"], (x, y)


def _adalif(p: Update) -> Result:
    u, rise = p.words
    u = _clipped(p, _rounded(p, p["alpha"] * u) + p.drive(p["shift"]))
    spikes = u > p["threshold"] + rise
    rise = _rounded(p, p["beta"] * rise) + torch.where(spikes, p["jump"], 0)
    return spikes, (torch.where(spikes, 0, u), _clipped(p, rise))


def _leaky_sum(p: Update) -> Result:
    total, u = p.words
    u = _clipped(p, _rounded(p, p["alpha"] * u) + p.drive(p["shift"]))
    return None, (total + u, u)


UPDATES: dict[type[NeuronModel], Callable[[Update], Result]] = {
    Threshold: _threshold,
    TropicalLIF: _tropical_lif,
    LIF: _lif,
    CubaLIF: _cuba_lif,
    UltraDLIF: _ultradlif,
    LogMaxLIF: _log_max_lif,
    MultiThreshold: _multi_threshold,
    GradedLogMaxLIF: _graded_log_max_lif,
    GradedLIF: _graded_lif,
    GradedUltraDLIF: _graded_ultradlif,
    SiLIF: _silif,
    CSiLIF: _csilif,
    AdaLIF: _adalif,
    Integrator: _integrator,
    LeakyIntegrator: _leaky_integrator,
    CubaLI: _cuba_li,
    LeakySum: _leaky_sum,
}
"""Updates by model."""
