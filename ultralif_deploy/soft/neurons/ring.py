"""Soft neurons that share the maximum of their membranes on a ring: UltraDLIF and its kinds.

Source: "UltraLIF: Fully Differentiable Spiking Neural Networks via Ultradiscretization and
Max-Plus Algebra", arXiv 2602.11206, and the authors' released code.
"""

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from ultralif_deploy.network import neurons as float_neurons
from ultralif_deploy.network.neurons import FloatNeuron
from ultralif_deploy.soft.neurons.model import LearnedEpsilon, Scalar, Spread, State, logit


class _Ring(LearnedEpsilon):
    """Neurons on a ring; subclasses say the form of the update.

    With graded spikes the maximum over the ring becomes hard, and the spike keeps the steps of
    σ((m − θ)/ε), where m is what is compared.
    """

    RING: ClassVar[bool] = True
    form: ClassVar[str]

    def tau(self) -> Scalar:
        """Decay per timestep."""
        raise NotImplementedError

    def hard_limit(self, spread: Spread, stride: int, timesteps: int) -> FloatNeuron:
        del timesteps
        tau = spread(self.tau(), "tau")
        if self.levels > 1:
            limits = self.level_potentials(spread)
            return float_neurons.GradedUltraDLIF(limits, tau, self.form, stride)
        threshold = spread(self.theta, "threshold")
        return float_neurons.UltraDLIF(threshold, tau, self.form, inclusive=True, stride=stride)


class UltraDLIF(_Ring):
    """UltraDLIF as released; the soft maximum runs over a ring of neurons.

    v = τ·v + I; m_i = LSE_ε(v_{i−1}, v_i, v_{i+1}); s = σ((m − θ)/ε); v ← v·(1 − s).
    """

    form: ClassVar[str] = "released"

    def tau(self) -> Scalar:
        return self.fixed_tau

    def step(self, current: Tensor, state: State, factor: float) -> tuple[Tensor, State]:
        v = self.tau() * state[0] + current
        epsilon = self.temperature()
        m = _soft_max_ring(v, v, factor, epsilon)
        spike = self._spike(m - self.theta, epsilon, factor)
        return spike, (v * (1 - spike),)


class UltraDPLIF(UltraDLIF):
    """UltraDLIF as released with τ = σ(_tau) learned."""

    parameter_names: ClassVar[tuple[str, ...]] = ("_log_eps", "_tau")

    def __init__(self, theta: float, tau: float) -> None:
        super().__init__(theta, tau)
        self._tau = nn.Parameter(torch.tensor(logit(tau)))

    def tau(self) -> Scalar:
        return torch.sigmoid(self._tau)


class PaperUltraDLIF(_Ring):
    """UltraDLIF as in the paper and the ablation script.

    v_i = LSE_ε(v_{i−1}, v_i, v_{i+1}) + I_i; s = σ((v − θ)/ε); v ← v·(1 − s).
    """

    form: ClassVar[str] = "paper"

    def tau(self) -> Scalar:
        """Factor on the middle term: 1 for UltraDLIF."""
        return 1.0

    def step(self, current: Tensor, state: State, factor: float) -> tuple[Tensor, State]:
        epsilon = self.temperature()
        v = _soft_max_ring(state[0], self.tau() * state[0], factor, epsilon) + current
        spike = self._spike(v - self.theta, epsilon, factor)
        return spike, (v * (1 - spike),)


class PaperUltraDPLIF(PaperUltraDLIF):
    """UltraDPLIF as in the paper: middle term τ·v_i, τ = clamp(exp(_log_tau), 0.1, 0.99)."""

    parameter_names: ClassVar[tuple[str, ...]] = ("_log_eps", "_log_tau")

    def __init__(self, theta: float, tau: float) -> None:
        super().__init__(theta, tau)
        self._log_tau = nn.Parameter(torch.tensor(math.log(tau)))

    def tau(self) -> Scalar:
        return self._log_tau.exp().clamp(0.1, 0.99)


def _soft_max_ring(v: Tensor, middle: Tensor, factor: float, temperature: Scalar) -> Tensor:
    """LSE_ε over (v_{i−1}, middle_i, v_{i+1}), neighbours on a ring along the last axis."""
    around = torch.stack((v.roll(1, -1), middle, v.roll(-1, -1)))
    if factor == 0.0:
        return around.amax(0)
    epsilon = factor * temperature
    return epsilon * torch.logsumexp(around / epsilon, dim=0)
