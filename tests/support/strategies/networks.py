"""Hypothesis strategy of hard networks with exact arithmetic, so that ties are ties."""

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from support.strategies.second_order import MODELS as SECOND_ORDER
from support.strategies.second_order import hard_second_order
from support.strategies.shapes import KINDS, READOUT, READOUTS, seeds, shapes
from ultralif_deploy.network import neurons as float_neurons
from ultralif_deploy.network.composition import Composed, Diagonal
from ultralif_deploy.network.network import Input, Network, Population
from ultralif_deploy.network.neurons import FloatNeuron
from ultralif_deploy.program.convolution import Conv2d
from ultralif_deploy.program.graph import INPUT, Dense, Identity, Projection
from ultralif_deploy.program.resets import RESETS


@st.composite
def networks(draw: st.DrawFn, kinds: tuple[str, ...] = KINDS) -> Network:
    """Hard networks whose float64 arithmetic is exact, so that ties are ties.

    Weights, biases, gains, input scales and τ are small multiples of powers of two; with at most
    four timesteps every product and sum has fewer than 53 bits.

    Args:
        draw: given by hypothesis.
        kinds: neuron kinds to draw from.
    """
    shape = draw(shapes(3))
    constant = draw(st.sampled_from((False, True, True)))
    if draw(st.integers(0, 3)) == 3 and "threshold" in kinds:
        kinds = ("threshold",)
    rng = np.random.default_rng(draw(seeds))
    scale, offset = draw(st.sampled_from(((1.0, 0.0), (0.25, 0.0), (0.5, -0.75))))
    maximum = draw(st.sampled_from((1, 1, 255)))
    timesteps = draw(st.sampled_from((3, 2, 4) if constant else (3, 1, 2, 4)))
    norms = {name: draw(st.booleans()) for name in shape.sizes}
    projections = []
    for source, target, kind in shape.projections:
        if isinstance(kind, Conv2d):
            weight = rng.integers(-8, 8, kind.weight.shape, endpoint=True) / 4
            conv = replace(kind, weight=weight)
            gain = conv.per_neuron(rng.choice([-1.0, 0.0, 0.5, 2.0], len(weight)))
            linear = Composed((conv, Diagonal(gain))) if norms[target] else conv
            projections.append(Projection(source, target, linear))
            continue
        # Scaled inputs and batch norm have no meaning for identities.
        plain = kind and not norms[target] and source != INPUT
        rows, columns = shape.sizes[target], shape.sizes[source]
        weight = rng.integers(-8, 8, (rows, columns), endpoint=True) / 4
        made_map: Any = Identity(rows) if plain else Dense(weight)
        # A kernel's neurons share a scale, so a gain of each neuron's own would leave the grid.
        if norms[target] and target not in shape.convolved():
            gain = rng.choice([-1.0, 0.0, 0.5, 2.0], rows)
            made_map = Composed((made_map, Diagonal(gain)))
        projections.append(Projection(source, target, made_map))
    read = Input(shape.sizes[INPUT], maximum, scale, offset, constant)
    full = np.full((timesteps, read.size), float(maximum))
    if not constant and draw(st.booleans()):
        full[::2] = 0
    sent = {INPUT: scale * full + offset}
    made = []
    for name, size in list(shape.sizes.items())[1:]:
        kind = draw(st.sampled_from(READOUTS if name == READOUT else 3 * kinds))
        bias = rng.integers(-4, 4, size) / 4 - 3 * (rng.random(size) < 0.3)
        current = np.zeros((timesteps, size))
        for p in projections:
            if p.target == name and p.source in sent:
                current += p.map.apply(sent[p.source])
        population = Population(name, size, float_neurons.Integrator(), bias)
        neuron = _hard_neuron(rng, kind, current + bias)
        made.append(replace(population, neuron=neuron))
        sent[name] = neuron.run((current + bias)[:, None])[0][:, 0]
    return Network(
        read,
        tuple(made),
        tuple(projections),
        timesteps,
        timesteps,
    )


