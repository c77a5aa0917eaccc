"""snnTorch modules -> Network, by what their `forward` computes, checked against their own spikes.

torch and snnTorch are imported nowhere else for this. Source of the dynamics: snnTorch 1.0,
`_neurons/{leaky,synaptic,rleaky}.py`; `resets.RESETS` writes them out.
"""

import copy
import inspect
import math
from dataclasses import dataclass, field
from typing import Any

import nir
import numpy as np
import snntorch
import torch
from torch import Tensor, nn

from ultralif_deploy import network as hard
from ultralif_deploy.assembly import Arriving, assembled
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.graph import INPUT
from ultralif_deploy.module_trace import (
    Frames,
    Later,
    Leaf,
    Meaning,
    Membrane,
    Recorded,
    Recorder,
    Unknown,
)
from ultralif_deploy.nir_linear import (
    Signal,
    added,
    scaled,
    source_signal,
    transformed,
    values,
)
from ultralif_deploy.nir_neurons import spread
from ultralif_deploy.snntorch_check import Run, compare, random_inputs

NEURONS = (snntorch.Leaky, snntorch.Synaptic, snntorch.RLeaky)
LINEAR = (nn.Linear, nn.Conv2d, nn.AvgPool2d, nn.Flatten)

INERT = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d)
"""Modules that do nothing in evaluation."""

SUPPORTED = "Linear, Conv2d, AvgPool2d, Flatten, Leaky, Synaptic, RLeaky"

READOUT = "readout"

LAYOUTS = (None, 0, 1)
"""Where `forward` may expect the timesteps: nowhere, because it is one; first; behind the batch."""


def from_snntorch(
    module: nn.Module,
    input_shape: tuple[int, ...] | None = None,
    *,
    timesteps: int = 100,
    read: hard.Input | None = None,
) -> hard.Network:
    """The hard network of a module of snnTorch neurons and linear layers.

    What `forward` does is recorded while it runs: the order in which it uses its layers, sums,
    products with constants, concatenations, branches, and neurons with states of their own. It may
    be one timestep with hidden states (`init_hidden=True`) or states passed in and out, or a loop
    over all timesteps of an input with or without an axis for them. Then the module, a copy of it
    in float64 and evaluation mode, and the network run on the same random inputs, and every spike
    must be equal. The module itself is left as it is.

    What `forward` returns first is read: the spikes of neurons by their counts, weighted spikes by
    their sum over time, a membrane potential that is never reset after the last timestep.

    Args:
        module: whose `forward` takes the input first, and then states, if any.
        input_shape: shape of one input of one timestep; by default what the first layer, a Linear,
            takes.
        timesteps: T of one inference.
        read: how integer inputs are read, of any size; by default as spikes.

    Raises:
        UltralifError: naming the layer or function that cannot be taken over, and why; or the
            first spike in which network and module differ.
    """
    shape = values(input_shape or _input_shape(module), "input")
    own = _in_float64(module)
    problems = []
    for layout in LAYOUTS:
        try:
            reading, run = _recorded(own, shape, layout)
            compare(reading.network(shape, len(run.inputs), hard.Input(1)), run)
            return reading.network(shape, timesteps, read or hard.Input(1))
        except _OtherLayout as problem:
            problems.append(problem)
    raise UltralifError(str(problems[0]))


class _OtherLayout(UltralifError):
    """One layout of the input does not fit; another may."""


def _recorded(
    module: nn.Module, shape: tuple[int, ...], layout: int | None
) -> tuple["_Reading", Run]:
    """What `forward` does with an input of a layout, and its spikes."""
    inputs = random_inputs(shape)
    reading = _Reading()
    for layer in (m for m in module.modules() if isinstance(m, NEURONS)):
        layer.reset_mem()
    recorder = Recorder(module, reading.leaf_of)
    try:
        with torch.no_grad(), recorder:
            if layout is None:
                inputs = _run_step_by_step(module, reading, recorder, inputs)
            else:
                whole = torch.from_numpy(inputs).double().movedim(0, layout)
                recorder.mean(whole, Frames(layout))
                reading.returned(recorder, module(whole))
    except UltralifError:
        raise
    except Exception as error:  # whatever the user's own forward raises
        first = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise _OtherLayout(
            f"forward fails on an input of shape [batch, {', '.join(map(str, shape))}]: {first}"
        ) from error
    finally:
        recorder.close()
    spikes = {name: np.stack(steps) for name, steps in reading.spikes.items()}
    flat = inputs.reshape(*inputs.shape[:2], -1)
    return reading, Run(flat, spikes, reading.layers)


