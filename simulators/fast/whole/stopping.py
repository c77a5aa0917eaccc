"""Runs of a whole program that stop each sample early, compiled (Numba)."""

import numpy as np

from ultralif_deploy.simulators.fast.whole.kernel import ROWS_PER_BLOCK, run_whole
from ultralif_deploy.simulators.fast.whole.tables import SIZE, Tables
from ultralif_deploy.simulators.native.compiled import jit
from ultralif_deploy.simulators.native.exits import stays
from ultralif_deploy.simulators.native.workers import take


@jit
def run_whole_until_exit(  # type: ignore[no-untyped-def]
    signal, time, progress, initial, delayed, counts, spikes, margin, gain, ends, *tables
):
    """Run samples until an exit rule stops each, one timestep of a block of samples at a time.

    Values are copied one by one: where an array is copied to a part of another, Numba compiles a
    message for shapes that differ, which takes as long as all that is here.

    Args:
        signal: same as for `run_whole`, like the arguments without a description here.
        time: timesteps.
        progress: number of samples that threads have taken.
        initial: int32 [membrane], state words of a sample before the first timestep.
        delayed: number of bytes that delayed projections carry for a sample.
        counts: counts, to which those of this run are added.
        spikes: those after the exits are not written.
        margin: margin of the rule, int64 [time].
        gain: gain of the rule, int64 [class, class].
        ends: int64 [batch], gets the timesteps of each sample.
        tables: same as for `run_whole`.
    """
    net = Tables(*tables)
    counters, batch = counts.shape
    size, classes = net.sources[0, SIZE], len(net.bias)
    sizes = net.sources[1:-1, SIZE]
    neurons = sizes.sum() if len(spikes) > 0 else 0
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
        states = np.empty((left, len(initial)), dtype=np.int32)
        for i in range(left):
            for n in range(len(initial)):
                states[i, n] = initial[n]
        last = np.zeros((left, delayed), dtype=np.uint8)
        for i in range(left):
            running[i] = first + i
        t = 0
        while left > 0 and t < time:
            for i in range(left):
                start = (t * batch + running[i]) * size
                for n in range(size):
                    block[i * size + n] = signal[start + n]
            taken[0] = 0
            found = np.zeros((counters, left), dtype=np.int64)
            rows, sent = block[: left * size], fired[: left * neurons]
            kept = states[:left], last[:left]
            highest = max(highest, run_whole(rows, 1, taken, *kept, found, sent, *tables))
            if neurons > 0:
                at, here = t * batch, 0
                for width in sizes:
                    for i in range(left):
                        there = (here // left * time * batch) + (at + running[i]) * width
                        for n in range(width):
                            spikes[there + n] = sent[here + i * width + n]
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
                    for n in range(len(initial)):
                        states[still, n] = states[i, n]
                    for n in range(delayed):
                        last[still, n] = last[i, n]
                    still += 1
            left = still
