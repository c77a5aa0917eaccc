"""Soft neurons whose membrane is a soft maximum with its own past: UltraLIF and its kinds.

Source: "UltraLIF: Fully Differentiable Spiking Neural Networks via Ultradiscretization and
Max-Plus Algebra", arXiv 2602.11206, and the authors' released code.
"""

import math
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from ultralif_deploy.network import neurons as float_neurons
from ultralif_deploy.network.neurons import FloatNeuron
from ultralif_deploy.network.neurons.graded.multi_threshold import ALWAYS
from ultralif_deploy.soft.neurons.model import LearnedEpsilon, Scalar, Spread, State

MAX_LOG_TAU = math.log(0.99)
"""Annealing limits a learned log τ to this value."""


class UltraLIF(LearnedEpsilon):
    """UltraLIF: v = LSE_ε(v + log τ, I); s = σ((v − θ)/ε); v ← v·(1 − s)."""

    SOFT_MAXIMUM: ClassVar[bool] = True

    def log_tau(self) -> Scalar:
        """Logarithm of τ, of any sign when it is learned."""
        return math.log(self.fixed_tau)

    def step(self, current: Tensor, state: State, factor: float) -> tuple[Tensor, State]:
        soft = self.soft_membrane or self.levels > 1
        membrane_factor = 1.0 if soft else factor
        v = _soft_max2(state[0] + self.log_tau(), current, membrane_factor, self.temperature())
        spike = self.spike(v, factor)
        return spike, (v * (1 - spike),)

    def spike(self, v: Tensor, factor: float) -> Tensor:
        """Spike for a membrane potential v [batch, neuron]."""
        return self._spike(v - self.theta, self.temperature(), factor)

    def hard_limit(self, spread: Spread, stride: int, timesteps: int) -> FloatNeuron:
        threshold, zero = spread(self.theta, "threshold"), spread(0.0, "reset")
        decay = -spread(self.log_tau(), "log tau")
        epsilon = float(torch.as_tensor(self.temperature()).detach().cpu().double())
        if self.levels > 1:
            potentials = self.level_potentials(spread)
            if timesteps == 1:
                return float_neurons.MultiThreshold(currents_to(potentials, decay, epsilon))
            return float_neurons.GradedLogMaxLIF(potentials, decay, epsilon)
        if self.soft_membrane:
            return float_neurons.LogMaxLIF(threshold, decay, epsilon, inclusive=True)
        return float_neurons.TropicalLIF(threshold, decay, zero, zero, inclusive=True)

    def has_no_memory(self) -> bool:
        log_tau = torch.as_tensor(self.log_tau())
        hard = not self.soft_membrane and self.levels == 1
        return hard and bool(((log_tau <= 0) & (log_tau < self.theta)).all())

    def forward(
        self, current: Tensor, factor: float = 1.0, straight_through: bool = False
    ) -> Tensor:
        if not straight_through or not self.has_no_memory():
            return super().forward(current, factor, straight_through)
        # The membrane has no effect here, so a gradient through it would be misleading.
        soft = self.spike(current, 1.0)
        return soft + (self.spike(current, 0.0) - soft).detach()


class UltraPLIF(UltraLIF):
    """UltraLIF with a learned log τ, used as it is (a checkpoint may hold log τ > 0)."""

    parameter_names: ClassVar[tuple[str, ...]] = ("_log_eps", "_log_tau")

    def __init__(self, theta: float, tau: float) -> None:
        super().__init__(theta, tau)
        self._log_tau = nn.Parameter(torch.tensor(math.log(tau)))

    def log_tau(self) -> Scalar:
        return self._log_tau

    def grows(self) -> bool:
        return bool((torch.as_tensor(self.log_tau()) > 0).any())

    @torch.no_grad()
    def stop_growth(self) -> bool:
        """Limit τ to 0.99, as the `tau` property of the released code; return whether it changed.

        With log τ > 0 and θ = 0, the hard neuron fires at every timestep, for any input.
        """
        growing = bool((self._log_tau > MAX_LOG_TAU).any())
        self._log_tau.clamp_(max=MAX_LOG_TAU)
        return growing


class AblationUltraPLIF(UltraPLIF):
    """UltraPLIF of the authors' ablation script: log τ clamped to [−2.3, −0.01]."""

    def log_tau(self) -> Scalar:
        return self._log_tau.clamp(-2.3, -0.01)


class _DisentangledSpike(UltraLIF):
    """s = σ(β·(v − θ)) with β = exp(_log_spike_scale), independent of the membrane's ε."""

    def __init__(self, theta: float, tau: float) -> None:
        super().__init__(theta, tau)
        self._log_spike_scale = nn.Parameter(torch.zeros(()))

    def spike(self, v: Tensor, factor: float) -> Tensor:
        return self._spike(v - self.theta, self.spike_temperature(), factor)

    def spike_temperature(self) -> Scalar:
        return 1 / self._log_spike_scale.exp()


class UltraLIFDS(_DisentangledSpike):
    """UltraLIF-DS: the membrane of UltraLIF, s = σ(β·(v − θ)), β learned."""

    parameter_names: ClassVar[tuple[str, ...]] = ("_log_eps", "_log_spike_scale")


class UltraPLIFDS(_DisentangledSpike, UltraPLIF):
    """UltraPLIF-DS: the membrane of UltraPLIF, s = σ(β·(v − θ)), β learned."""

    parameter_names: ClassVar[tuple[str, ...]] = ("_log_eps", "_log_spike_scale", "_log_tau")


def _soft_max2(a: Tensor, b: Tensor, factor: float, temperature: Scalar) -> Tensor:
    """LSE_ε(a, b) = ε·log(exp(a/ε) + exp(b/ε)), ε = factor·temperature; at ε = 0 the maximum."""
    if factor == 0.0:
        return torch.maximum(a, b)
    epsilon = factor * temperature
    return epsilon * torch.logaddexp(a / epsilon, b / epsilon)


def currents_to(potentials: np.ndarray, decay: np.ndarray, epsilon: float) -> np.ndarray:
    """Smallest currents with which a membrane that starts at 0 reaches the given potentials.

    For v > −d, LSE_ε(−d, I) ≥ v holds exactly if I ≥ ε·log(e^(v/ε) − e^(−d/ε)). For v ≤ −d, every
    current reaches v.

    Args:
        potentials: v, float64 [level, neuron].
        decay: d, float64 [neuron].
        epsilon: ε, above 0.
    """
    above = (potentials + decay) / epsilon
    with np.errstate(divide="ignore", invalid="ignore"):
        currents = potentials + epsilon * np.log(-np.expm1(-above))
    return np.where(above > 0, currents, ALWAYS)
