"""Norse modules, spike for spike with Norse's own run in float64."""

import warnings

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from torch import nn

import ultralif_deploy as ul
from support.comparisons import holds
from support.foreign.frameworks import run_recorded
from support.planting import copy_of
from support.requirements import import_or_skip
from support.strategies.shapes import seeds
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.running import run_hard
from ultralif_deploy.readers.modules.recorder import Float64

with warnings.catch_warnings():  # Norse compiles with torch.jit, which is deprecated
    warnings.simplefilter("ignore", DeprecationWarning)
    norse = import_or_skip("norse.torch", "pip install --no-deps -r .ci/readers.txt")
    reset = import_or_skip("norse.torch.functional.reset", "see .ci/readers.txt")

CELLS = (norse.LIFCell, norse.LIFBoxCell)


def cell(rng):
    def number(low, high):
        return torch.tensor(rng.uniform(low, high), dtype=torch.float64)

    how = {
        "tau_mem_inv": number(100, 500),
        "v_leak": number(-0.05, 0.05),
        "v_th": number(0.1, 0.3),
        "v_reset": number(-0.1, 0.05),
        "method": ["super", "heaviside"][rng.integers(2)],
    }
    if rng.integers(2):
        return norse.LIFCell(norse.LIFParameters(tau_syn_inv=number(200, 900), **how))
    subtracting = {"reset_method": reset.reset_subtract} if rng.integers(2) else {}
    return norse.LIFBoxCell(norse.LIFBoxParameters(**how, **subtracting))