def _run_step_by_step(
    module: nn.Module, reading: "_Reading", recorder: Recorder, inputs: np.ndarray
) -> np.ndarray:
    """Run `forward` once for each timestep, or once where it loops itself; the inputs it saw."""
    parameters = list(inspect.signature(module.forward).parameters.values())[1:]
    wanted = [p for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    states = [torch.zeros(1, dtype=torch.float64) for _ in wanted]
    first = torch.from_numpy(inputs[0]).double()
    recorder.mean(first, source_signal(INPUT, tuple(first.shape[1:])))
    reading.returned(recorder, module(first, *states))
    steps = max((len(s) for s in reading.spikes.values()), default=1)
    if steps > 1:  # it repeats one input itself
        return np.repeat(inputs[:1], steps, axis=0)
    reading.later = True
    for now in inputs[1:]:
        states = reading.next_states(states)
        frame = torch.from_numpy(now).double()
        recorder.mean(frame, Later())
        module(frame, *states)
    return inputs


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
        UltralifError: a neuron that does not fire exactly where v > θ.
    """
    states = {id(t): t.detach().clone() for m in module.modules() for t in _tensors(m)}
    own = copy.deepcopy(module, states).double().eval()
    for name, layer in own.named_modules():
        if isinstance(layer, NEURONS):
            probe = torch.tensor([-1.0, -1e-3, 0.0, 1e-3, 1.0])
            if not torch.equal(layer.spike_grad(probe) != 0, probe > 0):
                raise UltralifError(
                    f"{name}: its spike_grad does not fire exactly where v > θ; expected one of "
                    "snnTorch's surrogates of the step function"
                )
            layer.spike_grad = _step
            layer.reset_mem()
    return own


def _tensors(layer: nn.Module) -> list[Tensor]:
    """Tensors of a layer that are results, which torch would not copy."""
    held = [*layer.__dict__.values(), *layer._buffers.values()]
    return [t for t in held if isinstance(t, Tensor) and t.grad_fn is not None]


def _step(v: Tensor) -> Tensor:
    return (v > 0).double()


@dataclass(slots=True)
class _Reading:
    """Populations found so far, and what is read.

    Attributes:
        arriving: populations by name, in the order in which they fire.
        layers: the neuron layer of each.
        spikes: of each, by timestep, bool [batch, neuron].
        output: what `forward` returns first.
        currents: what arrives at each from elsewhere.
        given: states that `forward` was given, by identity: population and place.
        states: states of each population after its last timestep.
        later: a later timestep runs.
    """

    arriving: dict[str, Arriving] = field(default_factory=dict)
    layers: dict[str, nn.Module] = field(default_factory=dict)
    spikes: dict[str, list[np.ndarray]] = field(default_factory=dict)
    output: Meaning | None = None
    currents: dict[str, Signal] = field(default_factory=dict)
    given: dict[int, tuple[str, int]] = field(default_factory=dict)
    states: dict[str, tuple[Tensor, ...]] = field(default_factory=dict)
    later: bool = False

    def returned(self, recorder: Recorder, result: Any) -> None:
        """Keep what `forward` returned first."""
        while isinstance(result, (list, tuple)) and result:
            result = result[0]
        self.output = recorder.meaning(result)

    def next_states(self, states: list[Tensor]) -> list[Tensor]:
        """The states to give `forward` next, in the places of those it was given."""
        following = []
        for state in states:
            if id(state) not in self.given:
                raise UltralifError(
                    "forward takes an argument that is no state of a neuron; expected the input, "
                    "then states"
                )
            population, place = self.given[id(state)]
            after = self.states[population][place]
            self.given[id(after)] = (population, place)
            following.append(after)
        return following

    def network(self, shape: tuple[int, ...], timesteps: int, read: hard.Input) -> hard.Network:
        """The network of what was found."""
        inputs = math.prod(shape)
        name = READOUT
        while name in self.arriving:
            name += "_"
        out = self.output.one if isinstance(self.output, Recorded) else self.output
        if isinstance(out, Membrane):
            return self._read_by_membrane(out.population, inputs, timesteps, read)
        if not isinstance(out, Signal):
            why = "forward returns nothing that depends on the input; expected spikes"
            raise _OtherLayout(out.why if isinstance(out, Unknown) else why)
        arriving = self.arriving | {name: Arriving(hard.Integrator(), out.terms, out.bias)}
        return assembled(arriving, name, inputs, timesteps, read)

    def _read_by_membrane(
        self, name: str, inputs: int, timesteps: int, read: hard.Input
    ) -> hard.Network:
        """The network with a population that is read by its membrane instead of firing."""
        one = self.arriving[name]
        model: Any = one.neuron
        if model.reset_mode != "none":
            raise UltralifError(
                f"{name}: its membrane potential is returned, and spikes reset it; return its "
                "spikes, or give it reset_mechanism='none'"
            )
        read_out: hard.Neuron = hard.LeakyIntegrator(model.tau)
        if isinstance(model, hard.CubaLIF):
            read_out = hard.CubaLI(model.tau, model.synaptic_tau)
        arriving = self.arriving | {name: Arriving(read_out, one.terms, one.bias)}
        return assembled(arriving, name, inputs, timesteps, read)

    def leaf_of(self, layer: nn.Module) -> Leaf | None:
        """What a recorder does with a layer; None where it looks into it."""
        if isinstance(layer, NEURONS):
            return self._neuron
        if isinstance(layer, LINEAR):
            return self._linear
        if isinstance(layer, INERT):
            return _inert
        package = type(layer).__module__.split(".")[0]
        looked_into = package not in ("torch", "snntorch") or isinstance(layer, nn.Sequential)
        return None if looked_into else _unsupported

    def _linear(
        self, recorder: Recorder, name: str, layer: nn.Module, args: tuple[Any, ...], result: Any
    ) -> None:
        meaning = recorder.meaning(args[0])
        if isinstance(meaning, Signal):
            if type(layer) not in LINEAR:  # a subclass may compute something else
                raise UltralifError(f"{name}: a {type(layer).__name__}; expected {SUPPORTED}")
            meaning = transformed(name, _linear_node(name, layer), meaning, 1.0)
        elif isinstance(meaning, (Membrane, Recorded, Frames)):
            what = {Membrane: "a membrane potential", Recorded: "all timesteps at once"}
            meaning = Unknown(f"{name} of {what.get(type(meaning), 'the whole input')}")
        if meaning is not None:
            recorder.mean(result, meaning)

    def _neuron(
        self, recorder: Recorder, name: str, layer: Any, args: tuple[Any, ...], result: Any
    ) -> None:
        outputs = result if isinstance(result, tuple) else (result,)
        meaning = recorder.meaning(args[0])
        states = [recorder.meaning(state) for state in args[1:] if state is not None]
        before = {m.population for m in states if isinstance(m, Membrane)}
        before |= {m.of for m in states if isinstance(m, Later) and m.of}
        if name in self.arriving and (layer.init_hidden or (self.later and not before)):
            before = {name}
        if before:
            (population,) = before
            self._goes_on(population, meaning, outputs)
            self._keep_states(population, args[1:], outputs)
            for output in outputs:
                recorder.mean(output, Later(population))
            return
        if isinstance(meaning, (Unknown, Later)):
            for output in outputs:
                recorder.mean(output, meaning)
            return
        if not isinstance(meaning, Signal):
            raise _OtherLayout(f"{name}: gets nothing that depends on one timestep of the input")
        population, count = name, 2
        while population in self.arriving or population == INPUT:
            population, count = f"{name}, use {count}", count + 1
        self.arriving[population] = _population(population, layer, meaning)
        self.layers[population] = layer
        self.currents[population] = meaning
        self._keep_states(population, args[1:], outputs)
        self.spikes[population] = [_fired(outputs[0])]
        recorder.mean(outputs[0], source_signal(population, meaning.shape))
        for output in outputs[1:]:
            recorder.mean(output, Membrane(population))

    def _keep_states(self, population: str, given: Any, outputs: Any) -> None:
        """Remember which states a population was given, and what became of them."""
        after = outputs[len(outputs) - len(given) :] if given else ()
        self.states[population] = tuple(after)
        for place, state in enumerate(given):
            self.given[id(state)] = (population, place)

    def _goes_on(self, population: str, meaning: Meaning | None, outputs: Any) -> None:
        """Another timestep of a population."""
        if isinstance(meaning, Signal) and not _same(meaning, self.currents[population]):
            raise UltralifError(
                f"{population}: a neuron used twice in a timestep with one state; expected one "
                "neuron for every place, or a state for each"
            )
        self.spikes[population].append(_fired(outputs[0]))


def _inert(
    recorder: Recorder, name: str, layer: nn.Module, args: tuple[Any, ...], result: Any
) -> None:
    del name, layer
    if (meaning := recorder.meaning(args[0])) is not None:
        recorder.mean(result, meaning)


def _unsupported(
    recorder: Recorder, name: str, layer: nn.Module, args: tuple[Any, ...], result: Any
) -> None:
    why = Unknown(f"{name}: a {type(layer).__name__}; expected {SUPPORTED}")
    for output in result if isinstance(result, tuple) else (result,):
        if any(recorder.meaning(a) is not None for a in args):
            recorder.mean(output, why)


def _fired(spikes: Tensor) -> np.ndarray:
    """Spikes bool [batch, neuron]."""
    found: np.ndarray = spikes.detach().numpy().reshape(len(spikes), -1) > 0
    return found


def _same(a: Signal, b: Signal) -> bool:
    """Whether two signals are equal."""
    if set(a.terms) != set(b.terms) or not np.array_equal(a.bias, b.bias):
        return False
    return all(np.array_equal(a.terms[k].matrix(), b.terms[k].matrix()) for k in a.terms)


def _linear_node(name: str, layer: nn.Module) -> nir.NIRNode:
    if isinstance(layer, nn.Linear):
        weight = _numpy(layer.weight)
        return nir.Linear(weight) if layer.bias is None else nir.Affine(weight, _numpy(layer.bias))
    if isinstance(layer, nn.Conv2d):
        if layer.padding_mode != "zeros":
            raise UltralifError(f"{name}: padding mode {layer.padding_mode!r}; expected zeros")
        bias = np.zeros(layer.out_channels) if layer.bias is None else _numpy(layer.bias)
        return nir.Conv2d(
            None,
            _numpy(layer.weight),
            layer.stride,
            layer.padding,
            layer.dilation,
            layer.groups,
            bias,
        )
    if isinstance(layer, nn.AvgPool2d):
        inside = layer.count_include_pad or not np.any(layer.padding)
        if layer.ceil_mode or layer.divisor_override is not None or not inside:
            raise UltralifError(
                f"{name}: an AvgPool2d with ceil_mode, divisor_override or without "
                "count_include_pad; expected every window to have one size"
            )
        return nir.AvgPool2d(layer.kernel_size, layer.stride, layer.padding)
    assert isinstance(layer, nn.Flatten)
    if layer.start_dim == 0:
        raise UltralifError(f"{name}: flattens the batch; expected start_dim of at least 1")
    start, end = (d - 1 if d > 0 else d for d in (layer.start_dim, layer.end_dim))
    return nir.Flatten(None, start, end)


def _population(name: str, layer: Any, signal: Signal) -> Arriving:
    """A neuron with what arrives there, its own spikes among them."""
    for option, plain in (("inhibition", False), ("state_quant", False)):
        if getattr(layer, option):
            raise UltralifError(f"{name}: {option} is on; expected {option}={plain}")
    if torch.any(torch.as_tensor(layer.graded_spikes_factor) != 1.0):
        raise UltralifError(f"{name}: graded_spikes_factor is not 1; expected spikes of 1")
    threshold = _spread(layer.threshold, signal, f"{name}: threshold")
    keep = np.clip(_spread(layer.beta, signal, f"{name}: beta"), 0.0, 1.0)
    mode = _reset_mode(name, layer, threshold)
    reset = threshold if mode.endswith("subtract") else np.zeros_like(threshold)
    model: hard.Neuron
    if isinstance(layer, snntorch.Synaptic):
        synaptic = np.clip(_spread(layer.alpha, signal, f"{name}: alpha"), 0.0, 1.0)
        model = hard.CubaLIF(threshold, keep, synaptic, False, reset, mode)
    else:
        model = hard.LIF(threshold, keep, False, reset, mode)
    if isinstance(layer, snntorch.RLeaky):
        own = source_signal(name, signal.shape)
        if layer.all_to_all:
            back = transformed(name, _linear_node(name, layer.recurrent), own, 1.0)
        else:
            back = scaled(name, own, _spread(layer.recurrent.V, signal, f"{name}: V"))
        signal = added(name, [signal, back])
    return Arriving(model, signal.terms, signal.bias)


def _reset_mode(name: str, layer: Any, threshold: np.ndarray) -> str:
    """The key of `RESETS` for a neuron's reset_mechanism and reset_delay."""
    mechanism, late = layer.reset_mechanism, layer.reset_delay
    if mechanism == "none":
        return "none"
    if mechanism == "subtract":
        return "late-subtract" if late else "immediate-subtract"
    if threshold.min() < 0 and not late:
        raise UltralifError(
            f"{name}: a threshold below 0 with reset_delay=False; expected at least 0, or "
            "reset_delay=True"
        )
    # A Leaky forgets its membrane before the next current comes in, which is a reset at once; the
    # others lose that current with the membrane.
    return "late-value" if late and not isinstance(layer, snntorch.Leaky) else "value"


def _spread(value: torch.Tensor, signal: Signal, what: str) -> np.ndarray:
    return spread(_numpy(value), signal.shape, what)


def _numpy(value: torch.Tensor) -> np.ndarray:
    return value.detach().cpu().double().numpy()
