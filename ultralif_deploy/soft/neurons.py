"""Soft spiking neurons of the UltraLIF family, and what all soft neurons share (torch).

Source: "UltraLIF: Fully Differentiable Spiking Neural Networks via Ultradiscretization and
Max-Plus Algebra", arXiv 2602.11206, and the authors' released code.

Every neuron maps a current [time, batch, neuron] to spikes of the same shape. The membrane
potential v starts at 0 for every sample. `factor` multiplies the neuron's temperature (its
learned ε, or 1/β where the spike is σ(β(v − θ))): 1 is the trained neuron, a smaller factor makes
it harder, and 0 is the hard limit. Parameter names are those of the released checkpoints.
"""

import math
from collections.abc import Callable
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from ultralif_deploy.network import neurons as float_neurons
from ultralif_deploy.network.neurons import FloatNeuron
from ultralif_deploy.network.neurons.graded.multi_threshold import ALWAYS

State = tuple[Tensor, ...]
Scalar = Tensor | float
"""A parameter: one value for the population or one per neuron."""

Spread = Callable[[Scalar, str], np.ndarray]
"""Maps a parameter and its name to one value per neuron, float64 [neuron]."""

EPSILON_MIN, EPSILON_MAX = 0.1, 20.0
"""The released code clamps exp(_log_eps) to this range."""


MAX_LOG_TAU = math.log(0.99)
"""Annealing limits a learned log τ to this value."""


class SoftNeuron(nn.Module):
    """One population of neurons; subclasses implement `step`.

    Args:
        theta: firing threshold θ; a hard neuron spikes if v ≥ θ.
        tau: decay per timestep, where it is not learned.
    """

    parameter_names: ClassVar[tuple[str, ...]] = ()
    """The learned parameters, as a checkpoint names them."""

    SOFT_MAXIMUM: ClassVar[bool] = False
    """Whether its membrane takes a soft maximum with its own past, which may stay soft."""

    RING: ClassVar[bool] = False
    """Whether its neurons compare their membranes with their neighbours'."""

    GRADED: ClassVar[bool] = True
    """Whether its spike depends only on the membrane potential, so each level is a threshold."""

    levels = 1
    """Levels of a hard spike: 1 is a step function; L rounds σ to multiples of 1/L."""

    soft_membrane = False
    """Whether the membrane keeps its ε, so that in the hard limit only the spikes become hard. The
    membrane then keeps its memory. Only neurons with a soft maximum can have a soft membrane."""

    drives: list[Tensor] | None = None
    """Collects v − θ of every timestep while `SoftNetwork.margins` runs; otherwise None."""

    def __init__(self, theta: float, tau: float) -> None:
        super().__init__()
        self.theta = theta
        self.fixed_tau = tau

    def initial_state(self, current: Tensor) -> State:
        """State before the first timestep, for a current [batch, neuron]."""
        return (torch.zeros_like(current),)

    def step(self, current: Tensor, state: State, factor: float) -> tuple[Tensor, State]:
        """One timestep: current [batch, neuron] -> spikes [batch, neuron] and the next state.

        Args:
            current: [batch, neuron].
            state: before this timestep, from `initial_state` or the previous `step`.
            factor: factor of the temperature; 0 is the hard neuron.
        """
        raise NotImplementedError

    def temperature(self) -> Scalar:
        """ε of σ(v/ε); the annealing factor multiplies it."""
        raise NotImplementedError

    def hard_limit(self, spread: Spread, stride: int, timesteps: int) -> FloatNeuron:
        """The neuron model at ε = 0; a soft membrane and graded spikes keep their ε.

        Args:
            spread: maps a parameter and its name to float64 [neuron].
            stride: index distance between neighbours on a ring.
            timesteps: number of timesteps until the state is reset.
        """
        raise NotImplementedError

    def potential_at(self, share: float) -> Scalar:
        """Membrane potential at which the soft spike has the value `share`, in (0, 1)."""
        return self.theta + self.spike_temperature() * logit(share)

    def spike_temperature(self) -> Scalar:
        """ε of the spike, which can differ from the ε of the membrane."""
        return self.temperature()

    def level_potentials(self, spread: Spread) -> np.ndarray:
        """Membrane potentials float64 [level, neuron] at which a spike reaches 1, 2, … levels.

        With L levels, a soft spike of at least (k − 1/2)/L is rounded to k or more levels.
        """
        shares = [(k - 0.5) / self.levels for k in range(1, self.levels + 1)]
        return np.stack([spread(self.potential_at(s), "threshold of a level") for s in shares])

    def fix_epsilon(self, epsilon: Tensor) -> None:
        """Replace the learned ε by a constant; does nothing for kinds that learn no ε."""

    def grows(self) -> bool:
        """Whether the membrane potential grows without input, because of a learned τ."""
        return False

    def stop_growth(self) -> bool:
        """Limit a learned τ to 0.99; return whether it changed."""
        return False

    def has_no_memory(self) -> bool:
        """Whether the hard limit fires exactly when I ≥ θ (`passes.elide_membrane` proves it)."""
        return False

    def forward(
        self, current: Tensor, factor: float = 1.0, straight_through: bool = False
    ) -> Tensor:
        """Spikes [time, batch, neuron] for a current [time, batch, neuron].

        With `straight_through` the values are those of the hard limit and the derivative is that
        of the soft neuron at factor 1, taken around the hard state.

        Args:
            current: [time, batch, neuron].
            factor: multiplies the temperature; 0 is the hard neuron. It is ignored with
                `straight_through`.
            straight_through: hard values with the gradient of the soft neuron.
        """
        state = self.initial_state(current[0])
        spikes = []
        for now in current:
            if straight_through:
                hard, hard_state = self.step(now, state, 0.0)
                soft, soft_state = self.step(now, state, 1.0)
                spike = soft + (hard - soft).detach()
                state = tuple(
                    a + (b - a).detach() for a, b in zip(soft_state, hard_state, strict=True)
                )
            else:
                spike, state = self.step(now, state, factor)
            spikes.append(spike)
        return torch.stack(spikes)

    def _note(self, drive: Tensor) -> None:
        if self.drives is not None:
            self.drives.append(drive)

    def _spike(self, drive: Tensor, temperature: Scalar, factor: float) -> Tensor:
        """σ(drive/(factor·temperature)); at factor 0 the step function, 1 where drive ≥ 0.

        With several levels, factor 0 gives σ(drive/temperature) rounded to whole levels.
        """
        self._note(drive)
        if factor != 0.0:
            return torch.sigmoid(drive / (factor * temperature))
        if self.levels == 1:
            return (drive >= 0).to(drive.dtype)
        return self._in_steps(torch.sigmoid(drive / temperature))

    def _in_steps(self, spike: Tensor) -> Tensor:
        """A soft spike rounded to whole levels, halves upwards."""
        return torch.floor(spike * self.levels + 0.5) / self.levels


