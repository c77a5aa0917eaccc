"""Events of a program that is placed on a chip: messages, hops, updates and time."""

from dataclasses import dataclass

import numpy as np

from ultralif_deploy.errors import Refused
from ultralif_deploy.program.program import Program
from ultralif_deploy.schema.energy import ChipCounts
from ultralif_deploy.simulators.loihi import simulator as loihi

CHIPS = {"loihi1": loihi.load1}
"""Simulators of chips that count messages and hops, by name."""

MOST_SAMPLES = 200
"""Most samples that run on the chip's simulator; the counts are their means."""


@dataclass(frozen=True, slots=True)
class ChipEvents:
    """Totals over the samples of a run on a chip, the first of a set.

    Attributes:
        samples: number of samples that ran.
        timesteps: chip's timesteps for one inference: those of the program and its depth.
        chips: number of chips in use.
        cores: number of cores in use.
        operations: synaptic operations.
        updates_active: a synaptic sum that was not 0, or a spike.
        updates_inactive: all others; every neuron is updated in every timestep of the chip.
        updates_moved: a membrane or bias that was not 0, or a synapse that was read.
        spikes: number of spikes of neurons, without inputs.
        messages: a spike, of an input too, to one core.
        hops_east_west: between the routers of tiles; inputs enter at the edge, without hops.
        hops_north_south: the same along the other axis.
        between_chips: messages that leave their chip, whose hops are not counted.
        seconds: time of all timesteps one after the other; None where no times are published.
    """

    samples: int
    timesteps: int
    chips: int
    cores: int
    operations: int
    updates_active: int
    updates_inactive: int
    updates_moved: int
    spikes: int
    messages: int
    hops_east_west: int
    hops_north_south: int
    between_chips: int
    seconds: float | None

    def as_dict(self) -> ChipCounts:
        """Means of one inference, as plain values."""
        samples = max(1, self.samples)
        return {
            "samples": self.samples,
            "timesteps": self.timesteps,
            "chips": self.chips,
            "cores": self.cores,
            "operations": self.operations / samples,
            "updates_active": self.updates_active / samples,
            "updates_inactive": self.updates_inactive / samples,
            "updates_moved": self.updates_moved / samples,
            "spikes": self.spikes / samples,
            "messages": self.messages / samples,
            "hops_east_west": self.hops_east_west / samples,
            "hops_north_south": self.hops_north_south / samples,
            "between_chips": self.between_chips / samples,
            "seconds": None if self.seconds is None else self.seconds / samples,
        }


class ChipRun:
    """A program on a chip, or the reason why it is not there."""

    def __init__(self, program: Program, chip: str) -> None:
        self.spikes = 0
        self.refused = ""
        try:
            self.executable: loihi.Loihi | None = CHIPS[chip](program)
        except Refused as refusal:
            self.executable, self.refused = None, str(refusal)

    def add(self, inputs: np.ndarray) -> None:
        """Run inputs uint8 [time, batch, input], as long as there are few enough."""
        if self.executable is None:
            return
        inputs = inputs[:, : MOST_SAMPLES - self.executable.activity.samples]
        if inputs.shape[1]:
            counts = self.executable.run(inputs).counts
            fired = sum(int(v.sum()) for k, v in counts.spikes.items() if k != loihi.INPUT)
            self.spikes += fired

    def events(self) -> ChipEvents | str:
        """What was counted, or why nothing could be."""
        if self.executable is None:
            return self.refused
        activity = self.executable.activity
        east_west, north_south = activity.hops.tolist()
        return ChipEvents(
            activity.samples,
            activity.timesteps // max(1, activity.samples),
            activity.placement.chips,
            activity.placement.cores,
            int(activity.synaptic_operations.sum()),
            int(activity.active.sum()),
            int(activity.inactive.sum()),
            activity.moved,
            self.spikes,
            activity.messages,
            east_west,
            north_south,
            activity.between_chips,
            activity.seconds or None,
        )
