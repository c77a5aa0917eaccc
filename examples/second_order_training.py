"""Trains SiLIF and C-SiLIF networks as their authors do, and saves them in the authors' format.

Two hidden layers of hard spikes and a leaky read-out, each after batch norm without a bias; the
loss is the cross entropy of Σ_t softmax(u[t]). The spike's derivative is 1 within half a threshold
and 0 elsewhere. States start at random values in training and at 0 in tests, as the program starts
them. Sources: arXiv 2506.06374 and its code SSM-inspired-LIF, for the equations, the initial values
and the settings; `ultralif_deploy.readers.second_order` reads the files.
"""

import math
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

HIDDEN = (128, 128)
BATCH, DROPOUT = 64, 0.1
LEARNING_RATES = {"silif": 0.004, "csilif": 0.005}


class _Spike(torch.autograd.Function):
    """s = v > 0, with the derivative 1 where |v| ≤ 1/2."""

    @staticmethod
    def forward(ctx: object, v: Tensor) -> Tensor:
        ctx.save_for_backward(v)  # type: ignore[attr-defined]
        return (v > 0).to(v.dtype)

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:
        (v,) = ctx.saved_tensors  # type: ignore[attr-defined]
        return gradient * (v.abs() <= 0.5)


def uniform(size: int, low: float, high: float) -> nn.Parameter:
    """A parameter of each neuron, drawn evenly from `low` to `high`."""
    return nn.Parameter(low + (high - low) * torch.rand(size))


class _Layer(nn.Module):
    """Weights and batch norm, applied to all timesteps at once, before the neurons."""

    def __init__(self, inputs: int, size: int) -> None:
        super().__init__()
        self.W = nn.Linear(inputs, size, bias=False)
        self.norm = nn.BatchNorm1d(size, momentum=0.05)

    def current(self, spikes: Tensor) -> Tensor:
        """Currents [sample, time, neuron] of spikes [sample, time, input]."""
        flat: Tensor = self.norm(self.W(spikes).flatten(0, 1))
        return flat.unflatten(0, spikes.shape[:2])

    def start(self, x: Tensor) -> Tensor:
        """The first state [sample, neuron]."""
        return torch.rand_like(x[:, 0]) if self.training else torch.zeros_like(x[:, 0])


class SiLIF(_Layer):
    """w ← β·w + a·u + b·s; u ← α·(u − s) + (1 − α)·(x − w); s = u > 1."""

    def __init__(self, inputs: int, size: int) -> None:
        super().__init__(inputs, size)
        self.dt = nn.Parameter(torch.full((size,), math.log(0.004)))
        self.alpha = uniform(size, math.log(10), math.log(250))
        self.beta = uniform(size, math.log(2.5), math.log(10))
        self.a, self.b = uniform(size, 0, 1), uniform(size, 0, 2)

    def forward(self, spikes: Tensor) -> Tensor:
        """Spikes [sample, time, neuron] of spikes [sample, time, input]."""
        x = self.current(spikes)
        alpha = (-self.alpha.exp() * self.dt.exp()).exp()
        beta = (-self.beta.exp() * self.dt.exp()).exp()
        a, b = self.a.clamp(0, 1), self.b.clamp(0, 2)
        u, w, s = self.start(x), self.start(x), self.start(x)
        out = []
        for now in x.unbind(1):
            w = beta * w + a * u + b * s
            u = alpha * (u - s) + (1 - alpha) * (now - w)
            s = _Spike.apply(u - 1)
            out.append(s)
        return torch.stack(out, dim=1)


class CSiLIF(_Layer):
    """Complex u ← α·(u − s/2) + b·x; s = 2·Re(u) > 1, in real arithmetic."""

    def __init__(self, inputs: int, size: int) -> None:
        super().__init__(inputs, size)
        self.log_dt = uniform(size, math.log(0.01), math.log(0.5))
        self.log_log_alpha = nn.Parameter(torch.full((size,), math.log(0.5)))
        self.alpha_img = nn.Parameter(torch.full((size,), math.pi))
        self.b = uniform(size, 0, 1)

    def forward(self, spikes: Tensor) -> Tensor:
        """Spikes [sample, time, neuron] of spikes [sample, time, input]."""
        x = self.b * self.current(spikes)
        dt = self.log_dt.exp()
        size, angle = (-self.log_log_alpha.exp() * dt).exp(), self.alpha_img * dt
        real, imaginary = size * angle.cos(), size * angle.sin()
        u, v, s = self.start(x), self.start(x), self.start(x)
        out = []
        for now in x.unbind(1):
            u = u - 0.5 * s
            u, v = real * u - imaginary * v + now, imaginary * u + real * v
            s = _Spike.apply(2 * u - 1)
            out.append(s)
        return torch.stack(out, dim=1)


class Readout(_Layer):
    """u ← α·u + (1 − α)·x; returns Σ_t softmax(u[t]) [sample, class]."""

    def __init__(self, inputs: int, size: int) -> None:
        super().__init__(inputs, size)
        self.alpha = uniform(size, math.exp(-1 / 5), math.exp(-1 / 25))

    def forward(self, spikes: Tensor) -> Tensor:
        """The sums [sample, class] of spikes [sample, time, input]."""
        x = self.current(spikes)
        alpha = self.alpha.clamp(math.exp(-1 / 5), math.exp(-1 / 25))
        u, total = self.start(x), torch.zeros_like(x[:, 0])
        for now in x.unbind(1):
            u = alpha * u + (1 - alpha) * now
            total = total + u.softmax(dim=1)
        return total


KINDS: dict[str, type[_Layer]] = {"silif": SiLIF, "csilif": CSiLIF}


def trained(kind: str, x: np.ndarray, y: np.ndarray, epochs: int, seed: int) -> dict[str, Tensor]:
    """Train a network and return its parameters by the authors' names.

    Args:
        kind: a key of `KINDS`.
        x: spikes uint8 [sample, time, channel].
        y: labels [sample].
        epochs: number of passes over the samples. The learning rate falls to 0 as a cosine.
        seed: of the first parameters, the order of samples and the dropout.
    """
    torch.manual_seed(seed)
    sizes, classes = (x.shape[2], *HIDDEN), int(y.max()) + 1
    layers = [KINDS[kind](inputs, size) for inputs, size in pairwise(sizes)]
    readout = Readout(sizes[-1], classes)
    network = nn.ModuleList([*layers, readout]).train()
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATES[kind])
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    spikes, labels = torch.from_numpy(x), torch.from_numpy(y.astype(np.int64))
    for epoch in range(epochs):
        for chosen in torch.randperm(len(x)).split(BATCH):
            signal = spikes[chosen].float()
            for layer in layers:
                signal = nn.functional.dropout(layer(signal), DROPOUT)
            loss = nn.functional.cross_entropy(readout(signal), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
        print(f"{kind}: epoch {epoch + 1} of {epochs}, loss {loss.item():.3f}", flush=True)
    return nn.ModuleDict({"snn": network}).state_dict()
