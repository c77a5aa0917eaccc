"""Running a program on a data set, and measuring a network on it, with progress."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from ultralif_deploy.data import Split
from ultralif_deploy.data.encoders import BLOCK, Encoder
from ultralif_deploy.energy.counts import EventCounter
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.parallel.cluster import Cluster
from ultralif_deploy.io.progress import Progress
from ultralif_deploy.program.program import Program
from ultralif_deploy.program.trace import Executable, Trace, join_traces, run_in_steps
from ultralif_deploy.sources.deployable import Deployable
from ultralif_deploy.verify.accuracy.forms import Chain
from ultralif_deploy.verify.accuracy.predictions import Predictions
from ultralif_deploy.verify.backends import load_on
from ultralif_deploy.verify.certificate import REFERENCE
from ultralif_deploy.verify.measuring import Figures, measure


class Counter(Protocol):
    """Counts runs block by block."""

    def add(self, inputs: np.ndarray, trace: Trace) -> None:
        """Count a run with inputs uint8 [time, batch, input]; its trace contains the spikes."""


def cluster_of(
    scheduler: str | None, progress: Progress, device: str | None = None
) -> Cluster | None:
    """The cluster that runs or measures the samples; None where no address is given.

    Args:
        scheduler: address of its scheduler.
        progress: says where the dashboard is, and what becomes of the scheduler.
        device: where torch computes the soft network, if that is given.

    Raises:
        UltralifError: no scheduler answers, or the device is one that workers may not have.
        Missing: dask.distributed is not installed.
    """
    if scheduler is None:
        return None
    if device not in (None, "cpu"):
        raise UltralifError(
            f"--scheduler: its workers compute on their CPUs, not with --device {device}; expected "
            "one of the two"
        )
    cluster = Cluster(scheduler, progress)
    cluster.check()
    return cluster


def measured_on(
    source: Deployable,
    chain: Chain,
    counter: EventCounter,
    progress: Progress,
    cluster: Cluster | None,
) -> tuple[Figures, Predictions]:
    """Figures and predictions of all forms of a network on the test samples.

    Args:
        source: what is deployed, with its data.
        chain: forms of its network.
        counter: counts the events of the integer program.
        progress: progress display of the samples that are done.
        cluster: its workers measure the samples; None measures them here.
    """
    with progress.stage(f"{chain.compared}, hard, integer") as update:
        return measure(
            chain,
            source.data.test,
            source.encoder,
            counter,
            lambda done, total: update(done / total, f"{done}/{total}"),
            cluster,
        )


def timesteps_of(program: Program, encoder: Encoder) -> int:
    """Timesteps that a program runs: at most its own T if the encoder repeats an image."""
    if encoder.kind == "constant":
        return min(encoder.timesteps, program.timesteps)
    return encoder.timesteps


def run_on(
    on: str,
    program: Program,
    test: Split,
    encoder: Encoder,
    progress: Progress,
    counter: Counter | None = None,
    cluster: Cluster | None = None,
) -> Trace:
    """Run all samples; the counter receives the spikes of each block, which are then dropped.

    Args:
        on: name of a back end.
        program: program to be run.
        test: the samples.
        encoder: encoder that turns the samples into inputs.
        progress: progress display of the samples that are done.
        counter: counts events; with None, no spikes are recorded.
        cluster: its workers run the blocks of samples; None runs them here.
    """
    program.check_timesteps(timesteps_of(program, encoder))  # refuse too many before encoding
    work = _Run(on, program, encoder, record=counter is not None)
    total = len(test.x)
    traces = []
    with progress.stage(f"simulate on {on}") as update:

        def on_done(samples: int) -> None:
            update(samples / total, f"{samples}/{total}")

        if cluster is None:
            work.load()
            found: Iterator[_Ran] = (work(block, on_done) for block in _blocks(test))
        else:
            found = cluster.in_order(work, _blocks(test))
        done = 0
        for values, trace in found:
            if counter is not None:
                assert values is not None
                counter.add(values, trace)
            traces.append(replace(trace, spikes=None))
            done += trace.counts.samples
            on_done(done)
    return join_traces(traces)


_Block = tuple[slice, np.ndarray]
"""Where samples are in the data set, and the samples."""

_Ran = tuple[np.ndarray | None, Trace]
"""Inputs uint8 [time, batch, input] where spikes are recorded, and what was run."""


def _blocks(test: Split) -> Iterator[_Block]:
    for start in range(0, len(test.x), BLOCK):
        where = slice(start, min(start + BLOCK, len(test.x)))
        yield where, np.asarray(test.x[where])


_ONE = threading.Lock()
"""Threads of one worker share an executable, which runs one block at a time."""


class _Run:
    """Encodes and runs one block of samples. A copy in another process loads the program there."""

    def __init__(self, on: str, program: Program, encoder: Encoder, *, record: bool) -> None:
        self.on, self.program, self.encoder, self.record = on, program, encoder, record
        self.executable: Executable | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "executable": None}

    def load(self) -> Executable:
        """The program, made ready by the back end once."""
        if self.executable is None:
            self.executable = load_on(self.on, self.program)
        return self.executable

    def __call__(self, block: _Block, on_done: Callable[[int], None] | None = None) -> _Ran:
        """Inputs and trace of a block; `on_done` gets the samples of the data set that are done."""
        where, x = block

        def on_samples(samples: int) -> None:
            if on_done is not None:
                on_done(where.start + samples)

        values = self.encoder.encode_block(x, where)
        values = values[: timesteps_of(self.program, self.encoder)]
        # The reference takes milliseconds a sample, so its progress is shown sample by sample.
        step = BLOCK if self.on != REFERENCE else 10
        with _ONE:
            trace = run_in_steps(self.load(), values, step, on_samples, record=self.record)
        return (values if self.record else None), trace
