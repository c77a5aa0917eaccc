"""Soft neuron classes by the authors' keys, and their default thresholds."""

from ultralif_deploy.soft.neurons.baselines import (
    LIF,
    PLIF,
    AdaLIF,
    DSpike,
    DSpikePlus,
    FullPLIF,
    SigmaLIF,
)
from ultralif_deploy.soft.neurons.max_plus import (
    AblationUltraPLIF,
    UltraLIF,
    UltraLIFDS,
    UltraPLIF,
    UltraPLIFDS,
)
from ultralif_deploy.soft.neurons.model import SoftNeuron
from ultralif_deploy.soft.neurons.ring import (
    PaperUltraDLIF,
    PaperUltraDPLIF,
    UltraDLIF,
    UltraDPLIF,
)

RELEASED: dict[str, type[SoftNeuron]] = {
    "ultratlif": UltraLIF,
    "ultratplif": UltraPLIF,
    "ultratlif_ds": UltraLIFDS,
    "ultratplif_ds": UltraPLIFDS,
    "ultradlif": UltraDLIF,
    "ultradplif": UltraDPLIF,
    "lif": LIF,
    "plif": PLIF,
    "fullplif": FullPLIF,
    "adalif": AdaLIF,
    "dspike": DSpike,
    "dspike+": DSpikePlus,
    "sigmalif": SigmaLIF,
}
"""Neuron kinds of the released library, by the authors' command-line keys."""

ABLATION: dict[str, type[SoftNeuron]] = {
    "ultratlif": UltraLIF,
    "ultratplif": AblationUltraPLIF,
    "ultradlif": PaperUltraDLIF,
    "ultradplif": PaperUltraDPLIF,
}
"""Neuron kinds of the authors' ablation script, which follow the paper's equations."""


def default_theta(kind: str, ablation: bool) -> float:
    """Default θ: 1 in the ablation script, 0 for Ultra kinds and SigmaLIF, otherwise 0.5."""
    if ablation:
        return 1.0
    return 0.0 if kind.startswith("ultra") or kind == "sigmalif" else 0.5
