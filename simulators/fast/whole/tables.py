"""A program as the compiled loop reads it: tables of whole numbers, and names of their columns."""

from typing import NamedTuple

import numpy as np

SOURCE_FIELDS = (
    "width",  # length of a row of its neurons
    "size",  # its neurons
    "sent",  # its bytes begin at `sent` times the rows of a block
    "order",  # index of its first neuron in `order`, or −1 if neurons lie in their own order
    "late",  # index of its first byte in what samples sent last, or −1 if nothing hears it later
    "price",  # index in `cost` of what its spikes add to counters
    "counter",  # index in `counters` of the first such counter
    "counts",  # number of such counters
    "late_price",  # the same for what its spikes add one timestep later
    "late_counter",
    "late_counts",
    "term",  # index of the first projection into it
    "terms",  # number of projections into it
    "values",  # index of its parameters
    "update",  # address of its update, or of the read-out
    "bits",  # fraction bits of the decays
    "fraction",  # fraction bits of the membranes
    "top",  # largest membrane
    "state",  # index of its first membrane in a sample's
    "levels",  # limits of a neuron
    "shift",  # 2^shift distances in a row share an entry of a soft maximum's table
    "last",  # last entry of that table, for all longer distances
)
"""Columns of `Tables.sources`."""

(
    WIDTH, SIZE, SENT, ORDER, LATE, PRICE, COUNTER, COUNTS, LATE_PRICE, LATE_COUNTER, LATE_COUNTS,
    TERM, TERMS, VALUES, UPDATE, BITS, FRACTION, TOP, STATE, LEVELS, SHIFT, LAST,
) = range(len(SOURCE_FIELDS))  # fmt: skip

TERM_FIELDS = (
    "source",  # row of its source in `Tables.sources`
    "delayed",  # 1 if it acts one timestep later
    "lines",  # index of its first line in `lines`, or −1 if it has no events
    "tile",  # lines of a tile
    "most",  # events of a row up to which events are used
    "place",  # index of the product's first place
    "places",  # number of places
    "distance",  # index of the first quad's distance
    "quads",  # number of quads, 0 for an identity
    "weight",  # index of the product's first weight
    "weights",  # number of weights
    "neurons",  # neurons at a place
    "group",  # `product_tiles.added_in_16_bits` of what it carries
)
"""Columns of `Tables.terms`."""

(
    FROM, DELAYED, LINES, TILE, MOST, PLACE, PLACES, DISTANCE, QUADS, WEIGHT, WEIGHTS, NEURONS,
    GROUP,
) = range(len(TERM_FIELDS))  # fmt: skip


class Tables(NamedTuple):
    """A program as `run_whole` reads it.

    Attributes:
        sources: int64 [1 + population, SOURCE_FIELDS], of the inputs and of all populations; the
            read-out is the last.
        terms: int64 [projection, TERM_FIELDS], in the order of their targets.
        pack: int64, index of each input in the row that products read, or empty if inputs lie in
            their own order.
        order: int64, index of each neuron in its population's row, population by population.
        lines: uint16, tiles of the projections with events (`spike_rows.tiled`).
        places: int64, of all products.
        targets: int64, of all products.
        distances: int64, of all products.
        weights: int8, of all products.
        values: int32; parameters of each population (`models.Lanes.laid`).
        cost: int32, what spikes add to counters (`tally.costs`), source by source.
        counters: int64, rows of the counts to which these costs are added.
        segment: same as for `tally`.
        bias: int64 [class], of the read-out.
        words: state words of a neuron of the read-out.
        rows: rows of a block.
        step: 1 if timesteps must run one after the other, because a projection is delayed.
    """

    sources: np.ndarray
    terms: np.ndarray
    pack: np.ndarray
    order: np.ndarray
    lines: np.ndarray
    places: np.ndarray
    targets: np.ndarray
    distances: np.ndarray
    weights: np.ndarray
    values: np.ndarray
    cost: np.ndarray
    counters: np.ndarray
    segment: int
    bias: np.ndarray
    words: int
    rows: int
    step: int
