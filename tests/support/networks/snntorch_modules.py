"""Small snnTorch modules whose `forward` a test gives."""

import snntorch as snn
import torch
from torch import nn


def leaky(hidden=True, threshold=0.3, **options):
    return snn.Leaky(0.8, threshold, init_hidden=hidden, **options)


class Net(nn.Module):
    """Layers with which a function makes a `forward`."""

    def __init__(self, function):
        torch.manual_seed(0)
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(5, 6), nn.Linear(6, 6)
        self.hidden, self.last = leaky(), leaky()
        self.lif1, self.lif2 = leaky(False), leaky(False, threshold=0.2)
        self.recurrent = snn.RLeaky(0.7, linear_features=6, threshold=0.2)
        self.function = function

    def forward(self, x):
        return self.function(self, x)


def looped(frames, returned, steps=8):
    """The tutorials' form."""

    def function(net, x):
        mem1, mem2 = net.lif1.init_leaky(), net.lif2.reset_mem()
        spikes, membranes = [], []
        for step in range(steps):
            spike, mem1 = net.lif1(net.fc1(frames(x, step)), mem1)
            spike, mem2 = net.lif2(net.fc2(spike), mem=mem2)
            spikes.append(spike)
            membranes.append(mem2)
        return returned(spikes, membranes)

    return function


FRAMES = {
    "one input": lambda x, t: x,
    "first": lambda x, t: x[t],
    "all axes": lambda x, t: x[t, ...],
    "second": lambda x, t: x[:, t],
    "selected": lambda x, t: x.select(1, t),
    "unbound": lambda x, t: x.unbind(0)[t],
    "turned": lambda x, t: x.permute(1, 0, 2)[t],
    "squeezed": lambda x, t: x[t : t + 1].squeeze(0),
    "cast": lambda x, t: x.float()[t],
}


def one_layer(function):
    return lambda net, x: net.hidden(function(net.fc1(x)))
