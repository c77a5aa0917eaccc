"""The compiled loop over blocks of samples and all layers of a chain (Numba).

A row is one timestep of one sample; the rows of a block are ordered by sample, then by timestep.
Threads take samples in blocks until none is left, and all that lies between the layers of a block
stays in the cache. Each thread releases the interpreter's lock from its first block to its last.
"""

from typing import NamedTuple

import numpy as np

from ultralif_deploy.simulators.fast.leaky_lanes import update
from ultralif_deploy.simulators.fast.product_tiles import multiply
from ultralif_deploy.simulators.fast.spike_rows import find_events, fire_row, sum_tile
from ultralif_deploy.simulators.fast.tally import tally
from ultralif_deploy.simulators.native.compiled import inlined, jit
from ultralif_deploy.simulators.native.exits import stays
from ultralif_deploy.simulators.native.vectors import LANES, Rows, move
from ultralif_deploy.simulators.native.workers import take

ROWS_PER_BLOCK = 64
"""Most rows of a block."""

FIELDS = (
    "source",  # length of a row of the layer before
    "width",  # length of a row of this layer
    "size",  # its neurons
    "sent",  # its bytes begin at `sent` times the rows of a block
    "order",  # index of its first neuron in `order`, or −1 if neurons lie in their own order
    "lines",  # index of its first line in `lines`, or −1 if it has no events
    "most",  # events of a row up to which events are used
    "place",  # index of the product's first place
    "places",  # number of places
    "distance",  # index of the first quad's distance
    "quads",  # number of quads
    "weight",  # index of the product's first weight
    "weights",  # number of weights
    "neurons",  # neurons at a place
    "values",  # index of its parameters
    "mode",  # reset mode of leaky neurons, or −1 for threshold units
    "bits",  # fraction bits of the decays
    "fraction",  # fraction bits of the membranes
    "top",  # largest membrane
    "state",  # index of its first membrane in a sample's
)
"""Columns of `Tables.layers`."""

(
    SOURCE, WIDTH, SIZE, SENT, ORDER, LINES, MOST, PLACE, PLACES, DISTANCE, QUADS, WEIGHT, WEIGHTS,
    NEURONS, VALUES, MODE, BITS, FRACTION, TOP, STATE,
) = range(len(FIELDS))  # fmt: skip


class Tables(NamedTuple):
    """A program as `run_chain` reads it.

    Attributes:
        layers: int64 [layer, FIELDS], of the spiking populations.
        inputs: number of inputs.
        pack: int64, index of each input in the row that the first product reads, or empty if inputs
            lie in their own order.
        order: int64, index of each neuron in its layer's row, layer by layer.
        lines: uint16, tiles of the layers with events (`spike_rows.tiled`).
        places: int64, of all products.
        targets: int64, of all products.
        distances: int64, of all products.
        weights: int8, of all products.
        values: int32; rows of `leaky_lanes.PARAMETERS` of each layer, a row as long as the layer's.
        cost: int32, of the input and all layers (`tally.costs`); the last has the weights of the
            read-out as well.
        segment: same as for `tally`.
        bias: int64 [class], of the read-out.
        rows: rows of a block.
    """

    layers: np.ndarray
    inputs: int
    pack: np.ndarray
    order: np.ndarray
    lines: np.ndarray
    places: np.ndarray
    targets: np.ndarray
    distances: np.ndarray
    weights: np.ndarray
    values: np.ndarray
    cost: np.ndarray
    segment: int
    bias: np.ndarray
    rows: int


@inlined
def pack_rows(signal, heard, pack, width, block):  # type: ignore[no-untyped-def]
    """Copy rows of inputs to rows of the first product.

    Args:
        signal: uint8, one axis.
        heard: `Rows` of it.
        pack: same as in `Tables`.
        width: length of a row of `block`.
        block: uint8, one axis; bytes that belong to no input stay.
    """
    row = 0
    for outer in range(heard.outer):
        for inner in range(heard.inner):
            place = heard.start + outer * heard.outer_step + inner * heard.inner_step
            if len(pack) == 0:
                move(signal, place, block, row, heard.size)
            else:
                for i in range(heard.size):
                    block[row + pack[i]] = signal[place + i]
            row += width


@inlined
def add_product(net, layer, signal, begin, rows, current):  # type: ignore[no-untyped-def]
    """Currents of a layer by its product.

    Args:
        net: `Tables`.
        layer: int64 [FIELDS].
        signal: uint8, one axis; the rows of the layer before begin at `begin`.
        begin: see there.
        rows: number of rows.
        current: int32, one axis; overwritten.
    """
    last = layer[PLACE] + layer[PLACES]
    multiply(
        signal,
        begin,
        layer[SOURCE],
        rows,
        net.places[layer[PLACE] : last],
        net.targets[layer[PLACE] : last],
        net.distances[layer[DISTANCE] : layer[DISTANCE] + layer[QUADS]],
        net.weights[layer[WEIGHT] : layer[WEIGHT] + layer[WEIGHTS]],
        layer[NEURONS],
        current,
        layer[WIDTH],
    )


