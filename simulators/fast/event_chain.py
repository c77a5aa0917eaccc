"""Event-driven runs of chains of threshold units, all layers for a few rows at a time (Numba).

A row is one timestep of one sample. Without memory, rows do not depend on each other. Threads take
samples in small blocks until none is left, and the spikes between the layers of a block stay in the
cache. Each thread releases the interpreter's lock from its first block to its last, so threads
never wait for each other.
"""

from typing import NamedTuple

import numpy as np

from ultralif_deploy.program.exits import ExitRule
from ultralif_deploy.program.fixed import INT32_MAX
from ultralif_deploy.program.graph import Dense
from ultralif_deploy.program.program import Program
from ultralif_deploy.simulators.fast.row_graph import is_chain, limits
from ultralif_deploy.simulators.fast.spike_rows import (
    LINE_WORDS,
    ROWS_PER_BLOCK,
    find_events,
    fire_tile,
    scratch,
    tiled,
    untiled,
)
from ultralif_deploy.simulators.fast.tally import costs, exact_within, tally
from ultralif_deploy.simulators.native.compiled import jit
from ultralif_deploy.simulators.native.exits import stays
from ultralif_deploy.simulators.native.vectors import LANES, Rows, move
from ultralif_deploy.simulators.native.workers import take, workers

LEAST_SHARED = 1 << 18
"""Fewest input values that are shared among threads; one thread does fewer before others wake."""

_NO_LINES = np.empty(0, dtype=np.uint16)


class ChainRun(NamedTuple):
    """Result of a run.

    Attributes:
        logits: int64 [batch, class].
        counts: int64 [layer, 2, batch], spikes into each projection and its operations.
        highest: the largest input.
        spikes: uint8 [time, batch, neuron] by population, if recorded.
        timesteps: number of timesteps that each sample ran, int64 [batch].
    """

    logits: np.ndarray
    counts: np.ndarray
    highest: int
    spikes: dict[str, np.ndarray] | None
    timesteps: np.ndarray


