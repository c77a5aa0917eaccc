"""The compiled loop over blocks of samples and all populations of a program (Numba).

A row is one timestep of one sample; the rows of a block are ordered by sample, then by timestep.
Threads take samples in blocks until none is left, and all that lies between the populations of a
block stays in the cache. Each thread releases the interpreter's lock from its first block to its
last. Where a projection is delayed, a block has one timestep, and `last` holds what each sample
sent in the one before.
"""

import numpy as np

from ultralif_deploy.simulators.fast.calls import call_update
from ultralif_deploy.simulators.fast.product_tiles import multiply
from ultralif_deploy.simulators.fast.spike_rows import find_events, sum_tile
from ultralif_deploy.simulators.fast.tally import tally
from ultralif_deploy.simulators.fast.whole.read_outs import call_read_out
from ultralif_deploy.simulators.fast.whole.tables import (
    COUNTER,
    COUNTS,
    DELAYED,
    DISTANCE,
    FROM,
    GROUP,
    LATE,
    LATE_COUNTER,
    LATE_COUNTS,
    LATE_PRICE,
    LINES,
    MOST,
    NEURONS,
    ORDER,
    PLACE,
    PLACES,
    PRICE,
    QUADS,
    SENT,
    SIZE,
    TERM,
    TERMS,
    TILE,
    UPDATE,
    WEIGHT,
    WEIGHTS,
    WIDTH,
    Tables,
)
from ultralif_deploy.simulators.native.compiled import inlined, jit
from ultralif_deploy.simulators.native.vectors import LANES, Rows, move
from ultralif_deploy.simulators.native.workers import take

ROWS_PER_BLOCK = 64
"""Most rows of a block."""


