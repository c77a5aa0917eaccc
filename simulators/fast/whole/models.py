"""What the compiled loop reads of each neuron model."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ultralif_deploy.program.fixed import DECAY_ONE, INT32_MAX, largest_held
from ultralif_deploy.program.neurons import (
    LIF,
    AdaLIF,
    CSiLIF,
    CubaLI,
    CubaLIF,
    GradedLIF,
    GradedLogMaxLIF,
    GradedUltraDLIF,
    Integrator,
    LeakyIntegrator,
    LeakySum,
    LogMaxLIF,
    MultiThreshold,
    NeuronModel,
    SiLIF,
    Threshold,
    TropicalLIF,
    UltraDLIF,
)
from ultralif_deploy.program.program import Population
from ultralif_deploy.simulators.fast import leaky_lanes, membranes, second_order
from ultralif_deploy.simulators.fast.whole import read_outs
from ultralif_deploy.simulators.native.callbacks import Callback

NOTHING = np.empty(0, dtype=np.int32)
ALL = np.array([DECAY_ONE])
"""What a binary spike takes of a membrane."""


class Lanes(NamedTuple):
    """What the kernel reads of a population.

    Attributes:
        update: as `calls.call_update` takes it; of read-outs as `read_outs.call_read_out` does.
        words: values of the population's fields that say how its neurons compute.
        rows: int32 [row, neuron], parameters.
        outside: int32 [row], parameters where no neuron is, so that none fires there.
        links: number of the first rows, which name other neurons of the population.
        lists: int32, parameters of all neurons together.
    """

    update: Callback
    words: dict[str, int]
    rows: np.ndarray
    outside: np.ndarray
    links: int = 0
    lists: np.ndarray = NOTHING

    def laid(self, where: np.ndarray, width: int) -> np.ndarray:
        """All parameters as updates read them, int32, one axis: rows, then lists.

        Args:
            where: int64 [neuron], index of each in a row.
            width: length of a row.
        """
        spread = np.repeat(self.outside[:, None], width, axis=1)
        spread[:, where] = self.rows
        spread[: self.links, where] = where[self.rows[: self.links]]
        return np.concatenate([spread.reshape(-1), self.lists])

    def read(self, laid: np.ndarray, where: np.ndarray, width: int) -> np.ndarray:
        """The same parameters for neurons in their own order, read back from `laid`.

        Args:
            laid: int32, one axis; may go on behind them.
            where: as for `laid`.
            width: as for `laid`.
        """
        end = len(self.rows) * width
        rows = laid[:end].reshape(-1, width)[:, where]
        neurons = np.full(width, -1)
        neurons[where] = np.arange(len(where))
        rows[: self.links] = neurons[rows[: self.links]]
        return np.concatenate([rows.reshape(-1), laid[end : end + len(self.lists)]])

    def own(self) -> np.ndarray:
        """What `read` returns where nothing has changed."""
        return self.laid(np.arange(self.rows.shape[1]), self.rows.shape[1])


def lanes_of(population: Population, bound: int = 0) -> Lanes | None:
    """What the kernel reads of a population; None where it has no update of it.

    Args:
        population: any.
        bound: largest |I| of it (`Program.current_bounds`).
    """
    neuron = population.neuron
    made = MODELS.get(type(neuron))
    return None if made is None else made(neuron, population.bias.astype(np.int64), bound)


def _firing(
    update: Callback,
    rows: Sequence[np.ndarray],
    limits: np.ndarray,
    words: dict[str, int],
    lists: Sequence[np.ndarray] = (),
    links: int = 0,
) -> Lanes:
    """Neurons whose last rows are limits, int64 [level, neuron], never exceeded where none is."""
    together = np.concatenate([np.reshape(rows, (len(rows), limits.shape[1])), limits])
    outside = np.repeat(np.array([0, INT32_MAX], np.int32), [len(rows), len(limits)])
    shared = np.concatenate(lists).astype(np.int32) if lists else NOTHING
    words = {"levels": len(limits)} | words
    return Lanes(update, words, together.astype(np.int32), outside, links, shared)


def _threshold(neuron: Threshold | MultiThreshold, bias: np.ndarray, bound: int) -> Lanes:
    """Units without memory have limits alone: the largest currents that do not pass a level."""
    del bound
    limits = np.clip(_limits(neuron, bias) - bias, -INT32_MAX - 1, INT32_MAX)
    return _firing(membranes.threshold, [], limits, {})


def _limits(neuron: Any, bias: np.ndarray) -> np.ndarray:
    """Limits int64 [level, neuron]."""
    parameters = neuron.parameters()
    limits = parameters.get("threshold", parameters.get("thresholds"))
    return np.asarray(limits, dtype=np.int64).reshape(-1, len(bias))


def _shares(neuron: Any) -> list[np.ndarray]:
    """What 0, 1, … levels take of the membrane."""
    return [np.zeros(1), neuron.parameters().get("reset", ALL)]


def _tropical_lif(neuron: TropicalLIF, bias: np.ndarray, bound: int) -> Lanes:
    del bound
    rows = [bias, neuron.decay, neuron.reset]
    return _firing(membranes.tropical_lif, rows, _limits(neuron, bias), {})


def _lif(neuron: LIF | CubaLIF, bias: np.ndarray, bound: int) -> Lanes | None:
    if not leaky_lanes.fits(neuron, bound, bias):
        return None
    synaptic = neuron.WORDS > 1
    update = leaky_lanes.UPDATES[leaky_lanes.MODES.index((neuron.reset_mode, synaptic))]
    top = largest_held(neuron.membrane_bits)
    words = {"bits": neuron.decay_bits, "fraction": neuron.fraction_bits, "top": top}
    rows = leaky_lanes.parameters(neuron, bias)
    outside = np.zeros(len(rows), dtype=np.int32)
    outside[leaky_lanes.PARAMETERS.index("limit")] = INT32_MAX
    return Lanes(update, words, rows, outside)


def _graded_lif(neuron: GradedLIF, bias: np.ndarray, bound: int) -> Lanes:
    del bound
    words = {"bits": neuron.decay_bits}
    rows = [bias, neuron.decay]
    return _firing(membranes.lif, rows, _limits(neuron, bias), words, _shares(neuron))


def _ring(neuron: UltraDLIF | GradedUltraDLIF, bias: np.ndarray, bound: int) -> Lanes:
    del bound
    place, size = np.arange(len(bias)), len(bias)
    beside = [(place - neuron.stride) % size, (place + neuron.stride) % size]
    released = neuron.form == "released"
    update = membranes.released_ring if released else membranes.paper_ring
    rows, words = [*beside, bias, neuron.decay], {"bits": neuron.decay_bits}
    return _firing(update, rows, _limits(neuron, bias), words, _shares(neuron), links=2)


def _log_max_lif(neuron: LogMaxLIF | GradedLogMaxLIF, bias: np.ndarray, bound: int) -> Lanes:
    del bound
    words = {"shift": neuron.shift, "last": len(neuron.table)}
    lists = [*_shares(neuron), neuron.table, np.zeros(1)]
    rows = [bias, neuron.decay]
    return _firing(membranes.log_max_lif, rows, _limits(neuron, bias), words, lists)


def _second_order(update: str) -> Any:
    """Models with two state words, whose parameters are rows."""

    def lanes(neuron: NeuronModel, bias: np.ndarray, bound: int) -> Lanes:
        del bound
        names, parameters = second_order.ROWS[update], {"bias": bias} | neuron.parameters()
        # Elsewhere words have the fewest bits with which they are defined.
        few = {"threshold": INT32_MAX, "coefficient_bits": 1, "state_bits": 1}
        rows = np.stack([parameters[name] for name in names]).astype(np.int32)
        outside = np.array([few.get(name, 0) for name in names], dtype=np.int32)
        return Lanes(getattr(second_order, update), {}, rows, outside)

    return lanes


def _read_out(update: str, *names: str) -> Any:
    """Read-outs, whose parameters are rows."""

    def lanes(neuron: Any, bias: np.ndarray, bound: int) -> Lanes:
        del bound
        parameters = neuron.parameters()
        rows = np.reshape([parameters[name] for name in names], (len(names), len(bias)))
        outside = np.zeros(len(names), dtype=np.int32)
        words = {"bits": neuron.widths.decay_bits}
        return Lanes(getattr(read_outs, update), words, rows.astype(np.int32), outside)

    return lanes


MODELS: dict[type[NeuronModel], Callable[[Any, np.ndarray, int], Lanes | None]] = {
    Threshold: _threshold,
    TropicalLIF: _tropical_lif,
    LIF: _lif,
    CubaLIF: _lif,
    UltraDLIF: _ring,
    LogMaxLIF: _log_max_lif,
    MultiThreshold: _threshold,
    GradedLogMaxLIF: _log_max_lif,
    GradedLIF: _graded_lif,
    GradedUltraDLIF: _ring,
    SiLIF: _second_order("silif"),
    CSiLIF: _second_order("csilif"),
    AdaLIF: _second_order("adalif"),
    Integrator: _read_out("integrator"),
    LeakyIntegrator: _read_out("leaky_integrator", "decay"),
    CubaLI: _read_out("cuba_li", "decay", "synaptic_decay"),
    LeakySum: _read_out("leaky_sum", *read_outs.LEAKY_SUM),
}
"""What the kernel reads, by model."""
