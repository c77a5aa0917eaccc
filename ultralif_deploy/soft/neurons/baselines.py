"""Soft spiking neurons that UltraLIF is compared with (torch), as in the authors' released code."""

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from ultralif_deploy.network import neurons as float_neurons
from ultralif_deploy.network.neurons import FloatNeuron
from ultralif_deploy.soft.neurons.model import (
    EPSILON_MAX,
    EPSILON_MIN,
    Scalar,
    SoftNeuron,
    Spread,
    State,
    logit,
)


class LIF(SoftNeuron):
    """Baseline: v = τ·v + I; s = σ(β(v − θ)), β = 10; v ← v·(1 − s)."""

    beta = 10.0

    def tau(self) -> Scalar:
        """Decay per timestep."""
        return self.fixed_tau

    def threshold(self) -> Scalar:
        """Firing threshold."""
        return self.theta

    def temperature(self) -> Scalar:
        return 1 / self.beta

    def potential_at(self, share: float) -> Scalar:
        return self.threshold() + self.spike_temperature() * logit(share)

    def hard_limit(self, spread: Spread, stride: int, timesteps: int) -> FloatNeuron:
        del stride
        if self.levels > 1:
            limits = self.level_potentials(spread)
            if timesteps == 1:
                return float_neurons.MultiThreshold(limits)
            return float_neurons.GradedLIF(limits, spread(self.tau(), "tau"))
        threshold, tau = spread(self.threshold(), "threshold"), spread(self.tau(), "tau")
        return float_neurons.LIF(threshold, tau, inclusive=True, reset=spread(0.0, "reset"))

    def step(self, current: Tensor, state: State, factor: float) -> tuple[Tensor, State]:
        v = self.tau() * state[0] + current
        spike = self.spike(v, factor)
        return spike, (v * (1 - spike),)

    def spike(self, v: Tensor, factor: float) -> Tensor:
        """Spike for a membrane potential v [batch, neuron]."""
        return self._spike(v - self.threshold(), self.temperature(), factor)


class PLIF(LIF):
    """LIF with τ = σ(_tau) learned."""

    parameter_names: ClassVar[tuple[str, ...]] = ("_tau",)

    def __init__(self, theta: float, tau: float) -> None:
        super().__init__(theta, tau)
        self._tau = nn.Parameter(torch.tensor(logit(tau)))

    def tau(self) -> Scalar:
        return torch.sigmoid(self._tau)


class FullPLIF(PLIF):
    """PLIF with θ = σ(_thresh) learned too."""

    parameter_names: ClassVar[tuple[str, ...]] = ("_tau", "_thresh")

    def __init__(self, theta: float, tau: float) -> None:
        super().__init__(theta, tau)
        self._thresh = nn.Parameter(torch.tensor(logit(theta) if 0 < theta < 1 else 0.0))

    def threshold(self) -> Scalar:
        return torch.sigmoid(self._thresh)


class SigmaLIF(LIF):
    """Ablation baseline: v = τ·v + I; s = σ((v − θ)/ε), ε learned; v ← v·(1 − s)."""

    parameter_names: ClassVar[tuple[str, ...]] = ("_log_eps",)

    def __init__(self, theta: float, tau: float) -> None:
        super().__init__(theta, tau)
        self._log_eps = nn.Parameter(torch.zeros(()))

    def temperature(self) -> Scalar:
        return self._log_eps.exp().clamp(EPSILON_MIN, EPSILON_MAX)


class DSpike(LIF):
    """DSpike (Li et al., NeurIPS 2021).

    v = τ·v + I; s = [tanh(k(x − ½)) + tanh(k/2)] / (2·tanh(k/2) + 1e-8) clipped to [0, 1], with
    x = v/(2θ) and k = softplus(_b) clipped to [0.5, 50]; v ← v·(1 − s). The 1e-8 is taken
    from the released code.
    """

    parameter_names: ClassVar[tuple[str, ...]] = ("_b",)

    def __init__(self, theta: float, tau: float) -> None:
        super().__init__(theta, tau)
        self._b = nn.Parameter(torch.tensor(math.log(math.expm1(4.0))))

    def temperature(self) -> Scalar:
        return 1 / functional.softplus(self._b).clamp(0.5, 50.0)

    def spike(self, v: Tensor, factor: float) -> Tensor:
        threshold = self.threshold()
        self._note(v - threshold)
        if factor == 0.0:
            step = (v >= threshold).to(v.dtype)
            return step if self.levels == 1 else self._in_steps(self.spike(v, 1.0))
        k = torch.as_tensor(1 / (factor * self.temperature()))
        half = torch.tanh(k / 2)
        return ((torch.tanh(k * (v / (2 * threshold) - 0.5)) + half) / (2 * half + 1e-8)).clamp(
            0.0, 1.0
        )

    def potential_at(self, share: float) -> Scalar:
        k = torch.as_tensor(1 / self.temperature())
        half = torch.tanh(k / 2)
        x = torch.atanh(share * (2 * half + 1e-8) - half) / k + 0.5
        return 2 * self.threshold() * x


class DSpikePlus(DSpike, PLIF):
    """DSpike with τ = σ(_tau) learned."""

    parameter_names: ClassVar[tuple[str, ...]] = ("_b", "_tau")


class AdaLIF(LIF):
    """Adaptive threshold: v = τ·v + I; s = σ(10(v − θ − 0.1·b)); b ← 0.9·b + 0.1·s; v ← v(1 − s).

    State: v and the adaptation b, both [batch, neuron].
    """

    GRADED: ClassVar[bool] = False
    adaptation, adaptation_decay = 0.1, 0.9

    def initial_state(self, current: Tensor) -> State:
        return (torch.zeros_like(current), torch.zeros_like(current))

    def hard_limit(self, spread: Spread, stride: int, timesteps: int) -> FloatNeuron:
        del stride, timesteps
        kept = spread(self.adaptation_decay, "adaptation")
        return float_neurons.AdaLIF(
            threshold=spread(self.threshold(), "threshold"),
            tau=spread(self.tau(), "tau"),
            adaptation_decay=kept,
            jump=self.adaptation * (1 - kept),
            inclusive=True,
        )

    def step(self, current: Tensor, state: State, factor: float) -> tuple[Tensor, State]:
        v, b = state
        v = self.tau() * v + current
        spike = self._spike(
            v - (self.threshold() + self.adaptation * b), self.temperature(), factor
        )
        b = self.adaptation_decay * b + (1 - self.adaptation_decay) * spike
        return spike, (v * (1 - spike), b)