@inlined
def pack_rows(signal, heard, pack, width, block):  # type: ignore[no-untyped-def]
    """Copy rows of inputs to rows that products read.

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
def add_product(net, term, signal, begin, stride, rows, current, width):  # type: ignore[no-untyped-def]
    """Currents of a projection by its product.

    Args:
        net: `Tables`.
        term: int64 [TERM_FIELDS].
        signal: uint8, one axis; the rows of the source begin at `begin`, `stride` apart.
        begin: see there.
        stride: see there.
        rows: number of rows.
        current: int32, one axis; overwritten.
        width: values of a row of `current`.
    """
    last = term[PLACE] + term[PLACES]
    multiply(
        signal,
        begin,
        stride,
        rows,
        net.places[term[PLACE] : last],
        net.targets[term[PLACE] : last],
        net.distances[term[DISTANCE] : term[DISTANCE] + term[QUADS]],
        net.weights[term[WEIGHT] : term[WEIGHT] + term[WEIGHTS]],
        term[NEURONS],
        current,
        width,
        term[GROUP],
    )


@inlined
def add_events(net, term, events, bounds, rows, current, width):  # type: ignore[no-untyped-def]
    """Currents of a projection by events; arguments as for `add_product`.

    Args:
        net: see there.
        term: see there.
        events: uint32, of `find_events`.
        bounds: int64, of `find_events`.
        rows: see there.
        current: see there.
        width: see there.
    """
    line = term[LINES]
    for at in range(0, width, LANES):
        for r in range(rows):
            sum_tile(net.lines, line, events, bounds[r], bounds[r + 1], current, r * width + at)
        line += term[TILE]


@inlined
def add_same(net, term, signal, begin, stride, rows, current, width):  # type: ignore[no-untyped-def]
    """Add what an identity carries to currents; arguments as for `add_product`.

    Args:
        net: see there.
        term: see there.
        signal: see there.
        begin: see there.
        stride: see there.
        rows: see there.
        current: see there; added to.
        width: see there.
    """
    for r in range(rows):
        for k in range(term[PLACE], term[PLACE] + term[PLACES]):
            value = signal[begin + r * stride + net.places[k]]
            current[r * width + net.targets[k]] += value


@inlined
def copy_spikes(net, one, sent, begin, row, spikes, target):  # type: ignore[no-untyped-def]
    """Copy one row of a population's bytes to recorded spikes, in the order of the neurons.

    Args:
        net: `Tables`.
        one: int64 [SOURCE_FIELDS].
        sent: uint8, one axis; the population's rows begin at `begin`.
        begin: see there.
        row: the row.
        spikes: uint8, one axis; written from `target` on.
        target: see there.
    """
    place, size = begin + row * one[WIDTH], one[SIZE]
    if one[ORDER] < 0:
        move(sent, place, spikes, target, size)
    else:
        for n in range(size):
            spikes[target + n] = sent[place + net.order[one[ORDER] + n]]


@jit
def run_whole(  # type: ignore[no-untyped-def]
    signal, time, progress, states, last, counts, spikes,
    sources, terms, pack, order, lines, places, targets, distances, weights, parameters, cost,
    counters, segment, bias, words, rows_of_block, step,
):  # fmt: skip
    """Run samples, each taken from the shared counter `progress`; returns their largest input.

    Args:
        signal: uint8 [time · batch · input].
        time: timesteps.
        progress: int64 [1], number of samples that threads have taken.
        states: int32 [batch, membrane], changed in place.
        last: uint8 [batch, byte], what delayed projections carry next, changed in place.
        counts: int64 [counter, batch], added to: spikes and operations, then the read-out.
        spikes: uint8, [time · batch · neuron] of all populations, or empty.
        sources: `Tables.sources`. The fields of `Tables` are passed one by one, because a named
            tuple takes longer to pass, and by name, because Numba compiles a function whose last
            arguments are `*tables` once for calls from Python and once more for those of kernels.
        terms: see there, like all that follow.
        pack: see there.
        order: see there.
        lines: see there.
        places: see there.
        targets: see there.
        distances: see there.
        weights: see there.
        parameters: `Tables.values`.
        cost: see there.
        counters: see there.
        segment: see there.
        bias: see there.
        words: see there.
        rows_of_block: `Tables.rows`.
        step: see there.
    """
    net = Tables(
        sources, terms, pack, order, lines, places, targets, distances, weights, parameters, cost,
        counters, segment, bias, words, rows_of_block, step,
    )  # fmt: skip
    batch, populations = counts.shape[1], len(net.sources)
    size, packed = net.sources[0, SIZE], net.sources[0, WIDTH]
    length = 1 if net.step else max(1, min(time, net.rows))
    together = max(1, min(net.rows // length, batch))
    most = length * together
    widest, whole, several = 0, 0, 0
    for k in range(1, populations):
        widest = max(widest, net.sources[k, WIDTH])
        whole += net.sources[k, WIDTH]
        several = max(several, net.sources[k, TERMS])
    block = np.zeros(most * packed + LANES, dtype=np.uint8)
    sent = np.empty(most * whole + LANES, dtype=np.uint8)
    current = np.empty(most * widest, dtype=np.int32)
    further = np.empty(most * widest if several > 1 else 0, dtype=np.int32)
    events = np.empty(most * max(size, widest) + LANES, dtype=np.uint32)
    bounds = np.empty(most + 1, dtype=np.int64)
    before, each = last.reshape(-1), np.int64(last.shape[1])
    counted = counts.reshape(-1)
    membranes, state_words = states.reshape(-1), np.int64(states.shape[1])
    highest, none = np.uint8(0), np.int64(0)  # a literal 0 would compile its callees once more
    while True:
        sample = take(progress, together)
        if sample >= batch:
            return highest
        samples = min(together, batch - sample)
        for start in range(0, time, length):
            steps = min(length, time - start)
            rows = samples * steps
            recorded, is_packed = 0, False
            given = Rows((start * batch + sample) * size, samples, size, steps, batch * size, size)
            for k in range(populations):
                one = net.sources[k]
                width, begin = one[WIDTH], most * one[SENT]
                if net.step and one[LATE] >= 0:
                    late = Rows(sample * each + one[LATE], samples, each, 1, none, width)
                    tally(
                        before, late, net.cost, one[LATE_PRICE], net.segment, counts, net.counters,
                        one[LATE_COUNTER], one[LATE_COUNTS], sample,
                    )  # fmt: skip
                if k == 0:
                    top = tally(
                        signal, given, net.cost, one[PRICE], net.segment, counts, net.counters,
                        one[COUNTER], one[COUNTS], sample,
                    )  # fmt: skip
                    highest = max(highest, top)
                    continue
                for j in range(one[TERMS]):
                    term = net.terms[one[TERM] + j]
                    source = net.sources[term[FROM]]
                    from_width = source[WIDTH]
                    values, at, stride = sent, most * source[SENT], from_width
                    heard = Rows(at, samples, steps * stride, steps, stride, stride)
                    if term[DELAYED]:
                        values, at, stride = before, sample * each + source[LATE], each
                        heard = Rows(at, samples, stride, 1, none, from_width)
                    sparse = term[LINES] >= 0
                    if sparse:
                        if term[FROM] == 0:
                            find_events(signal, given, events, bounds)
                        else:
                            find_events(values, heard, events, bounds)
                        sparse = bounds[rows] <= term[MOST] * rows
                    if term[FROM] == 0:
                        values, at = block, none
                        if not sparse and not is_packed:
                            pack_rows(signal, given, net.pack, packed, block)
                            is_packed = True
                    if term[QUADS] == 0:  # an identity, which has no events
                        if j == 0:
                            current[: rows * width] = 0
                        add_same(net, term, values, at, stride, rows, current, width)
                        continue
                    sums = current if j == 0 else further
                    if sparse:
                        add_events(net, term, events, bounds, rows, sums, width)
                    else:
                        add_product(net, term, values, at, stride, rows, sums, width)
                    if j > 0:
                        for i in range(rows * width):
                            current[i] += further[i]
                if k == populations - 1:
                    read = (len(counts) - net.words * one[SIZE]) * batch
                    call_read_out(
                        one[UPDATE], one, net.values, net.order, net.bias, current, counted, read,
                        batch, sample, samples, steps,
                    )  # fmt: skip
                    continue
                if one[TERMS] == 0:
                    current[: rows * width] = 0
                call_update(
                    one[UPDATE], one, net.values, current, steps * width, width, membranes,
                    state_words, sample, sent, begin, samples, steps,
                )  # fmt: skip
                fired = Rows(begin, samples, steps * width, steps, width, width)
                tally(
                    sent, fired, net.cost, one[PRICE], net.segment, counts, net.counters,
                    one[COUNTER], one[COUNTS], sample,
                )  # fmt: skip
                if len(spikes) > 0:
                    neurons = one[SIZE]
                    for r in range(rows):
                        row = (start + r % steps) * batch + sample + r // steps
                        copy_spikes(net, one, sent, begin, r, spikes, recorded + row * neurons)
                    recorded += time * batch * neurons
            for k in range(1, populations):
                one = net.sources[k]
                if one[LATE] >= 0:
                    for s in range(samples):
                        here = most * one[SENT] + s * one[WIDTH]
                        move(sent, here, before, (sample + s) * each + one[LATE], one[WIDTH])
