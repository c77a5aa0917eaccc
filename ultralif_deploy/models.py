"""The released fully connected architectures as one torch module, built from an `Architecture`.

SNN, DeepSNN and TripleSNN are `fc1 [bn1] neuron1 fc2 [bn2] neuron2 … fcN`; the ablation script's
network is `fc1 lif1 fc2 lif2`, with a spiking output. Submodules carry the released names, so
`state_dict` is the released format.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.neurons import ABLATION, RELEASED, SoftNeuron

EffectiveParameters = Callable[[nn.Linear, nn.BatchNorm1d | None], tuple[Tensor, Tensor]]
"""Maps a linear layer and its batch norm to the weight and bias that the forward pass uses."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """What a network is built from.

    Attributes:
        widths: neurons per layer, input first: (784, 64, 10).
        neuron: kind, by the authors' command-line key.
        batch_norm: BatchNorm1d before each hidden neuron.
        skip: each hidden layer's output adds that of the layer before it.
        spiking_output: the ablation script's form: `lif` names, paper equations, the last layer
            spikes and the logits are its mean spikes.
        theta: firing threshold.
        tau: decay per timestep where it is not learned.
    """

    widths: tuple[int, ...]
    neuron: str
    batch_norm: bool = False
    skip: bool = False
    spiking_output: bool = False
    theta: float = 0.0
    tau: float = 0.9

    @property
    def hidden(self) -> int:
        """Number of hidden layers."""
        return len(self.widths) - 2

    @property
    def name(self) -> str:
        """Name of the released class."""
        if self.spiking_output:
            return "SNNNetwork (ablation)"
        return {1: "SNN", 2: "DeepSNN", 3: "TripleSNN"}.get(self.hidden, f"{self.hidden}-layer SNN")

    def neuron_name(self, layer: int) -> str:
        """Submodule name of the neuron after linear layer `layer` (1-based)."""
        if self.spiking_output:
            return f"lif{layer}"
        return "neuron" if self.hidden == 1 else f"neuron{layer}"

    def neuron_class(self) -> type[SoftNeuron]:
        """Class of the neuron kind.

        Raises:
            UltralifError: unknown kind.
        """
        kinds = ABLATION if self.spiking_output else RELEASED
        if self.neuron not in kinds:
            raise UltralifError(
                f"neuron kind {self.neuron!r} is unknown; available: {', '.join(kinds)}"
            )
        return kinds[self.neuron]


@dataclass(frozen=True, slots=True)
class SoftTrace:
    """Outputs of a soft forward pass.

    Attributes:
        logits: [batch, class], averaged over timesteps.
        spikes: per spiking population [time, batch, neuron].
    """

    logits: Tensor
    spikes: dict[str, Tensor]

    def spike_rate(self) -> Tensor:
        """Mean spike over populations, each population counted once (as the authors do)."""
        return torch.stack([s.mean() for s in self.spikes.values()]).mean()


class SoftNetwork(nn.Module):
    """A fully connected UltraLIF network.

    Args:
        architecture: what to build.
        seed: seed of the initial weights.
    """

    def __init__(self, architecture: Architecture, seed: int = 0) -> None:
        super().__init__()
        self.architecture = architecture
        neuron_class = architecture.neuron_class()
        widths = architecture.widths
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for layer in range(1, len(widths)):
                self.add_module(f"fc{layer}", nn.Linear(widths[layer - 1], widths[layer]))
                if layer <= architecture.hidden:
                    if architecture.batch_norm:
                        self.add_module(f"bn{layer}", nn.BatchNorm1d(widths[layer]))
                elif not architecture.spiking_output:
                    continue
                neuron = neuron_class(architecture.theta, architecture.tau)
                self.add_module(architecture.neuron_name(layer), neuron)

    def layers(self) -> Iterable[tuple[nn.Linear, nn.BatchNorm1d | None, str, SoftNeuron | None]]:
        """Linear layer, batch norm, population name and neuron, from input to output.

        The population name of a linear layer that does not spike is its own.
        """
        modules = dict(self.named_children())
        for layer in range(1, len(self.architecture.widths)):
            linear = modules[f"fc{layer}"]
            norm = modules.get(f"bn{layer}")
            name = self.architecture.neuron_name(layer)
            neuron = modules.get(name) if layer <= self.architecture.hidden else None
            if self.architecture.spiking_output:
                neuron = modules[name]
            assert isinstance(linear, nn.Linear)
            assert norm is None or isinstance(norm, nn.BatchNorm1d)
            assert neuron is None or isinstance(neuron, SoftNeuron)
            yield linear, norm, name if neuron is not None else f"fc{layer}", neuron

    def forward(
        self,
        inputs: Tensor,
        factor: float = 1.0,
        straight_through: bool = False,
        effective: EffectiveParameters | None = None,
    ) -> SoftTrace:
        """Run all timesteps.

        Args:
            inputs: [time, batch, input], real values.
            factor: multiplies every neuron's temperature; 0 is the hard network.
            straight_through: hard values, soft derivatives.
            effective: weight and bias to use in place of each linear layer's own.
        """
        signal = inputs
        spikes: dict[str, Tensor] = {}
        hidden: Tensor | None = None
        for linear, norm, name, neuron in self.layers():
            current = layer_current(linear, norm, signal, effective)
            if neuron is None:
                return SoftTrace(current.mean(0), spikes)
            signal = neuron(current, factor, straight_through)
            spikes[name] = signal
            if self.architecture.skip:
                if hidden is not None:
                    signal = signal + hidden
                hidden = signal
        return SoftTrace(signal.mean(0), spikes)

    def epsilon(self) -> float:
        """Mean temperature over the neurons."""
        values = [
            torch.as_tensor(neuron.temperature()).detach().double().mean()
            for _, _, _, neuron in self.layers()
            if neuron is not None
        ]
        return float(torch.stack(values).mean())


def layer_current(
    linear: nn.Linear,
    norm: nn.BatchNorm1d | None,
    signal: Tensor,
    effective: EffectiveParameters | None = None,
) -> Tensor:
    """Current [time, batch, target] of one layer: weight, bias, batch norm over time and batch."""
    weight, bias = (linear.weight, linear.bias) if effective is None else effective(linear, norm)
    current = nn.functional.linear(signal, weight, bias)
    if norm is None:
        return current
    normalised: Tensor = norm(current.flatten(0, 1))
    return normalised.view_as(current)


def released_key(architecture: Architecture) -> str:
    """The authors' key of the model, for the checkpoint's file name: `ultratplif2_bn_res`."""
    layers = "" if architecture.hidden == 1 else str(architecture.hidden)
    bn = "_bn" if architecture.batch_norm else ""
    return f"{architecture.neuron}{layers}{bn}{'_res' if architecture.skip else ''}"


KEY_PATTERN = re.compile(
    r"^(?P<neuron>" + "|".join(sorted(map(re.escape, RELEASED), key=len, reverse=True)) + r")"
    r"(?P<layers>\d)?(?P<bn>_bn)?(?P<res>_res)?_T(?P<timesteps>\d{1,6})(_|$)"
)
"""What the released file name `{key}_T{T}[_sp{λ}]_seed{seed}.pt` says."""
