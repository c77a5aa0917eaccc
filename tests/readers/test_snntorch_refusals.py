"""What `from_snntorch` cannot take over is refused in one line that names it."""

import numpy as np
import pytest
import snntorch as snn
import torch
from torch import nn
from torch.nn import functional

from support.networks.snntorch_modules import FRAMES, Net, looped, one_layer
from ultralif_deploy import from_snntorch
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program.graph import Dense


def changed(net, x):
    current = net.fc1(x)
    current[:, 0] = 0
    return net.hidden(current)


def viewed(net, x):
    current = net.fc1(x)
    current.view(-1).mul_(2)
    return net.hidden(current)


def decided(net, x):
    spikes = net.hidden(net.fc1(x))
    return spikes * 0 if spikes.sum() > 1e9 else spikes


def fed_back(net, x):
    spikes, mem, record = torch.zeros(x.shape[0], 6), net.lif1.reset_mem(), []
    for _ in range(6):
        spikes, mem = net.lif1(net.fc1(x) + net.fc2(spikes), mem)
        record.append(spikes)
    return torch.stack(record)


def stated(change):
    def function(net, x):
        mem, record = torch.zeros(x.shape[0], 6), []
        for _ in range(6):
            spikes, mem = net.lif1(net.fc1(x), change(net, mem))
            record.append(spikes)
        return torch.stack(record)

    return function


def swapped(net, x):
    a, mem = net.lif1(net.fc1(x), torch.zeros(1))
    return net.lif2(net.fc2(a), mem)[0]


def remembered(net, x):
    record, old = [], net.lif1.reset_mem()
    for _ in range(6):
        spikes, mem = net.lif1(net.fc1(x), old)
        again, _ = net.lif1(net.fc1(x), old)
        record.append(spikes + again)
        old = mem
    return torch.stack(record)


def reset_anew(net, x):
    record = []
    for step in range(6):
        if step in (0, 3):
            mem = net.lif1.reset_mem()
        spikes, mem = net.lif1(net.fc1(x), mem)
        record.append(spikes)
    return torch.stack(record)


def caught(net, x):
    current = net.fc1(x)
    try:
        current = current * 5 if current.sum() > 1e9 else current
    except UltralifError:
        current = current * 2
    return net.hidden(current)


def at_once(net, x):
    currents, mem, record = net.fc1(x), net.lif1.reset_mem(), []
    for step in range(len(x)):
        spikes, mem = net.lif1(currents[step], mem)
        record.append(spikes)
    return torch.stack(record)


def kept(net, x):
    net.hidden(net.fc1(x))
    return net.hidden.mem


def growing(net, x):
    net.calls = getattr(net, "calls", 0) + 1
    return net.hidden(net.fc1(x) + 0.7 * (net.calls > 5))


def unstated(net, x):
    return net.lif1(net.fc2(net.lif1(net.fc1(x))[0]))[0]


def one_loop(returned):
    return looped(FRAMES["one input"], returned)


