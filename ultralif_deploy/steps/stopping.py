"""Run samples until their exits on a back end that can stop them, and time what that saves."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ultralif_deploy.data import Split
from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.energy.exits import ExitCounter
from ultralif_deploy.errors import CheckFailed
from ultralif_deploy.io.progress import Progress
from ultralif_deploy.program.exits import ExitRule, Stopped, Stopping
from ultralif_deploy.schema.exits import Executed
from ultralif_deploy.verify.backends import load_on
from ultralif_deploy.verify.certificate import REFERENCE


def run_until_exits(
    on: str, counter: ExitCounter, test: Split, encoder: Encoder, progress: Progress
) -> Executed | None:
    """Run all samples whole and until their exits; None where the back end cannot stop them.

    Args:
        on: name of a back end.
        counter: counter of the same samples, whose exits were counted from whole runs.
        test: the samples.
        encoder: encoder that turns the samples into inputs.
        progress: progress display of the samples that are done.

    Raises:
        CheckFailed: samples stop elsewhere, or with other results, than was counted.
    """
    rule = counter.rule
    executable = load_on(on, counter.program, rule)
    if not isinstance(executable, Stopping):
        return None
    whole_s = stopped_s = 0.0
    parts: list[Stopped] = []
    with progress.stage(f"stop early on {on}") as update:
        for where, values in encoder.blocks(test.x):
            inputs = values[: rule.timesteps]
            if not parts and on != REFERENCE:  # compiles, and chooses the fastest way
                executable.run(inputs)
                executable.run_until_exit(inputs, rule)
            seconds, _ = _timed(executable.run, inputs)
            whole_s += seconds
            seconds, part = _timed(executable.run_until_exit, inputs, rule)
            stopped_s += seconds
            parts.append(part)
            update(where.stop / len(test.x), f"{where.stop}/{len(test.x)}")
    _check(on, counter, parts)
    return {"whole_s": whole_s, "stopped_s": stopped_s}


def _timed(run: Callable[..., Any], inputs: np.ndarray, *rule: ExitRule) -> tuple[float, Any]:
    start = time.perf_counter()
    result = run(inputs, *rule)
    return time.perf_counter() - start, result


def _check(on: str, counter: ExitCounter, parts: list[Stopped]) -> None:
    """Compare timesteps, predictions and events with what was counted."""
    found = [np.concatenate([part.timesteps for part in parts])]
    found.append(np.concatenate([part.trace.predictions() for part in parts]))
    wanted = [counter.times(), counter.predictions()]
    for counted, name in ((counter.totals()[0], "spikes"), (counter.totals()[1], "operations")):
        counts = [part.trace.counts for part in parts]
        given = [c.spikes if name == "spikes" else c.synaptic_operations for c in counts]
        found.append(np.array([sum(int(g[key].sum()) for g in given) for key in counted]))
        wanted.append(np.array(list(counted.values())))
    for one, other in zip(found, wanted, strict=True):
        if not np.array_equal(one, other):
            raise CheckFailed(f"exit: {on} stops samples elsewhere than its whole run says")
