"""Running a program on a data set, with progress."""

from dataclasses import replace
from typing import Protocol

import numpy as np

from ultralif_deploy.data import Split
from ultralif_deploy.data.encoders import BLOCK, Encoder
from ultralif_deploy.io.progress import Progress
from ultralif_deploy.program.program import Program
from ultralif_deploy.program.trace import Trace, join_traces, run_in_steps
from ultralif_deploy.verify.backends import load_on
from ultralif_deploy.verify.certificate import REFERENCE


class Counter(Protocol):
    """Counts runs block by block."""

    def add(self, inputs: np.ndarray, trace: Trace) -> None:
        """Count a run with inputs uint8 [time, batch, input]; its trace contains the spikes."""


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
) -> Trace:
    """Run all samples; the counter receives the spikes of each block, which are then dropped.

    Args:
        on: name of a back end.
        program: program to be run.
        test: the samples.
        encoder: encoder that turns the samples into inputs.
        progress: progress display of the samples that are done.
        counter: counts events; with None, no spikes are recorded.
    """
    steps = timesteps_of(program, encoder)
    program.check_timesteps(steps)  # refuse too many timesteps before encoding
    executable = load_on(on, program)
    # The reference takes milliseconds a sample, so its progress is shown sample by sample.
    step = BLOCK if on != REFERENCE else 10
    total = len(test.x)
    traces = []
    with progress.stage(f"simulate on {on}") as update:
        for where, values in encoder.blocks(test.x):
            values = values[:steps]

            def on_done(samples: int, first: int = where.start) -> None:
                update((first + samples) / total, f"{first + samples}/{total}")

            trace = run_in_steps(executable, values, step, on_done, record=counter is not None)
            if counter is not None:
                counter.add(values, trace)
            traces.append(replace(trace, spikes=None))
    return join_traces(traces)
