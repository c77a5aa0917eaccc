"""A program laid out in the tables of the compiled loop, and read back from them."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ultralif_deploy.program.graph import INPUT, Dense, Identity, Projection
from ultralif_deploy.program.program import Population, Program
from ultralif_deploy.simulators.fast.product_tiles import added_in_16_bits
from ultralif_deploy.simulators.fast.spike_rows import LINE_WORDS, tiled, untiled
from ultralif_deploy.simulators.fast.tally import costs, exact_within
from ultralif_deploy.simulators.fast.whole.kernel import ROWS_PER_BLOCK
from ultralif_deploy.simulators.fast.whole.layout import (
    Layout,
    Product,
    held,
    layouts,
    placed,
    product,
    row,
)
from ultralif_deploy.simulators.fast.whole.models import lanes_of
from ultralif_deploy.simulators.fast.whole.tables import SOURCE_FIELDS, TERM_FIELDS, VALUES, Tables
from ultralif_deploy.simulators.native.vectors import LANES

BLOCK_BYTES = 1 << 19
"""Bytes that the populations of a block take, few enough for the cache."""

EVENT_SHARE = 1 / 3
"""Share of active values up to which events are used until both were timed."""

ARRAYS = {
    "order": np.int64,
    "lines": np.uint16,
    "places": np.int64,
    "targets": np.int64,
    "distances": np.int64,
    "weights": np.int8,
    "values": np.int32,
    "cost": np.int32,
    "counters": np.int64,
}
"""Arrays of `Tables` that grow by parts."""


@dataclass(frozen=True, eq=False)
class Plan:
    """Tables of a program, and where what belongs to its names stands in them.

    Attributes:
        tables: the tables.
        layouts: order of the neurons of the inputs and of each population.
        terms: row in `Tables.terms` by projection.
        priced: index in `Tables.cost` of the weights of the first class, by projection into a
            read-out that only sums.
        spike_rows: row of the counts, by source.
        operation_rows: row of the counts, by projection.
        membranes_of: index of each state word among those of a sample, by population.
        late_of: index of each neuron's byte among those that come later, by population.
        initial: int32, the state words of a sample before the first timestep.
        late: bytes of a sample that come later.
    """

    tables: Tables
    layouts: dict[str, Layout]
    terms: dict[str, int]
    priced: dict[str, int]
    spike_rows: dict[str, int]
    operation_rows: dict[str, int]
    membranes_of: dict[str, np.ndarray]
    late_of: dict[str, np.ndarray]
    initial: np.ndarray
    late: int

    @cached_property
    def counters(self) -> int:
        """Rows of the counts before those of the read-out."""
        return len(self.spike_rows) + len(self.operation_rows)

    @cached_property
    def classes(self) -> int:
        """Neurons of the read-out."""
        return len(self.tables.bias)

    @cached_property
    def read(self) -> int:
        """State words of the read-out, the last rows of the counts."""
        return self.classes * self.tables.words

    def term(self, name: str) -> dict[str, int]:
        """The fields of a projection."""
        return dict(zip(TERM_FIELDS, self.tables.terms[self.terms[name]].tolist(), strict=True))

    def product(self, term: dict[str, int]) -> Product:
        """The product of a projection in the tables."""
        t = self.tables
        places = slice(term["place"], term["place"] + term["places"])
        quads = slice(term["distance"], term["distance"] + term["quads"])
        weights = t.weights[term["weight"] : term["weight"] + term["weights"]]
        return Product(
            t.places[places], t.targets[places], t.distances[quads], weights, term["neurons"]
        )

    def lines(self, projection: Projection) -> np.ndarray:
        """The tiles of a projection with events in the tables, one axis."""
        term = self.term(projection.name)
        start = term["lines"] * LINE_WORDS
        tiles = self.layouts[projection.target].width // LANES
        return self.tables.lines[start : start + tiles * term["tile"] * LINE_WORDS]

    def weights(self, projection: Projection) -> np.ndarray:
        """Weights int8 as the map has them, read back; −1 where events and products differ."""
        source, target = (self.layouts[n] for n in (projection.source, projection.target))
        if projection.name in self.priced:
            start = self.priced[projection.name]
            heard = _heard(projection.source, self.layouts)
            prices = self.tables.cost[start : start + self.classes * heard.width]
            return prices.reshape(self.classes, -1)[:, heard.where].astype(np.int8)
        term = self.term(projection.name)
        found = held(projection.map, source, target, self.product(term))
        if term["lines"] >= 0:
            heard = _heard(projection.source, self.layouts)
            dense = untiled(
                self.lines(projection).reshape(-1, heard.width, LINE_WORDS), target.width
            )
            if not np.array_equal(found, dense[target.where[:, None], heard.where]):
                found = np.full_like(found, -1)
        return found

    def values(self, population: Population, place: int) -> np.ndarray:
        """The parameters of a population as `models.Lanes.read` reads them back.

        Args:
            population: population of the program.
            place: its row in `Tables.sources`.
        """
        lanes = lanes_of(population)
        assert lanes is not None
        order = self.layouts[population.name]
        start = self.tables.sources[place, VALUES]
        return lanes.read(self.tables.values[start:], order.where, order.width)


class _Parts:
    """Arrays that grow by parts."""

    def __init__(self) -> None:
        self.parts = {name: [np.empty(0, dtype=kind)] for name, kind in ARRAYS.items()}

    def add(self, name: str, values: np.ndarray) -> int:
        """Append values; returns the index of the first."""
        start = sum(map(len, self.parts[name]))
        self.parts[name].append(values.reshape(-1).astype(ARRAYS[name], copy=False))
        return start

    def joined(self) -> dict[str, np.ndarray]:
        """All arrays."""
        return {name: np.concatenate(parts) for name, parts in self.parts.items()}


def lay_out(program: Program) -> Plan:
    """The plan of a program that `whole.runs` accepts."""
    order = layouts(program)
    assert order is not None
    names = [INPUT, *(p.name for p in program.populations)]
    place = {name: k for k, name in enumerate(names)}
    parts = _Parts()
    terms: list[dict[str, int]] = []
    term_rows: dict[str, int] = {}
    sources: list[dict[str, int]] = []
    membranes_of: dict[str, np.ndarray] = {}
    late_of: dict[str, np.ndarray] = {}
    membranes = late = 0
    spike_rows = {name: k for k, name in enumerate(names[:-1])}
    operation_rows = {p.name: len(spike_rows) + k for k, p in enumerate(program.projections)}
    prices = _Prices(program, order, parts, spike_rows, operation_rows)
    for name in names:
        one = order[name]
        fields = {
            "width": one.width,
            "size": len(one.where),
            "sent": sum(f["width"] for f in sources[1:]),
            "order": -1 if one.plain else parts.add("order", one.where),
            "late": -1,
            "term": len(terms),
            "state": membranes,
        }
        if any(p.source == name and p.name in program.delayed for p in program.projections):
            fields["late"], late_of[name] = late, late + one.where
            late += one.width
        fields |= prices.of(name)
        if name != INPUT:
            population = program.population(name)
            for p in program.incoming(name):
                if p.name not in prices.priced:
                    term_rows[p.name] = len(terms)
                    terms.append(_term(program, p, order, place, parts))
            lanes = lanes_of(population, program.current_bounds[name])
            assert lanes is not None
            laid = lanes.laid(one.where, one.width)
            fields |= {"values": parts.add("values", laid), "update": lanes.update.address}
            fields |= lanes.words
            if population.spikes and population.neuron.REMEMBERS:
                starts = membranes + one.width * np.arange(population.words)
                membranes_of[name] = np.add.outer(starts, one.where).reshape(-1)
                membranes += one.width * population.words
        sources.append(fields | {"terms": len(terms) - fields["term"]})
    arrays = parts.joined()
    widths = [one.width for one in order.values()]
    several = any(f["terms"] > 1 for f in sources)
    first = order[INPUT]
    tables = Tables(
        sources=table(sources, SOURCE_FIELDS),
        terms=table(terms, TERM_FIELDS),
        pack=first.where[: 0 if first.plain else None],
        segment=exact_within(arrays["cost"]),
        bias=program.readout.bias.astype(np.int64),
        words=program.readout.words,
        rows=min(
            max(1, BLOCK_BYTES // (sum(widths) + (8 if several else 4) * max(widths))),
            ROWS_PER_BLOCK,
        ),
        step=int(bool(program.delayed)),
        **arrays,
    )
    # A product may read a few bytes behind the last one that counts.
    late += LANES if late else 0
    initial = np.zeros(membranes, dtype=np.int32)
    for name, where in membranes_of.items():
        population = program.population(name)
        initial[where] = population.neuron.initial_state(population.size)
    return Plan(
        tables, order, term_rows, prices.priced, spike_rows, operation_rows, membranes_of, late_of,
        initial, late,
    )  # fmt: skip


def table(rows: Iterable[dict[str, int]], fields: tuple[str, ...]) -> np.ndarray:
    """Rows as int64 [row, field]; a field that a row lacks is 0."""
    values = [[one.get(f, 0) for f in fields] for one in rows]
    return np.array(values, dtype=np.int64).reshape(-1, len(fields))


def _heard(name: str, order: dict[str, Layout]) -> Layout:
    """The order in which events of a source are found: inputs are in their own."""
    return row(len(order[name].where)) if name == INPUT else order[name]


def _term(
    program: Program,
    projection: Projection,
    order: dict[str, Layout],
    place: dict[str, int],
    parts: _Parts,
) -> dict[str, int]:
    """The fields of a projection, whose arrays are added to the parts."""
    linear = projection.map
    source, target = order[projection.source], order[projection.target]
    fields = {
        "source": place[projection.source],
        "delayed": int(projection.name in program.delayed),
        "lines": -1,
        "most": int(EVENT_SHARE * linear.source_size),
        "group": added_in_16_bits(program.largest_sent(projection.source)),
    }
    if isinstance(linear, Identity):
        parts.add("targets", target.where)
        return fields | {"place": parts.add("places", source.where), "places": linear.size}
    made = product(linear, source, target)
    if isinstance(linear, Dense) and program.largest_sent(projection.source) == 1:
        heard = _heard(projection.source, order)
        lines = parts.add("lines", tiled(placed(linear, heard, target)))
        fields |= {"lines": lines // LINE_WORDS, "tile": heard.width}
    parts.add("targets", made.targets)
    return fields | {
        "place": parts.add("places", made.places),
        "places": len(made.places),
        "distance": parts.add("distances", made.distances),
        "quads": len(made.distances),
        "weight": parts.add("weights", made.weights),
        "weights": len(made.weights),
        "neurons": made.neurons,
    }


class _Prices:
    """What a spike of each source adds to the counters.

    A read-out that only sums counts its weights like operations, so it needs no currents.
    """

    def __init__(
        self,
        program: Program,
        order: dict[str, Layout],
        parts: _Parts,
        spike_rows: dict[str, int],
        operation_rows: dict[str, int],
    ) -> None:
        self.program, self.order, self.parts = program, order, parts
        self.spike_rows, self.operation_rows = spike_rows, operation_rows
        self.priced: dict[str, int] = {}

    def of(self, name: str) -> dict[str, int]:
        """The fields of a source."""
        if name not in self.spike_rows:
            return {}
        outgoing = [p for p in self.program.projections if p.source == name]
        late = [p for p in outgoing if p.name in self.program.delayed]
        soon = self._added(name, [p for p in outgoing if p not in late], spikes=True)
        later = self._added(name, late, spikes=False)
        fields = ("price", "counter", "counts"), ("late_price", "late_counter", "late_counts")
        return dict(zip((*fields[0], *fields[1]), (*soon, *later), strict=True))

    def _added(
        self, name: str, projections: list[Projection], *, spikes: bool
    ) -> tuple[int, int, int]:
        """Add the costs of some projections of a source, and of its spikes themselves.

        Returns:
            Index of the first cost, index of the first counter, number of counters.
        """
        one = _heard(name, self.order)
        rows, counters = list[np.ndarray](), [self.spike_rows[name]] if spikes else []
        for p in projections:
            rows.append(p.map.fan_out())
            counters.append(self.operation_rows[p.name])
        priced = [p for p in projections if self._is_priced(p)]
        places = {}
        classes = len(self.spike_rows) + len(self.operation_rows)
        for p in priced:
            places[p.name] = len(counters)
            assert isinstance(p.map, Dense)
            rows += list(p.map.weight)
            counters += range(classes, classes + len(p.map.weight))
        spread = np.zeros((len(rows), one.width), dtype=np.int64)
        for kept, values in zip(spread, rows, strict=True):
            kept[one.where] = values
        table = costs(list(spread), one.width)[0 if spikes else 1 :]
        price = self.parts.add("cost", table)
        self.priced |= {p: price + k * one.width for p, k in places.items()}
        return price, self.parts.add("counters", np.array(counters)), len(counters)

    def _is_priced(self, projection: Projection) -> bool:
        program = self.program
        return (
            projection.target == program.readout.name
            and program.readout.neuron.SUMS
            and isinstance(projection.map, Dense)
            and program.largest_sent(projection.source) == 1
        )
