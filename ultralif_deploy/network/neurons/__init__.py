"""The neuron models of float64 networks: one file each, with their updates.

Equations use I for the current (all projections plus bias), v for the membrane potential, θ for
the threshold. `inclusive` says whether a neuron fires at v = θ (UltraLIF: yes; NIR: no).
"""

from ultralif_deploy.network.neurons.adalif import AdaLIF
from ultralif_deploy.network.neurons.csilif import CSiLIF
from ultralif_deploy.network.neurons.cuba_li import CubaLI
from ultralif_deploy.network.neurons.cuba_lif import CubaLIF
from ultralif_deploy.network.neurons.graded import (
    GradedLIF,
    GradedLogMaxLIF,
    GradedUltraDLIF,
    MultiThreshold,
)
from ultralif_deploy.network.neurons.integrator import Integrator
from ultralif_deploy.network.neurons.leaky_integrator import LeakyIntegrator
from ultralif_deploy.network.neurons.leaky_sum import LeakySum
from ultralif_deploy.network.neurons.lif import LIF
from ultralif_deploy.network.neurons.log_max_lif import LogMaxLIF
from ultralif_deploy.network.neurons.model import FloatNeuron
from ultralif_deploy.network.neurons.silif import SiLIF
from ultralif_deploy.network.neurons.threshold import Threshold
from ultralif_deploy.network.neurons.tropical_lif import TropicalLIF
from ultralif_deploy.network.neurons.ultradlif import UltraDLIF

MODELS: tuple[type[FloatNeuron], ...] = (
    Threshold,
    TropicalLIF,
    LIF,
    CubaLIF,
    UltraDLIF,
    LogMaxLIF,
    MultiThreshold,
    GradedLogMaxLIF,
    GradedLIF,
    GradedUltraDLIF,
    SiLIF,
    CSiLIF,
    AdaLIF,
    Integrator,
    LeakyIntegrator,
    CubaLI,
    LeakySum,
)
"""All neuron models, in the order of `program.neurons.MODELS`."""

__all__ = [*(model.__name__ for model in MODELS), "MODELS", "FloatNeuron"]
