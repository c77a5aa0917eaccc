"""Every bug planted in the kernels on the processor's vectors must be found.

As in `test_fast.py`, but compiled: plain Python has no such vectors. The loop over whole programs
runs in plain Python on operations that stand for them.
"""

import pytest

from support.planted.simulators import planted_updates
from support.planted.vectors import OPERATIONS, take
from support.planting import PLAIN, PLAIN_PARTS, applies, copy_of
from support.vector_comparisons import (
    counts_are_exact,
    event_sums_are_exact,
    lanes_are_exact,
    places_are_found,
    products_are_exact,
    wholes_are_exact,
    wholes_stop_exactly,
)
from ultralif_deploy.simulators.fast.product_tiles import instructions


def planted(name, *changes):
    return copy_of(f"ultralif_deploy.simulators.{name}", *changes)


PLAIN_ROWS = 4
"""Rows of a block where the loop over whole programs runs in plain Python."""

WHOLE_ROOM = "ultralif_deploy.simulators.fast.whole"


def planted_whole(*changes):
    """A copy of the modules of the loop over whole programs, in plain Python.

    Each change is in one of them.
    """

    def copied(name, compiled=None, **replaced):
        name = f"{WHOLE_ROOM}.{name}"
        bugs = [change for change in changes if applies(name, change)]
        return copy_of(name, *([compiled] if compiled else []), *bugs, **replaced)

    parts = {"ROWS_PER_BLOCK": PLAIN_ROWS}
    run = copied("kernel", PLAIN_PARTS, take=take, **OPERATIONS, **parts).run_whole
    stopping = copied("stopping", PLAIN, take=take, run_whole=run, **parts)
    lanes_of = copied("models", **planted_updates(changes)).lanes_of
    return copied(
        "whole",
        run_whole=run,
        run_whole_until_exit=stopping.run_whole_until_exit,
        lay_out=copied("laying", lanes_of=lanes_of, **parts).lay_out,
    )


def test_unchanged_copies_pass_the_comparisons():
    for compresses in (True, False):
        places_are_found(planted("native.vectors").appender(compresses))
    event_sums_are_exact(planted("fast.spike_rows"))
    counts_are_exact(planted("fast.tally"))
    wholes_are_exact(planted_whole(), PLAIN_ROWS)
    wholes_stop_exactly(planted_whole())
    products_are_exact(planted("fast.product_tiles"), "any")
    lanes_are_exact(planted("fast.leaky_lanes"))


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


WHOLE = {
    "bias ignored": (
        "_limits(neuron, bias) - bias",
        "_limits(neuron, bias) - 0 * bias",
    ),
    "read-out bias ignored": (
        "heard(one, current, s * steps + t, at) + bias[c]",
        "heard(one, current, s * steps + t, at)",
    ),
    "read-out of the first sample": (
        "begin + c * batch + first + s",
        "begin + c * batch + first",
        "integrator",
    ),
    "later timesteps read the first": ("(start * batch + sample) * size", "sample * size"),
    "recorded in the order of samples": (
        "(start + r % steps) * batch + sample + r // steps",
        "(sample + r // steps) * time + start + r % steps",
    ),
    "second population recorded over the first": ("recorded += time * batch * neurons", "pass"),
    "last samples left out": ("sample >= batch", "sample + together > batch"),
    "membranes of the first population": (
        "(first + s) * each + one[STATE]",
        "(first + s) * each",
        "lif",
    ),
    "membranes of the first sample": (
        "(first + s) * each + one[STATE]",
        "first * each + one[STATE]",
        "log_max_lif",
    ),
    **{
        f"{kind} of the first sample": (
            "(first + k) * each + one[STATE]",
            "first * each + one[STATE]",
            kind,
        )
        for kind in ("silif", "csilif", "adalif")
    },
    **{
        f"{kind} of the first sample": (
            "begin + c * batch + first + s",
            "begin + c * batch + first",
            kind,
        )
        for kind in ("cuba_li", "leaky_sum")
    },
    "words in the order of the models": (
        "[parameters[name] for name in names]",
        "[parameters[name] for name in parameters]",
        "_second_order",
    ),
    "initial membranes ignored": (
        "population.neuron.initial_state(population.size)",
        "0",
    ),
    "neighbours in the order of the neurons": (
        "where[self.rows[: self.links]]",
        "self.rows[: self.links]",
    ),
    "read-out does not leak": (
        "leak(counts[v], decay, one[BITS]) + drive",
        "counts[v] + drive",
    ),
    "second projection replaces the first": ("current[i] += further[i]", "current[i] = further[i]"),
    "identity replaces what came before": (
        "current[r * width + net.targets[k]] += value",
        "current[r * width + net.targets[k]] = value",
    ),
    "delayed spikes act at once": (
        "values, at, stride = before, sample * each + source[LATE], each",
        "stride = from_width",
    ),
    "delayed spikes of the first population": (
        "before, sample * each + source[LATE], each",
        "before, sample * each, each",
    ),
    "delayed operations not counted": ("net.step and one[LATE] >= 0", "False"),
    "delayed spikes kept from the first timestep": (
        "move(sent, here, before, (sample + s) * each + one[LATE], one[WIDTH])",
        "pass",
    ),
    "fires where no neuron is": (
        "np.array([0, INT32_MAX], np.int32)",
        "np.array([0, -1], np.int32)",
    ),
}