class LearnedEpsilon(SoftNeuron):
    """A neuron with a learned or fixed temperature: ε = clamp(exp(_log_eps), 0.1, 20)."""

    parameter_names: ClassVar[tuple[str, ...]] = ("_log_eps",)

    def __init__(self, theta: float, tau: float) -> None:
        super().__init__(theta, tau)
        self._log_eps = nn.Parameter(torch.zeros(()))

    def fix_epsilon(self, epsilon: Tensor) -> None:
        """Replace the learned ε by a constant, stored as in the ablation script."""
        del self._log_eps
        self.register_buffer("_fixed_eps", epsilon)

    def temperature(self) -> Scalar:
        if hasattr(self, "_fixed_eps"):
            return self.get_buffer("_fixed_eps")
        return self._log_eps.exp().clamp(EPSILON_MIN, EPSILON_MAX)


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
        epsilon = float(torch.as_tensor(self.temperature()).detach().double())
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


class UltraDLIF(LearnedEpsilon):
    """UltraDLIF as released; the soft maximum runs over a ring of neurons.

    v = τ·v + I; m_i = LSE_ε(v_{i−1}, v_i, v_{i+1}); s = σ((m − θ)/ε); v ← v·(1 − s).
    """

    RING: ClassVar[bool] = True

    def tau(self) -> Scalar:
        """Decay per timestep."""
        return self.fixed_tau

    def hard_limit(self, spread: Spread, stride: int, timesteps: int) -> FloatNeuron:
        threshold, tau = spread(self.theta, "threshold"), spread(self.tau(), "tau")
        return float_neurons.UltraDLIF(threshold, tau, "released", inclusive=True, stride=stride)

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


class PaperUltraDLIF(LearnedEpsilon):
    """UltraDLIF as in the paper and the ablation script.

    v_i = LSE_ε(v_{i−1}, v_i, v_{i+1}) + I_i; s = σ((v − θ)/ε); v ← v·(1 − s).
    """

    RING: ClassVar[bool] = True

    def tau(self) -> Scalar:
        """Factor on the middle term: 1 for UltraDLIF."""
        return 1.0

    def hard_limit(self, spread: Spread, stride: int, timesteps: int) -> FloatNeuron:
        threshold, tau = spread(self.theta, "threshold"), spread(self.tau(), "tau")
        return float_neurons.UltraDLIF(threshold, tau, "paper", inclusive=True, stride=stride)

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


def _soft_max2(a: Tensor, b: Tensor, factor: float, temperature: Scalar) -> Tensor:
    """LSE_ε(a, b) = ε·log(exp(a/ε) + exp(b/ε)), ε = factor·temperature; at ε = 0 the maximum."""
    if factor == 0.0:
        return torch.maximum(a, b)
    epsilon = factor * temperature
    return epsilon * torch.logaddexp(a / epsilon, b / epsilon)


def _soft_max_ring(v: Tensor, middle: Tensor, factor: float, temperature: Scalar) -> Tensor:
    """LSE_ε over (v_{i−1}, middle_i, v_{i+1}), neighbours on a ring along the last axis."""
    around = torch.stack((v.roll(1, -1), middle, v.roll(-1, -1)))
    if factor == 0.0:
        return around.amax(0)
    epsilon = factor * temperature
    return epsilon * torch.logsumexp(around / epsilon, dim=0)


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


def logit(p: float) -> float:
    """The value whose sigmoid is p."""
    return math.log(p / (1 - p))