@inlined
def add_events(net, layer, events, bounds, rows, current):  # type: ignore[no-untyped-def]
    """Currents of a layer by events; arguments as for `add_product`.

    Args:
        net: see there.
        layer: see there.
        events: uint32, of `find_events`.
        bounds: int64, of `find_events`.
        rows: see there.
        current: see there.
    """
    line, width = layer[LINES], layer[WIDTH]
    for at in range(0, width, LANES):
        for r in range(rows):
            sum_tile(net.lines, line, events, bounds[r], bounds[r + 1], current, r * width + at)
        line += layer[SOURCE]


@inlined
def fire(net, layer, current, samples, steps, states, first, sent, begin):  # type: ignore[no-untyped-def]
    """Spikes of a layer from its currents.

    Args:
        net: `Tables`.
        layer: int64 [FIELDS].
        current: int32 [row · width].
        samples: samples of the block.
        steps: timesteps of each.
        states: int32 [sample, membrane], changed in place.
        first: the first sample of the block.
        sent: uint8, one axis; the layer's rows are written from `begin` on.
        begin: see there.
    """
    width, values = layer[WIDTH], layer[VALUES]
    if layer[MODE] < 0:
        limit = values + width
        for r in range(samples * steps):
            fire_row(current, r * width, net.values, limit, sent, begin + r * width, width)
        return
    membranes, each = states.reshape(-1), states.shape[1]
    words = layer[BITS], layer[FRACTION], layer[TOP]
    for s in range(samples):
        place, v = s * steps * width, (first + s) * each + layer[STATE]
        run = current, place, width, net.values, values, width
        written = membranes, v, sent, begin + place, width
        update(layer[MODE], *run, *written, steps, width, words)


@inlined
def copy_spikes(net, layer, sent, begin, row, spikes, target):  # type: ignore[no-untyped-def]
    """Copy one row of a layer's bytes to recorded spikes, in the order of the neurons.

    Args:
        net: `Tables`.
        layer: int64 [FIELDS].
        sent: uint8, one axis; the layer's rows begin at `begin`.
        begin: see there.
        row: the row.
        spikes: uint8, one axis; written from `target` on.
        target: see there.
    """
    place, size = begin + row * layer[WIDTH], layer[SIZE]
    if layer[ORDER] < 0:
        move(sent, place, spikes, target, size)
    else:
        for n in range(size):
            spikes[target + n] = sent[place + net.order[layer[ORDER] + n]]


