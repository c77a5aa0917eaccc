"""The rounding error of every parameter: what the network means, and what the program stores.

Stored integers are multiplied by their unit, so that both are real values. A row of the table
stands for one parameter of a population or projection. It shows the entry with the largest error,
and the bound above which a warning is due. The bound for weights is wide, because the user chose
their bits.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ultralif_deploy.network.network import Network, Population
from ultralif_deploy.program import neurons
from ultralif_deploy.program import program as integer
from ultralif_deploy.program.delays import Delay, stored_delays
from ultralif_deploy.program.fixed import DECAY_ONE, INT32_MAX, MEMBRANE_MAX, largest_held
from ultralif_deploy.program.graph import WEIGHTED, Conv2d, Projection
from ultralif_deploy.quantization.registers import largest_weights, word_of
from ultralif_deploy.schema.report import Parameter

BOUND = 1 / 64
"""A relative error above this bound gives a warning."""

LOST = 0.9
"""Bound for weights. Clipping changes a weight by at most three quarters of the neuron's largest,
so a larger error means that the neuron lost its weights."""


@dataclass(frozen=True, slots=True)
class Row:
    """One parameter of a population, or the weights or the delay of a projection.

    Attributes:
        name: name of the population, or `source->target` for a projection.
        parameter: name of the parameter, for example "leak per timestep".
        meant: value in the network, for the entry with the largest relative error.
        stored: value of this entry in the program.
        error: largest |meant − stored| of all entries.
        relative: largest error relative to a measure. The measure of a weight is the largest weight
            of its neuron. For membrane potentials it is the largest of this weight, the bias, the
            threshold and the value itself. For coefficients it is 1, for delays a timestep, and for
            all others the value itself.
        bound: a `relative` above it gives a warning; None if there is no bound.
        neuron: index of the neuron with the entry; None for a delay.
    """

    name: str
    parameter: str
    meant: float
    stored: float
    error: float
    relative: float
    bound: float | None
    neuron: int | None

    @property
    def exceeds(self) -> bool:
        """Whether the relative error is above its bound."""
        return self.bound is not None and self.relative > self.bound

    def as_dict(self) -> Parameter:
        """The row as plain values for report.json."""
        return {
            "name": self.name,
            "parameter": self.parameter,
            "meant": self.meant,
            "stored": self.stored,
            "error": self.error,
            "relative": self.relative,
            "bound": self.bound,
            "neuron": self.neuron,
        }


def rounding_table(
    network: Network, program: integer.Program, delays: tuple[Delay, ...] = ()
) -> tuple[Row, ...]:
    """The rounding errors of all weights, parameters and delays.

    Args:
        network: the network that was quantized, after the passes.
        program: the program that `quantize` made of it.
        delays: the delays of connections as the file states them, before rounding to timesteps.
    """
    rows: list[Row] = []
    for before, after in zip(network.populations, program.populations, strict=True):
        for was, became in zip(
            network.incoming(before.name), program.incoming(after.name), strict=True
        ):
            rows += _weights(was, became, after)
        largest = largest_weights(network.incoming(before.name), before.size)
        rows += _parameters(before, after, largest)
    for delay, stored in stored_delays(program, delays).items():
        error = abs(delay.meant - stored)
        rows.append(Row(delay.name, "delay", delay.meant, stored, error, error, BOUND, None))
    return tuple(rows)


def _weights(before: Projection, after: Projection, target: integer.Population) -> Iterator[Row]:
    """The row of the weights of one projection; an identity has none."""
    if not isinstance(after.map, WEIGHTED):
        return
    stored = after.map.weight.astype(np.float64)
    stored = stored.reshape(len(stored), -1)
    scale = target.scale
    if isinstance(after.map, Conv2d):
        scale = scale.reshape(len(stored), -1)[:, 0]
    stored = stored * scale[:, None]
    meant = (
        before.map.weight.reshape(stored.shape)
        if isinstance(before.map, WEIGHTED)
        else (stored != 0).astype(np.float64)  # an identity, stored as weights
    )
    largest = np.abs(meant).max(axis=1, keepdims=True)
    by = np.broadcast_to(largest, meant.shape)
    yield _row(before.name, "weight", meant, stored, by, LOST)


def _parameters(
    before: Population, after: integer.Population, largest: np.ndarray
) -> Iterator[Row]:
    """The rows of a population's parameters; `largest` holds its largest weights [neuron]."""
    neuron, made = before.neuron, after.neuron
    by = np.maximum(largest, np.abs(getattr(neuron, "threshold", np.zeros(before.size))))
    if before.bias.any():
        by = np.maximum(np.abs(before.bias), by)
        yield _row(before.name, "bias", before.bias, after.bias * after.membrane_unit, by, BOUND)
    for field in after.parameters():
        found = _FIELDS.get((type(made), field)) or _FIELDS.get((object, field))
        if found is not None:
            parameter, entries = found
            # No bound for a table, because the user chose its entries. None for a threshold on
            # whole currents, which separates them exactly after rounding too.
            exact = field in ("threshold", "thresholds") and made.COUNTS_CURRENTS
            free = field == "table" or exact
            bound = None if free else BOUND
            meant, stored, measure = entries(before, after)
            # Small membrane potentials are measured by the weights or the threshold instead.
            by_all = np.maximum(measure, by) if parameter in POTENTIALS else measure
            yield _row(before.name, parameter, meant, stored, by_all, bound)


