"""Processes: a population with its synaptic sum as input and its spikes as output."""

import numpy as np
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var


class Population(AbstractProcess):
    """Neurons of one model.

    Args:
        state: int64 [words, neuron] before the first timestep.
        bias: int64 [neuron].
        parameters: int64 [neuron] each, and a model's own structure: `reset_mode`, `form`,
            `stride`, `shift`, `levels`, `decay_bits`, `membrane_bits`, `fraction_bits` or
            `most_spikes`.
    """

    PARAMETERS = ()

    def __init__(self, *, state, bias, **parameters):
        structure = {k: v for k, v in parameters.items() if k not in self.PARAMETERS}
        super().__init__(state=state, bias=bias, **parameters, structure=structure)
        neurons = (state.shape[1],)
        self.a_in = InPort(shape=neurons)
        self.s_out = OutPort(shape=neurons)
        self.state = Var(shape=state.shape, init=state)
        self.bias = Var(shape=neurons, init=bias)
        for name in self.PARAMETERS:
            array = parameters[name] if name in parameters else self.default(name, neurons)
            setattr(self, name, Var(shape=array.shape, init=array))

    @staticmethod
    def default(name, neurons):
        """Value of a parameter that the program lacks. The lower bound is then never reached."""
        return {"floor": np.full(neurons, -(1 << 31))}[name]


class Threshold(Population):
    """I + bias > θ."""

    PARAMETERS = ("threshold",)


class TropicalLIF(Population):
    """v ← max(v − decay, I + bias); fires iff v > θ; then v ← reset."""

    PARAMETERS = ("threshold", "decay", "reset")


class LIF(Population):
    """v ← leak(v) + 2^f·I + bias, with one of the reset modes."""

    PARAMETERS = ("threshold", "decay", "reset", "floor")


class CubaLIF(Population):
    """i ← leak(i) + 2^f·I + bias; v ← leak(v) + i, with one of the reset modes."""

    PARAMETERS = ("threshold", "decay", "synaptic_decay", "reset", "floor")


class UltraDLIF(Population):
    """Membranes are shared with the two neighbours on a ring."""

    PARAMETERS = ("threshold", "decay")


class LogMaxLIF(Population):
    """A maximum of membrane and drive with a correction from a table."""

    PARAMETERS = ("threshold", "decay", "table")


class MultiThreshold(Population):
    """The number of thresholds that I + bias passes."""

    PARAMETERS = ("thresholds",)


class GradedLogMaxLIF(Population):
    """The membrane of LogMaxLIF; sends the number of thresholds passed, each with its own reset."""

    PARAMETERS = ("thresholds", "decay", "table", "reset")


class GradedLIF(Population):
    """The membrane of LIF; sends the number of thresholds passed, each with its own reset."""

    PARAMETERS = ("thresholds", "decay", "reset")


class GradedUltraDLIF(Population):
    """The ring of UltraDLIF; sends the number of thresholds passed, each with its own reset."""

    PARAMETERS = ("thresholds", "decay", "reset")


class Integrator(Population):
    """v ← v + I + bias; never fires."""


class LeakyIntegrator(Population):
    """v ← leak(v) + 64·I + bias; never fires."""

    PARAMETERS = ("decay",)


class CubaLI(Population):
    """i ← leak(i) + 64·I + bias; v ← leak(v) + i; never fires."""

    PARAMETERS = ("decay", "synaptic_decay")


class SiLIF(Population):
    """A membrane and an adaptation current that drive each other."""

    PARAMETERS = (
        *("threshold", "reset", "alpha", "beta", "a", "b"),
        *("shift", "coefficient_bits", "state_bits"),
    )


class CSiLIF(Population):
    """A complex membrane that turns and decays."""

    PARAMETERS = (
        *("threshold", "reset", "real", "imaginary"),
        *("shift", "coefficient_bits", "state_bits"),
    )


class AdaLIF(Population):
    """A leaky membrane; the threshold rises with every spike."""

    PARAMETERS = (
        *("threshold", "alpha", "beta", "jump"),
        *("shift", "coefficient_bits", "state_bits"),
    )


class LeakySum(Population):
    """Logits are the sum over time of a leaky membrane; never fires."""

    PARAMETERS = ("alpha", "shift", "coefficient_bits", "state_bits")


class Recorder(AbstractProcess):
    """Records the spikes of every timestep in a file of bytes [timestep, neuron].

    Args:
        path: of the file, which has the right size already.
        neurons: number of neurons.
        timesteps: number of timesteps in the file.

    The ports between recorders only carry zeros. They connect the recorders, because Lava runs only
    connected processes.
    """

    def __init__(self, *, path, neurons, timesteps):
        super().__init__(path=path, neurons=neurons, timesteps=timesteps)
        self.a_in = InPort(shape=(neurons,))
        self.tie_in = InPort(shape=(1,))
        self.tie_out = OutPort(shape=(1,))
