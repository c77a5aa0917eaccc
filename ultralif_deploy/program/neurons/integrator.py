"""Read-out that adds its currents up."""

from dataclasses import dataclass
from typing import ClassVar

from ultralif_deploy.program.neurons.model import NeuronModel


@dataclass(frozen=True, slots=True)
class Integrator(NeuronModel):
    """Read-out that never fires: v ← v + I."""

    FIRES: ClassVar[bool] = False
    SUMS: ClassVar[bool] = True
    COUNTS_CURRENTS: ClassVar[bool] = True