Entries = Callable[[Population, integer.Population], tuple[Any, Any, Any]]
"""Makes the values meant, the values stored, and the measure of their error, each [neuron]."""


POTENTIALS = (
    *("decay", "initial membrane potential", "lower bound of the membrane", "reset", "threshold"),
)
"""Parameters that are membrane potentials."""


def _model(population: Population | integer.Population) -> Any:
    """The neuron model; untyped, because each kind in `_FIELDS` has other fields."""
    return population.neuron


def _potential(source: str, field: str) -> Entries:
    """A field in units of the membrane; its measure is itself, or a larger one by `_parameters`."""

    def entries(before: Population, after: integer.Population) -> tuple[Any, Any, Any]:
        meant = getattr(before.neuron, source)
        stored = getattr(after.neuron, field) * after.membrane_unit
        return meant, stored, np.abs(meant)

    return entries


def _threshold(before: Population, after: integer.Population) -> tuple[Any, Any, Any]:
    """The threshold as a real value.

    The program fires above its integer threshold. If the network fires at equality, the stored
    value is the least that fires, one unit above. A threshold that the membrane's register cannot
    reach counts as meant.
    """
    neuron, made = _model(before), _model(after)
    inclusive = getattr(neuron, "inclusive", False)
    stored = (made.threshold + (1.0 if inclusive else 0.0)) * after.membrane_unit
    meant = neuron.threshold
    never = (made.threshold >= _held(after)) & (stored < meant)
    return meant, np.where(never, meant, stored), np.abs(meant)


def _floor(before: Population, after: integer.Population) -> tuple[Any, Any, Any]:
    """The lower bound of the membrane; a bound that the register cannot reach counts as meant."""
    was, made = _model(before), _model(after)
    meant, floor = was.floor, made.floor
    stored = np.where(floor <= -_held(after), meant, floor * after.membrane_unit)
    return meant, stored, np.abs(meant)


def _held(population: integer.Population) -> int:
    """The largest membrane potential that the register of a leaky population holds."""
    return largest_held(word_of(population).bits)


def _leak(source: str, field: str) -> Entries:
    """The leak per timestep, 1 − decay; its measure is itself."""

    def entries(before: Population, after: integer.Population) -> tuple[Any, Any, Any]:
        meant = 1 - getattr(before.neuron, source)
        one = 2.0 ** _model(after).decay_bits
        return meant, getattr(after.neuron, field) / one, meant

    return entries


def _coefficient(source: str, field: str) -> Entries:
    """A coefficient of a second-order model; its measure is 1."""

    def entries(before: Population, after: integer.Population) -> tuple[Any, Any, Any]:
        meant = getattr(before.neuron, source)
        one = 2.0 ** _model(after).coefficient_bits
        return meant, getattr(after.neuron, field) / one, np.ones(before.size)

    return entries


