"""Compares a network that was read from a module of any framework with the module itself.

There are three checks, all in float64:

- every spike and the read-out, on random inputs;
- every current, with random spikes instead of the neurons' own, so that a silent neuron cannot hide
  a wrong weight behind it;
- every neuron alone, on random currents that make it fire.
"""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.network import Input, Network
from ultralif_deploy.network.neurons import Integrator
from ultralif_deploy.network.running import run_hard
from ultralif_deploy.program.graph import INPUT
from ultralif_deploy.program.names import HeldNames
from ultralif_deploy.readers.assembly import Arriving, assembled
from ultralif_deploy.readers.modules.framework import Framework, outputs_of, spikes_in, states_of
from ultralif_deploy.readers.modules.meanings import Recorded, State
from ultralif_deploy.readers.modules.reading import Reading
from ultralif_deploy.readers.modules.recorder import Float64, arguments
from ultralif_deploy.readers.modules.runs import States, run_forward
from ultralif_deploy.readers.nir.linear import Signal, source_signal

TIMESTEPS, SEED = 12, 0
"""Timesteps of the compared runs, if `forward` does not fix them, and the seed of the inputs."""

RATES = (0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
"""Share of active inputs in each sample; they differ so that quiet and busy networks fire."""

TOLERANCE = 1e-9
"""Largest error of currents and read-outs, relative to the largest; float64 errs far less."""

TIED_WITH_THRESHOLD = (
    "it is at the threshold but for rounding, and the spike hangs on the order of a sum; give the "
    "module in float32, whose weights add up exactly in float64, or move the threshold a little"
)

NOT_RECORDED = "what forward does is not what was recorded, so the module cannot be taken over"


def random_inputs(shape: tuple[int, ...], timesteps: int, read: Input) -> np.ndarray:
    """Random integer inputs from 0 to `read.maximum`, int64 [time, sample, …].

    Args:
        shape: shape of one sample at one timestep.
        timesteps: T of the run.
        read: the largest input, and whether all timesteps have the same input.
    """
    rng = np.random.default_rng(SEED)
    rates = np.array(RATES).reshape(-1, *(1 for _ in shape))
    whole = (timesteps, len(RATES), *shape)
    inputs = (rng.random(whole) < rates) * rng.integers(1, read.maximum + 1, whole)
    return np.broadcast_to(inputs[:1], whole).copy() if read.constant else inputs


def check_run(network: Network, reading: Reading, inputs: np.ndarray) -> None:
    """Compare every spike and the read-out of one run.

    Args:
        network: the network; its timesteps are those of `inputs`.
        reading: reading of the module, recorded on the same inputs.
        inputs: integers [time, sample, input].

    Raises:
        UltralifError: module and network differ; the message names the first population, timestep,
            sample and neuron where they do.
    """
    trace = run_hard(network, inputs)
    for name, steps in reading.spikes.items():
        if len(steps) != len(inputs):
            raise UltralifError(
                f"{name}: forward runs it for {len(steps)} of {len(inputs)} timesteps; expected "
                "once in each"
            )
    for population in network.populations:
        if (name := population.name) in trace.spikes:
            _check_spikes(name, np.stack(reading.spikes[name]), trace.spikes[name], trace.margins)
    _check_returned(reading, reading.returned, trace.logits * network.divisor)


def check_currents(
    reading: Reading, module: nn.Module, axis: int | None, given: np.ndarray
) -> None:
    """Compare the currents of every population and the read-out, with random spikes put in.

    Args:
        reading: the module as it was read.
        module: a copy of the module that has not run.
        axis: axis of time in the input of `forward`; see `run_forward`.
        given: inputs as the module gets them, float64 [time, sample, …].

    Raises:
        UltralifError: module and network differ; the message names the first population, timestep,
            sample and neuron where they do.
    """
    driven, feeds_back = _Driven(reading, module), not reading.framework.keeps_states
    try:
        with torch.no_grad(), Float64():
            options = {"time_axis": reading.framework.time_axis(module), "feeds_back": feeds_back}
            saw = given[run_forward(module, given, axis, driven, **options)]
    finally:
        driven.close()
    sent = {INPUT: saw.reshape(*saw.shape[:2], -1)} | driven.sent
    for name, signal in reading.currents.items():
        expected, found = np.stack(driven.currents[name]), _value(signal, sent)
        differ = np.abs(expected - found) > TOLERANCE * (1 + np.abs(expected).max())
        if differ.any():
            t, sample, n = (int(i) for i in np.argwhere(differ)[0])
            raise UltralifError(
                f"{name}: with random spikes instead of the neurons' own, neuron {n} gets "
                f"{expected[t, sample, n]:.6g} in the module at timestep {t} of sample {sample}, "
                f"and {found[t, sample, n]:.6g} in the network as read; {NOT_RECORDED}"
            )
    out = reading.read_out()
    if isinstance(out, Signal):
        _check_returned(reading, driven.returned, _value(out, sent).sum(axis=0))


def check_neurons(reading: Reading, module: nn.Module) -> None:
    """Compare every population alone, with its recurrent weights, on currents that make it fire.

    Args:
        reading: the module as it was read.
        module: a copy of the module; the states of its neurons are those of the start.

    Raises:
        UltralifError: module and network differ; the message names the first population, timestep,
            sample and neuron where they do.
    """
    for name, layer_name in reading.layers.items():
        layer, shape = module.get_submodule(layer_name), reading.currents[name].shape
        if reading.framework.is_silent(layer):  # it is compared where its membrane is read
            continue
        alone = reading.framework.arriving(name, layer, source_signal(INPUT, shape))
        size = alone.bias.size
        current = _driving(reading.framework, layer, alone, math.prod(shape))
        one = Arriving(Integrator(), source_signal(name, (size,)).terms, np.zeros(size))
        counted = HeldNames((INPUT,), (name,)).of("counted")
        network = assembled(
            {name: alone, counted: one},
            counted,
            math.prod(shape),
            len(current),
            Input(math.prod(shape)),
        )
        trace = run_hard(network, current)
        given = current.reshape(*current.shape[:2], *shape)
        expected = _spikes_alone(name, layer, reading.framework, given)
        what = f"{name}, driven alone"
        _check_spikes(what, expected, trace.spikes[name], {what: trace.margins[name]})


def check_whole(reading: Reading, module: nn.Module, given: np.ndarray) -> None:
    """Compare the spikes of all layers with those of the module that takes all timesteps at once.

    Does nothing for a module that takes one timestep.

    Args:
        reading: the module as it was read, recorded timestep by timestep on the same inputs.
        module: a copy of the module as it is.
        given: inputs as the module gets them, float64 [time, sample, …].

    Raises:
        UltralifError: they differ; the message names the layer.
    """
    whole = reading.framework.whole(module)
    if whole is None:
        return
    found: dict[str, list[Tensor]] = {}

    def keep(name: str) -> Any:
        def hook(layer: nn.Module, args: Any, result: Any) -> None:
            """Keep what a layer returned.

            Args:
                layer: the layer that was called.
                args: arguments by position.
                result: values that the layer returned.
            """
            found.setdefault(name, []).append(outputs_of(result)[0])

        return hook

    hooks = [
        layer.register_forward_hook(keep(name))
        for name, layer in reading.framework.firing(module)
        if not reading.framework.is_silent(layer)
    ]
    try:
        with torch.no_grad(), Float64():
            whole.run(torch.from_numpy(given))
    except Exception as error:  # whatever the user's own forward raises
        first = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise UltralifError(f"forward fails on all timesteps at once: {first}") from error
    finally:
        for handle in hooks:
            handle.remove()
    for population, name in reading.layers.items():
        if reading.framework.is_silent(module.get_submodule(name)):
            continue
        uses = list(reading.layers.values()).count(name)
        expected = np.stack(reading.spikes[population])
        calls = found.get(name, [])  # a container may call its layers for each timestep
        steps = calls if len(calls) != 1 else list(whole.steps(calls[0], len(given)))
        one = reading.framework.spike_of(module.get_submodule(name))
        spikes = [spikes_in(name, step / one) for step in steps]
        if uses == 1 and not (spikes and np.array_equal(np.stack(spikes), expected)):
            raise UltralifError(
                f"{name}: fires other spikes when forward gets all timesteps at once than when it "
                "gets one after the other; expected layers that take each timestep by itself"
            )


def _driving(framework: Framework, layer: nn.Module, alone: Arriving, inputs: int) -> np.ndarray:
    """Random currents that make neurons fire, or spikes for a max pool, [time, sample, input].

    Args:
        framework: framework of the layer.
        layer: neurons or a max pool.
        alone: the population as read.
        inputs: number of its inputs.
    """
    rng = np.random.default_rng(SEED)
    shape = (2 * TIMESTEPS, len(RATES), inputs)
    if framework.is_pool(layer):
        return (rng.random(shape) < np.array(RATES)[:, None] / 4).astype(np.float64)
    neuron: Any = alone.neuron
    reach = np.abs(neuron.threshold) + np.abs(alone.bias) + 0.1
    reach = reach if len(reach) == inputs else reach.max()
    current: np.ndarray = reach * rng.normal(0.5, 1.0, shape)
    return current


def _spikes_alone(name: str, layer: Any, framework: Framework, current: np.ndarray) -> np.ndarray:
    """Spikes of a layer on the given currents, uint8 [time, sample, neuron].

    Args:
        name: name of the population, for the error message.
        layer: neurons, which start from their first state.
        framework: framework of the neurons.
        current: float64 [time, sample, …].
    """
    if framework.is_neuron(layer):
        framework.prepare("", layer)
    spikes = []
    with torch.no_grad(), Float64():
        state: tuple[Any, ...] = ()
        for now in torch.from_numpy(current):
            result = layer(now, *state)
            if not framework.keeps_states and isinstance(result, tuple):
                state = result[1:]
            spikes.append(spikes_in(name, outputs_of(result)[0] / framework.spike_of(layer)))
    return np.stack(spikes)


class _Driven(States):
    """Replaces the spikes of every population by random ones, and keeps the currents it gets."""

    def __init__(self, reading: Reading, module: nn.Module) -> None:
        super().__init__()
        self._reading = reading
        self._calls = iter(reading.calls)
        rng = np.random.default_rng(SEED + 1)
        self.sent = {
            name: (rng.random((len(steps), *steps[0].shape)) < 0.5).astype(np.float64)
            for name, steps in reading.spikes.items()
        }
        self.currents: dict[str, list[np.ndarray]] = {name: [] for name in self.sent}
        self.returned: list[Any] = []
        self._hooks = [
            layer.register_forward_hook(self._hook(name), with_kwargs=True)
            for name, layer in reading.framework.firing(module)
        ]

    def close(self) -> None:
        for handle in self._hooks:
            handle.remove()

    def begins(self, given: Tensor, axis: int | None, timestep: int) -> None:
        """Does nothing: inputs are not followed here.

        Args:
            given: the input, float64: all timesteps, or one timestep [sample, …].
            axis: the axis of time in `given`; None if `given` is one timestep.
            timestep: the timestep of `given`, from 0; 0 if `given` holds all.
        """

    def ends(self, result: Any) -> None:
        self.returned.append(self._reading.chosen(result))

    def timesteps(self) -> int:
        return max((len(steps) for steps in self.currents.values()), default=1)

    def _hook(self, name: str) -> Any:
        def replace(layer: nn.Module, args: Any, kwargs: Any, result: Any) -> Any:
            """The layer's result, with random spikes instead of its own.

            Args:
                layer: the neurons that were called.
                args: arguments by position.
                kwargs: arguments by name.
                result: values that the layer returned.
            """
            if name not in self._reading.layers.values():
                return result
            population = next(self._calls, "")
            if self._reading.layers.get(population) != name:
                raise UltralifError(
                    f"{name}: forward calls its neurons differently when their spikes differ; "
                    "expected the same calls whatever the spikes are"
                )
            given = arguments(layer, args, kwargs)
            outputs = outputs_of(result)
            t = len(self.currents[population])
            self.currents[population].append(given[0].numpy().reshape(len(given[0]), -1).copy())
            if self._reading.framework.is_silent(layer):
                self.keep(population, states_of(given), outputs)
                return result
            spikes = torch.from_numpy(self.sent[population][t]).reshape(outputs[0].shape)
            spikes = spikes * self._reading.framework.spike_of(layer)
            self.keep(population, states_of(given), (spikes, *outputs[1:]))
            return (spikes, *result[1:]) if isinstance(result, tuple) else spikes

        return replace


def _value(signal: Signal, sent: dict[str, np.ndarray]) -> np.ndarray:
    """The values of a signal if its sources send `sent`, float64 [time, sample, value]."""
    return sum(one.apply(sent[source]) for (source, _), one in signal.terms.items()) + signal.bias


def _check_returned(reading: Reading, returned: list[Any], found: np.ndarray) -> None:
    """Compare what `forward` returned with the read-out of the network."""
    expected = _total(reading, returned).numpy().reshape(len(found), -1)
    if expected.shape != found.shape:
        raise UltralifError(
            f"forward returns {expected.shape[1]} values for a sample, and the network as read "
            f"{found.shape[1]}; {NOT_RECORDED}"
        )
    differ = np.abs(expected - found) > TOLERANCE * (1 + np.abs(expected).max(initial=0))
    if differ.any():
        sample, n = (int(i) for i in np.argwhere(differ)[0])
        raise UltralifError(
            f"what forward returns adds up to {expected[sample, n]:.6g} for value {n} of sample "
            f"{sample}, and to {found[sample, n]:.6g} in the network as read; expected the spikes "
            "of all timesteps, their sum or mean, or the last membrane potential"
        )


def _total(reading: Reading, returned: list[Any]) -> Tensor:
    """The read-out in what `forward` returned: a sum over time or the last membrane [sample, …]."""
    out = reading.output
    if isinstance(out, Recorded) and out.axis is None:
        return returned[0] / out.factor
    steps = list(returned[0].movedim(out.axis, 0)) if isinstance(out, Recorded) else returned
    return steps[-1] if isinstance(reading.read_out(), State) else torch.stack(steps).sum(0)


def _what(count: int) -> str:
    """What a neuron does that fires so often."""
    return "is silent" if count == 0 else "fires" if count == 1 else f"fires {count} times"


def _check_spikes(
    name: str, expected: np.ndarray, found: np.ndarray, margins: dict[str, np.ndarray]
) -> None:
    """Compare the spikes of one population.

    Args:
        name: name of the population.
        expected: spikes in the module, [time, sample, neuron].
        found: spikes in the network, [time, sample, neuron].
        margins: membrane potential minus threshold of each population, [time, sample, neuron].

    Raises:
        UltralifError: they differ.
    """
    differ = expected != found
    if differ.any():
        t, sample, neuron = (int(i) for i in np.argwhere(differ)[0])
        margin = margins[name][t, sample, neuron]
        why = NOT_RECORDED if abs(margin) > TOLERANCE else TIED_WITH_THRESHOLD
        what = _what(expected[t, sample, neuron])
        raise UltralifError(
            f"{name}: neuron {neuron} {what} in the module at timestep {t} of sample {sample}, and "
            f"not in the network as read, whose membrane potential is {margin:+.6g} from the "
            f"threshold; {why}"
        )
