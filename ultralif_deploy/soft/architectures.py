"""The structure of a soft network: its modules, by released name, and their connections."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from torch import Tensor, nn

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program.graph import INPUT
from ultralif_deploy.program.spike_format import SpikeBits, spike_bits_of
from ultralif_deploy.soft.neurons.kinds import ABLATION, RELEASED
from ultralif_deploy.soft.neurons.model import SoftNeuron

BatchNorm = nn.BatchNorm1d | nn.BatchNorm2d

EffectiveParameters = Callable[
    [nn.Linear | nn.Conv2d, BatchNorm | None], tuple[Tensor, Tensor | None]
]
"""Maps a linear layer and its batch norm to the weight and bias that the forward pass uses."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """Settings that determine the structure of a network.

    Attributes:
        widths: neurons per layer, input first: (784, 64, 10). For convolutional networks, only
            the number of inputs and of classes.
        neuron: kind, by the authors' command-line key.
        batch_norm: BatchNorm1d before each hidden neuron.
        skip: the output of the previous layer is added to the output of each hidden layer.
        spiking_output: the network of the ablation script. Its neurons are named `lif` and follow
            the paper's equations. The last layer spikes, and the logits are its mean spikes.
        theta: firing threshold.
        tau: decay per timestep where it is not learned.
        channels: output channels of every convolution, after those of the input: (1, 32, 64). For
            residual networks, those of the stem and of each block. Empty for fully connected ones.
        side: height and width of the input images; 0 for fully connected networks.
        residual: blocks of two convolutions with a shortcut.
        membrane: `soft` or `hard`. With `soft`, annealing and hardening keep the ε of max-plus
            membranes. With `hard`, this ε goes to 0 together with the ε of the spikes.
        stateless: every timestep starts from the initial state.
        spike_bits: bits of a hidden neuron's spike after hardening. With 1 bit, the spike is a step
            function. With b bits, the soft spike is rounded to multiples of 1/(2^b − 1). One
            number for all populations that spike, or one for each by name.
    """

    widths: tuple[int, ...]
    neuron: str
    batch_norm: bool = False
    skip: bool = False
    spiking_output: bool = False
    theta: float = 0.0
    tau: float = 0.9
    channels: tuple[int, ...] = ()
    side: int = 0
    residual: bool = False
    membrane: str = "hard"
    stateless: bool = False
    spike_bits: SpikeBits = 1

    @property
    def hidden(self) -> int:
        """Number of hidden layers."""
        return len(self.widths) - 2

    @property
    def name(self) -> str:
        """Name of the released class."""
        if self.spiking_output:
            return "SNNNetwork (ablation)"
        if self.residual:
            blocks = len(self.channels) - 2
            return "SpikingResNet18" if blocks == 8 else f"residual net of {blocks} blocks"
        if self.channels:
            names = {2: "ConvSNN", 4: "DeepConvSNN"}
            return names.get(len(self.channels) - 1, f"{len(self.channels) - 1}-stage ConvSNN")
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
class Branch:
    """One of the terms that add up to the current of a population.

    Attributes:
        sources: populations (or the input) whose signals add up.
        before: pooling of the signals, or None.
        linear: weights, or None for the signals themselves.
        norm: batch norm, or None.
        after: pooling of the currents, or None.
    """

    sources: tuple[str, ...]
    linear: nn.Linear | nn.Conv2d | None
    norm: BatchNorm | None = None
    before: nn.Module | None = None
    after: nn.Module | None = None

    def current(self, signal: Tensor, effective: EffectiveParameters | None) -> Tensor:
        """Current [row, ...] of signals [row, ...]."""
        if self.before is not None:
            signal = self.before(signal)
        if isinstance(self.linear, nn.Linear):
            signal = signal.flatten(1)
        if self.linear is not None:
            weight, bias = self.linear.weight, self.linear.bias
            if effective is not None:
                weight, bias = effective(self.linear, self.norm)
            signal = _linear(self.linear, signal, weight, bias)
        if self.norm is not None:
            signal = self.norm(signal)
        return signal if self.after is None else self.after(signal)


@dataclass(frozen=True, slots=True)
class Stage:
    """A population, or the read-out.

    Attributes:
        name: name of the population. The read-out, which never spikes, has its linear layer's name.
        branches: their currents add up.
        neuron: model, or None for the read-out.
        channelwise: neurons interact only with the other channels at the same position, not with
            the whole map.
        stateless: the neurons start from their initial state at every timestep.
    """

    name: str
    branches: tuple[Branch, ...]
    neuron: SoftNeuron | None
    channelwise: bool = False
    stateless: bool = False


def build(architecture: Architecture) -> dict[str, nn.Module]:
    """The modules by released name, in the order in which their weights are initialized.

    Raises:
        UltralifError: an unknown neuron kind, a soft membrane or graded spikes for a kind that has
            none, or bits of spikes for populations that do not exist.
    """
    modules = _modules(architecture)
    neurons = {name: one for name, one in modules.items() if isinstance(one, SoftNeuron)}
    for name, bits in spike_bits_of(architecture.spike_bits, neurons).items():
        neuron = neurons[name]
        if bits > 1 and not neuron.GRADED:
            raise UltralifError(
                f"spike bits {bits}: {architecture.neuron} has no graded integer model; expected 1"
            )
        neuron.levels = (1 << bits) - 1
    return modules


def _modules(a: Architecture) -> dict[str, nn.Module]:
    kind, soft = a.neuron_class(), a.membrane == "soft"
    if soft and a.stateless:
        raise UltralifError(
            "membrane soft: a stateless network has no membrane to keep; expected membrane hard"
        )
    if soft and not kind.SOFT_MAXIMUM:
        raise UltralifError(
            f"membrane soft: {a.neuron} has no soft maximum in its membrane; only UltraLIF and "
            "UltraPLIF kinds have"
        )

    def neuron() -> SoftNeuron:
        made = kind(a.theta, a.tau)
        made.soft_membrane = soft
        return made

    modules: dict[str, nn.Module] = {}
    if a.residual:
        stem, *blocks = a.channels[1:]
        modules["stem_conv"] = nn.Conv2d(a.channels[0], stem, 3, padding=1, bias=False)
        modules |= {"stem_bn": nn.BatchNorm2d(stem), "stem_neuron": neuron()}
        for i, (inner, outer) in enumerate(pairwise([stem, *blocks])):
            block = f"blocks.{i}"
            stride = 1 if inner == outer else 2
            modules[f"{block}.conv1"] = nn.Conv2d(inner, outer, 3, stride, padding=1, bias=False)
            modules[f"{block}.bn1"] = nn.BatchNorm2d(outer)
            modules[f"{block}.conv2"] = nn.Conv2d(outer, outer, 3, padding=1, bias=False)
            modules[f"{block}.bn2"] = nn.BatchNorm2d(outer)
            modules |= {f"{block}.neuron1": neuron(), f"{block}.neuron2": neuron()}
            if inner != outer:
                modules[f"{block}.shortcut.0"] = nn.Conv2d(inner, outer, 1, stride, bias=False)
                modules[f"{block}.shortcut.1"] = nn.BatchNorm2d(outer)
        return modules | {"fc": nn.Linear(a.channels[-1], a.widths[-1])}
    if a.channels:
        side = a.side
        for i, (inner, outer) in enumerate(pairwise(a.channels), 1):
            modules[f"conv{i}"] = nn.Conv2d(inner, outer, 3, padding=1)
            if a.batch_norm:
                modules[f"bn{i}"] = nn.BatchNorm2d(outer)
            modules[f"neuron{i}"] = neuron()
            side //= 2
        return modules | {"fc": nn.Linear(a.channels[-1] * side * side, a.widths[-1])}
    for i, (inner, outer) in enumerate(pairwise(a.widths), 1):
        modules[f"fc{i}"] = nn.Linear(inner, outer)
        if i <= a.hidden and a.batch_norm:
            modules[f"bn{i}"] = nn.BatchNorm1d(outer)
        if i <= a.hidden or a.spiking_output:
            modules[a.neuron_name(i)] = neuron()
    return modules


def stages(architecture: Architecture, modules: Mapping[str, nn.Module]) -> list[Stage]:
    """How the modules of `build` are connected: populations in order, the read-out last."""
    made = _stages(architecture, modules)
    return [replace(stage, stateless=architecture.stateless) for stage in made]


def _stages(a: Architecture, modules: Mapping[str, nn.Module]) -> list[Stage]:
    if a.residual:
        return _residual(a, modules)
    if a.channels:
        made, source = [], INPUT
        for i in range(1, len(a.channels)):
            branch = _branch(modules, (source,), f"conv{i}", f"bn{i}", after=nn.AvgPool2d(2))
            source = f"neuron{i}"
            made.append(_stage(modules, source, branch))
        return [*made, Stage("fc", (_branch(modules, (source,), "fc"),), None)]
    sources: tuple[str, ...] = (INPUT,)
    made = []
    for i in range(1, len(a.widths)):
        name = a.neuron_name(i)
        branch = _branch(modules, sources, f"fc{i}", f"bn{i}")
        spikes = name in modules and (i <= a.hidden or a.spiking_output)
        made.append(_stage(modules, name, branch) if spikes else Stage(f"fc{i}", (branch,), None))
        sources = (*sources, name) if a.skip and i > 1 else (name,)
    return made


def _residual(a: Architecture, modules: Mapping[str, nn.Module]) -> list[Stage]:
    stem = _branch(modules, (INPUT,), "stem_conv", "stem_bn")
    made, source = [_stage(modules, "stem_neuron", stem, channelwise=True)], "stem_neuron"
    for i in range(len(a.channels) - 2):
        block = f"blocks.{i}"
        first, second = f"{block}.neuron1", f"{block}.neuron2"
        inner = _branch(modules, (source,), f"{block}.conv1", f"{block}.bn1")
        outer = _branch(modules, (first,), f"{block}.conv2", f"{block}.bn2")
        shortcut = Branch((source,), None)
        if f"{block}.shortcut.0" in modules:
            names = (f"{block}.shortcut.0", f"{block}.shortcut.1")
            shortcut = _branch(modules, (source,), *names)
        made.append(_stage(modules, first, inner, channelwise=True))
        made.append(_stage(modules, second, outer, shortcut, channelwise=True))
        source = second
    pooled = _branch(modules, (source,), "fc", before=nn.AdaptiveAvgPool2d(1))
    return [*made, Stage("fc", (pooled,), None)]


def _stage(
    modules: Mapping[str, nn.Module], name: str, *branches: Branch, channelwise: bool = False
) -> Stage:
    neuron = modules[name]
    assert isinstance(neuron, SoftNeuron)
    return Stage(name, branches, neuron, channelwise)


def _branch(
    modules: Mapping[str, nn.Module],
    sources: tuple[str, ...],
    linear: str,
    norm: str = "",
    before: nn.Module | None = None,
    after: nn.Module | None = None,
) -> Branch:
    weights, batch_norm = modules[linear], modules.get(norm) if norm else None
    assert isinstance(weights, (nn.Linear, nn.Conv2d))
    assert batch_norm is None or isinstance(batch_norm, (nn.BatchNorm1d, nn.BatchNorm2d))
    return Branch(sources, weights, batch_norm, before, after)


def _linear(
    layer: nn.Linear | nn.Conv2d, signal: Tensor, weight: Tensor, bias: Tensor | None
) -> Tensor:
    if isinstance(layer, nn.Linear):
        return nn.functional.linear(signal, weight, bias)
    if layer.kernel_size == (1, 1) and layer.padding == (0, 0):
        # oneDNN's gradient of a strided 1x1 convolution writes past its buffer (oneDNN issue 6035);
        # dropping the pixels that the stride skips gives the same values with a stride of 1.
        down, across = layer.stride
        return nn.functional.conv2d(signal[..., ::down, ::across], weight, bias)
    return nn.functional.conv2d(signal, weight, bias, layer.stride, layer.padding)