class EventChain:
    """A program laid out for `run_chain`.

    Args:
        program: one that `runs` accepts.
    """

    def __init__(self, program: Program) -> None:
        *hidden, readout = (p.map for p in program.projections)
        spiking = program.populations[:-1]
        self.spiking = [p.name for p in spiking]
        self.names = [p.name for p in program.projections]
        self.sizes = np.array([program.input.size, *(p.size for p in spiking)])
        self.widths = -(-self.sizes // LANES) * LANES
        self.lines = np.concatenate([tiled(m.matrix()).reshape(-1) for m in hidden] or [_NO_LINES])
        self.limits = np.full(self.widths[1:].sum(), INT32_MAX, dtype=np.int32)
        for at, p in zip(self._starts(), spiking, strict=True):
            self.limits[at : at + p.size] = limits(p.bias, p.parameters()["threshold"])
        prices = [costs([m.fan_out()], m.source_size) for m in hidden]
        # The read-out only sums, so its weights are counted like the costs of a spike.
        prices.append(costs([readout.fan_out(), *readout.matrix()], readout.source_size))
        self.classes = program.readout.size
        self.cost = np.concatenate([price.reshape(-1) for price in prices])
        self.segment = exact_within(self.cost)
        self.readout_bias = program.readout.bias.astype(np.int64)

    def _starts(self) -> np.ndarray:
        """Index at which the limits of each spiking population begin."""
        return np.cumsum(self.widths[1:]) - self.widths[1:]

    def executed(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Weights int8 by projection and limits int32 by population, read back."""
        weights, start = {}, 0
        for name, sources, neurons, width in zip(
            self.names, self.sizes, self.sizes[1:], self.widths[1:], strict=False
        ):
            stop = start + sources * width // 2
            tiles = self.lines[start:stop].reshape(-1, sources, LINE_WORDS)
            weights[name], start = untiled(tiles, neurons), stop
        readout = self.cost[-self.classes * self.widths[-1] :].reshape(self.classes, -1)
        weights[self.names[-1]] = readout[:, : self.sizes[-1]].astype(np.int8)
        places = zip(self.spiking, self._starts(), self.sizes[1:], strict=True)
        return weights, {name: self.limits[at : at + size] for name, at, size in places}

    def run(
        self, inputs: np.ndarray, record: bool, threads: int, rule: ExitRule | None = None
    ) -> "ChainRun":
        """Run inputs uint8 [time, batch, input], contiguous.

        Args:
            inputs: uint8 [time, batch, input], 0 or 1.
            record: whether to keep the spikes.
            threads: number of threads; with more than 1, other threads of the process help with
                large inputs.
            rule: stops samples early; None runs all timesteps.
        """
        time, batch, _ = inputs.shape
        signal = inputs.reshape(-1)
        events = 2 * len(self.names)
        counts = np.zeros((events + self.classes, batch), dtype=np.int64)
        spikes = np.zeros(time * batch * self.sizes[1:].sum() if record else 0, dtype=np.uint8)
        ends = np.full(batch, time, dtype=np.int64)
        progress = np.zeros(1, dtype=np.int64)
        highest: list[int] = []
        network = self.sizes, self.widths, self.lines, self.limits, self.cost, self.segment

        def work() -> None:
            if rule is None:
                highest.append(run_chain(signal, time, *network, progress, counts, spikes))
            else:
                stop = self.readout_bias, rule.margin, rule.gain, ends
                run = signal, time, *network, progress, counts, spikes
                highest.append(run_chain_until_exit(*run, *stop))

        if threads > 1 and inputs.size > LEAST_SHARED:
            workers().together(work)
        else:
            work()
        logits = counts[events:].T + ends[:, None] * self.readout_bias
        fired = self._split(spikes, time, batch) if record else None
        return ChainRun(
            logits, counts[:events].reshape(len(self.names), 2, batch), max(highest), fired, ends
        )

    def _split(self, spikes: np.ndarray, time: int, batch: int) -> dict[str, np.ndarray]:
        """The spikes that `run_chain` recorded, by population."""
        fired, start = {}, 0
        for name, size in zip(self.spiking, self.sizes[1:], strict=True):
            stop = start + time * batch * size
            fired[name], start = spikes[start:stop].reshape(time, batch, size), stop
        return fired


def runs(program: Program) -> bool:
    """Whether a program is a chain of threshold units on spikes."""
    dense = all(isinstance(p.map, Dense) for p in program.projections)
    return dense and is_chain(program) and program.input.maximum == 1


@jit
def run_chain(  # type: ignore[no-untyped-def]
    signal, time, sizes, widths, lines, limits, cost, segment, progress, counts, spikes
):
    """Run samples, each taken from the shared counter `progress`; returns their largest input.

    Args:
        signal: uint8 [time · batch · input], 0 or 1.
        time: timesteps.
        sizes: int64 [layer], neurons of the input and of each spiking population.
        widths: int64 [layer], the same in whole tiles.
        lines: uint16, the tiles into all spiking populations (`spike_rows.tiled`), in order.
        limits: int32, of all spiking populations, padded to whole tiles.
        cost: int32, of the input and all spiking populations (`tally.costs`); the last has the
            weights of the read-out as well.
        segment: same as for `tally`.
        progress: int64 [1], number of samples that threads have taken.
        counts: int64 [2 · layer + class, batch], added to: spikes and operations of each layer,
            then the sums of the read-out.
        spikes: uint8, [time · batch · neuron] of all spiking populations, or empty.
    """
    counters, batch = counts.shape
    size, last = sizes[0], len(sizes) - 1
    widest = widths.max()
    length = max(1, min(time, ROWS_PER_BLOCK))
    together = ROWS_PER_BLOCK // length
    events, bounds = scratch(widest)
    fired = np.empty(ROWS_PER_BLOCK * widest, dtype=np.uint8)
    highest = np.uint8(0)
    while True:
        sample = take(progress, together)
        if sample >= batch:
            return highest
        samples = min(together, batch - sample)
        for start in range(0, time, length):
            steps = min(length, time - start)
            rows = samples * steps
            place = (start * batch + sample) * size
            source, heard = signal, Rows(place, samples, size, steps, batch * size, size)
            counted = 2 if last > 0 else counters
            top = tally(signal, heard, cost, 0, segment, counts, 0, counted, sample)
            highest = max(highest, top)
            line, limit, price, recorded = 0, 0, 2 * widths[0], 0
            for layer in range(1, last + 1):
                find_events(source, heard, events, bounds)
                width = widths[layer]
                for at in range(0, width, LANES):
                    for r in range(rows):
                        begin, end, place = bounds[r], bounds[r + 1], r * width + at
                        fire_tile(lines, line, events, begin, end, limits, limit, fired, place)
                    line, limit = line + sizes[layer - 1], limit + LANES
                source, heard = fired, Rows(0, samples, steps * width, steps, width, width)
                counted = 2 if layer < last else counters - 2 * last
                tally(fired, heard, cost, price, segment, counts, 2 * layer, counted, sample)
                price += 2 * width
                if len(spikes) > 0:
                    neurons = sizes[layer]
                    for r in range(rows):
                        row = (start + r % steps) * batch + sample + r // steps
                        move(fired, r * width, spikes, recorded + row * neurons, neurons)
                    recorded += time * batch * neurons


@jit
def run_chain_until_exit(  # type: ignore[no-untyped-def]
    signal, time, sizes, widths, lines, limits, cost, segment, progress, counts, spikes,
    bias, margin, gain, ends,
):  # fmt: skip
    """Run samples until an exit rule stops each, one timestep of a block of samples at a time.

    Args:
        signal: same as for `run_chain`, like the arguments up to `spikes`.
        time: timesteps.
        sizes: sizes of the layers.
        widths: widths of the layers, in whole tiles.
        lines: weights.
        limits: limits of the spiking populations.
        cost: costs of the layers.
        segment: same as for `tally`.
        progress: number of samples that threads have taken.
        counts: counts, to which those of this run are added.
        spikes: those after the exits are not written.
        bias: bias of the read-out, int64 [class].
        margin: margin of the rule, int64 [time].
        gain: gain of the rule, int64 [class, class].
        ends: int64 [batch], gets the timesteps of each sample.
    """
    counters, batch = counts.shape
    size, classes = sizes[0], len(bias)
    neurons = sizes[1:].sum() if len(spikes) > 0 else 0
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
            network = sizes, widths, lines, limits, cost, segment
            highest = max(highest, run_chain(rows, 1, *network, taken, found, sent))
            if neurons > 0:
                at, here = t * batch, 0
                for width in sizes[1:]:
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
                    v[c] = counts[counters - classes + c, sample] + t * bias[c]
                if stays(v, margin[t - 1], time - t, gain):
                    ends[sample] = t
                else:
                    running[still] = sample
                    still += 1
            left = still
