"""What all soft spiking neurons share (torch).

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

from ultralif_deploy.network.neurons import FloatNeuron

State = tuple[Tensor, ...]
Scalar = Tensor | float
"""A parameter: one value for the population or one per neuron."""

Spread = Callable[[Scalar, str], np.ndarray]
"""Maps a parameter and its name to one value per neuron, float64 [neuron]."""

EPSILON_MIN, EPSILON_MAX = 0.1, 20.0
"""The released code clamps exp(_log_eps) to this range."""


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


def logit(p: float) -> float:
    """The value whose sigmoid is p."""
    return math.log(p / (1 - p))
