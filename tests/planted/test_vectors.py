"""Every bug planted in the kernels on the processor's vectors must be found.

As in `test_fast.py`, but compiled: plain Python has no such vectors.
"""

import pytest

from support.planting import copy_of
from support.vector_comparisons import (
    chains_are_exact,
    chains_stop_exactly,
    counts_are_exact,
    event_sums_are_exact,
    places_are_found,
)


def planted(name, *changes):
    return copy_of(f"ultralif_deploy.simulators.{name}", *changes)


def test_unchanged_copies_pass_the_comparisons():
    for compresses in (True, False):
        places_are_found(planted("native.vectors").appender(compresses))
    event_sums_are_exact(planted("fast.spike_rows"))
    counts_are_exact(planted("fast.tally"))
    chains_are_exact(planted("fast.event_chain"))
    chains_stop_exactly(planted("fast.event_chain"))


PLACES = {
    "last quarter lost": ("(1, 2, 3)", "(1, 2)"),
    "second quarter begins too late": (
        'builder.icmp_unsigned(">", builder.ctpop(mask), INT64(WORD_LANES))',
        'builder.icmp_unsigned(">", builder.ctpop(mask), INT64(WORD_LANES + 1))',
    ),
    "first place forgotten, compressed": ("builder.add(wide, base)", "wide"),
    "first place forgotten, bit by bit": ("builder.add(first, lowest)", "lowest"),
    "eight bits only": (
        'builder.icmp_unsigned("!=", bits, INT64(0))',
        'builder.icmp_unsigned("<", bits, INT64(0))',
    ),
    "one too many": (
        "builder.add(found, builder.ctpop(mask))",
        "builder.add(found, builder.ctpop(builder.or_(mask, INT64(1))))",
    ),
}


@pytest.mark.parametrize("bug", PLACES)
def test_bugs_in_the_places_are_found(bug):
    vectors = planted("native.vectors", PLACES[bug])

    def both_ways():
        for compresses in (True, False):
            places_are_found(vectors.appender(compresses))

    with pytest.raises(AssertionError):
        both_ways()


SUMS = {
    "group beyond 16 bits": ("EVENTS_PER_GROUP = 256", "EVENTS_PER_GROUP = 272"),
    "second group replaces the first": (
        "builder.add(builder.load(total), builder.zext(sums, SUMS))",
        "builder.zext(sums, SUMS)",
    ),
    "offset one too large": ("INT64(-WEIGHT_OFFSET)", "INT64(-WEIGHT_OFFSET - 1)"),
    "odd event lost": ("add(pairs)", "pass"),
    "high bytes left in the low sums": (
        "builder.sub(builder.load(words), builder.shl(above, eight))",
        "builder.load(words)",
    ),
    "second tile reads the first": ("line = at // LANES * size", "line = 0"),
    "last sources ignored": ("rest > 0", "False"),
    "last sources seen twice": ("mask &= ~np.uint64(0) << np.uint64(LANES - rest)", "pass"),
    "rows of the second block lost": (
        "Rows(top * size, 1, 0, block, size, size)",
        "Rows(0, 1, 0, block, size, size)",
    ),
}


@pytest.mark.parametrize("bug", SUMS)
def test_bugs_in_the_event_sums_are_found(bug):
    with pytest.raises(AssertionError):
        event_sums_are_exact(planted("fast.spike_rows", SUMS[bug]))


COUNTS = {
    "values added up instead of spikes": ("builder.zext(active, BYTES)", "found"),
    "small values added up": ("np.uint8(value != 0)", "value"),
    "shared values counted twice": ("active = builder.and_(active, counted)", "pass"),
    "more than 8 bits count": ("LARGEST_BYTE = 255", "LARGEST_BYTE = 257"),
    "sums beyond 32 bits": ("LANES * (bound // largest)", "LANES * (bound // largest + 1)"),
    "second segment replaces the first": (
        "builder.add(builder.load(total), found)",
        "found",
    ),
    "costs of the first counter": ("price + c * padded", "price"),
    "counts of the sample before": ("sent[:] = 0", "pass"),
    "samples beyond the first few lost": ("sample + first + s", "sample + s"),
    "largest of the last alone": (
        'builder.icmp_unsigned(">", found, most)',
        'builder.icmp_unsigned("!=", found, most)',
    ),
}


@pytest.mark.parametrize("bug", COUNTS)
def test_bugs_in_the_counts_are_found(bug):
    with pytest.raises(AssertionError):
        counts_are_exact(planted("fast.tally", COUNTS[bug]))


CHAIN = {
    "bias ignored": (
        'limits(p.bias, p.parameters()["threshold"])',
        'limits(0 * p.bias, p.parameters()["threshold"])',
    ),
    "read-out bias once": ("ends[:, None] * self.readout_bias", "self.readout_bias"),
    "second tile has the first's limits": ("limit + LANES", "limit + 0"),
    "second tile reads the first": ("line + sizes[layer - 1]", "line"),
    "later timesteps read the first": ("(start * batch + sample) * size", "sample * size"),
    "prices of the first layer": ("price += 2 * width", "pass"),
    "recorded in the order of samples": (
        "(start + r % steps) * batch + sample + r // steps",
        "(sample + r // steps) * time + start + r % steps",
    ),
    "second population recorded over the first": ("recorded += time * batch * neurons", "pass"),
    "last samples left out": ("sample >= batch", "sample + together > batch"),
}


@pytest.mark.parametrize("bug", CHAIN)
def test_bugs_in_the_event_chain_are_found(bug):
    with pytest.raises(AssertionError):
        chains_are_exact(planted("fast.event_chain", CHAIN[bug]))


STOPS = {
    "decided with one timestep too few": ("time - t", "time - t - 1"),
    "read-out bias forgotten": ("t * bias[c]", "0"),
    "wrong margin": ("margin[t - 1]", "margin[0]"),
    "stopped samples go on": ("running[still] = sample", "running[still] = running[0]"),
    "others are counted": (
        "counts[c, sample] += found[c, i]",
        "counts[c, first + i] += found[c, i]",
    ),
    "spikes of the first sample": ("(at + running[i]) * width", "(at + first + i) * width"),
}


@pytest.mark.parametrize("bug", STOPS)
def test_bugs_in_chains_that_stop_are_found(bug):
    with pytest.raises(AssertionError):
        chains_stop_exactly(planted("fast.event_chain", STOPS[bug]))