@pytest.mark.parametrize("bug", WHOLE)
def test_bugs_in_whole_programs_are_found(bug):
    with pytest.raises(AssertionError):
        wholes_are_exact(planted_whole(WHOLE[bug]), PLAIN_ROWS)


PRODUCTS = {
    "odd bytes lost": (
        "for given, held in _even_and_odd(builder, values, weights): ...",
        "for given, held in _even_and_odd(builder, values, weights)[:1]: ...",
    ),
    "values signed": ("builder.lshr(given, eight)", "builder.ashr(given, eight)"),
    "low halves unsigned": (
        "builder.ashr(builder.shl(both, sixteen), sixteen)",
        "builder.lshr(builder.shl(both, sixteen), sixteen)",
    ),
    "first quad alone": ("builder.gep(base, [distance])", "base"),
    "first place written": ("builder.add(builder.load(builder.gep(there, [p])), lane)", "lane"),
}


@pytest.mark.parametrize("bug", PRODUCTS)
def test_bugs_in_products_of_bytes_are_found(bug):
    with pytest.raises(AssertionError):
        products_are_exact(planted("fast.product_tiles", PRODUCTS[bug]), "any")


NARROW_PRODUCTS = {
    "sums beyond 16 bits": ("2 * 128 * largest", "2 * 126 * largest"),
    "second group replaces the first": (
        "builder.add(builder.load(total), found)",
        "found",
    ),
    "second half of the neurons as the first": ("half * LANES // 2", "0"),
    "last group lost": (
        "builder.select(less, most, quads)",
        "builder.select(less, most, first)",
    ),
}


@pytest.mark.parametrize("bug", NARROW_PRODUCTS)
@pytest.mark.skipif("avx2" not in instructions(), reason="the processor lacks AVX2")
def test_bugs_in_products_of_narrow_bytes_are_found(bug):
    with pytest.raises(AssertionError):
        products_are_exact(planted("fast.product_tiles", NARROW_PRODUCTS[bug]), "avx2", largest=1)


LANES_ = {
    "truncated downwards": ("builder.sub(builder.xor(kept, sign), sign)", "kept"),
    "low part lost": ("builder.lshr(builder.mul(low, keep), bits)", "low"),
    "not saturated below": (
        'builder.select(builder.icmp_signed("<", value, bottom), bottom, value)',
        "value",
    ),
    "fires at the threshold": (
        'fires = builder.icmp_signed(">", u, limit)',
        'fires = builder.icmp_signed(">=", u, limit)',
    ),
    "held at the threshold": (
        'held = builder.icmp_signed(">", v, limit)',
        'held = builder.icmp_signed(">=", v, limit)',
    ),
    "floor ignored": ('builder.select(low, p["floor"], after)', "after"),
    "late value subtracted": ('reset if mode == "late-value" else less', "less"),
    "membranes not kept": ("store(builder, builder.load(one), state, position)", "pass"),
    "synaptic current not saturated": (
        "_clamped(builder, builder.add(kept, drive), top)",
        "builder.add(kept, drive)",
    ),
    "synaptic current drives a timestep later": (
        "builder.store(drive, state_words[1])",
        "drive = builder.load(state_words[1])",
    ),
}


@pytest.mark.parametrize("bug", LANES_)
def test_bugs_in_the_lanes_are_found(bug):
    with pytest.raises(AssertionError):
        lanes_are_exact(planted("fast.leaky_lanes", LANES_[bug]))


STOPS = {
    "decided with one timestep too few": ("time - t", "time - t - 1"),
    "read-out of the batch's first": (
        "v[c] = counts[counters - classes + c, sample]",
        "v[c] = counts[counters - classes + c, first]",
    ),
    "stopped samples go on": ("running[still] = sample", "running[still] = running[0]"),
    "membranes stay with stopped samples": ("states[still, n] = states[i, n]", "pass"),
    "delayed spikes stay with stopped samples": ("last[still, n] = last[i, n]", "pass"),
    "spikes of the first sample": ("(at + running[i]) * width", "(at + first + i) * width"),
}


@pytest.mark.parametrize("bug", STOPS)
def test_bugs_in_programs_that_stop_are_found(bug):
    with pytest.raises(AssertionError):
        wholes_stop_exactly(planted_whole(STOPS[bug]))
