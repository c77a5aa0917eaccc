"""How many spikes of a float network its integer program keeps, and what goes wrong.

Let n be the number of spikes that both networks have in the same neuron at the same timestep.
Recall is n divided by the spikes of the float network, precision is n divided by those of the
program. Timesteps at which both are silent do not count; there are many more of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields

import numpy as np

from ultralif_deploy.findings.findings import FAILURE, Finding
from ultralif_deploy.program.fixed import largest_held
from ultralif_deploy.program.neurons import LIF, CubaLIF, LogMaxLIF, UltraDLIF
from ultralif_deploy.program.program import Population
from ultralif_deploy.quantization.registers import word_of
from ultralif_deploy.schema import measured as schema

KEPT_BOUND = 0.9
"""Precision or recall below this is warned of."""

SATURATING_MODELS = (LIF, CubaLIF, UltraDLIF, LogMaxLIF)
"""Models whose membranes saturate."""


@dataclass(slots=True)
class Kept:
    """Counts of one population.

    Attributes:
        wanted: spikes of the float network.
        found: spikes of the program.
        both: spikes of both at the same place and timestep.
        ties: updates of the float network that met the threshold exactly.
        saturated: updates of the float network beyond what the integer membrane holds, where that
            can change a spike.
    """

    wanted: int = 0
    found: int = 0
    both: int = 0
    ties: int = 0
    saturated: int = 0

    @property
    def recall(self) -> float | None:
        """Share of the float network's spikes that the program has; None where there are none."""
        return self.both / self.wanted if self.wanted else None

    @property
    def precision(self) -> float | None:
        """Share of the program's spikes that the float network has; None where there are none."""
        return self.both / self.found if self.found else None

    def as_dict(self) -> schema.SpikesKept:
        """Plain values for report.json."""
        return {
            "recall": self.recall,
            "precision": self.precision,
            "float": self.wanted,
            "integer": self.found,
            "ties": self.ties,
            "saturated": self.saturated,
        }


@dataclass(slots=True)
class SpikesKept:
    """Counts of all spiking populations, block by block of samples."""

    populations: dict[str, Kept] = field(default_factory=dict)

    def add(
        self,
        population: Population,
        threshold: np.ndarray,
        expected: np.ndarray,
        margins: np.ndarray,
        spikes: np.ndarray,
    ) -> None:
        """Count a block.

        Args:
            population: population of the program.
            threshold: θ of the float network [neuron].
            expected: spikes of the float network, [time, batch, neuron].
            margins: v − θ of the float network before the reset, float64 of the same shape.
            spikes: spikes of the program, uint8 of the same shape.
        """
        kept = self.populations.setdefault(population.name, Kept())
        kept.wanted += int(expected.sum(dtype=np.int64))
        kept.found += int(spikes.sum(dtype=np.int64))
        kept.both += int(np.minimum(expected, spikes).sum(dtype=np.int64))
        kept.ties += int(np.count_nonzero(margins == 0))
        if isinstance(population.neuron, SATURATING_MODELS):
            membrane = margins + threshold
            top = largest_held(word_of(population).bits) * population.membrane_unit
            beyond = membrane < -top
            if getattr(population.neuron, "reset_mode", "value") not in ("value", "late-value"):
                beyond |= membrane > top
            kept.saturated += int(np.count_nonzero(beyond))

    def join(self, other: "SpikesKept") -> None:
        """Add the counts of other samples."""
        for name, found in other.populations.items():
            kept = self.populations.setdefault(name, Kept())
            for count in fields(Kept):
                both = getattr(kept, count.name) + getattr(found, count.name)
                setattr(kept, count.name, both)

    def findings(self) -> Iterator[Finding]:
        """What the counts say against the program."""
        for name, kept in self.populations.items():
            yield from _findings(name, kept)


def _findings(name: str, kept: Kept) -> Iterator[Finding]:
    recall, precision = kept.recall, kept.precision
    if kept.wanted == 0 and kept.found == 0:
        yield Finding(
            "silent-population",
            f"{name} never fires on these samples, neither in float nor in integers",
            "check the timestep (--dt), the reset (--reset), the threshold and the units of the "
            "inputs",
        )
    elif kept.found == 0:
        yield Finding(
            "silenced-population",
            f"{name} fires {kept.wanted:,} times in float and never in integers",
            "find its largest error in the table of parameters, and use more bits",
            FAILURE,
        )
    elif min(recall or 0.0, precision or 0.0) < KEPT_BOUND:
        yield Finding(
            "spikes-lost",
            f"{name} keeps {100 * (recall or 0.0):.1f} % of the float network's "
            f"{kept.wanted:,} spikes, and {100 * (precision or 0.0):.1f} % of its own spikes are "
            "also in the float network",
            "see the table of parameters; use more bits, or training samples for the scales",
        )
    if kept.saturated:
        yield Finding(
            "saturated-membrane",
            f"{name}: membrane potentials exceed their register in {kept.saturated:,} updates",
            "use fewer weight bits, so that a unit of the membrane is larger",
        )