@jit
def run_chain(signal, time, progress, states, counts, spikes, *tables):  # type: ignore[no-untyped-def]
    """Run samples, each taken from the shared counter `progress`; returns their largest input.

    Args:
        signal: uint8 [time · batch · input].
        time: timesteps.
        progress: int64 [1], number of samples that threads have taken.
        states: int32 [batch, membrane], changed in place.
        counts: int64 [2 · layer + class, batch], added to: spikes and operations of the input and
            of each layer, then the sums of the read-out.
        spikes: uint8, [time · batch · neuron] of all layers, or empty.
        tables: `Tables`, one by one, because a named tuple takes longer to pass.
    """
    net = Tables(*tables)
    counters, batch = counts.shape
    size, last = net.inputs, len(net.layers)
    length = max(1, min(time, net.rows))
    together = max(1, min(net.rows // length, batch))
    most = length * together
    widest, whole, packed = 0, 0, 0
    for k in range(last):
        widest = max(widest, net.layers[k, WIDTH])
        whole += net.layers[k, WIDTH]
    if last > 0:
        packed = net.layers[0, SOURCE]
    block = np.zeros(most * packed + LANES, dtype=np.uint8)
    sent = np.empty(most * whole + LANES, dtype=np.uint8)
    current = np.empty(most * widest, dtype=np.int32)
    events = np.empty(most * max(size, widest) + LANES, dtype=np.uint32)
    bounds = np.empty(most + 1, dtype=np.int64)
    highest, none = np.uint8(0), np.int64(0)  # a literal 0 would compile its callees once more
    while True:
        sample = take(progress, together)
        if sample >= batch:
            return highest
        samples = min(together, batch - sample)
        for start in range(0, time, length):
            steps = min(length, time - start)
            rows = samples * steps
            for s in range(samples):
                for c in range(len(net.bias)):
                    first = counters - len(net.bias)
                    counts[first + c, sample + s] += steps * net.bias[c]
            place = (start * batch + sample) * size
            heard = Rows(place, samples, size, steps, batch * size, size)
            counted = 2 if last > 0 else counters
            top = tally(signal, heard, net.cost, none, net.segment, counts, none, counted, sample)
            highest = max(highest, top)
            source, begin = signal, none
            price, recorded = len(net.cost) - last_price(net, counters), 0
            for k in range(last):
                layer = net.layers[k]
                sparse = layer[LINES] >= 0
                if sparse:
                    find_events(source, heard, events, bounds)
                    sparse = bounds[rows] <= layer[MOST] * rows
                if sparse:
                    add_events(net, layer, events, bounds, rows, current)
                else:
                    if k == 0:
                        pack_rows(signal, heard, net.pack, packed, block)
                        source = block
                    add_product(net, layer, source, begin, rows, current)
                width, begin = layer[WIDTH], most * layer[SENT]
                fire(net, layer, current, samples, steps, states, sample, sent, begin)
                source, heard = sent, Rows(begin, samples, steps * width, steps, width, width)
                counted = 2 if k < last - 1 else counters - 2 * last
                counter = 2 * k + 2
                tally(sent, heard, net.cost, price, net.segment, counts, counter, counted, sample)
                price += 2 * width
                if len(spikes) > 0:
                    neurons = layer[SIZE]
                    for r in range(rows):
                        row = (start + r % steps) * batch + sample + r // steps
                        copy_spikes(net, layer, sent, begin, r, spikes, recorded + row * neurons)
                    recorded += time * batch * neurons


@inlined
def last_price(net, counters):  # type: ignore[no-untyped-def]
    """Length of the costs of all layers, behind those of the input.

    Args:
        net: `Tables`.
        counters: number of counters of a run.
    """
    last, found = len(net.layers), 0
    for k in range(last):
        found += net.layers[k, WIDTH] * (2 if k < last - 1 else counters - 2 * last)
    return found


@jit
def run_chain_until_exit(  # type: ignore[no-untyped-def]
    signal, time, progress, membranes, counts, spikes, margin, gain, ends, *tables
):
    """Run samples until an exit rule stops each, one timestep of a block of samples at a time.

    Args:
        signal: same as for `run_chain`, like the arguments up to `spikes`.
        time: timesteps.
        progress: number of samples that threads have taken.
        membranes: number of membranes of a sample.
        counts: counts, to which those of this run are added.
        spikes: those after the exits are not written.
        margin: margin of the rule, int64 [time].
        gain: gain of the rule, int64 [class, class].
        ends: int64 [batch], gets the timesteps of each sample.
        tables: same as for `run_chain`.
    """
    net = Tables(*tables)
    counters, batch = counts.shape
    size, classes = net.inputs, len(net.bias)
    neurons = net.layers[:, SIZE].sum() if len(spikes) > 0 else 0
    block = np.empty(ROWS_PER_BLOCK * size, dtype=np.uint8)
    fired = np.empty(ROWS_PER_BLOCK * neurons, dtype=np.uint8)
    running = np.empty(ROWS_PER_BLOCK, dtype=np.int64)
    taken = np.empty(1, dtype=np.int64)
    v = np.empty(classes, dtype=np.int64)
    highest = np.uint8(0)
    while True:
        first = take(progress, ROWS_PER_BLOCK)
        if first >= batch:
            return highest
        left = min(ROWS_PER_BLOCK, batch - first)
        states = np.zeros((left, membranes), dtype=np.int32)
        for i in range(left):
            running[i] = first + i
        t = 0
        while left > 0 and t < time:
            for i in range(left):
                start = (t * batch + running[i]) * size
                block[i * size : (i + 1) * size] = signal[start : start + size]
            taken[0] = 0
            found = np.zeros((counters, left), dtype=np.int64)
            rows, sent = block[: left * size], fired[: left * neurons]
            highest = max(highest, run_chain(rows, 1, taken, states[:left], found, sent, *tables))
            if neurons > 0:
                at, here = t * batch, 0
                for width in net.layers[:, SIZE]:
                    for i in range(left):
                        there = (here // left * time * batch) + (at + running[i]) * width
                        spikes[there : there + width] = sent[here + i * width :][:width]
                    here += left * width
            t += 1
            still = 0
            for i in range(left):
                sample = running[i]
                for c in range(counters):
                    counts[c, sample] += found[c, i]
                for c in range(classes):
                    v[c] = counts[counters - classes + c, sample]
                if stays(v, margin[t - 1], time - t, gain):
                    ends[sample] = t
                else:
                    running[still] = sample
                    states[still] = states[i]
                    still += 1
            left = still
