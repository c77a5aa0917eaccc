"""Events of samples that stop early, up to the exit of each, beside those of the whole run."""

from collections.abc import Iterable

import numpy as np

from ultralif_deploy.energy.counts import EventCounter, Events
from ultralif_deploy.energy.devices import Device
from ultralif_deploy.energy.estimate import estimate
from ultralif_deploy.program.exits import ExitRule, potentials, stopped
from ultralif_deploy.program.program import Program
from ultralif_deploy.program.trace import Trace
from ultralif_deploy.schema.exits import ExitEnergy, Exits, Rule


class ExitCounter:
    """Counts events block by block, of whole runs and up to the exits."""

    def __init__(self, program: Program, rule: ExitRule, chips: Iterable[str] = ()) -> None:
        self.program, self.rule, self.chips = program, rule, tuple(chips)
        self.whole = EventCounter(program, self.chips)
        self.stopped: dict[int, EventCounter] = {}
        """By the timesteps after which samples stop: events are those of so many timesteps."""
        self._times: list[np.ndarray] = []
        self._predictions: list[np.ndarray] = []
        self._whole_predictions: list[np.ndarray] = []

    def add(self, inputs: np.ndarray, trace: Trace) -> None:
        """Count a run.

        Args:
            inputs: uint8 [time, batch, input].
            trace: trace of a run on these inputs, with spikes recorded.
        """
        assert trace.spikes is not None
        self.whole.add(inputs, trace)
        found = potentials(self.program, inputs, trace.spikes)
        times = self.rule.after(found)
        for steps in np.unique(times).tolist():
            here = np.flatnonzero(times == steps)
            recorded = {name: sent[:, here] for name, sent in trace.spikes.items()}
            some = Trace(trace.logits[here], trace.counts, recorded)
            until = stopped(self.program, inputs[:, here], some, found[:, here], steps)
            if steps not in self.stopped:
                self.stopped[steps] = EventCounter(self.program, self.chips)
            self.stopped[steps].add(inputs[:steps, here], until)
        self._times.append(times)
        self._predictions.append(found[times - 1, np.arange(len(times))].argmax(axis=1))
        self._whole_predictions.append(trace.predictions())

    def times(self) -> np.ndarray:
        """Timesteps of every sample, int64 [sample]."""
        return np.concatenate(self._times)

    def predictions(self) -> np.ndarray:
        """Of every sample at its exit, int64 [sample]."""
        return np.concatenate(self._predictions)

    def whole_predictions(self) -> np.ndarray:
        """Of every sample after all timesteps, int64 [sample]."""
        return np.concatenate(self._whole_predictions)

    def totals(self) -> tuple[dict[str, int], dict[str, int]]:
        """Spikes by population and operations by projection, of all samples up to their exits."""
        spikes: dict[str, int] = {}
        operations: dict[str, int] = {}
        for part in self.stopped.values():
            counts = part.events().totals.as_dict()
            for total, found in (
                (spikes, counts["spikes"]),
                (operations, counts["synaptic_operations"]),
            ):
                for name, value in found.items():
                    total[name] = total.get(name, 0) + value
        return spikes, operations


def exits_report(
    counter: ExitCounter, rule: Rule, devices: list[Device], labels: np.ndarray | None
) -> Exits:
    """Timesteps, operations and joules of samples that stop early, as plain values.

    Args:
        counter: counter of the exits of all samples.
        rule: rule by which the samples stopped.
        devices: devices whose joules are stated.
        labels: int [sample], or None.
    """
    times, predictions = counter.times(), counter.predictions()
    whole = counter.whole.events()
    parts = [part.events() for _, part in sorted(counter.stopped.items())]
    spikes, operations = counter.totals()
    before, after = int(whole.operations.sum()), sum(operations.values())
    return {
        "rule": rule,
        "timesteps": times.tolist(),
        "mean_timesteps": float(times.mean()),
        "most_timesteps": whole.timesteps,
        "histogram": np.bincount(times, minlength=whole.timesteps + 1)[1:].tolist(),
        "predictions": predictions.tolist(),
        "changed": int(np.count_nonzero(predictions != counter.whole_predictions())),
        "accuracy": None if labels is None else float((predictions == labels).mean()),
        "spikes": spikes,
        "synaptic_operations": operations,
        "operations_saved": 1 - after / before if before else 0.0,
        "devices": {device.name: _energy(whole, parts, device) for device in devices},
    }


def _energy(whole: Events, parts: list[Events], device: Device) -> ExitEnergy:
    """Joules of one inference without idle power, to the end and to the exit."""
    all_j = estimate(whole, device).total_j
    some_j = [estimate(events, device).total_j for events in parts]
    known = [j for j in some_j if j is not None]
    total = sum(known) if len(known) == len(some_j) else None
    return {
        "whole_j": None if all_j is None else all_j / whole.samples,
        "stopped_j": None if total is None else total / whole.samples,
    }
