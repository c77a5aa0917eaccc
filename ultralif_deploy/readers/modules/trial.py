"""Reads a module of any framework: records what `forward` computes, then compares the spikes."""

import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.nn.utils import parametrize
from torch.optim.swa_utils import AveragedModel

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.network import Input, Network
from ultralif_deploy.readers.modules.calls import flat
from ultralif_deploy.readers.modules.check import (
    TIMESTEPS,
    check_currents,
    check_neurons,
    check_run,
    check_whole,
    random_inputs,
)
from ultralif_deploy.readers.modules.framework import Framework
from ultralif_deploy.readers.modules.reading import Reading
from ultralif_deploy.readers.modules.runs import LAYOUTS, run_forward
from ultralif_deploy.readers.nir.linear import values

WRAPPERS = (nn.DataParallel, nn.parallel.DistributedDataParallel, AveragedModel)

DEFAULT_TIMESTEPS = 100
"""T of one inference, if neither the caller nor the module fixes it."""


def read_module(
    module: nn.Module,
    framework: Framework,
    input_shape: tuple[int, ...] | None,
    timesteps: int | None,
    read: Input | None,
) -> Network:
    """Read a module as a Network, and compare the two.

    Args:
        module: the module; it is not changed.
        framework: framework of the module's neurons.
        input_shape: shape of one sample at one timestep; None is what the first layer takes if it
            is Linear.
        timesteps: T of one inference; None is as many as a loop in `forward` runs, or else 100.
        read: range and scale of integer inputs; None is spikes.

    Raises:
        UltralifError: a layer or function cannot be taken over, or network and module differ.
    """
    module = _unwrapped(module)
    shape = values(input_shape or _input_shape(module, framework), "input")
    trial = _Trial(module, framework, shape, timesteps, read := read or Input(1))
    problems: list[tuple[int, UltralifError]] = []
    with torch.random.fork_rng(devices=[]):
        for axis in LAYOUTS:
            own = _in_float64(module, framework)
            reading = Reading(own, framework, read.maximum == 1 and read.plain)
            try:
                saw = trial.record(reading, own, axis)
            except UltralifError as problem:
                problems.append((reading.recorder.signals, problem))
                continue
            return trial.checked(reading, axis, saw)
    # Report the problem of the layout in which most signals were found: it was probably meant.
    raise max(problems, key=lambda found: found[0])[1]


@dataclass(frozen=True, slots=True)
class _Trial:
    """A module, and the arguments of `read_module` for it."""

    module: nn.Module
    framework: Framework
    shape: tuple[int, ...]
    timesteps: int | None
    read: Input

    def inputs(self, axis: int | None) -> np.ndarray:
        """Random integer inputs [time, sample, …], T timesteps if `forward` loops over an axis."""
        steps = TIMESTEPS if axis is None else self.timesteps or DEFAULT_TIMESTEPS
        return random_inputs(self.shape, steps, self.read)

    def given(self, inputs: np.ndarray) -> np.ndarray:
        """The same inputs as the module gets them: scaled and shifted, float64."""
        flat = inputs.reshape(*inputs.shape[:2], -1).astype(np.float64)
        whole: np.ndarray = (self.read.scale * flat + self.read.offset).reshape(inputs.shape)
        return whole

    def record(self, reading: Reading, own: nn.Module, axis: int | None) -> np.ndarray:
        """Run a copy of the module, and record what it computes.

        Args:
            reading: takes the record of the run.
            own: a copy of the module in float64.
            axis: axis of time in the input of `forward`; None if it takes one timestep.

        Returns:
            For each timestep that the neurons ran, the timestep of the input that they saw.

        Raises:
            UltralifError: `forward` fails, or something in it cannot be taken over.
        """
        given = self.given(self.inputs(axis))
        try:
            with torch.no_grad(), reading.recorder, self.framework.alone(own):
                saw = run_forward(
                    own,
                    given,
                    axis,
                    reading,
                    time_axis=self.framework.time_axis(own),
                    feeds_back=not self.framework.keeps_states,
                )
        except UltralifError:
            raise
        except Exception as error:  # whatever the user's own forward raises
            if reading.recorder.refusal is not None:  # forward caught it and raised another
                raise reading.recorder.refusal from error
            raise UltralifError(_failure(error, self.shape, axis, len(given))) from error
        finally:
            reading.recorder.close()
        if reading.recorder.refusal is not None:
            raise reading.recorder.refusal
        reading.read_out()
        return saw

    def checked(self, reading: Reading, axis: int | None, saw: np.ndarray) -> Network:
        """The network, after all three checks.

        Args:
            reading: the record of a run.
            axis: axis of time in the input of `forward`; None if it takes one timestep.
            saw: timestep of the input that each timestep of the run saw, int64 [time].

        Raises:
            UltralifError: module and network differ.
        """
        inputs = self.inputs(axis)
        flat = inputs[saw].reshape(len(saw), inputs.shape[1], -1)
        check_run(reading.network(self.shape, len(saw), self.read), reading, flat)
        own = _in_float64(self.module, self.framework)
        with self.framework.alone(own):
            check_currents(reading, own, axis, self.given(inputs))
            check_neurons(reading, own)
            whole = _in_float64(self.module, self.framework, in_steps=False)
            check_whole(reading, whole, self.given(inputs))
        loops = axis is not None or not saw[-1]  # then forward fixes the number of timesteps
        steps = self.timesteps or (len(saw) if loops else DEFAULT_TIMESTEPS)
        constant = self.read.constant or (axis is None and loops)  # it shows one input T times
        return reading.network(self.shape, steps, replace(self.read, constant=constant))