def _level_thresholds(
    before: Population, after: integer.Population
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The least membrane potential that passes each level, [neuron, level].

    A threshold outside the range of integers decides nothing, and counts as meant.
    """
    meant = _model(before).thresholds.T
    stored = _model(after).thresholds.reshape(meant.shape[::-1]).T
    unit = after.membrane_unit[:, None]
    top = INT32_MAX if after.neuron.COUNTS_CURRENTS else MEMBRANE_MAX
    decides = (stored > -top - 1) & (stored < top)
    values = np.where(decides, (stored + 1.0) * unit, meant)
    return meant, values, np.where(decides, np.abs(meant), 1.0)


def _share(
    before: Population, after: integer.Population
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The share of the membrane that each level of spike takes, [level]; its measure is itself."""
    levels = len(_model(before).thresholds)
    meant = np.arange(1, levels + 1) / levels
    return meant, _model(after).reset / DECAY_ONE, meant


def _correction(before: Population, after: integer.Population) -> tuple[Any, Any, Any]:
    """The largest correction of the soft maximum, ε·log 2; its measure is itself."""
    was, made = _model(before), _model(after)
    meant = np.full(before.size, was.epsilon * np.log(2))
    return meant, made.table[0] * after.membrane_unit, meant


_FIELDS: dict[tuple[type, str], tuple[str, Entries]] = {
    (object, "threshold"): ("threshold", _threshold),
    (object, "decay"): ("leak per timestep", _leak("tau", "decay")),
    (object, "synaptic_decay"): (
        "synaptic leak per timestep",
        _leak("synaptic_tau", "synaptic_decay"),
    ),
    (object, "reset"): ("reset", _potential("reset", "reset")),
    (object, "floor"): ("lower bound of the membrane", _floor),
    (object, "initial"): ("initial membrane potential", _potential("initial", "initial")),
    (object, "thresholds"): ("threshold of a level", _level_thresholds),
    **{
        (model, "reset"): ("share of the membrane that a spike takes", _share)
        for model in (neurons.GradedLogMaxLIF, neurons.GradedLIF, neurons.GradedUltraDLIF)
    },
    (neurons.GradedLogMaxLIF, "decay"): ("decay", _potential("decay", "decay")),
    (object, "table"): ("largest correction of the maximum", _correction),
    (neurons.TropicalLIF, "decay"): ("decay", _potential("decay", "decay")),
    (neurons.LogMaxLIF, "decay"): ("decay", _potential("decay", "decay")),
    (neurons.SiLIF, "reset"): ("reset", _potential("threshold", "reset")),
    (neurons.CSiLIF, "reset"): ("reset", _potential("threshold", "reset")),
    (object, "alpha"): ("alpha", _coefficient("alpha", "alpha")),
    (object, "beta"): ("beta", _coefficient("beta", "beta")),
    (object, "a"): ("a", _coefficient("a", "a")),
    (object, "b"): ("b", _potential("b", "b")),
    (object, "real"): ("real part of alpha", _coefficient("real", "real")),
    (object, "imaginary"): ("imaginary part of alpha", _coefficient("imaginary", "imaginary")),
    (neurons.AdaLIF, "alpha"): ("tau", _coefficient("tau", "alpha")),
    (neurons.AdaLIF, "beta"): (
        "decay of the adaptation",
        _coefficient("adaptation_decay", "beta"),
    ),
    (object, "jump"): ("jump of the threshold", _potential("jump", "jump")),
}
"""For each integer model and field, the parameter's name and values; `object` is any model."""


def _row(name: str, parameter: str, meant: Any, stored: Any, by: Any, bound: float | None) -> Row:
    """The row of one parameter.

    Args:
        name: name of the population or projection.
        parameter: name of the parameter.
        meant: values in the network [neuron, …].
        stored: values in the program, of a shape that broadcasts to that of `meant`.
        by: the measure of the error, of such a shape too.
        bound: bound of the relative error; None if there is none.
    """
    error = np.abs(np.asarray(meant) - stored)
    measure = np.broadcast_to(np.asarray(by), error.shape)
    relative = np.divide(error, measure, out=np.where(error > 0, np.inf, 0.0), where=measure > 0)
    relative = np.minimum(relative, np.finfo(np.float64).max)  # JSON has no infinity
    worst = int(np.argmax(relative))
    place = np.unravel_index(worst, error.shape)
    return Row(
        name,
        parameter,
        float(np.asarray(meant)[place]),
        float(np.broadcast_to(stored, error.shape)[place]),
        float(error.max()),
        float(relative[place]),
        bound,
        int(place[0]),
    )
