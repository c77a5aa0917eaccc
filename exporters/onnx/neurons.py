"""Updates of the neuron models in ONNX, as PROGRAM.md specifies them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from onnx import TensorProto

from ultralif_deploy.exporters.onnx.graph import Value
from ultralif_deploy.program.fixed import (
    DECAY_ONE,
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
    """Inputs of a population's update.

    Attributes:
        neuron: the model.
        size: neurons.
        current: int32 [batch, neuron], without bias.
        bias: int32 [neuron].
        words: state int64 [batch, neuron], one value per state word.
        parameters: int32, by name.
    """

    neuron: NeuronModel
    size: int
    current: Value
    bias: Value
    words: tuple[Value, ...]
    parameters: Mapping[str, Value]

    def __getitem__(self, parameter: str) -> Value:
        return self.parameters[parameter].long()

    def drive(self, gain: Value | int = 1 << FRACTION_BITS) -> Value:
        """gain·I + bias, int64."""
        return self.current.long() * gain + self.bias.long()


Result = tuple[Value | None, tuple[Value, ...]]
"""Spikes as bool or int64 (None for a read-out), and the new state words."""


def update(before: Update) -> Result:
    """One timestep of a population."""
    return UPDATES[type(before.neuron)](before)


def leak(p: Update, word: int = 0, decay: str = "decay") -> Value:
    """sgn(v)·⌊|v|·(2^k − decay)/2^k⌋ of a state word v, k = decay_bits.

    Args:
        p: inputs of the update.
        word: index of v among the state words.
        decay: name of the decay parameter, int32 [neuron].
    """
    rate, v, one = p[decay], p.words[word], 1 << p.neuron.widths.decay_bits
    kept = (abs(v) * (-rate + one)).whole_part(one)
    return (v > -1).then(kept, -kept)


def _threshold(p: Update) -> Result:
    return p.current + p.bias > p.parameters["threshold"], ()


def _tropical(p: Update) -> Result:
    u = (p.words[0] - p["decay"]).most(p.drive(1))
    spikes = u > p["threshold"]
    return spikes, (spikes.then(p["reset"], u),)


def _lif(p: Update) -> Result:
    w = leak(p) + p.drive(1 << p.neuron.widths.fraction_bits)
    spikes, after = _fire_and_reset(p, w)
    return spikes, (after,)


def _cuba_lif(p: Update) -> Result:
    widths = p.neuron.widths
    synaptic = leak(p, 1, "synaptic_decay") + p.drive(1 << widths.fraction_bits)
    synaptic = synaptic.clip(largest_held(widths.membrane_bits))
    spikes, after = _fire_and_reset(p, leak(p) + synaptic)
    return spikes, (after, synaptic)


def _fire_and_reset(p: Update, w: Value) -> tuple[Value, Value]:
    """Spikes and the membrane potential after the reset, with its lower bound if there is one."""
    spikes, after = _fire(p, w)
    return spikes, after.most(p["floor"]) if "floor" in p.parameters else after


def _fire(p: Update, w: Value) -> tuple[Value, Value]:
    """Spikes and the membrane potential after the reset, for every reset mode."""
    mode, top = p.neuron.structure()["reset_mode"], largest_held(p.neuron.widths.membrane_bits)
    threshold, reset = p["threshold"], p["reset"]
    u, lowered = w.clip(top), (w - reset).clip(top)
    whole = u
    if mode == "late-value":
        u = (p.words[0] > threshold).then(reset, u)
    if mode in ("late-subtract", "immediate-subtract"):
        u = (p.words[0] > threshold).then(lowered, u)
    spikes = u > threshold
    if mode == "value":
        return spikes, spikes.then(reset, u)
    if p.neuron.largest_sent > 1:
        above = (u - threshold).most(0)
        count = (above + reset - 1).whole_part(reset).least(p.neuron.largest_sent)
        return count, (u - count * reset).clip(top)
    if mode == "subtract":
        return spikes, spikes.then((u - reset).clip(top), u)
    if mode == "immediate-subtract":
        return spikes, spikes.then(lowered, whole)
    return spikes, u


def _ultradlif(p: Update) -> Result:
    u, compared = _ring(p)
    spikes = compared > p["threshold"]
    return spikes, (spikes.then(0, u),)


def _ring(p: Update) -> tuple[Value, Value]:
    """Membrane potentials before the reset, and the values that are compared."""
    shape, v = p.neuron.structure(), p.words[0]
    stride = shape["stride"]

    def largest(own: Value, ring: Value) -> Value:
        return own.most(ring.rolled(-stride, p.size)).most(ring.rolled(stride, p.size))

    if shape["form"] == "released":
        u = (leak(p) + p.drive()).clip(MEMBRANE_MAX)
        return u, largest(u, u)
    u = (largest(leak(p), v) + p.drive()).clip(MEMBRANE_MAX)
    return u, u


def _passed(p: Update, v: Value) -> Value:
    """Number of thresholds that the value int64 of each neuron exceeds, int64."""
    limits = p["thresholds"].rows(p.neuron.largest_sent)
    count = (v > limits[0]).long()
    for limit in limits[1:]:
        count = count + (v > limit).long()
    return count


def _multi_threshold(p: Update) -> Result:
    return _passed(p, p.drive(1)), ()


def _graded_log_max(p: Update) -> Result:
    u = _soft_maximum(p)
    return _count_and_reset(p, u, u)


def _graded_lif(p: Update) -> Result:
    u = (leak(p) + p.drive()).clip(MEMBRANE_MAX)
    return _count_and_reset(p, u, u)


def _graded_ultradlif(p: Update) -> Result:
    return _count_and_reset(p, *_ring(p))


def _count_and_reset(p: Update, u: Value, compared: Value) -> Result:
    """Number of thresholds that a value exceeds, and what these levels leave of the membrane u."""
    count = _passed(p, compared)
    # The reset of 0 levels comes first, so that the number of levels is the index.
    taken = p["reset"].led_by(0).at(count)
    kept = (abs(u) * (-taken + DECAY_ONE)).whole_part(DECAY_ONE)
    return count, ((u > -1).then(kept, -kept),)


def _log_max(p: Update) -> Result:
    u = _soft_maximum(p)
    spikes = u > p["threshold"]
    return spikes, (spikes.then(0, u),)


def _soft_maximum(p: Update) -> Value:
    """The soft maximum of the leaked membrane potential and the drive."""
    table, entries = p["table"], len(p.neuron.parameters()["table"])
    kept, drive = p.words[0] - p["decay"], p.drive()
    gap = abs(kept - drive).whole_part(1 << p.neuron.structure()["shift"])
    entry = table.at(gap.least(entries - 1))
    u = kept.most(drive) + (gap > entries - 1).then(0, entry)
    return u.clip(MEMBRANE_MAX)


def _integrator(p: Update) -> Result:
    return None, (p.words[0] + p.drive(1),)


def _leaky_integrator(p: Update) -> Result:
    u = leak(p) + p.drive()
    return None, (u.clip(INT32_MAX),)


def _cuba_li(p: Update) -> Result:
    synaptic = leak(p, 1, "synaptic_decay") + p.drive()
    synaptic = synaptic.clip(INT32_MAX)
    u = leak(p) + synaptic
    return None, (u.clip(INT32_MAX), synaptic)


class _SecondOrder:
    """Rounding, saturation and drive in a population's own state units."""

    def __init__(self, p: Update) -> None:
        self.one = _power(p["coefficient_bits"])
        self.half = self.one.whole_part(2)
        self.top = _power(p["state_bits"]).whole_part(2) - 1
        self.drive = p.drive(_power(p["shift"]))

    def rounded(self, product: Value) -> Value:
        """⌊product/2^c + 1/2⌋."""
        return (product + self.half).floor(self.one)


