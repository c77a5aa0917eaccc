"""Adam, by torch's function of that name.

`torch.optim.Adam` calls the same function. When it is made, it also imports torch's compiler, which
takes longer than a short annealing does.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam

BETAS = (0.9, 0.999)
EPSILON = 1e-8
"""β₁, β₂ and ε of the paper, which are torch's defaults too."""


class Adam:
    """m ← β₁·m + (1 − β₁)·g; v ← β₂·v + (1 − β₂)·g²; p ← p − η·m̂/(√v̂ + ε).

    m̂ = m/(1 − β₁ᵏ) and v̂ = v/(1 − β₂ᵏ) in step k. Source: D. P. Kingma, J. Ba, Adam, ICLR 2015.

    Args:
        parameters: tensors that are trained.
    """

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        self._parameters = list(parameters)
        self._state: dict[int, dict[str, Tensor]] = {}

    def forget_gradients(self) -> None:
        """Begin a step: no parameter has a gradient."""
        for parameter in self._parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Change the parameters that have a gradient.

        Args:
            learning_rate: η.
        """
        moved = {i: p for i, p in enumerate(self._parameters) if p.grad is not None}
        for i, parameter in moved.items():
            if i not in self._state:
                self._state[i] = {
                    "step": torch.tensor(0.0),
                    "exp_avg": torch.zeros_like(parameter),
                    "exp_avg_sq": torch.zeros_like(parameter),
                }
        states = [self._state[i] for i in moved]
        adam(
            list(moved.values()),
            [parameter.grad for parameter in moved.values() if parameter.grad is not None],
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            [state["step"] for state in states],
            amsgrad=False,
            beta1=BETAS[0],
            beta2=BETAS[1],
            lr=learning_rate,
            weight_decay=0.0,
            eps=EPSILON,
            maximize=False,
        )

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs, by the names that torch gives it."""
        return {"state": {i: dict(state) for i, state in self._state.items()}}

    def load_state_dict(self, content: dict[str, Any]) -> None:
        """Take up the state of a run.

        Args:
            content: what `state_dict` returned, here or in torch's own optimizer.
        """
        for i, state in content["state"].items():
            place = self._parameters[i].device
            moments = {name: state[name].to(place) for name in ("exp_avg", "exp_avg_sq")}
            self._state[i] = {"step": state["step"], **moments}
