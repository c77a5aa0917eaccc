"""Feed-forward programs whose layers all run in one compiled call, a few rows at a time.

Each layer is a dense map or a convolution into threshold units or leaky neurons; the read-out only
sums. Dense layers of spikes count the events of each block of rows, and then add the weights of
the events or multiply everything, whichever costs less for that many.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ultralif_deploy.program.exits import ExitRule
from ultralif_deploy.program.fixed import INT32_MAX, largest_held
from ultralif_deploy.program.graph import INPUT, Dense
from ultralif_deploy.program.neurons import LIF, NeuronModel, Threshold
from ultralif_deploy.program.program import Population, Program
from ultralif_deploy.program.resets import RESETS
from ultralif_deploy.simulators.fast import leaky_lanes
from ultralif_deploy.simulators.fast.chain.kernel import (
    FIELDS,
    MOST,
    ROWS_PER_BLOCK,
    Tables,
    run_chain,
    run_chain_until_exit,
)
from ultralif_deploy.simulators.fast.chain.layout import (
    Layout,
    Product,
    chained,
    held,
    layout,
    placed,
    product,
)
from ultralif_deploy.simulators.fast.product_tiles import multiply
from ultralif_deploy.simulators.fast.spike_rows import LINE_WORDS, add_spikes, tiled, untiled
from ultralif_deploy.simulators.fast.tally import costs, exact_within
from ultralif_deploy.simulators.native.timing import seconds
from ultralif_deploy.simulators.native.vectors import LANES
from ultralif_deploy.simulators.native.workers import workers

LEAST_SHARED = 1 << 18
"""Fewest input values that are shared among threads; one thread does fewer before others wake."""

BLOCK_BYTES = 1 << 19
"""Bytes that the layers of a block take, few enough for the cache."""

EVENT_SHARE = 1 / 3
"""Share of active values up to which events are used until both were timed."""

TIMED_ROWS, TIMED_SHARE = ROWS_PER_BLOCK, 0.25
"""Rows that are timed, and their share of active values."""


class ChainRun(NamedTuple):
    """Result of a run.

    Attributes:
        logits: int64 [batch, class].
        counts: int64 [2 · layer, batch], spikes into each projection and then its operations.
        highest: the largest input.
        spikes: uint8 [time, batch, neuron] by population, if recorded.
        timesteps: number of timesteps that each sample ran, int64 [batch]; None without a rule.
    """

    logits: np.ndarray
    counts: np.ndarray
    highest: int
    spikes: dict[str, np.ndarray] | None
    timesteps: np.ndarray | None


class Lanes(NamedTuple):
    """What the kernel reads of a population.

    Attributes:
        values: int32 rows of `leaky_lanes.PARAMETERS`.
        words: values of the layer's fields that say how its neurons compute.
        remembers: whether it has membranes.
    """

    values: np.ndarray
    words: dict[str, int]
    remembers: bool


def runs(program: Program) -> bool:
    """Whether a program is a chain of layers that the kernel has.

    Every population is driven by one before it, so that sources in this order have one target each:
    the next population.
    """
    spiking = program.populations[:-1]
    sources = [p.source for p in program.projections]
    binary_readout = program.largest_sent(sources[-1]) == 1
    return (
        not program.delayed
        and sources == [INPUT, *(p.name for p in spiking)]
        and program.readout.neuron.SUMS
        and binary_readout
        and chained([p.map for p in program.projections])
        and all(lanes_of(p, program.current_bounds[p.name]) is not None for p in spiking)
    )


class Chain:
    """A program laid out for `run_chain`.

    Args:
        program: one that `runs` accepts.
    """

    def __init__(self, program: Program) -> None:
        *self.projections, readout = program.projections
        self.populations = program.populations[:-1]
        maps = [p.map for p in program.projections]
        sizes = [program.input.size, *(p.size for p in self.populations)]
        makers = [None, *maps[:-1]]
        self.layouts = [layout(*args) for args in zip(sizes, makers, maps, strict=True)]
        self.layers: list[dict[str, int]] = []
        self.parts: dict[str, list[np.ndarray]] = {
            name: [np.empty(0, dtype=kind)]
            for name, kind in (
                ("order", np.int64),
                ("lines", np.uint16),
                ("places", np.int64),
                ("targets", np.int64),
                ("distances", np.int64),
                ("weights", np.int8),
                ("values", np.int32),
            )
        }
        self.membranes, self.leaky = 0, dict[str, np.ndarray]()
        for k in range(len(self.populations)):
            self._add(program, k)
        # The inputs are counted as they come, the other layers in the order of their rows.
        prices = [costs([maps[0].fan_out()], sizes[0])] if self.populations else []
        for linear, order in zip(maps[1:-1], self.layouts[1:-1], strict=True):
            prices.append(costs([_spread(linear.fan_out(), order)], order.width))
        # The read-out only sums, so its weights are counted like the costs of a spike.
        assert isinstance(readout.map, Dense)
        last = self.layouts[-1]
        counted = [_spread(row, last) for row in (maps[-1].fan_out(), *readout.map.weight)]
        prices.append(costs(counted, last.width))
        self.names = [p.name for p in program.projections]
        self.sources = [p.source for p in program.projections]
        self.events, self.neurons = 2 * len(self.names), sum(sizes[1:])
        self.classes = program.readout.size
        cost = np.concatenate([price.reshape(-1) for price in prices])
        first, widths = self.layouts[0], [one.width for one in self.layouts]
        bytes_ = sum(widths) + 4 * max(widths)
        self.tables = Tables(
            np.array([[one[f] for f in FIELDS] for one in self.layers], dtype=np.int64).reshape(
                -1, len(FIELDS)
            ),
            sizes[0],
            first.where[: 0 if first.plain else None],
            segment=exact_within(cost),
            cost=cost,
            bias=program.readout.bias.astype(np.int64),
            rows=min(max(1, BLOCK_BYTES // bytes_), ROWS_PER_BLOCK),
            **{name: np.concatenate(parts) for name, parts in self.parts.items()},
        )

    def _add(self, program: Program, k: int) -> None:
        """Lay out one layer; returns its product."""
        population, linear = self.populations[k], self.projections[k].map
        source, target = self.layouts[k], self.layouts[k + 1]
        made = product(linear, source, target)
        lanes = lanes_of(population, program.current_bounds[population.name])
        assert lanes is not None
        lines = None
        if isinstance(linear, Dense) and program.largest_sent(self.projections[k].source) == 1:
            lines = tiled(placed(linear, source, target)).reshape(-1)
        at = {name: sum(map(len, parts)) for name, parts in self.parts.items()}
        self.layers.append(
            {
                "source": source.width,
                "width": target.width,
                "size": population.size,
                "sent": sum(one["width"] for one in self.layers),
                "order": -1 if target.plain else at["order"],
                "lines": -1 if lines is None else at["lines"] // LINE_WORDS,
                "most": int(EVENT_SHARE * len(source.where)),
                "place": at["places"],
                "places": len(made.places),
                "distance": at["distances"],
                "quads": len(made.distances),
                "weight": at["weights"],
                "weights": len(made.weights),
                "neurons": made.neurons,
                "values": at["values"],
                "state": self.membranes,
            }
            | lanes.words
        )
        if lanes.remembers:
            self.leaky[population.name] = self.membranes + target.where
            self.membranes += target.width
        values = np.zeros((len(leaky_lanes.PARAMETERS), target.width), dtype=np.int32)
        values[1] = INT32_MAX  # no byte without a neuron fires
        values[:, target.where] = lanes.values
        added = {
            "order": target.where,
            "lines": lines,
            "places": made.places,
            "targets": made.targets,
            "distances": made.distances,
            "weights": made.weights,
            "values": values.reshape(-1),
        }
        for name, part in added.items():
            if part is not None:
                self.parts[name].append(part)

    def executed(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Weights int8 by projection and the rows of `parameters` by population, read back.

        Weights are −1 where events and products differ.
        """
        weights, values = {}, {}
        for k, (row, p) in enumerate(zip(self.tables.layers, self.projections, strict=True)):
            layer = dict(zip(FIELDS, row.tolist(), strict=True))
            source, target = self.layouts[k], self.layouts[k + 1]
            found = held(p.map, source, target, self._product(layer))
            if layer["lines"] >= 0:
                tiles = self._lines(layer).reshape(-1, source.width, LINE_WORDS)
                dense = untiled(tiles, target.width)
                if not np.array_equal(found, dense[target.where[:, None], source.where]):
                    found = np.full_like(found, -1)
            weights[p.name] = found
            rows = len(leaky_lanes.PARAMETERS)
            start, count = layer["values"], rows * target.width
            held_values = self.tables.values[start : start + count].reshape(rows, -1)
            values[self.populations[k].name] = held_values[:, target.where]
        last = self.layouts[-1]
        prices = self.tables.cost[-self.classes * last.width :].reshape(self.classes, -1)
        weights[self.names[-1]] = prices[:, last.where].astype(np.int8)
        return weights, values

    def _product(self, layer: dict[str, int]) -> Product:
        """The product of a layer in the tables."""
        t = self.tables
        places = slice(layer["place"], layer["place"] + layer["places"])
        quads = slice(layer["distance"], layer["distance"] + layer["quads"])
        weights = t.weights[layer["weight"] : layer["weight"] + layer["weights"]]
        return Product(
            t.places[places], t.targets[places], t.distances[quads], weights, layer["neurons"]
        )

    def run(
        self,
        inputs: np.ndarray,
        record: bool,
        threads: int,
        rule: ExitRule | None = None,
        states: np.ndarray | None = None,
    ) -> ChainRun:
        """Run inputs uint8 [time, batch, input], contiguous.

        Args:
            inputs: uint8 [time, batch, input].
            record: whether to keep the spikes.
            threads: number of threads; with more than 1, other threads of the process help with
                large inputs.
            rule: stops samples early; None runs all timesteps.
            states: membranes of the samples (`membranes_of`), changed in place; None begins anew.
        """
        time, batch, _ = inputs.shape
        signal = inputs.reshape(-1)
        counts = np.zeros((self.events + self.classes, batch), dtype=np.int64)
        spikes = np.zeros(time * batch * self.neurons if record else 0, dtype=np.uint8)
        progress = np.zeros(1, dtype=np.int64)
        highest: list[int] = []
        if states is None:
            states = np.zeros((batch if rule is None else 0, self.membranes), dtype=np.int32)
        ends = None if rule is None else np.full(batch, time, dtype=np.int64)

        def work() -> None:
            if rule is None:
                run = run_chain(signal, time, progress, states, counts, spikes, *self.tables)
            else:
                given = signal, time, progress, self.membranes, counts, spikes
                stop = rule.margin, rule.gain, ends
                run = run_chain_until_exit(*given, *stop, *self.tables)
            highest.append(run)

        if threads > 1 and inputs.size > LEAST_SHARED:
            workers().together(work)
        else:
            work()
        logits = np.ascontiguousarray(counts[self.events :].T)
        fired = self._split(spikes, time, batch) if record else None
        return ChainRun(logits, counts[: self.events], max(highest), fired, ends)

    def time_layers(self) -> None:
        """Set for each layer up to how many events of a row events cost less than its product."""
        rng, rows = np.random.default_rng(0), TIMED_ROWS
        for k, row in enumerate(self.tables.layers):
            layer = dict(zip(FIELDS, row.tolist(), strict=True))
            if layer["lines"] < 0:
                continue
            size, width, made = layer["source"], layer["width"], self._product(layer)
            values = (rng.random(rows * size + LANES) < TIMED_SHARE).astype(np.uint8)
            current = np.empty((rows, width), dtype=np.int32)
            signal, sums = values[: rows * size], current.reshape(-1)
            lines = self._lines(layer)
            places = made.places, made.targets, made.distances, made.weights, made.neurons
            by_product = seconds(
                lambda: multiply(values, 0, size, rows, *places, sums, width)  # noqa: B023
            )
            by_events = seconds(lambda: add_spikes(signal, size, lines, current))  # noqa: B023
            events = int(signal.sum()) / rows
            self.tables.layers[k, MOST] = int(events * by_product / by_events)

    def _lines(self, layer: dict[str, int]) -> np.ndarray:
        """The tiles of a layer with events in the tables, one axis."""
        start = layer["lines"] * LINE_WORDS
        return self.tables.lines[start : start + layer["source"] * layer["width"] // 2]

    def membranes_of(self, states: dict[str, np.ndarray]) -> np.ndarray:
        """Membranes int32 [batch, membrane] as the kernel has them.

        Args:
            states: int64 [batch, neuron] by population.
        """
        batch = len(next(iter(states.values())))
        found = np.zeros((batch, self.membranes), dtype=np.int32)
        for name, where in self.leaky.items():
            found[:, where] = states[name]
        return found

    def keep_membranes(self, membranes: np.ndarray, states: dict[str, np.ndarray]) -> None:
        """Write membranes back to states, the inverse of `membranes_of`."""
        for name, where in self.leaky.items():
            states[name][:] = membranes[:, where]

    def _split(self, spikes: np.ndarray, time: int, batch: int) -> dict[str, np.ndarray]:
        """The spikes that `run_chain` recorded, by population."""
        fired, start = {}, 0
        for p in self.populations:
            stop = start + time * batch * p.size
            fired[p.name], start = spikes[start:stop].reshape(time, batch, p.size), stop
        return fired


def lanes_of(population: Population, bound: int = 0) -> Lanes | None:
    """What the kernel reads of a population; None where it has no update of it.

    Args:
        population: any.
        bound: largest |I| of it (`Program.current_bounds`).
    """
    neuron = population.neuron
    made = MODELS.get(type(neuron))
    return None if made is None else made(neuron, population.bias.astype(np.int64), bound)


def _threshold(neuron: Threshold, bias: np.ndarray, bound: int) -> Lanes:
    """Threshold units have a limit alone: the largest current that does not fire."""
    del bound
    values = np.zeros((len(leaky_lanes.PARAMETERS), len(bias)), dtype=np.int32)
    limit = neuron.threshold.astype(np.int64) - bias
    values[1] = np.clip(limit, -INT32_MAX - 1, INT32_MAX)
    return Lanes(values, {"mode": -1, "bits": 0, "fraction": 0, "top": 0}, remembers=False)


def _lif(neuron: LIF, bias: np.ndarray, bound: int) -> Lanes | None:
    if not leaky_lanes.fits(neuron, bound, bias):
        return None
    words = {
        "mode": list(RESETS).index(neuron.reset_mode),
        "bits": neuron.decay_bits,
        "fraction": neuron.fraction_bits,
        "top": largest_held(neuron.membrane_bits),
    }
    return Lanes(leaky_lanes.parameters(neuron, bias), words, remembers=True)


MODELS: dict[type[NeuronModel], Callable[[Any, np.ndarray, int], Lanes | None]] = {
    Threshold: _threshold,
    LIF: _lif,
}
"""Models that the kernel updates; `fast` runs the others population by population."""


def _spread(values: np.ndarray, order: Layout) -> np.ndarray:
    """One value per neuron as a row, with 0 elsewhere."""
    row = np.zeros(order.width, dtype=np.int64)
    row[order.where] = values
    return row
