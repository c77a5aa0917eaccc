"""snnTorch modules -> Network, by what their `forward` computes, checked against their own spikes.

torch and snnTorch are imported nowhere else for this.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import snntorch
import torch
from torch import Tensor, nn

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.network import Input, Network
from ultralif_deploy.readers.modules.runs import LAYOUTS, run_forward
from ultralif_deploy.readers.nir.linear import values
from ultralif_deploy.readers.snntorch.check import (
    TIMESTEPS,
    check_currents,
    check_neurons,
    check_run,
    random_inputs,
)
from ultralif_deploy.readers.snntorch.neurons import NEURONS, fires_above, step
from ultralif_deploy.readers.snntorch.reading import SUPPORTED, Reading

DEFAULT_TIMESTEPS = 100
"""T of one inference where neither the caller nor the module says it."""


def from_snntorch(
    module: nn.Module,
    input_shape: tuple[int, ...] | None = None,
    *,
    timesteps: int | None = None,
    read: Input | None = None,
) -> Network:
    """The hard network of a module of snnTorch neurons and linear layers.

    What `forward` does is recorded while it runs: the order in which it uses its layers, sums,
    products with constants, concatenations, branches, and neurons with states of their own. It may
    be one timestep with hidden states (`init_hidden=True`) or states passed in and out, or a loop
    over all timesteps of an input with or without an axis for them. Dropout does nothing.

    What `forward` returns first is read: the spikes of neurons by their counts, weighted spikes by
    their sum over time, a membrane potential that is never reset after the last timestep.

    Before it returns, the network is compared with the module, in float64 and evaluation mode:
    every spike and the read-out on random inputs as `read` says, every current with random spikes
    in the place of the neurons' own, and every neuron alone on currents that make it fire. So a
    population that stays silent is checked as well. The module itself is left as it is.

    Refused by name: layers and functions that are not linear (ReLU, max pooling, BatchNorm),
    changes of values in place through a view or an index, decisions by values, dropout that stays
    on, recurrence other than that of RLeaky and RSynaptic, states that are changed or do not start
    at 0, a membrane potential that is read though spikes reset it, and sums over anything but time.

    Args:
        module: whose `forward` takes the input first, and then states, if any.
        input_shape: shape of one input of one timestep; by default what the first layer, a Linear,
            takes.
        timesteps: T of one inference; by default as many as a loop in `forward` runs, or else 100.
        read: how integer inputs are read, of any size; by default as spikes.

    Raises:
        UltralifError: naming the layer or function that cannot be taken over, and why; or the
            first spike, current or read-out in which network and module differ.
    """
    shape = values(input_shape or _input_shape(module), "input")
    trial = _Trial(module, shape, timesteps, read or Input(1))
    problems: list[tuple[int, UltralifError]] = []
    with torch.random.fork_rng(devices=[]):
        for axis in LAYOUTS:
            own = _in_float64(module)
            reading = Reading(own)
            try:
                saw = trial.record(reading, own, axis)
            except UltralifError as problem:
                problems.append((reading.recorder.signals, problem))
                continue
            return trial.checked(reading, axis, saw)
    # The layout in which most was understood is the one that was meant.
    raise max(problems, key=lambda found: found[0])[1]


@dataclass(frozen=True, slots=True)
class _Trial:
    """A module and how it is to be read; see `from_snntorch`."""

    module: nn.Module
    shape: tuple[int, ...]
    timesteps: int | None
    read: Input

    def inputs(self, axis: int | None) -> np.ndarray:
        """Integer inputs [time, sample, …]; a loop in `forward` gets as many as it may want."""
        steps = TIMESTEPS if axis is None else self.timesteps or DEFAULT_TIMESTEPS
        return random_inputs(self.shape, steps, self.read)

    def given(self, inputs: np.ndarray) -> np.ndarray:
        """The same as the module gets them, float64."""
        flat = inputs.reshape(*inputs.shape[:2], -1).astype(np.float64)
        whole: np.ndarray = (self.read.scale * flat + self.read.offset).reshape(inputs.shape)
        return whole

    def record(self, reading: Reading, own: nn.Module, axis: int | None) -> np.ndarray:
        """Run a copy and read it; the timesteps whose inputs it saw.

        Args:
            reading: of `own`; takes what the run tells.
            own: a copy of the module in float64.
            axis: where `forward` expects the timesteps; None where it is one, or repeats one input.

        Raises:
            UltralifError: it fails, or something in it cannot be read.
        """
        given = self.given(self.inputs(axis))
        try:
            with torch.no_grad(), reading.recorder, _alone(own):
                saw = run_forward(own, given, axis, reading)
        except UltralifError:
            raise
        except Exception as error:  # whatever the user's own forward raises
            if reading.recorder.refusal is not None:  # that it made of a refusal
                raise reading.recorder.refusal from error
            raise UltralifError(_failure(error, self.shape, axis, len(given))) from error
        finally:
            reading.recorder.close()
        if reading.recorder.refusal is not None:
            raise reading.recorder.refusal
        reading.read_out()
        return saw

    def checked(self, reading: Reading, axis: int | None, saw: np.ndarray) -> Network:
        """The network, after every check.

        Args:
            reading: of a run that was recorded.
            axis: where `forward` expects the timesteps; None where it is one, or repeats one input.
            saw: the timesteps whose inputs the run saw, int64 [time].

        Raises:
            UltralifError: module and network differ.
        """
        inputs = self.inputs(axis)
        flat = inputs[saw].reshape(len(saw), inputs.shape[1], -1)
        check_run(reading.network(self.shape, len(saw), self.read), reading, flat)
        own = _in_float64(self.module)
        with _alone(own):
            check_currents(reading, own, axis, self.given(inputs))
            check_neurons(reading, own)
        loops = axis is not None or not saw[-1]  # a loop of its own runs as long as it says
        steps = self.timesteps or (len(saw) if loops else DEFAULT_TIMESTEPS)
        return reading.network(self.shape, steps, self.read)


def _failure(error: Exception, shape: tuple[int, ...], axis: int | None, steps: int) -> str:
    """One line about what the user's own `forward` raised."""
    first = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    sizes = ["batch", *map(str, shape)]
    if axis is not None:
        sizes.insert(axis, f"{steps} timesteps")
    options = "input_shape" if axis is None else "input_shape and timesteps"
    return (
        f"forward fails on an input of shape [{', '.join(sizes)}]: {first}; if it expects another "
        f"input, give {options}"
    )


