"""Write the page of layers and neurons of other frameworks, by reading drawn networks of each.

python examples/framework_layers.py            # rewrites the page
python examples/framework_layers.py --check    # exit 1 where it is out of date

Every reader compares all spikes with those of the framework itself before it returns a network.
"""

import functools
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from generated import write_or_check
from torch import nn

import ultralif_deploy as ul
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.running import run_hard
from ultralif_deploy.readers.sinabs.install import INSTALL

with warnings.catch_warnings():  # Norse compiles with torch.jit, which is deprecated
    warnings.simplefilter("ignore", DeprecationWarning)
    import norse.torch as norse
    import sinabs.layers as sinabs
    import snntorch
    from sinabs.activation import MaxSpike, MembraneReset, SingleSpike
    from spikingjelly.activation_based import layer as jelly
    from spikingjelly.activation_based import neuron

PAGE = Path(__file__).parent.parent / "ultralif_deploy" / "docs" / "frameworks.md"
SEED = 0
TIMESTEPS, SAMPLES = 10, 4
WIDTH = 8
IMAGE = (2, 6, 6)
LINE = (2, 12)

Layers = list[nn.Module]
Make = Callable[[], Layers]
"""Makes the layers of a drawn network behind its first neurons."""


def leaky(**options: Any) -> nn.Module:
    return snntorch.Leaky(beta=0.8, threshold=0.3, init_hidden=True, **options)


def norse_cell(kind: Any = norse.LIFCell, **options: Any) -> nn.Module:
    quick = norse.LIFParameters(tau_mem_inv=torch.tensor(400.0), v_th=torch.tensor(0.05))
    return kind(quick, **options)


def squeezed(**options: Any) -> nn.Module:
    return sinabs.IAFSqueeze(batch_size=1, spike_threshold=torch.tensor(0.3), **options)


FRAMEWORKS: dict[str, tuple[Callable[..., Any], Callable[[], nn.Module], type[nn.Sequential]]] = {
    "snnTorch": (ul.from_snntorch, leaky, nn.Sequential),
    "SpikingJelly": (ul.from_spikingjelly, lambda: neuron.LIFNode(v_threshold=0.2), nn.Sequential),
    "Norse": (ul.from_norse, norse_cell, norse.SequentialState),
    "Sinabs": (ul.from_sinabs, squeezed, nn.Sequential),
}
"""Reader, neurons and container of each framework."""

TORCH: dict[str, tuple[tuple[int, ...], Callable[[Callable[[], nn.Module]], Layers]]] = {
    "Linear": ((WIDTH,), lambda fires: [nn.Linear(WIDTH, 6), fires()]),
    "Conv1d": (LINE, lambda fires: [nn.Conv1d(2, 3, 3, stride=2, padding=1), fires()]),
    "Conv2d": (IMAGE, lambda fires: [nn.Conv2d(2, 3, 3, padding=1, groups=1), fires()]),
    "Conv2d with groups": (IMAGE, lambda fires: [nn.Conv2d(2, 4, 3, groups=2), fires()]),
    "AvgPool1d": (LINE, lambda fires: [fires(), nn.AvgPool1d(2), nn.Conv1d(2, 3, 3), fires()]),
    "AvgPool2d": (IMAGE, lambda fires: [fires(), nn.AvgPool2d(2), nn.Conv2d(2, 3, 2), fires()]),
    "MaxPool1d of spikes": (LINE, lambda fires: [fires(), nn.MaxPool1d(2), fires()]),
    "MaxPool2d of spikes": (IMAGE, lambda fires: [fires(), nn.MaxPool2d(2), fires()]),
    "MaxPool2d of currents": (IMAGE, lambda fires: [nn.Conv2d(2, 3, 3), nn.MaxPool2d(2), fires()]),
    "LPPool2d, norm_type=1": (IMAGE, lambda fires: [fires(), nn.LPPool2d(1, 2), fires()]),
    "AdaptiveAvgPool2d": (IMAGE, lambda fires: [nn.AdaptiveAvgPool2d(2), fires()]),
    "BatchNorm1d": ((WIDTH,), lambda fires: [nn.Linear(WIDTH, 6), nn.BatchNorm1d(6), fires()]),
    "BatchNorm2d": (IMAGE, lambda fires: [nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), fires()]),
    "LayerNorm": ((WIDTH,), lambda fires: [nn.Linear(WIDTH, 6), nn.LayerNorm(6), fires()]),
    "GroupNorm": (IMAGE, lambda fires: [nn.Conv2d(2, 4, 3), nn.GroupNorm(2, 4), fires()]),
    "Flatten": (IMAGE, lambda fires: [fires(), nn.Flatten(), nn.Linear(72, 6), fires()]),
    "Dropout": ((WIDTH,), lambda fires: [nn.Linear(WIDTH, 6), nn.Dropout(0.5), fires()]),
    "ConvTranspose2d": (IMAGE, lambda fires: [nn.ConvTranspose2d(2, 3, 3), fires()]),
    "ReLU": ((WIDTH,), lambda fires: [nn.Linear(WIDTH, 6), nn.ReLU(), fires()]),
}
"""Layers of torch: shape of the inputs, and a network around each."""