def _power(exponent: Value) -> Value:
    """2^exponent as int64."""
    graph = exponent.graph
    one = graph.number(1).cast(TensorProto.UINT64)
    shifted = graph.op("BitShift", one, exponent.cast(TensorProto.UINT64), direction="LEFT")
    return shifted.long()


def _silif(p: Update) -> Result:
    (u, w), own = p.words, _SecondOrder(p)
    fired = u > p["threshold"]
    w = own.rounded(p["beta"] * w + p["a"] * u) + fired.then(p["b"], 0)
    w = w.clip(own.top)
    kept = own.rounded(p["alpha"] * (u - fired.then(p["reset"], 0) + w))
    u = (kept - w + own.drive).clip(own.top)
    return u > p["threshold"], (u, w)


def _csilif(p: Update) -> Result:
    (x, y), own = p.words, _SecondOrder(p)
    real, imaginary = p["real"], p["imaginary"]
    r = (x > p["threshold"]).then(x - p["reset"], x)
    x = (own.rounded(real * r - imaginary * y) + own.drive).clip(own.top)
    y = own.rounded(imaginary * r + real * y).clip(own.top)
    return x > p["threshold"], (x, y)


def _adalif(p: Update) -> Result:
    (u, w), own = p.words, _SecondOrder(p)
    u = (own.rounded(p["alpha"] * u) + own.drive).clip(own.top)
    spikes = u > w + p["threshold"]
    w = own.rounded(p["beta"] * w) + spikes.then(p["jump"], 0)
    return spikes, (spikes.then(0, u), w.clip(own.top))


def _leaky_sum(p: Update) -> Result:
    (total, u), own = p.words, _SecondOrder(p)
    u = (own.rounded(p["alpha"] * u) + own.drive).clip(own.top)
    return None, (total + u, u)


UPDATES: dict[type, Callable[[Update], Result]] = {
    Threshold: _threshold,
    TropicalLIF: _tropical,
    LIF: _lif,
    CubaLIF: _cuba_lif,
    UltraDLIF: _ultradlif,
    LogMaxLIF: _log_max,
    MultiThreshold: _multi_threshold,
    GradedLogMaxLIF: _graded_log_max,
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