def _input_shape(module: nn.Module) -> tuple[int, ...]:
    layers = [(n, m) for n, m in module.named_modules() if not list(m.children())]
    layers = [(n, m) for n, m in layers if type(m) is not nn.Module and n]
    if not layers:
        raise UltralifError("the module holds no layers; expected some of " + SUPPORTED)
    name, first = layers[0]
    if not isinstance(first, nn.Linear):
        raise UltralifError(f"{name}: a {type(first).__name__} comes first; give input_shape")
    return (first.in_features,)


def _in_float64(module: nn.Module) -> nn.Module:
    """A copy in float64 and evaluation mode, its states forgotten, its spikes in float64.

    Raises:
        UltralifError: no copy can be made, or a neuron does not fire exactly where v > θ.
    """
    held = {id(t): t.detach().clone() for m in module.modules() for t in _results(m)}
    try:
        own = copy.deepcopy(module, held).cpu().double().eval()
    except Exception as error:  # whatever the user's own attributes raise
        raise UltralifError(f"the module cannot be copied: {error}") from error
    for name, layer in own.named_modules():
        if isinstance(layer, NEURONS):
            if not fires_above(layer):
                raise UltralifError(
                    f"{name}: its spike_grad does not fire exactly where v > θ; expected one of "
                    "snnTorch's surrogates of the step function"
                )
            layer.spike_grad = step
            layer.reset_mem()
    return own


def _results(layer: nn.Module) -> list[Tensor]:
    """Tensors of a layer that are results, which torch would not copy."""
    held = [*layer.__dict__.values(), *layer._buffers.values()]
    return [t for t in held if isinstance(t, Tensor) and t.grad_fn is not None]


@contextmanager
def _alone(own: nn.Module) -> Iterator[None]:
    """Let `snntorch.utils.reset` find the neurons of a copy alone, and not the caller's."""
    everyone = snntorch.SpikingNeuron.instances
    snntorch.SpikingNeuron.instances = [m for m in own.modules() if isinstance(m, NEURONS)]
    try:
        yield
    finally:
        snntorch.SpikingNeuron.instances = everyone