def _hard_neuron(rng: np.random.Generator, kind: str, current: np.ndarray) -> FloatNeuron:
    """A neuron that gets `current` float64 [time, neuron] under the stimulus."""
    timesteps, size = current.shape
    inclusive = bool(rng.integers(2))

    def at_some_time(values: np.ndarray) -> np.ndarray:
        chosen = values[rng.integers(timesteps, size=size), np.arange(size)]
        return np.where(rng.random(size) < 0.5, values.max(axis=0), chosen)

    def levels_from(lowest: np.ndarray) -> np.ndarray:
        steps = rng.integers(0, 4, (int(rng.choice((1, 3, 7))), size)) / 4
        return lowest + np.cumsum(steps, axis=0) - steps[0]

    near = rng.choice([-0.25, 0.0, 0.0, 0.25], size)
    if kind == "integrator":
        return float_neurons.Integrator()
    if kind == "threshold":
        return float_neurons.Threshold(at_some_time(current) + near, inclusive)
    if kind == "multi":
        return float_neurons.MultiThreshold(levels_from(at_some_time(current) + near))
    if kind in SECOND_ORDER:
        return hard_second_order(rng, kind, np.maximum(at_some_time(current) + near, 0.25))
    if kind == "tropical":
        # The membrane can be left out, but for one neuron in most populations.
        threshold = np.maximum(at_some_time(current) + near, 0.25)
        decay, reset, initial = rng.integers(0, 4, size) / 4, np.zeros(size), np.zeros(size)
        odd = rng.integers(size)
        above = threshold[odd] + decay[odd] + rng.integers(0, 2) / 4
        violation = rng.choice(
            ["none", "growth", "growth", "reset", "initial", "threshold", "edge"]
        )
        if violation == "growth":
            decay[odd] = -threshold[odd] * rng.choice([0.5, 1.0])
        if violation == "reset":
            reset[odd] = above
        if violation == "initial":
            initial[odd] = above
        if violation == "threshold":
            threshold[odd] = -decay[odd] - rng.integers(0, 2) / 4
        if violation == "edge":
            threshold[odd] = decay[odd] = 0.0
        return float_neurons.TropicalLIF(threshold, decay, reset, initial, inclusive)
    tau = rng.choice([0.0, 0.5, 0.75, 1.0], size)
    synaptic = rng.choice([0.0, 0.5, 1.0], size)
    if kind == "li":
        return float_neurons.LeakyIntegrator(tau)
    if kind == "cubali":
        return float_neurons.CubaLI(tau, synaptic)
    epsilon, stride = float(rng.choice([0.0, 0.5, 1.0])), int(rng.integers(1, size, endpoint=True))
    never = np.full(size, 2.0**20)
    reset_mode = str(rng.choice(list(RESETS)))

    def made(threshold: np.ndarray) -> FloatNeuron:
        reset = np.where(rng.random(size) < 0.5, threshold, rng.integers(-4, 4, size) / 4)
        if kind == "lif":
            return float_neurons.LIF(threshold, tau, inclusive, reset, reset_mode)
        if kind == "cubalif":
            return float_neurons.CubaLIF(threshold, tau, synaptic, inclusive, reset, reset_mode)
        if kind == "gradedmax":
            return float_neurons.GradedLogMaxLIF(levels_from(threshold), 0.5 - tau, epsilon)
        if kind == "gradedlif":
            return float_neurons.GradedLIF(levels_from(threshold), tau)
        if kind in ("gradedreleased", "gradedpaper"):
            form = kind.removeprefix("graded")
            return float_neurons.GradedUltraDLIF(levels_from(threshold), tau, form, stride)
        if kind == "logmax":
            return float_neurons.LogMaxLIF(threshold, 0.5 - tau, epsilon, inclusive)
        return float_neurons.UltraDLIF(threshold, tau, kind, inclusive, stride)

    free = made(never).run(current[:, None])[1][:, 0] + never
    return made(at_some_time(free) * rng.choice([0.5, 1.0, 1.0], size) + near)
