"""The released architectures as one torch module, built from an `Architecture`.

SNN, DeepSNN and TripleSNN are `fc1 [bn1] neuron1 fc2 [bn2] neuron2 … fcN`; the ablation script's
network is `fc1 lif1 fc2 lif2`, with a spiking output; ConvSNN and DeepConvSNN are stages
`conv [bn] pool neuron` and a `fc`; the residual net is a stem, blocks and a `fc`. Submodules carry
the released names, so `state_dict` is the released format.
"""

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from ultralif_deploy.program.graph import INPUT
from ultralif_deploy.soft.architectures import (
    Architecture,
    BatchNorm,
    EffectiveParameters,
    Stage,
    build,
    stages,
)
from ultralif_deploy.soft.neurons.model import SoftNeuron


@dataclass(frozen=True, slots=True)
class SoftTrace:
    """Outputs of a soft forward pass.

    Attributes:
        logits: [batch, class], averaged over timesteps.
        spikes: per spiking population [time, batch, neuron].
    """

    logits: Tensor
    spikes: dict[str, Tensor]

    def output_rate(self, skip: bool) -> Tensor:
        """Mean output s̄ of the layers, as the authors count it; with `skip` it can exceed 1.

        With residual connections, a layer's output is the sum of its spikes and the output of the
        previous layer.
        """
        means = torch.stack([s.mean() for s in self.spikes.values()])
        return (means.cumsum(0) if skip else means).mean()

    def spike_rate(self) -> Tensor:
        """Mean spike over populations, each population counted once (as the authors do)."""
        return torch.stack([s.mean() for s in self.spikes.values()]).mean()

    def softness(self) -> Tensor:
        """Mean of 4·s·(1 − s) over populations: 0 where all spikes are hard, 1 where all are 1/2.

        4·s·(1 − s) falls as the membrane potential moves away from the threshold, on either side:
        for s = σ((v − θ)/ε) it is 1/cosh²((v − θ)/2ε).
        """
        return torch.stack([(4 * s * (1 - s)).mean() for s in self.spikes.values()]).mean()


class SoftNetwork(nn.Module):
    """An UltraLIF network.

    Args:
        architecture: architecture of the network to build.
        seed: seed of the initial weights.

    Raises:
        UltralifError: an unknown neuron kind, or a soft membrane for a kind that has none.
    """

    def __init__(self, architecture: Architecture, seed: int = 0) -> None:
        super().__init__()
        self.architecture = architecture
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for name, module in build(architecture).items():
                parent: nn.Module = self
                *path, last = name.split(".")
                for part in path:
                    if part not in parent._modules:
                        parent.add_module(part, nn.Module())
                    parent = parent.get_submodule(part)
                parent.add_module(last, module)

    @property
    def device(self) -> torch.device:
        """The device on which its parameters lie, and which computes."""
        return next(self.parameters()).device

    def stages(self) -> list[Stage]:
        """Populations in order, the read-out last."""
        return stages(self.architecture, dict(self.named_modules()))

    def layers(self) -> Iterable[tuple[nn.Linear | nn.Conv2d, BatchNorm | None, Stage]]:
        """Every layer of weights with its batch norm and stage, from input to output."""
        for stage in self.stages():
            for branch in stage.branches:
                if branch.linear is not None:
                    yield branch.linear, branch.norm, stage

    def forward(
        self,
        inputs: Tensor,
        factor: float = 1.0,
        straight_through: bool = False,
        effective: EffectiveParameters | None = None,
        known: Mapping[str, Tensor] | None = None,
    ) -> SoftTrace:
        """Run all timesteps.

        Args:
            inputs: [time, batch, input], real values, on any device.
            factor: factor of every neuron's temperature; 0 is the hard network.
            straight_through: hard values with the gradient of the soft neurons.
            effective: weight and bias to use in place of each linear layer's own.
            known: currents of stages by name, where they were computed before.
        """
        known = known or {}
        signals = first_signals(self, inputs)
        time, batch = inputs.shape[:2]
        spikes: dict[str, Tensor] = {}
        for stage in self.stages():
            current = known.get(stage.name)
            if current is None:
                current = stage_current(stage, signals, effective)
            if stage.neuron is None:
                return SoftTrace(current.view(time, batch, -1).mean(0), spikes)
            signals[stage.name] = fire(stage, current, time, factor, straight_through)
            spikes[stage.name] = signals[stage.name].reshape(time, batch, -1)
        return SoftTrace(spikes[stage.name].mean(0), spikes)

    @torch.no_grad()
    def at_factors(self, inputs: Tensor, factors: Sequence[float]) -> Iterator[SoftTrace]:
        """Traces at several factors of the temperature, without gradients.

        What depends on the inputs alone is computed once.

        Args:
            inputs: [time, batch, input], real values, on any device.
            factors: factors of the temperature, as in `forward`.
        """
        inputs = inputs.to(self.device)
        known = _input_currents(self, inputs)
        for factor in factors:
            yield self.forward(inputs, factor, known=known)

    @torch.no_grad()
    def margins(self, inputs: Tensor) -> dict[str, Tensor]:
        """V − θ before the reset of each spiking population, [time, batch, neuron].

        Args:
            inputs: [time, batch, input], real values, on any device.
        """
        signals = first_signals(self, inputs)
        time, batch = inputs.shape[:2]
        found: dict[str, Tensor] = {}
        for stage in self.stages():
            if stage.neuron is not None:
                current = stage_current(stage, signals)
                signals[stage.name] = fire(stage, current, time, 1.0)
                margins = _by_timestep(stage, current, time, partial(_margins, stage.neuron))
                found[stage.name] = margins.reshape(time, batch, -1)
        return found

    def spike_bits(self) -> dict[str, int]:
        """Bits of the spikes of each population that spikes."""
        neurons = {s.name: s.neuron for s in self.stages() if s.neuron is not None}
        return {name: (one.levels + 1).bit_length() - 1 for name, one in neurons.items()}

    def epsilon(self) -> float:
        """Mean temperature over the neurons."""
        values = [
            torch.as_tensor(stage.neuron.temperature()).detach().cpu().double().mean()
            for stage in self.stages()
            if stage.neuron is not None
        ]
        return float(torch.stack(values).mean())


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Operations of torch use only the thread that calls them, as `io.parallel` wants it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _input_currents(network: SoftNetwork, inputs: Tensor) -> dict[str, Tensor]:
    """Currents of the stages that only the input drives; they do not depend on any ε."""
    signals = first_signals(network, inputs)
    return {
        stage.name: stage_current(stage, signals)
        for stage in network.stages()
        if all(set(branch.sources) == {INPUT} for branch in stage.branches)
    }