def each(low: float, high: float, *shape: int) -> torch.Tensor:
    return torch.rand(*shape or (WIDTH,)) * (high - low) + low


def spiking(kind: Any, **options: Any) -> nn.Module:
    return kind(init_hidden=True, **options)


def threshold() -> dict[str, Any]:
    return {"spike_threshold": torch.tensor(0.3)}


NEURONS: dict[str, dict[str, Make]] = {
    "snnTorch": {
        "Leaky": lambda: [leaky()],
        "Leaky, reset_mechanism zero": lambda: [leaky(reset_mechanism="zero")],
        "Leaky, reset_mechanism none": lambda: [leaky(reset_mechanism="none")],
        "Leaky, reset_delay=False": lambda: [leaky(reset_delay=False)],
        "Leaky, β and θ learned for each neuron": lambda: [
            spiking(snntorch.Leaky, beta=each(0.5, 1), threshold=each(0.2, 1), learn_beta=True)
        ],
        "Leaky, graded_spikes_factor": lambda: [leaky(graded_spikes_factor=each(1, 2))],
        "Synaptic": lambda: [spiking(snntorch.Synaptic, alpha=each(0.3, 1), beta=0.8)],
        "RLeaky": lambda: [spiking(snntorch.RLeaky, beta=0.8, linear_features=WIDTH)],
        "RLeaky, all_to_all=False": lambda: [
            spiking(snntorch.RLeaky, beta=0.8, V=each(-1, 1), all_to_all=False)
        ],
        "RSynaptic": lambda: [
            spiking(snntorch.RSynaptic, alpha=0.5, beta=0.8, linear_features=WIDTH)
        ],
        "Alpha": lambda: [spiking(snntorch.Alpha, alpha=0.9, beta=0.8)],
        "Lapicque": lambda: [spiking(snntorch.Lapicque, beta=0.8)],
        "LeakyParallel": lambda: [snntorch.LeakyParallel(WIDTH, WIDTH)],
    },
    "SpikingJelly": {
        "IFNode": lambda: [neuron.IFNode(v_threshold=0.4)],
        "IFNode, v_reset=None": lambda: [neuron.IFNode(v_threshold=0.4, v_reset=None)],
        "LIFNode": lambda: [neuron.LIFNode(tau=3.0, v_threshold=0.2)],
        "LIFNode, decay_input=False": lambda: [neuron.LIFNode(3.0, decay_input=False)],
        "LIFNode, step_mode m": lambda: [neuron.LIFNode(v_threshold=0.2, step_mode="m")],
        "ParametricLIFNode": lambda: [neuron.ParametricLIFNode(v_threshold=0.2)],
        "SeqToANNContainer": lambda: [
            *(jelly.SeqToANNContainer(nn.Linear(WIDTH, 6), nn.BatchNorm1d(6)),),
            neuron.IFNode(v_threshold=0.4, step_mode="m"),
        ],
        "MultiStepContainer": lambda: [jelly.MultiStepContainer(neuron.IFNode(v_threshold=0.4))],
        "QIFNode": lambda: [neuron.QIFNode()],
        "EIFNode": lambda: [neuron.EIFNode()],
        "CUBALIFNode": lambda: [neuron.CUBALIFNode(2.0, 2.0)],
    },
    "Norse": {
        "LIFCell": lambda: [norse_cell()],
        "LIFBoxCell": lambda: [norse.LIFBoxCell(norse.LIFBoxParameters(v_th=torch.tensor(0.05)))],
        "LIFRecurrentCell": lambda: [
            norse.LIFRecurrentCell(
                *(WIDTH, 6),
                norse.LIFParameters(tau_mem_inv=torch.tensor(400.0), v_th=torch.tensor(0.05)),
            )
        ],
        "LIF": lambda: [norse_cell(norse.LIF)],
        "LICell as read-out": lambda: [norse_cell(), nn.Linear(WIDTH, 4), norse.LICell()],
        "LI as read-out": lambda: [norse_cell(norse.LIF), nn.Linear(WIDTH, 4), norse.LI()],
        "LIFRefracCell": lambda: [norse.LIFRefracCell()],
        "LIFAdExCell": lambda: [norse.LIFAdExCell()],
        "LSNNCell": lambda: [norse.LSNNCell()],
        "IAFCell": lambda: [norse.IAFCell()],
    },
    "Sinabs": {
        "IAF": lambda: [sinabs.IAF(**threshold())],
        "IAFSqueeze": lambda: [squeezed()],
        "IAF, SingleSpike": lambda: [sinabs.IAF(spike_fn=SingleSpike, **threshold())],
        "IAF, MaxSpike": lambda: [sinabs.IAF(spike_fn=MaxSpike(3), **threshold())],
        "IAF, min_v_mem": lambda: [sinabs.IAF(min_v_mem=-0.2, **threshold())],
        "IAF, MembraneReset, SingleSpike": lambda: [
            sinabs.IAF(reset_fn=MembraneReset(), spike_fn=SingleSpike, **threshold())
        ],
        "IAF, MembraneReset, MultiSpike": lambda: [sinabs.IAF(reset_fn=MembraneReset())],
        "LIF": lambda: [sinabs.LIF(tau_mem=each(2, 8), **threshold())],
        "LIF, norm_input=False": lambda: [sinabs.LIF(4.0, norm_input=False, **threshold())],
        "LIF, tau_syn": lambda: [sinabs.LIF(4.0, tau_syn=3.0, norm_input=False, **threshold())],
        "LIF, train_alphas": lambda: [sinabs.LIF(4.0, train_alphas=True, **threshold())],
        "LIFSqueeze": lambda: [sinabs.LIFSqueeze(batch_size=1, tau_mem=4.0, **threshold())],
        "IAFRecurrent": lambda: [
            sinabs.IAFRecurrent(
                nn.Linear(WIDTH, WIDTH, bias=False), spike_fn=SingleSpike, **threshold()
            )
        ],
        "LIFRecurrent": lambda: [
            sinabs.LIFRecurrent(4.0, nn.Linear(WIDTH, WIDTH, bias=False), **threshold())
        ],
        "ExpLeak as read-out": lambda: [
            *(sinabs.LIF(4.0, **threshold()), nn.Linear(WIDTH, 4), sinabs.ExpLeak(5.0))
        ],
        "SumPool2d": lambda: [sinabs.SumPool2d(2), nn.Flatten(), squeezed()],
        "Repeat": lambda: [sinabs.Repeat(nn.Linear(WIDTH, WIDTH)), sinabs.IAF(**threshold())],
        "ALIF": lambda: [sinabs.ALIF(4.0, 4.0)],
        "SpikingMaxPooling2dLayer": lambda: [sinabs.SpikingMaxPooling2dLayer(2), squeezed()],
    },
}
"""Neurons and layers of the frameworks themselves."""


