"""Where the spikes and logits of a network differ from those that its framework computed."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.network.network import Network
from ultralif_deploy.network.running import HardTrace
from ultralif_deploy.schema.matching import FirstDifference
from ultralif_deploy.verify.expected_spikes.reading import Expected

BLOCK_VALUES = 1 << 24
"""Neurons times timesteps times samples that run at once."""

LOGIT_TOLERANCE = 1e-4
"""Share of the largest expected logit by which logits may differ: frameworks add in float32."""


@dataclass(slots=True)
class Differences:
    """Differences of one reading, added up block by block.

    Attributes:
        spikes: number of values that differ, by population.
        logits: number of logits that differ.
        first: the earliest; the populations upstream come first within a timestep.
    """

    spikes: dict[str, int] = field(default_factory=dict)
    logits: int = 0
    first: FirstDifference | None = None

    @property
    def count(self) -> int:
        """Of spikes and logits."""
        return sum(self.spikes.values()) + self.logits

    def add(self, network: Network, trace: HardTrace, expected: Expected, block: slice) -> None:
        """Compare a run of some samples.

        Args:
            network: network that ran.
            trace: trace of the run.
            expected: expected spikes and logits of all samples.
            block: the samples that ran.
        """
        for name, spikes in expected.spikes.items():
            differ = trace.spikes[name] != spikes[:, block]
            self.spikes[name] = self.spikes.get(name, 0) + int(np.count_nonzero(differ))
            if differ.any():
                self._note(_first_spike(network, trace, name, differ, spikes, block.start))
        if expected.logits is not None:
            wanted = expected.logits[block]
            differ = logits_differ(trace.logits, wanted, expected.logits)
            self.logits += int(np.count_nonzero(differ))
            if differ.any():
                self._note(_first_logit(trace.logits, wanted, differ, block.start))

    def _note(self, found: FirstDifference) -> None:
        if self.first is None or _when(found) < _when(self.first):
            self.first = found


def blocks_of(
    network: Network, encoder: Encoder, x: np.ndarray
) -> Iterator[tuple[slice, np.ndarray]]:
    """All samples as inputs [time, sample, input], in blocks that a float network can run at once.

    Args:
        network: network to be run.
        encoder: encoder of the inputs.
        x: the samples.
    """
    for where, inputs in encoder.blocks(x):
        for part in parts_of(network, inputs.shape[1]):
            yield slice(where.start + part.start, where.start + part.stop), inputs[:, part]


def parts_of(network: Network, samples: int) -> Iterator[slice]:
    """The samples of a block in parts that a float network can run at once."""
    values = sum(p.size for p in network.populations) * network.timesteps
    step = max(1, BLOCK_VALUES // values)
    for start in range(0, samples, step):
        yield slice(start, min(start + step, samples))


def logits_differ(found: np.ndarray, wanted: np.ndarray, every: np.ndarray) -> np.ndarray:
    """Which logits are not those expected.

    Args:
        found: logits of the network, [sample, class].
        wanted: expected logits of the same samples.
        every: expected logits of all samples, for the tolerance.
    """
    bound = LOGIT_TOLERANCE * float(np.abs(every).max(initial=0.0))
    differ: np.ndarray = ~(np.abs(found - wanted) <= bound)
    return differ


def _when(one: FirstDifference) -> float:
    """Logits come after every timestep."""
    return float("inf") if one["timestep"] is None else one["timestep"]


def _first_spike(
    network: Network,
    trace: HardTrace,
    name: str,
    differ: np.ndarray,
    expected: np.ndarray,
    start: int,
) -> FirstDifference:
    """The earliest spike that differs in a population; the first sample of a block is `start`."""
    t, sample, neuron = (int(i) for i in np.unravel_index(int(np.argmax(differ)), differ.shape))
    (population,) = (p for p in network.populations if p.name == name)
    threshold = float(np.ravel(population.neuron.threshold[..., neuron])[0])
    return {
        "population": name,
        "sample": start + sample,
        "timestep": t,
        "neuron": neuron,
        "expected": int(expected[t, start + sample, neuron]),
        "found": int(trace.spikes[name][t, sample, neuron]),
        "membrane": float(trace.margins[name][t, sample, neuron]) + threshold,
        "threshold": threshold,
    }


def _first_logit(
    found: np.ndarray, wanted: np.ndarray, differ: np.ndarray, start: int
) -> FirstDifference:
    sample, label = (int(i) for i in np.unravel_index(int(np.argmax(differ)), differ.shape))
    return {
        "population": None,
        "sample": start + sample,
        "timestep": None,
        "neuron": label,
        "expected": float(wanted[sample, label]),
        "found": float(found[sample, label]),
        "membrane": None,
        "threshold": None,
    }