def first_signals(network: SoftNetwork, inputs: Tensor) -> dict[str, Tensor]:
    """The input signal [row, ...] by name, on the device of the network, which may take images."""
    a, rows = network.architecture, inputs.to(network.device).flatten(0, 1)
    return {INPUT: rows.view(-1, a.channels[0], a.side, a.side) if a.channels else rows}


def stage_current(
    stage: Stage, signals: dict[str, Tensor], effective: EffectiveParameters | None = None
) -> Tensor:
    """Current [row, ...] of a stage; rows are timesteps and samples.

    Args:
        stage: its branches are added up.
        signals: [row, ...] for each source name.
        effective: weight and bias to use in place of each linear layer's own.
    """
    currents = [
        branch.current(added([signals[source] for source in branch.sources]), effective)
        for branch in stage.branches
    ]
    return added(currents)


def fire(
    stage: Stage, current: Tensor, time: int, factor: float, straight_through: bool = False
) -> Tensor:
    """Spikes [row, ...] for a current of the same shape.

    Args:
        stage: it must have a neuron model.
        current: [row, ...]; all samples of the first timestep come first.
        time: number of timesteps.
        factor: factor of every neuron's temperature; 0 is the hard network.
        straight_through: hard values, soft derivatives.
    """
    assert stage.neuron is not None
    neuron = stage.neuron
    return _by_timestep(stage, current, time, lambda flat: neuron(flat, factor, straight_through))


def _margins(neuron: SoftNeuron, current: Tensor) -> Tensor:
    """V − θ before the reset, for a current of the same shape [time, sample, neuron]."""
    noting = copy.copy(neuron)  # other threads may run the neuron itself meanwhile
    drives: list[Tensor] = []
    noting.drives = drives
    noting(current)
    return torch.stack(drives)


def _by_timestep(
    stage: Stage, current: Tensor, time: int, run: Callable[[Tensor], Tensor]
) -> Tensor:
    """What `run` makes of a current [row, ...], given as [time, sample, neuron]."""
    ordered = current.movedim(1, -1) if stage.channelwise else current
    neurons = ordered.shape[-1] if stage.channelwise else current[0].numel()
    # Without state, every timestep can be treated as a separate sample.
    flat = ordered.reshape(1 if stage.stateless else time, -1, neurons)
    made = run(flat).reshape(ordered.shape)
    return made.movedim(-1, 1) if stage.channelwise else made


def added(signals: list[Tensor]) -> Tensor:
    """Sum of signals that have the same shape."""
    total = signals[0]
    for signal in signals[1:]:
        total = total + signal
    return total