REFUSED = {
    "relu in place": (one_layer(torch.relu_), r"relu_\(\) is no linear function of spikes"),
    "clamp in place": (one_layer(lambda c: c.clamp_(min=-9)), r"clamp_\(\) is no linear"),
    "max pool": (
        lambda net, x: net.hidden(functional.max_pool1d(net.fc1(x), 2)),
        r"max_pool1d\(\) is no linear function|boolean_dispatch",
    ),
    "index": (changed, "forward writes into a tensor"),
    "view": (viewed, "a value is changed in place"),
    "branch": (decided, r"takes values out of tensors by __bool__\(\)"),
    "item": (one_layer(lambda c: c * c.sum().item()), r"takes values out of tensors by item\(\)"),
    "dropout": (one_layer(functional.dropout), r"dropout\(\) is on in evaluation"),
    "whole numbers": (one_layer(lambda c: c.int().double()), r"int\(\) is no linear"),
    "cast": (one_layer(lambda c: c.to(torch.int64).double()), r"to\(\) cuts values to torch.int64"),
    "half": (one_layer(lambda c: c.to(torch.float16)), r"to\(\) rounds values to torch.float16"),
    "noise": (one_layer(lambda c: c + torch.rand_like(c)), r"rand_like\(\) is no linear"),
    "rounding": (
        one_layer(lambda c: torch.div(c, 2, rounding_mode="floor")),
        r"div\(\) with rounding",
    ),
    "batch": (one_layer(lambda c: c.reshape(-1)), r"reshape\(\) mixes samples"),
    "fed back": (fed_back, "lif1: .* spikes of the timestep before.* RLeaky"),
    "membrane halved": (stated(lambda net, m: m * 0.5), r"lif1: mul\(\) of a membrane potential"),
    "membrane of 1": (stated(lambda net, m: m + 1), "lif1: starts from a state that is not 0"),
    "another's state": (swapped, "lif2: gets the state of lif1; expected its own"),
    "old state": (remembered, "lif1"),
    "one state": (unstated, "lif1: a neuron used twice in a timestep with one state"),
    "last spikes": (one_loop(lambda s, m: s[-1]), "of the last timestep only"),
    "first spikes": (one_loop(lambda s, m: s[0]), "what forward returns adds up to"),
    "half of it": (one_loop(lambda s, m: torch.stack(s[:4])), "what forward returns adds up to"),
    "over classes": (one_loop(lambda s, m: torch.stack(s).sum(-1)), r"sum\(\) of all timesteps"),
    "over samples": (one_loop(lambda s, m: torch.stack(s).mean(1)), r"mean\(\) of all timesteps"),
    "membranes": (
        one_loop(lambda s, m: torch.stack(m)),
        "lif2: its membrane potential is returned",
    ),
    "sum of membranes": (
        one_loop(lambda s, m: torch.stack(m).sum(0)),
        r"sum\(\) of membrane potentials; expected the last one",
    ),
    "mixture": (
        lambda net, x: torch.stack([net.hidden(net.fc1(x)), net.hidden.mem]).sum(0),
        r"stack\(\) of other things",
    ),
    "reset anew": (reset_anew, "lif1: is reset to a given state at a later timestep"),
    "caught": (caught, r"takes values out of tensors by __bool__\(\)"),
    "all at once": (at_once, r"timesteps, if forward loops over them, of the input itself"),
    "kept membrane": (kept, "hidden: its membrane potential is returned, and spikes reset it"),
    "counting": (growing, r"hidden: neuron \d fires in the module at timestep [5-9]"),
    "dictionary": (lambda net, x: {"spikes": net.hidden(net.fc1(x))}, "alone or first in a tuple"),
    "nothing": (lambda net, x: torch.ones(6, 6), "forward returns nothing that depends on"),
    "whole input": (
        lambda net, x: net.lif1(net.fc1(x).sum(0))[0] if x.ndim > 2 else x[0][0],
        r"__getitem__\(\) is no linear|fc1: gets the whole input",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_name_the_cause(case):
    function, message = REFUSED[case]
    with pytest.raises(UltralifError, match=message) as refusal:
        from_snntorch(Net(function), (5,))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "made",
    [
        lambda: snn.Lapicque(0.9, init_hidden=True),
        lambda: snn.Alpha(0.9, 0.5, init_hidden=True),
        lambda: snn.SLSTM(4, 4, init_hidden=True),
        lambda: nn.LayerNorm(4),
        lambda: nn.Softmax(-1),
    ],
)
def test_other_layers_are_refused_by_name(made):
    layer = made()
    with pytest.raises(UltralifError, match=f"1: a {type(layer).__name__}; expected Linear"):
        from_snntorch(nn.Sequential(nn.Linear(4, 4), layer))


def test_spikes_that_hang_on_rounding_alone_are_named_so(monkeypatch):
    def backwards(self, values):
        """The same sums in another order than any library takes."""
        return np.cumsum(values[..., None, ::-1] * self.weight[:, ::-1], axis=-1)[..., -1]

    def made(dtype):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(40, 30, bias=False), snn.Leaky(0.5, init_hidden=True))
        whole = torch.randint(-3, 6, net[0].weight.shape).to(dtype)
        net = net.to(dtype)
        with torch.no_grad():
            net[0].weight.copy_(whole * 0.1)
        return net

    monkeypatch.setattr(Dense, "apply", backwards)
    from_snntorch(made(torch.float32))
    with pytest.raises(UltralifError, match="at the threshold but for rounding"):
        from_snntorch(made(torch.float64))
