"""Fixed-point models of the processes. Each does an update of PROGRAM.md for all its neurons."""

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from neurons import process

MEMBRANE_MAX, INT32_MAX = (1 << 23) - 1, (1 << 31) - 1


def array():
    return LavaPyType(np.ndarray, np.int64)


def sat(v, top=MEMBRANE_MAX):
    return np.clip(v, -top, top)


class Neurons(PyLoihiProcessModel):
    """Receives synaptic sums, updates, sends spikes."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int64)
    state: np.ndarray = array()
    bias: np.ndarray = array()

    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.structure = proc_params["structure"]

    def run_spk(self):
        current = self.a_in.recv().astype(np.int64)
        spikes, words = self.update(current, *self.state)
        for n, word in enumerate(words):
            self.state[n] = word
        self.s_out.send(np.broadcast_to(spikes, current.shape).astype(np.int64))

    def leak(self, v, decay):
        """Membrane potential v after the leak of one timestep, truncated toward zero."""
        bits = self.structure["decay_bits"]
        return np.sign(v) * ((np.abs(v) * ((1 << bits) - decay)) >> bits)

    def update(self, current, *words):
        """Spikes, and state words after synaptic sums [neuron]."""
        raise NotImplementedError


@implements(proc=process.Threshold, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class ThresholdModel(Neurons):
    threshold: np.ndarray = array()

    def update(self, current, v):
        return current + self.bias > self.threshold, (v,)


@implements(proc=process.TropicalLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class TropicalLIFModel(Neurons):
    threshold: np.ndarray = array()
    decay: np.ndarray = array()
    reset: np.ndarray = array()

    def update(self, current, v):
        u = np.maximum(v - self.decay, current + self.bias)
        spikes = u > self.threshold
        return spikes, (np.where(spikes, self.reset, u),)


class Leaky(Neurons):
    """Words and reset modes of leaky membranes."""

    def held(self, v):
        """V, limited to the word length of the population."""
        return sat(v, (1 << (self.structure["membrane_bits"] - 1)) - 1)

    def drive(self, current):
        """Synaptic current with bias, in membrane units."""
        return (current << self.structure["fraction_bits"]) + self.bias

    def fire_and_reset(self, before, whole):
        """Spikes and new membrane potentials, from those before and the unsaturated update."""
        spikes, after = self.fire(before, whole)
        return spikes, np.maximum(after, self.floor)

    def fire(self, before, whole):
        """Spikes and new membrane potentials, before the lower bound is applied."""
        mode, reset, sat = self.structure["reset_mode"], self.reset, self.held
        held = before > self.threshold
        u = sat(whole)
        if mode == "late-value":
            u = np.where(held, reset, u)
        elif mode in ("late-subtract", "immediate-subtract"):
            u = np.where(held, sat(whole - reset), u)
        spikes = u > self.threshold
        if mode == "value":
            return spikes, np.where(spikes, reset, u)
        if (most := self.structure["most_spikes"]) > 1:
            above = np.maximum(u - self.threshold, 0)
            count = np.minimum(-(-above // reset), most)
            return count, sat(u - count * reset)
        if mode == "subtract":
            return spikes, np.where(spikes, sat(u - reset), u)
        if mode == "immediate-subtract":
            return spikes, np.where(spikes, sat(whole - reset), sat(whole))
        return spikes, u


@implements(proc=process.LIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class LIFModel(Leaky):
    threshold: np.ndarray = array()
    decay: np.ndarray = array()
    reset: np.ndarray = array()
    floor: np.ndarray = array()

    def update(self, current, v):
        spikes, after = self.fire_and_reset(v, self.leak(v, self.decay) + self.drive(current))
        return spikes, (after,)


@implements(proc=process.CubaLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class CubaLIFModel(Leaky):
    threshold: np.ndarray = array()
    decay: np.ndarray = array()
    synaptic_decay: np.ndarray = array()
    reset: np.ndarray = array()
    floor: np.ndarray = array()

    def update(self, current, v, i):
        i = self.held(self.leak(i, self.synaptic_decay) + self.drive(current))
        spikes, after = self.fire_and_reset(v, self.leak(v, self.decay) + i)
        return spikes, (after, i)


class Ring(Neurons):
    """Leaky membranes whose neighbours on a ring share their maximum."""

    def ring(self, own, v):
        """Maximum of one's own value and the neighbours' of v."""
        stride = self.structure["stride"]
        return np.maximum(own, np.maximum(np.roll(v, stride), np.roll(v, -stride)))

    def membranes(self, current, v):
        """Membrane potentials before the reset, and the values that are compared."""
        kept = self.leak(v, self.decay)
        if self.structure["form"] == "paper":
            u = sat(self.ring(kept, v) + 64 * current + self.bias)
            return u, u
        u = sat(kept + 64 * current + self.bias)
        return u, self.ring(u, u)


@implements(proc=process.UltraDLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class UltraDLIFModel(Ring):
    threshold: np.ndarray = array()
    decay: np.ndarray = array()

    def update(self, current, v):
        u, compared = self.membranes(current, v)
        spikes = compared > self.threshold
        return spikes, (np.where(spikes, 0, u),)


class Graded(Neurons):
    """Models with several thresholds per neuron, stored level by level."""

    def passed(self, v):
        """Number of thresholds that the value of each neuron exceeds."""
        return (v > self.thresholds.reshape(self.structure["levels"], -1)).sum(axis=0)

    def count_and_reset(self, u, compared):
        """Number of thresholds that a value exceeds, and what these levels leave of u."""
        count = self.passed(compared)
        taken = np.concatenate(([0], self.reset))[count]
        return count, (np.sign(u) * ((np.abs(u) * (4096 - taken)) >> 12),)


class SoftMaximum(Neurons):
    """Models with a soft maximum: a maximum with a correction from a table."""

    def soft_maximum(self, current, v):
        """The soft maximum of the leaked membrane potential and the drive."""
        kept, drive = v - self.decay, 64 * current + self.bias
        entry = np.abs(kept - drive) >> self.structure["shift"]
        inside = entry < len(self.table)
        correction = np.where(inside, self.table[np.where(inside, entry, 0)], 0)
        return sat(np.maximum(kept, drive) + correction)


@implements(proc=process.MultiThreshold, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class MultiThresholdModel(Graded):
    thresholds: np.ndarray = array()

    def update(self, current, v):
        return self.passed(current + self.bias), (v,)


@implements(proc=process.GradedLogMaxLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class GradedLogMaxLIFModel(Graded, SoftMaximum):
    thresholds: np.ndarray = array()
    decay: np.ndarray = array()
    table: np.ndarray = array()
    reset: np.ndarray = array()

    def update(self, current, v):
        u = self.soft_maximum(current, v)
        return self.count_and_reset(u, u)


@implements(proc=process.GradedLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class GradedLIFModel(Graded):
    thresholds: np.ndarray = array()
    decay: np.ndarray = array()
    reset: np.ndarray = array()

    def update(self, current, v):
        u = sat(self.leak(v, self.decay) + 64 * current + self.bias)
        return self.count_and_reset(u, u)


@implements(proc=process.GradedUltraDLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class GradedUltraDLIFModel(Graded, Ring):
    thresholds: np.ndarray = array()
    decay: np.ndarray = array()
    reset: np.ndarray = array()

    def update(self, current, v):
        return self.count_and_reset(*self.membranes(current, v))


@implements(proc=process.LogMaxLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class LogMaxLIFModel(SoftMaximum):
    threshold: np.ndarray = array()
    decay: np.ndarray = array()
    table: np.ndarray = array()

    def update(self, current, v):
        u = self.soft_maximum(current, v)
        spikes = u > self.threshold
        return spikes, (np.where(spikes, 0, u),)


@implements(proc=process.Integrator, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class IntegratorModel(Neurons):
    def update(self, current, v):
        return False, (v + current + self.bias,)


@implements(proc=process.LeakyIntegrator, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class LeakyIntegratorModel(Neurons):
    decay: np.ndarray = array()

    def update(self, current, v):
        return False, (sat(self.leak(v, self.decay) + 64 * current + self.bias, INT32_MAX),)


@implements(proc=process.CubaLI, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class CubaLIModel(Neurons):
    decay: np.ndarray = array()
    synaptic_decay: np.ndarray = array()

    def update(self, current, v, i):
        i = sat(self.leak(i, self.synaptic_decay) + 64 * current + self.bias, INT32_MAX)
        return False, (sat(self.leak(v, self.decay) + i, INT32_MAX), i)


class SecondOrder(Neurons):
    """Models with two state words; products with coefficients are rounded."""

    shift: np.ndarray = array()
    coefficient_bits: np.ndarray = array()
    state_bits: np.ndarray = array()

    def rounded(self, product):
        return (product + (1 << (self.coefficient_bits - 1))) >> self.coefficient_bits

    def drive(self, current):
        return (current << self.shift) + self.bias

    def clip(self, v):
        top = (1 << (self.state_bits - 1)) - 1
        return np.clip(v, -top, top)


@implements(proc=process.SiLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class SiLIFModel(SecondOrder):
    threshold: np.ndarray = array()
    reset: np.ndarray = array()
    alpha: np.ndarray = array()
    beta: np.ndarray = array()
    a: np.ndarray = array()
    b: np.ndarray = array()

    def update(self, current, u, w):
        s = (u > self.threshold).astype(np.int64)
        w = self.clip(self.rounded(self.beta * w + self.a * u) + self.b * s)
        kept = self.rounded(self.alpha * (u - self.reset * s + w))
        u = self.clip(kept - w + self.drive(current))
        return u > self.threshold, (u, w)


@implements(proc=process.CSiLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class CSiLIFModel(SecondOrder):
    threshold: np.ndarray = array()
    reset: np.ndarray = array()
    real: np.ndarray = array()
    imaginary: np.ndarray = array()

    def update(self, current, x, y):
        r = np.where(x > self.threshold, x - self.reset, x)
        x = self.clip(self.rounded(self.real * r - self.imaginary * y) + self.drive(current))
        y = self.clip(self.rounded(self.imaginary * r + self.real * y))
        return x > self.threshold, (x, y)


@implements(proc=process.AdaLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class AdaLIFModel(SecondOrder):
    threshold: np.ndarray = array()
    alpha: np.ndarray = array()
    beta: np.ndarray = array()
    jump: np.ndarray = array()

    def update(self, current, u, rise):
        u = self.clip(self.rounded(self.alpha * u) + self.drive(current))
        spikes = u > self.threshold + rise
        rise = self.clip(self.rounded(self.beta * rise) + np.where(spikes, self.jump, 0))
        return spikes, (np.where(spikes, 0, u), rise)


@implements(proc=process.LeakySum, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class LeakySumModel(SecondOrder):
    alpha: np.ndarray = array()

    def update(self, current, total, u):
        u = self.clip(self.rounded(self.alpha * u) + self.drive(current))
        return False, (total + u, u)


@implements(proc=process.Recorder, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class RecorderModel(PyLoihiProcessModel):
    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    tie_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    tie_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int64)

    def __init__(self, proc_params):
        super().__init__(proc_params)
        shape = (proc_params["timesteps"], proc_params["neurons"])
        self.kept = np.memmap(proc_params["path"], dtype=np.uint8, mode="r+", shape=shape)

    def run_spk(self):
        self.kept[self.time_step - 1] = self.a_in.recv()
        self.tie_out.send(self.tie_in.recv())
