"""Compare the intended value of every parameter with the stored value.

Rows compare the network that was quantized with the program: real values beside integers times
their unit. A row shows the entry that errs most, and the bound above which the error is worth a
warning. That of weights is wide, because the bits that were asked for decide their error.
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
"""Errors above this share of a parameter are warned of."""

LOST = 0.9
"""Bound of weights: clipping takes at most three quarters of a neuron's largest weight, so that a
larger error means a neuron without weights."""


@dataclass(frozen=True, slots=True)
class Row:
    """One parameter of a population, or the weights or the delay of a projection.

    Attributes:
        name: of the population, or `source->target`.
        parameter: in the field's words.
        meant: real value of the entry that errs most.
        stored: the real value that the program has in its place.
        error: |meant − stored|, the largest of all entries.
        relative: the error as a share of what it is measured by: for weights the neuron's largest
            weight; for membrane potentials that, the threshold or the value itself, the largest
            of them; for delays a timestep; for others the value itself.
        bound: of `relative`, above which a warning is due; None where none is stated.
        neuron: that has the entry; None for a delay.
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
        """Whether the error passes its bound."""
        return self.bound is not None and self.relative > self.bound

    def as_dict(self) -> Parameter:
        """Plain values for report.json."""
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
    """Meant, stored and error of everything that was rounded.

    Args:
        network: what was quantized, after the passes.
        program: what became of it.
        delays: of connections, as the file means them.
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
    """The weights of one projection; an identity has none."""
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
        else (stored != 0).astype(np.float64)  # an identity beside other weights
    )
    largest = np.abs(meant).max(axis=1, keepdims=True)
    by = np.broadcast_to(largest, meant.shape)
    yield _row(before.name, "weight", meant, stored, by, LOST)


def _parameters(
    before: Population, after: integer.Population, largest: np.ndarray
) -> Iterator[Row]:
    """The parameters of a population whose largest weights are given, [neuron]."""
    neuron, made = before.neuron, after.neuron
    by = np.maximum(largest, np.abs(getattr(neuron, "threshold", np.zeros(before.size))))
    if before.bias.any():
        by = np.maximum(np.abs(before.bias), by)
        yield _row(before.name, "bias", before.bias, after.bias * after.membrane_unit, by, BOUND)
    for field in after.parameters():
        found = _FIELDS.get((type(made), field)) or _FIELDS.get((object, field))
        if found is not None:
            parameter, entries = found
            # The number of entries that was asked for decides a table's error, and a threshold
            # between two whole currents divides them exactly.
            exact = field in ("threshold", "thresholds") and made.COUNTS_CURRENTS
            free = field == "table" or exact
            bound = None if free else BOUND
            meant, stored, measure = entries(before, after)
            # Small membrane potentials are measured by the weights or the threshold instead.
            by_all = np.maximum(measure, by) if parameter in POTENTIALS else measure
            yield _row(before.name, parameter, meant, stored, by_all, bound)


Entries = Callable[[Population, integer.Population], tuple[Any, Any, Any]]
"""Meant, stored, and what the error is measured by, each [neuron]."""


POTENTIALS = (
    *("decay", "initial membrane potential", "lower bound of the membrane", "reset", "threshold"),
)
"""Parameters that are membrane potentials."""


def _model(population: Population | integer.Population) -> Any:
    """Its neuron model, whose fields the table below knows."""
    return population.neuron


def _potential(source: str, field: str) -> Entries:
    """A membrane potential, measured by itself, the threshold or a weight, the largest of them."""

    def entries(before: Population, after: integer.Population) -> tuple[Any, Any, Any]:
        meant = getattr(before.neuron, source)
        stored = getattr(after.neuron, field) * after.membrane_unit
        return meant, stored, np.abs(meant)

    return entries


def _threshold(before: Population, after: integer.Population) -> tuple[Any, Any, Any]:
    """The least membrane potential that fires at equality, or the largest that does not."""
    neuron, made = _model(before), _model(after)
    inclusive = getattr(neuron, "inclusive", False)
    stored = (made.threshold + (1.0 if inclusive else 0.0)) * after.membrane_unit
    meant = neuron.threshold
    never = (made.threshold >= _held(after)) & (stored < meant)
    return meant, np.where(never, meant, stored), np.abs(meant)


def _floor(before: Population, after: integer.Population) -> tuple[Any, Any, Any]:
    """The lower bound of the membrane; one that no membrane can reach is none."""
    was, made = _model(before), _model(after)
    meant, floor = was.floor, made.floor
    stored = np.where(floor <= -_held(after), meant, floor * after.membrane_unit)
    return meant, stored, np.abs(meant)


def _held(population: integer.Population) -> int:
    """Largest membrane that the register of a leaky population holds."""
    return largest_held(word_of(population).bits)


def _leak(source: str, field: str) -> Entries:
    """The share of a membrane that a timestep takes away, measured by itself."""

    def entries(before: Population, after: integer.Population) -> tuple[Any, Any, Any]:
        meant = 1 - getattr(before.neuron, source)
        one = 2.0 ** _model(after).decay_bits
        return meant, getattr(after.neuron, field) / one, meant

    return entries


def _coefficient(source: str, field: str) -> Entries:
    """A factor of second-order models, measured by 1."""

    def entries(before: Population, after: integer.Population) -> tuple[Any, Any, Any]:
        meant = getattr(before.neuron, source)
        one = 2.0 ** _model(after).coefficient_bits
        return meant, getattr(after.neuron, field) / one, np.ones(before.size)

    return entries


def _level_thresholds(
    before: Population, after: integer.Population
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The least that passes each level, [neuron, level]; what decides nothing is as meant."""
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
    """The share of the membrane that each level takes, [level], measured by itself."""
    levels = len(_model(before).thresholds)
    meant = np.arange(1, levels + 1) / levels
    return meant, _model(after).reset / DECAY_ONE, meant


def _correction(before: Population, after: integer.Population) -> tuple[Any, Any, Any]:
    """The soft maximum's largest correction, ε·log 2, measured by itself."""
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
    (neurons.GradedLogMaxLIF, "reset"): ("share of the membrane that a spike takes", _share),
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
"""By integer model and array: the parameter's name and its entries; `object` stands for any."""


def _row(name: str, parameter: str, meant: Any, stored: Any, by: Any, bound: float | None) -> Row:
    """The row of the entry with the largest error; the first axis of the entries is the neuron."""
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
