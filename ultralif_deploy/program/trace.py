"""The result that every back end returns: spikes, logits, and counts of events."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program.display.figures import raster_figure
from ultralif_deploy.program.display.text import table
from ultralif_deploy.schema.back_ends import Facts
from ultralif_deploy.schema.energy import Counts

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True, eq=False)
class EventCounts:
    """Numbers of events in a run; the energy is computed from them later.

    Attributes:
        samples: batch size.
        timesteps: T.
        synaptic_operations: operations of each projection, int64 [batch]; one is counted when a
            non-zero input meets a non-zero weight.
        spikes: non-zero values that each population and the input send, int64 [batch].
        multiplies: projections whose inputs exceed 1, so that their operations multiply.
    """

    samples: int
    timesteps: int
    synaptic_operations: dict[str, np.ndarray]
    spikes: dict[str, np.ndarray]
    multiplies: frozenset[str]

    def as_dict(self) -> Counts:
        """Totals over the batch, as plain integers."""
        return {
            "samples": self.samples,
            "timesteps": self.timesteps,
            "synaptic_operations": {k: int(v.sum()) for k, v in self.synaptic_operations.items()},
            "spikes": {k: int(v.sum()) for k, v in self.spikes.items()},
            "multiply_accumulates": int(
                sum(v.sum() for k, v in self.synaptic_operations.items() if k in self.multiplies)
            ),
        }


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Trace:
    """Result of one run.

    Attributes:
        logits: int64 [batch, class], the read-out's membrane after the last timestep.
        counts: numbers of events.
        spikes: spikes of each spiking population, uint8 [time, batch, neuron]; None if they are
            not recorded.
    """

    logits: np.ndarray
    counts: EventCounts
    spikes: dict[str, np.ndarray] | None

    def predictions(self) -> np.ndarray:
        """Class of the largest logit, int64 [batch]; of equal logits the first."""
        predicted: np.ndarray = self.logits.argmax(axis=1)
        return predicted

    def __repr__(self) -> str:
        lines = [f"  {kind} of {name}: {mean}" for kind, name, mean in self._rows()]
        return "\n".join([f"{self._title()}; mean of one inference:", *lines])

    def _repr_html_(self) -> str:
        """Spikes and synaptic operations of one inference as a table, for notebooks."""
        return table(self._title(), ("events", "of", "mean of one inference"), self._rows())

    def _title(self) -> str:
        return f"Trace: {self.counts.samples:,} samples, {self.counts.timesteps} timesteps"

    def _rows(self) -> list[tuple[str, str, str]]:
        """Kind of event, where it happens, and how often in one inference."""
        counts, samples = self.counts, max(1, self.counts.samples)
        kinds = {"spikes": counts.spikes, "synaptic operations": counts.synaptic_operations}
        return [
            (kind, name, f"{float(found.sum()) / samples:,.1f}")
            for kind, by_name in kinds.items()
            for name, found in by_name.items()
        ]

    def raster(self, sample: int = 0) -> "Figure":
        """Draw the recorded spikes of one sample; `pip install 'ultralif-deploy[figures]'` for it.

        Args:
            sample: number in the batch, from 0.

        Returns:
            A raster for each population, neuron over timestep. Larger dots are graded spikes.

        Raises:
            UltralifError: the spikes were not recorded, or there is no such sample.
            Missing: matplotlib is not installed.
        """
        if not self.spikes:
            raise UltralifError("the trace holds no spikes; run(…, record=True) keeps them")
        if not 0 <= sample < self.counts.samples:
            raise UltralifError(
                f"sample {sample}: the trace has {self.counts.samples} samples, counted from 0"
            )
        return raster_figure(self.spikes, sample)

    def digests(self) -> dict[str, str]:
        """SHA-256 of the logits and of each population's recorded spikes."""
        arrays = {"logits": self.logits.astype("<i8")}
        arrays |= {k: v.astype(np.uint8) for k, v in (self.spikes or {}).items()}
        return {k: array_digest(v) for k, v in sorted(arrays.items())}


class Executable(Protocol):
    """A program made ready by one back end."""

    def executed(self) -> dict[str, np.ndarray]:
        """The arrays that execution will use, read back from the executable form."""

    def describe(self) -> Facts:
        """Facts about the executable form for the report, as plain values; often empty."""

    def run(self, inputs: np.ndarray, record: bool = False) -> Trace:
        """Run inputs uint8 [time, batch, input]; `record` keeps the spikes."""


@runtime_checkable
class Reporting(Protocol):
    """An executable that takes long for many samples and says how many are done.

    Attributes:
        on_sample: function that is called during a run with the number of samples done.
    """

    on_sample: Callable[[int], None]


def run_in_steps(
    executable: Executable,
    inputs: np.ndarray,
    step: int,
    on_done: Callable[[int], None],
    record: bool = False,
) -> Trace:
    """Run inputs uint8 [time, batch, input], `step` samples at a time.

    `on_done` is called with the number of samples done: after each step, and during a step by
    executables that say so themselves.

    Args:
        executable: runs the inputs.
        inputs: uint8 [time, batch, input].
        step: number of samples that run together.
        on_done: function that is called with the number of samples done.
        record: keep the spikes.
    """
    traces = []
    total = inputs.shape[1]
    for start in range(0, max(total, 1), step):

        def on_sample(samples: int, before: int = start) -> None:
            on_done(before + samples)

        if isinstance(executable, Reporting):
            executable.on_sample = on_sample
        traces.append(executable.run(inputs[:, start : start + step], record))
        on_done(min(start + step, total))
    return join_traces(traces)


def array_digest(array: np.ndarray) -> str:
    """SHA-256 of an array's dtype, shape and values."""
    digest = hashlib.sha256(f"{array.dtype.str} {array.shape}\n".encode())
    digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def join_counts(counts: list[EventCounts]) -> EventCounts:
    """The sum of the counts of consecutive batches."""
    first = counts[0]
    return EventCounts(
        sum(c.samples for c in counts),
        first.timesteps,
        {
            k: np.concatenate([c.synaptic_operations[k] for c in counts])
            for k in first.synaptic_operations
        },
        {k: np.concatenate([c.spikes[k] for c in counts]) for k in first.spikes},
        first.multiplies,
    )


def join_traces(traces: list[Trace]) -> Trace:
    """One trace of consecutive batches."""
    spikes = [trace.spikes for trace in traces if trace.spikes is not None]
    return Trace(
        np.concatenate([trace.logits for trace in traces]),
        join_counts([trace.counts for trace in traces]),
        {k: np.concatenate([s[k] for s in spikes], axis=1) for k in spikes[0]} if spikes else None,
    )
