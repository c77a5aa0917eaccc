"""What a reader of modules must know about the neurons of its framework."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor, nn

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program.fixed import MAX_SPIKES
from ultralif_deploy.readers.assembly import Arriving
from ultralif_deploy.readers.modules.calls import flat
from ultralif_deploy.readers.modules.units import pooled
from ultralif_deploy.readers.nir.linear import Signal


@dataclass(frozen=True, slots=True)
class Whole:
    """A module whose layers take all timesteps at once.

    Attributes:
        run: runs it on inputs [time, batch, …].
        steps: brings what a layer returned into the shape [time, batch, …].
    """

    run: Callable[[Tensor], Any]
    steps: Callable[[Tensor, int], Tensor]


@dataclass(frozen=True, slots=True)
class Framework:
    """The neurons of a framework, and how they are called.

    Attributes:
        package: the framework's package; its layers that are not known here are refused.
        supported: the layers that are taken over, for error messages.
        is_neuron: whether a layer is one of neurons.
        population: a layer of neurons, by name and with its input, as a population.
        prepare: makes a layer of neurons in a copy of the module compute in float64 and start from
            its first state; refused if it has an option that no run can compare.
        memory: a layer's states, each with whether it is the membrane, after a call; given the
            layer and its outputs.
        keeps_states: whether a layer continues where it stopped when it is given no state.
        layers: the framework's own layers, each with the layer of torch that computes the same.
        alone: a context in which nothing but a copy of the module is reset or changed.
        is_silent: whether a layer of neurons never fires, and returns its membrane.
        spike_of: what a layer returns for one spike, a factor for each neuron or one for all.
        looked_into: the framework's own layers whose functions are followed.
        in_steps: makes the layers of a copy take one timestep in each call.
        time_axis: whether they then still have an axis of time, of length 1, behind the batch.
        whole: how a module is run over all timesteps at once, if its layers take them so; the
            comparison with the source's own run then takes the module as it is.
    """

    package: str
    supported: str
    is_neuron: Callable[[nn.Module], bool]
    population: Callable[[str, Any, Signal], Arriving]
    prepare: Callable[[str, Any], None]
    memory: Callable[[Any, tuple[Any, ...]], list[tuple[Any, bool]]]
    keeps_states: bool
    layers: Mapping[type[nn.Module], type[nn.Module]] = field(default_factory=dict)
    alone: Callable[[nn.Module], AbstractContextManager[Any]] = nullcontext
    is_silent: Callable[[nn.Module], bool] = lambda layer: False
    spike_of: Callable[[nn.Module], Tensor | float] = lambda layer: 1.0
    looked_into: tuple[type[nn.Module], ...] = (nn.Sequential,)
    in_steps: Callable[[nn.Module], None] = lambda own: None
    time_axis: Callable[[nn.Module], bool] = lambda own: False
    whole: Callable[[nn.Module], "Whole | None"] = lambda own: None

    def type_of(self, layer: nn.Module) -> type[nn.Module]:
        """The type of a layer, or the type of torch's layer that computes the same."""
        return self.layers.get(type(layer), type(layer))

    def is_pool(self, layer: nn.Module) -> bool:
        """Whether a layer is a max pool, whose windows become units that fire."""
        return self.type_of(layer) in (nn.MaxPool1d, nn.MaxPool2d)

    def arriving(self, name: str, layer: nn.Module, signal: Signal) -> Arriving:
        """A layer of neurons or a max pool as a population.

        Args:
            name: name of the layer, for error messages.
            layer: neurons or a max pool.
            signal: its input.

        Raises:
            UltralifError: the layer has an option that no neuron model has.
        """
        made = pooled if self.is_pool(layer) else self.population
        return made(name, layer, signal)

    def firing(self, module: nn.Module) -> list[tuple[str, nn.Module]]:
        """The layers of neurons and the max pools of a module, by name."""
        layers = module.named_modules()
        found = [(n, one) for n, one in layers if self.is_neuron(one) or self.is_pool(one)]
        return [(name or "layer", layer) for name, layer in found]


def outputs_of(result: Any) -> tuple[Any, ...]:
    """What a layer of neurons returned: its spikes, then its states."""
    return tuple(flat(result))


def spikes_in(name: str, values: Tensor) -> np.ndarray:
    """Spikes that a layer returned, as counts uint8 [batch, neuron].

    Args:
        name: name of the layer, for the error message.
        values: what it returned [batch, …].

    Raises:
        UltralifError: they are no counts, or more than a neuron of a program can send.
    """
    counts = values.detach().numpy().reshape(len(values), -1)
    if counts.max(initial=0) > MAX_SPIKES:
        raise UltralifError(
            f"{name}: a neuron fires {counts.max():g} times in one timestep of random inputs; a "
            f"program's neurons fire at most {MAX_SPIKES} times: raise thresholds, or limit the "
            "spikes, as by spike_fn=MaxSpike(255) in Sinabs"
        )
    if np.any(counts != np.rint(counts)) or counts.min(initial=0) < 0:
        raise UltralifError(f"{name}: returns other values than spikes; expected 0, 1, 2, …")
    return counts.astype(np.uint8)


def states_of(given: tuple[Any, ...]) -> tuple[Any, ...]:
    """The states among the arguments of a layer of neurons, which follow its input."""
    return tuple(state for state in flat(given[1:]) if state is not None)
