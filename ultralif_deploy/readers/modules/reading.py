"""Finds the populations of a module while its `forward` runs, and makes a network of them."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.network import Input, Network
from ultralif_deploy.network.neurons import Integrator
from ultralif_deploy.program.graph import INPUT
from ultralif_deploy.program.names import HeldNames
from ultralif_deploy.readers.assembly import Arriving, assembled
from ultralif_deploy.readers.modules.calls import flat
from ultralif_deploy.readers.modules.framework import Framework, outputs_of, spikes_in, states_of
from ultralif_deploy.readers.modules.functions import is_sequence
from ultralif_deploy.readers.modules.layers import INERT, LINEAR, layer_node
from ultralif_deploy.readers.modules.linear import shaped
from ultralif_deploy.readers.modules.meanings import (
    Frames,
    Later,
    Meaning,
    Recorded,
    State,
    Unknown,
    depends_on_inputs,
    same_signals,
    sender_of,
)
from ultralif_deploy.readers.modules.recorder import Leaf, Recorder
from ultralif_deploy.readers.modules.runs import States
from ultralif_deploy.readers.modules.units import NORMS, normed
from ultralif_deploy.readers.nir.linear import Signal, scaled, source_signal, transformed

READOUT = "readout"

UNSUITABLE_INPUT = {
    State: "a membrane potential; expected spikes",
    Frames: "the whole input; expected one timestep of it, as x[step]",
    Recorded: "all timesteps at once, or of an earlier one; expected values of one timestep, and "
    "recurrent neurons, as RLeaky of snnTorch, where spikes come back",
}
"""Meanings that are refused as the input of a layer, with words for the error message."""


NO_SPIKES = "a max pool of other values than spikes; expected it right behind neurons"


class Reading(States):
    """Listens to one run of a module, and holds what was found so far.

    A layer that is used at several places, with a state for each, is a population at each place.

    Args:
        module: the module; its layers are followed.
        framework: framework of the module's neurons.
        spikes_in: whether the inputs are spikes, which a max pool may read.

    Attributes:
        framework: framework of the neurons.
        recorder: recorder that follows the tensors of the run.
        arriving: populations by name, in the order in which they fire.
        layers: name of the layer of each population.
        currents: input of each population at the first timestep, without its own spikes.
        spikes: spikes of each population at every timestep, uint8 [batch, neuron].
        calls: population of each call of a layer of neurons, in order.
        output: meaning of the read-out, in the first call of `forward`.
        returned: the read-out's values in every call of `forward`.
    """

    def __init__(self, module: nn.Module, framework: Framework, spikes_in: bool) -> None:
        super().__init__()
        self.framework = framework
        self._spikes_in = spikes_in
        self.recorder = Recorder(module, self._leaf_of)
        self.arriving: dict[str, Arriving] = {}
        self.layers: dict[str, str] = {}
        self.currents: dict[str, Signal] = {}
        self.spikes: dict[str, list[np.ndarray]] = {}
        self.calls: list[str] = []
        self.output: Meaning | None = None
        self.returned: list[Any] = []
        self._names = HeldNames((INPUT,))
        self._newest: dict[str, str] = {}
        self._sent: dict[str, Signal] = {}
        self._unknown: dict[str, Unknown] = {}
        self._sequences: list[bool] = []

    def begins(self, given: Tensor, axis: int | None, timestep: int) -> None:
        """Give the input its meaning.

        Args:
            given: the input, float64: all timesteps, or one timestep [batch, …].
            axis: the axis of time in `given`; None if `given` is one timestep.
            timestep: the timestep of `given`, from 0; 0 if `given` holds all.
        """
        meaning: Meaning = Later()
        if axis is not None:
            meaning = Frames.whole(given, axis)
        elif timestep == 0:
            meaning = source_signal(INPUT, tuple(given.shape[1:]))
        self.recorder.mean(given, meaning)

    def ends(self, result: Any) -> None:
        """Keep the read-out: the first value that `forward` returned, or a list of it over time."""
        if not self.returned:
            part = result
            while isinstance(part, (list, tuple)) and part:
                things = [self.recorder.meaning(one) for one in part]
                self._sequences.append(len(part) > 1 and is_sequence(things))
                part = _chosen(part, self._sequences[-1])
            self.output = self.recorder.meaning(part)
        self.returned.append(self.chosen(result))

    def chosen(self, result: Any) -> Any:
        """The read-out in the result of `forward`."""
        for sequence in self._sequences:
            result = _chosen(result, sequence)
        return result

    def timesteps(self) -> int:
        """The number of timesteps that the neurons have run."""
        return max((len(steps) for steps in self.spikes.values()), default=1)

    def read_out(self) -> Signal | State:
        """The meaning of the read-out at one timestep.

        Raises:
            UltralifError: it cannot be taken over.
        """
        out = self.output.one if isinstance(self.output, Recorded) else self.output
        if isinstance(out, Unknown):
            raise UltralifError(out.why)
        if isinstance(out, Later):
            raise UltralifError(
                "forward returns values of the last timestep only; expected those of all, as "
                "torch.stack of a list, or their sum"
            )
        if not isinstance(out, (Signal, State)):
            raise UltralifError(
                "forward returns nothing that depends on the input; expected spikes, alone or "
                "first in a tuple"
            )
        return out

    def network(self, shape: tuple[int, ...], timesteps: int, read: Input) -> Network:
        """The network of the populations that were found.

        Args:
            shape: shape of one sample at one timestep.
            timesteps: T of one inference.
            read: range and scale of integer inputs; its size is replaced.

        Raises:
            UltralifError: a population cannot be expressed; the message names it.
        """
        out, name = self.read_out(), HeldNames((INPUT,), self.arriving).of(READOUT)
        self._refuse_unread(out.population if isinstance(out, State) else None)
        one = Arriving(Integrator(), {}, np.zeros(0))
        if isinstance(out, State):
            name, one = out.population, self._membrane(out)
        else:
            one = replace(one, terms=out.terms, bias=out.bias)
        return assembled(self.arriving | {name: one}, name, math.prod(shape), timesteps, read)

    def _refuse_unread(self, population: str | None) -> None:
        """Refuse layers that never fire, other than the population whose membrane is returned."""
        for name, one in self.arriving.items():
            if name != population and np.isinf(one.neuron.threshold).any():
                raise UltralifError(f"{name}: never fires; expected forward to return it first")

    def _membrane(self, out: State) -> Arriving:
        """The population with a neuron that does not fire and whose membrane is read."""
        one, name = self.arriving[out.population], out.population
        model: Any = one.neuron
        if not out.membrane:
            raise UltralifError(f"{name}: its synaptic current is returned; return its spikes")
        if model.reset_mode != "none":
            raise UltralifError(
                f"{name}: its membrane potential is returned, and spikes reset it; return its "
                "spikes, or let no spike reset it (reset_mechanism='none' in snnTorch)"
            )
        return replace(one, neuron=model.unfired())

    def _leaf_of(self, layer: nn.Module) -> Leaf | None:
        """What the recorder does with a layer; None if it follows the functions that it calls."""
        if self.framework.is_neuron(layer):
            return self._neuron
        if self.framework.is_pool(layer):
            return self._pool
        kind = self.framework.type_of(layer)
        if kind in (*LINEAR, *NORMS):  # a subclass may compute something else
            return self._linear
        if kind in INERT:
            return _inert
        package = kind.__module__.split(".")[0]
        foreign = package not in ("torch", self.framework.package)
        looked_into = foreign or isinstance(layer, (nn.Unflatten, *self.framework.looked_into))
        return None if looked_into and not isinstance(layer, LINEAR) else self._unsupported

    def _neuron(
        self, recorder: Recorder, name: str, layer: Any, args: tuple[Any, ...], result: Any
    ) -> None:
        """Record a call of a layer of neurons: one timestep of a new or known population."""
        outputs, states = outputs_of(result), states_of(args)
        known = [recorder.meaning(one) for one in (args[0], *states)]
        unknown = next((m for m in known if isinstance(m, Unknown)), self._unknown.get(name))
        if unknown is not None:
            self._pass_on(name, unknown, outputs)
            return
        population = self._continued(name, states)
        if population is not None:
            self._check_again(population, known[0])
        else:
            population = self._begin(name, layer, known[0])
        self._newest[name] = population
        self.keep(population, states, outputs)
        silent = self.framework.is_silent(layer)
        sent = torch.zeros_like(outputs[0]) if silent else outputs[0]
        self._fired(population, sent, self.framework.spike_of(layer))
        t = len(self.spikes[population]) - 1
        if silent:
            self.recorder.mean(outputs[0], State(population, t, True))
        for state, membrane in self.framework.memory(layer, outputs):
            self.recorder.mean(state, State(population, t, membrane))

    def _pool(
        self, recorder: Recorder, name: str, layer: nn.Module, args: tuple[Any, ...], result: Any
    ) -> None:
        """Record a call of a max pool: a unit for each window fires where one of its inputs does.

        It has no state, so that every place where it is used is a population of its own.
        """
        current = recorder.meaning(args[0])
        uses = [population for population, layer in self.layers.items() if layer == name]
        if isinstance(current, Signal):
            same = [use for use in uses if same_signals(self.currents[use], current)]
            population = same[0] if same else self._begin_pool(name, layer, current)
        elif isinstance(current, Later) and uses:
            population = min(uses, key=lambda use: len(self.spikes[use]))
        elif isinstance(current, Unknown):
            recorder.mean(result, current)
            return
        else:
            raise UltralifError(f"{name}: {NO_SPIKES}")
        self._fired(population, result)

    def _begin_pool(self, name: str, layer: nn.Module, current: Signal) -> str:
        source = sender_of(current)
        if source is None or (source == INPUT and not self._spikes_in):
            raise UltralifError(f"{name}: {NO_SPIKES}")
        if source in self.arriving and self.arriving[source].neuron.largest_sent > 1:
            raise UltralifError(
                f"{name}: a max pool behind {source}, which sends up to "
                f"{self.arriving[source].neuron.largest_sent:g} in one timestep; expected at most "
                "1 (spike_fn=SingleSpike in Sinabs, graded_spikes_factor=1 in snnTorch), or an "
                "average pool"
            )
        return self._begin(name, layer, current)

    def _pass_on(self, name: str, unknown: Unknown, outputs: tuple[Tensor, ...]) -> None:
        """Mark a layer's outputs as unknown, like its input; refused for a known population."""
        if name in self._newest:
            raise UltralifError(f"{name}: {unknown.why}")
        self._unknown[name] = unknown
        for output in outputs:
            self.recorder.mean(output, unknown)

    def _fired(self, population: str, sent: Tensor, spike: Tensor | float = 1.0) -> None:
        """Keep the spikes of one timestep, and give what a layer returned its meaning.

        Args:
            population: name of the population.
            sent: what the layer returned, [batch, …].
            spike: what it returns for one spike.
        """
        t = len(self.spikes[population])
        self.calls.append(population)
        self.spikes[population].append(spikes_in(population, sent / spike))
        if t == 0:
            plain = source_signal(population, tuple(sent.shape[1:]))
            factor = torch.as_tensor(spike).expand(sent.shape)[0].flatten().double()
            self._sent[population] = scaled(population, plain, factor.detach().numpy())
        now: Meaning = self._sent[population] if t == 0 else Later(population)
        self.recorder.mean(sent, now)

    def _begin(self, name: str, layer: Any, current: Meaning | None) -> str:
        """Add a new population, and return its name."""
        before = self.currents.get(name)
        again = isinstance(current, Signal) and before is not None and same_signals(current, before)
        if again or isinstance(current, Later):
            raise UltralifError(
                f"{name}: is reset to a given state at a later timestep; pass the state that it "
                "returned (as arguments of forward without defaults), or take init_hidden=True"
            )
        if not isinstance(current, Signal):
            what = UNSUITABLE_INPUT.get(
                type(current), "nothing that depends on the input in its first call"
            )
            raise UltralifError(f"{name}: gets {what}")
        use = 1 + sum(layer == name for layer in self.layers.values())
        meant = name if use == 1 else f"{name}, use {use}"
        population = self._names.of(meant)
        arriving = self.framework.arriving(population, layer, current)
        self.arriving[population] = replace(arriving, given=None if population == meant else meant)
        self.layers[population] = name
        self.currents[population] = current
        self.spikes[population] = []
        return population

    def _continued(self, name: str, states: tuple[Any, ...]) -> str | None:
        """The population whose states a layer continues; None if it starts from zeros."""
        if not states:
            return self._newest.get(name) if self.framework.keeps_states else None
        found = {self._owner(name, state) for state in states}
        if len(found) > 1:
            raise UltralifError(f"{name}: gets states of several neurons, or one of them anew")
        (population,) = found
        if population is not None and self.layers[population] != name:
            raise UltralifError(f"{name}: gets the state of {population}; expected its own")
        return population

    def _owner(self, name: str, state: Any) -> str | None:
        """The population that returned a state; None for zeros, and others are refused."""
        meaning = self.recorder.meaning(state)
        if meaning is None:
            if torch.any(torch.as_tensor(state) != 0):
                raise UltralifError(
                    f"{name}: starts from a state that is not 0; expected zeros, as reset_mem() "
                    "gives them"
                )
            return None
        if isinstance(meaning, State):
            if meaning.timestep != len(self.spikes[meaning.population]) - 1:
                raise UltralifError(f"{name}: gets an old state again; expected its newest one")
            return meaning.population
        if isinstance(meaning, Later) and meaning.of:
            return meaning.of
        if isinstance(meaning, Signal):
            for population, sent in self._sent.items():
                if same_signals(meaning, sent):
                    return population
        raise UltralifError(
            f"{name}: gets a state that is changed on its way; expected it as the neuron returned "
            "it"
        )

    def _check_again(self, population: str, current: Meaning | None) -> None:
        """Refuse a current that cannot be the input of a population at a later timestep."""
        if type(current) in UNSUITABLE_INPUT:
            raise UltralifError(f"{population}: gets {UNSUITABLE_INPUT[type(current)]}")
        if isinstance(current, Signal) and not same_signals(current, self.currents[population]):
            raise UltralifError(
                f"{population}: a neuron used twice in a timestep with one state, or one that "
                "gets spikes of the timestep before; expected one neuron for every place, or a "
                "state for each; and recurrent neurons, as RLeaky, where spikes come back"
            )

    def _linear(
        self, recorder: Recorder, name: str, layer: nn.Module, args: tuple[Any, ...], result: Any
    ) -> None:
        """Give the result of a linear layer its meaning."""
        meaning = recorder.meaning(args[0])
        if isinstance(meaning, Signal):
            if isinstance(layer, NORMS):
                made = normed(name, layer, meaning)
            else:
                made = transformed(name, layer_node(name, layer, meaning.shape[0]), meaning, 1.0)
            meaning = shaped(name, made, tuple(result.shape[1:]))
        elif isinstance(meaning, Later):
            meaning = Later()
        elif type(meaning) in UNSUITABLE_INPUT:
            meaning = Unknown(f"{name}: gets {UNSUITABLE_INPUT[type(meaning)]}")
        if meaning is not None:
            recorder.mean(result, meaning)

    def _unsupported(
        self, recorder: Recorder, name: str, layer: nn.Module, args: tuple[Any, ...], result: Any
    ) -> None:
        """Make the result of a layer that cannot be taken over unknown, with the reason."""
        given = [meaning for one in flat(args) if (meaning := recorder.meaning(one)) is not None]
        if given:
            why = f"{name}: a {type(layer).__name__}; expected {self.framework.supported}"
            if all(map(depends_on_inputs, given)):
                why += "; or name the part before all neurons that shall run in float (--backbone)"
            first = next((one for one in given if isinstance(one, Unknown)), Unknown(why))
            for output in flat(result):
                recorder.mean(output, first)


def _chosen(result: Any, sequence: bool) -> Any:
    """The values of all timesteps, stacked, if it is a sequence; otherwise the first value."""
    return torch.stack(list(result)) if sequence else result[0]


def _inert(
    recorder: Recorder, name: str, layer: nn.Module, args: tuple[Any, ...], result: Any
) -> None:
    """Give the result of a layer that changes nothing the meaning of its input."""
    del name, layer
    if (meaning := recorder.meaning(args[0])) is not None:
        recorder.mean(result, meaning)