def _failure(error: Exception, shape: tuple[int, ...], axis: int | None, steps: int) -> str:
    """One line about an exception that the user's `forward` raised.

    Args:
        error: the exception.
        shape: shape of one sample at one timestep.
        axis: axis of time in the input; None if there is none.
        steps: timesteps of the input.
    """
    first = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    sizes = ["batch", *map(str, shape)]
    if axis is not None:
        sizes.insert(axis, f"{steps} timesteps")
    options = "input_shape" if axis is None else "input_shape and timesteps"
    return (
        f"forward fails on an input of shape [{', '.join(sizes)}]: {first}; if it expects another "
        f"input, give {options}"
    )


def _input_shape(module: nn.Module, framework: Framework) -> tuple[int, ...]:
    """Shape of one sample at one timestep, from the first layer; refused unless it is Linear."""
    layers = [(n, m) for n, m in module.named_modules() if not list(m.children())]
    layers = [(n, m) for n, m in layers if type(m) is not nn.Module and n]
    if not layers:
        raise UltralifError("the module holds no layers; expected some of " + framework.supported)
    name, first = layers[0]
    if not isinstance(first, nn.Linear):
        raise UltralifError(f"{name}: a {type(first).__name__} comes first; give input_shape")
    return (first.in_features,)


def _unwrapped(module: nn.Module) -> nn.Module:
    """The module inside wrappers of torch that compute the same.

    They are for several devices, for averages of weights, and for compiled code.

    Raises:
        UltralifError: a layer whose size is not known yet.
    """
    inner = module
    while isinstance(inner, WRAPPERS) or hasattr(inner, "_orig_mod"):
        found = inner.module if isinstance(inner, WRAPPERS) else inner._orig_mod
        assert isinstance(found, nn.Module)
        inner = found
    for name, parameter in inner.named_parameters():
        if is_lazy(parameter):
            raise UltralifError(
                f"{name}: its shape is not known yet; run the module once on a sample first"
            )
    return inner


def _in_float64(module: nn.Module, framework: Framework, *, in_steps: bool = True) -> nn.Module:
    """A copy of the module in float64 and evaluation mode, with neurons at their first states.

    Args:
        module: the module.
        framework: framework of its neurons.
        in_steps: let its layers take one timestep in each call.

    Raises:
        UltralifError: the module cannot be copied, or a neuron cannot be taken over.
    """
    held: dict[int, Any] = {
        id(t): t.detach().clone() for m in module.modules() for t in _results(m)
    }
    try:
        for layer in module.modules():
            _copy_plainly(layer, held)
        own = copy.deepcopy(module, held).cpu().double().eval()
    except Exception as error:  # whatever the user's own attributes raise
        raise UltralifError(f"the module cannot be copied: {error}") from error
    for layer in filter(parametrize.is_parametrized, list(own.modules())):
        _with_plain_weights(layer)
    if in_steps:
        framework.in_steps(own)
    for name, layer in framework.firing(own):
        if framework.is_neuron(layer):
            framework.prepare(name, layer)
    return own


def _with_plain_weights(layer: Any) -> None:
    """Let a copy of a layer hold the weights that a weight norm or its kin computes.

    torch's own function for it changes the class, which the caller's layer shares.
    """
    held = {name: getattr(layer, name).detach().clone() for name in layer.parametrizations}
    layer.__class__ = parametrize.type_before_parametrizations(layer)
    del layer.parametrizations
    for name, value in held.items():
        layer.register_parameter(name, nn.Parameter(value, requires_grad=False))


def _copy_plainly(layer: nn.Module, held: dict[int, Any]) -> None:
    """Copy a layer that has its own way to be copied as torch copies all others.

    The way of Sinabs fails for recurrent layers.

    Args:
        layer: the layer.
        held: copies by the `id` of what was copied, to which the layer's is added.
    """
    if hasattr(type(layer), "__deepcopy__"):
        made = held[id(layer)] = type(layer).__new__(type(layer))
        made.__dict__.update(copy.deepcopy(layer.__dict__, held))


def _results(layer: nn.Module) -> list[Tensor]:
    """Tensors kept by a layer that have a gradient history; torch refuses to copy them."""
    held = flat(list(layer.__dict__.values()))
    return [t for t in held if isinstance(t, Tensor) and t.grad_fn is not None]