def drawn(seed):
    """A net of drawn cells, and its inputs."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    pool = [nn.MaxPool2d(2), nn.AvgPool2d(2)][rng.integers(2)]
    net = norse.SequentialState(
        *(nn.Conv2d(2, 3, 3, padding=1), nn.BatchNorm2d(3), cell(rng), pool),
        *(nn.Conv2d(3, 4, 2), cell(rng), nn.Flatten(), nn.Dropout(0.5)),
        *(nn.Linear(16, 8), cell(rng), nn.Linear(8, 5), cell(rng)),
    )
    return net.double().eval(), rng.random((15, 6, 2, 6, 6)) < 0.5


def compared(net, inputs):
    """The share of cells that fire; refuses a network whose spikes are others."""
    state = None

    def step(now):
        nonlocal state
        _, state = net(now, state)

    expected = run_recorded(net, CELLS, inputs, step)
    network = ul.from_norse(net, inputs.shape[2:], timesteps=len(inputs))
    spikes = run_hard(network, inputs.reshape(*inputs.shape[:2], -1)).spikes
    for name, meant in expected.items():
        assert_array_equal(spikes[name], meant, name)
    return np.mean([meant.any() for meant in expected.values()])


def test_spikes_are_those_of_norse():
    fired = []
    holds(lambda seed: fired.append(compared(*drawn(seed))), seeds, examples=12)
    assert np.mean(fired) > 0.8


HARD = {
    "threshold from 0": ('parameter("v_th") - leak', 'parameter("v_th")'),
    "reset from 0": ('parameter("v_reset") - leak', 'parameter("v_reset")'),
    "leak forgotten": ("1 - gain", "1 - 0.9 * gain", "_population"),
    "synapse forgotten": (
        'cell.dt * parameter("tau_syn_inv")',
        '0.5 * cell.dt * parameter("tau_syn_inv")',
        "_population",
    ),
    "input as it is": (
        "scaled(name, signal, gain)",
        "scaled(name, signal, 0 * gain + 1)",
        "_population",
    ),
}


@pytest.mark.parametrize("bug", HARD)
def test_bugs_are_found_before_the_network_is_given_out(bug, monkeypatch):
    torch.manual_seed(0)
    parameters = norse.LIFParameters(
        tau_mem_inv=torch.tensor(300.0),
        v_leak=torch.tensor(0.05),
        v_th=torch.tensor(0.2),
        v_reset=torch.tensor(-0.05),
    )
    net = norse.SequentialState(nn.Linear(9, 8), norse.LIFCell(parameters))
    ul.from_norse(net)
    place = "ultralif_deploy.readers.norse.neurons"
    monkeypatch.setattr(f"{place}.NORSE", copy_of(place, HARD[bug]).NORSE)
    with pytest.raises(UltralifError, match=r"neuron \d+ (fires|is silent|gets)"):
        ul.from_norse(net)


class Looped(nn.Module):
    """A loop over all timesteps of [time, sample, input]."""

    def __init__(self):
        super().__init__()
        quick = norse.LIFBoxParameters(torch.tensor(400.0), v_th=torch.tensor(0.1))
        self.fc, self.first = nn.Linear(6, 7), norse.LIFBoxCell(quick)
        self.out, self.last = nn.Linear(7, 3), norse.LIFBoxCell(quick)

    def forward(self, x):
        first = last = None
        spikes = []
        for one in x:
            hidden, first = self.first(self.fc(one), first)
            out, last = self.last(self.out(hidden), last)
            spikes.append(out)
        return torch.stack(spikes).sum(0)


def test_a_module_that_loops():
    assert ul.from_norse(Looped(), timesteps=9).timesteps == 9


def doubled(p):
    return type(p)(*(v.double() if isinstance(v, torch.Tensor) else v for v in p))


QUICK = doubled(norse.LIFParameters(tau_mem_inv=torch.tensor(400.0), v_th=torch.tensor(0.02)))


def over_time():
    """Layers that loop over time themselves."""
    layers = norse.Lift(nn.Conv2d(1, 2, 3)), norse.LIF(QUICK), norse.Lift(nn.Flatten())
    return norse.SequentialState(*layers, nn.Linear(32, 4), norse.LIF(QUICK))


def recurrent():
    return norse.SequentialState(norse.LIFRecurrentCell(36, 6, QUICK), nn.Linear(6, 4))


def read_by_membrane():
    layers = nn.Flatten(), nn.Linear(36, 6), norse.LIFCell(QUICK), nn.Linear(6, 4)
    return norse.SequentialState(*layers, norse.LICell(doubled(norse.LIParameters())))


@pytest.mark.parametrize("made", [over_time, recurrent, read_by_membrane])
def test_what_the_last_layer_returns_is_read(made):
    torch.manual_seed(0)
    net = made().double().eval()
    inputs = np.random.default_rng(0).random((14, 5, 1, 6, 6)) < 0.5
    given = torch.tensor(inputs, dtype=torch.float64)
    given = given.flatten(2) if made is recurrent else given
    state, returned = None, []
    with torch.no_grad(), Float64():
        if made is over_time:
            returned = net(given)[0]
        for now in given if made is not over_time else ():
            out, state = net(now, state)
            returned.append(out)
    network = ul.from_norse(net, tuple(given.shape[2:]), timesteps=14)
    logits = run_hard(network, inputs.reshape(14, 5, -1)).logits * network.divisor
    meant = returned[-1] if made is read_by_membrane else sum(returned)
    np.testing.assert_allclose(logits, meant.numpy(), rtol=0, atol=1e-12)
    assert meant.any()


def test_a_read_out_that_drives_others_is_refused():
    net = norse.SequentialState(norse.LICell(), nn.Linear(4, 4), norse.LIFCell())
    with pytest.raises(UltralifError, match="1: gets a membrane potential; expected spikes"):
        ul.from_norse(net, (4,))


class Forgets(Looped):
    def forward(self, x):
        return torch.stack([self.first(self.fc(one))[0] for one in x])


def test_a_cell_without_its_state_starts_anew_and_is_refused():
    with pytest.raises(UltralifError, match="first: is reset to a given state at a later timestep"):
        ul.from_norse(Forgets(), timesteps=9)


def test_the_module_is_deployed(tmp_path):
    torch.manual_seed(0)
    cells = [norse.LIFCell() for _ in range(2)]
    net = norse.SequentialState(nn.Linear(64, 12), cells[0], nn.Linear(12, 10), cells[1])
    settings = ul.Settings(data="digits", limit=10, timesteps=4)
    report = ul.deploy(net, tmp_path, settings, back_ends=("fast",))
    assert report["source"]["file"] == "SequentialState"


REFUSED = {
    "a LIFAdExCell; expected Linear, Conv1d/2d": norse.LIFAdExCell,
    "a LIFRefracCell; expected Linear": norse.LIFRefracCell,
    "v_leak of a read-out is not 0": lambda: norse.LICell(
        norse.LIParameters(v_leak=torch.tensor(0.1))
    ),
    "method 'adjoint' does not fire": lambda: norse.LIFCell(norse.LIFParameters(method="adjoint")),
    "method 'none' does not fire": lambda: norse.LIFCell(norse.LIFParameters(method="none")),
    "another reset_method than": lambda: norse.LIFBoxCell(
        norse.LIFBoxParameters(reset_method=lambda z, v, reset, th: v)
    ),
    "v_th: shape": lambda: norse.LIFCell(norse.LIFParameters(v_th=torch.ones(6, 1))),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_taken_over_is_refused_by_name(message):
    net = norse.SequentialState(nn.Linear(4, 4), REFUSED[message]())
    with pytest.raises(UltralifError, match=message):
        ul.from_norse(net)
