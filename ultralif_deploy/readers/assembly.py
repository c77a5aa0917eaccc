"""Assembles a Network from neurons and their inputs: order, delay lines, projections."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.network import Input, Network, Population, dense, per_neuron
from ultralif_deploy.network.neurons import FloatNeuron, Threshold
from ultralif_deploy.program.graph import INPUT, Conv2d, Dense, Identity, LinearMap, Projection
from ultralif_deploy.program.names import HeldNames
from ultralif_deploy.readers.nir.order import update_order

BELOW_A_SPIKE = 0.5
"""Threshold of a neuron that repeats its input spikes."""


@dataclass(frozen=True, slots=True)
class Arriving:
    """A population before the network is assembled: its neuron and its inputs.

    Attributes:
        neuron: the neuron model.
        terms: linear map of the spikes, for each pair of source and delay in timesteps.
        bias: bias that is added at every timestep, float64 [neuron].
        given: its name where it was read, if a target could not hold it; None otherwise.
    """

    neuron: FloatNeuron
    terms: Mapping[tuple[str, int], LinearMap]
    bias: np.ndarray
    given: str | None = None

    def renamed(self, names: Mapping[str, str], given: str | None) -> "Arriving":
        """The same population with other names for its sources.

        Args:
            names: new names by old name.
            given: its own name where it was read, if it gets another.
        """
        terms = {(names[source], delay): one for (source, delay), one in self.terms.items()}
        return replace(self, terms=terms, given=given)


def assembled(
    arriving: Mapping[str, Arriving],
    readout: str,
    inputs: int,
    timesteps: int,
    read: Input,
) -> Network:
    """The network of the given populations.

    The populations are put in an order of updates. A projection to an earlier population acts one
    timestep later. A delay of d timesteps becomes a chain of d populations that repeat their input.
    Each of them is updated before its source, so that it gets the spikes of the timestep before.

    Args:
        arriving: populations by name.
        readout: name of the population that is read out.
        inputs: number of inputs.
        timesteps: T of one inference.
        read: range and scale of integer inputs; its size is replaced by `inputs`.

    Raises:
        UltralifError: a population cannot be expressed; the message names it.
    """
    silent = {n for n, a in arriving.items() if not a.neuron.FIRES}
    for name, one in arriving.items():
        for source, _ in one.terms:
            if source in silent:
                raise UltralifError(
                    f"{source}: does not spike but drives {name}; expected neurons that do not "
                    "spike at the output alone"
                )
    for name in silent - {readout}:
        raise UltralifError(f"{name}: does not spike and is not the output; expected it there")
    at_once = {
        name: {s for s, delay in one.terms if delay == 0 and s != INPUT}
        for name, one in arriving.items()
    }
    heard = [name for name, one in arriving.items() if (INPUT, 0) in one.terms]
    order = [name for name in update_order(at_once, heard) if name != readout]
    names = _line_names(arriving)
    lines = _delay_lines(arriving, inputs, read, names)
    projections = [projection for line in lines for projection in line.projections]
    for name, one in arriving.items():
        for (source, delay), linear in one.terms.items():
            sender = names[source, delay] if delay else source
            plain = one.neuron.TIMELESS and len(one.terms) == 1 and source != INPUT
            projections.append(_projection(sender, name, linear, plain=plain))
    populations = [p for line in lines for p in line.populations]
    populations += [
        Population(
            name,
            len(arriving[name].bias),
            arriving[name].neuron,
            per_neuron(arriving[name].bias, len(arriving[name].bias), f"{name}: bias"),
            given=arriving[name].given,
        )
        for name in (*order, readout)
    ]
    sums = arriving[readout].neuron.TIMELESS
    return Network(
        replace(read, size=inputs),
        tuple(populations),
        tuple(projections),
        timesteps,
        timesteps if sums else 1,
    )


@dataclass(frozen=True, slots=True)
class _Line:
    """The populations of a delay line, in the order of their updates, and their projections."""

    populations: tuple[Population, ...]
    projections: tuple[Projection, ...]


def _line_names(arriving: Mapping[str, Arriving]) -> dict[tuple[str, int], str]:
    """Names of the populations of delay lines, by source and delay.

    A line is as long as the longest delay of its source. Inputs act at once, so that a population
    repeats them first.
    """
    held = HeldNames((INPUT,), arriving)
    longest: dict[str, int] = {}
    for one in arriving.values():
        for source, delay in one.terms:
            longest[source] = max(longest.get(source, 0), delay)
    return {
        (source, delay): held.of(f"{_spoken(source)}, {delay} later")
        for source, most in longest.items()
        if most
        for delay in range(0 if source == INPUT else 1, most + 1)
    }


def _spoken(source: str) -> str:
    return "spikes of the input" if source == INPUT else source


def _delay_lines(
    arriving: Mapping[str, Arriving],
    inputs: int,
    read: Input,
    names: Mapping[tuple[str, int], str],
) -> list[_Line]:
    """A delay line for each source that is heard late.

    Args:
        arriving: populations by name.
        inputs: number of inputs.
        read: range and scale of integer inputs.
        names: names of the populations in the lines, by source and delay.
    """
    lines = []
    for source, line in groupby(names, key=lambda one: one[0]):
        if source == INPUT and (read.maximum > 1 or not read.plain):
            raise UltralifError(
                "a Delay on inputs other than spikes; expected spikes, or the Delay behind the "
                "first neurons"
            )
        size = inputs if source == INPUT else len(arriving[source].bias)
        made, projections = [], []
        before = source
        for name in map(names.__getitem__, line):
            unit = Threshold(per_neuron(BELOW_A_SPIKE, size, name), inclusive=False)
            made.append(Population(name, size, unit, per_neuron(0.0, size, name)))
            projections.append(Projection(before, name, Identity(size)))
            before = name
        lines.append(_Line(tuple(reversed(made)), tuple(projections)))
    return lines


def _projection(source: str, target: str, linear: LinearMap, *, plain: bool) -> Projection:
    """A projection with a map; an identity is kept only if `plain`.

    Otherwise it becomes a convolution with weights of 1, which can be scaled with other weights.

    Args:
        source: name of the population or input that sends.
        target: name of the population that gets it.
        linear: the map.
        plain: whether an identity costs the target no precision.
    """
    if isinstance(linear, Identity) and not plain:
        size = linear.size
        linear = Conv2d(np.ones((size, 1, 1, 1)), (size, 1, 1), groups=size)
    if isinstance(linear, Dense):
        return dense(source, target, linear.weight)
    return Projection(source, target, linear)