def outcome(framework: str, shape: tuple[int, ...], make: Make) -> str:
    """`yes`, `no`, or the reason of the refusal, for a drawn network.

    Args:
        framework: a key of `FRAMEWORKS`.
        shape: shape of one sample at one timestep.
        make: makes the layers.

    Raises:
        AssertionError: a network that never fires, which shows nothing.
    """
    read, _, container = FRAMEWORKS[framework]
    torch.set_num_threads(1)  # faster for networks as small as these
    torch.manual_seed(SEED)
    net = container(*make()).eval()
    try:
        network = read(net, shape, timesteps=TIMESTEPS)
    except UltralifError as error:
        _, _, reason = str(error).partition(": ")
        return "no" if "; expected Linear, " in reason else f"no: {reason}"
    drawn = np.random.default_rng(SEED).random((TIMESTEPS, SAMPLES, int(np.prod(shape))))
    fired = run_hard(network, drawn < 0.5).spikes
    assert all(spikes.any() for spikes in fired.values()), (framework, net)
    return "yes"


def cells() -> Iterator[str]:
    """The lines of the page."""
    names = list(FRAMEWORKS)
    yield f"| layer of torch | {' | '.join(names)} |"
    yield "|---" * (1 + len(names)) + "|"
    refusals: dict[str, int] = {}
    for title, (shape, around) in TORCH.items():
        found = []
        for name in names:
            made = outcome(name, shape, functools.partial(around, FRAMEWORKS[name][1]))
            found.append(made if made in ("yes", "no") else _noted(made, refusals))
        yield f"| {title} | {' | '.join(found)} |"
    for name in names:
        yield ""
        yield f"| {name} | equal spike for spike |"
        yield "|---|---|"
        for title, make in NEURONS[name].items():
            image = "Pool" in title
            layers = (lambda make=make: [nn.Linear(WIDTH, WIDTH), *make()]) if not image else make
            shape = IMAGE if image else (WIDTH,)
            yield f"| {title} | {_cell(outcome(name, shape, layers))} |"
    yield ""
    yield "Reasons of refusals of layers of torch:"
    yield ""
    yield from (f"{number}. {_cell(text[4:])}" for text, number in refusals.items())


FILES = {
    "Norse": ("LIFBoxCell", "LIFCell", "IAFCell"),
    "snnTorch": ("Leaky", "Synaptic"),
    "SpikingJelly": ("IFNode", "LIFNode", "CUBALIFNode"),
    "Sinabs": ("IAF", "LIF"),
    "Rockpool": ("LIFTorch", "LIFNeuronTorch"),
}
"""Neurons that each framework writes as NIR; `tests/readers/test_frameworks.py` compares them."""


def files() -> Iterator[str]:
    """The lines of the table of files."""
    yield "| framework | neurons that it writes as NIR | equal spike for spike with `--like` |"
    yield "|---|---|---|"
    for name, kinds in FILES.items():
        yield from (f"| {name} | {kind} | yes |" for kind in kinds)


def _noted(refusal: str, refusals: dict[str, int]) -> str:
    number = refusals.setdefault(refusal, len(refusals) + 1)
    return f"no ({number})"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def page() -> str:
    """The whole page."""
    head = f"""# Layers and neurons of other frameworks
Modules of four frameworks are read as networks (`from_snntorch`, `from_spikingjelly`,
`from_norse`, `from_sinabs`, `ul.deploy`). This page says which of their layers and neurons are
read. *yes* means: in a network with drawn weights, every spike, every current and every read-out is
that of the framework's own run in float64. Everything else is refused by the name of its layer; the
tables have the reason where a layer is read in some cases. `python examples/framework_layers.py`
writes this page from such networks. A fifth framework, Rockpool, is read from its NIR files
(`--like rockpool`).
Sinabs is installed by `{INSTALL}`.

"""
    written = """
## NIR files
Each framework wrote these by its own exporter, with its default settings and drawn numbers, and ran
them itself. The last column says whether every spike is the same by `--like`.

"""
    return head + "\n".join(cells()) + "\n" + written + "\n".join(files()) + "\n"


def main() -> None:
    write_or_check(__doc__, {PAGE: page()})


if __name__ == "__main__":
    main()
