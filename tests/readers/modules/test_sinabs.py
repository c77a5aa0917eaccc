"""Sinabs modules, spike for spike with Sinabs's own run over all timesteps in float64."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from torch import nn

import ultralif_deploy as ul
from support.comparisons import holds
from support.planting import copy_of
from support.requirements import import_or_skip
from support.strategies.shapes import seeds
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.running import run_hard
from ultralif_deploy.readers.modules.recorder import Float64

HINT = "pip install --no-deps -r .ci/readers.txt"
activation = import_or_skip("sinabs.activation", HINT)
layers = import_or_skip("sinabs.layers", HINT)

SQUEEZED = {layers.LIF: layers.LIFSqueeze, layers.IAF: layers.IAFSqueeze}
NEURONS = (layers.LIF, layers.LIFRecurrent)
"""All others are subclasses."""


def neurons(rng, size=None, squeezed=False):
    """A drawn layer of neurons; one constant for all neurons, or one each for `size` of them."""

    def constant(low, high):
        return torch.tensor(rng.uniform(low, high, [size] if size and rng.integers(2) else []))

    kind = [layers.LIF, layers.IAF][rng.integers(2)]
    single = bool(rng.integers(2))
    how = {
        "spike_threshold": constant(0.2, 0.6),
        "spike_fn": activation.SingleSpike if single else activation.MultiSpike,
        "reset_fn": activation.MembraneReset()
        if single and rng.integers(2)
        else activation.MembraneSubtract(),
        "min_v_mem": [None, float(rng.uniform(-0.6, -0.1))][rng.integers(2)],
        "tau_syn": [None, float(rng.uniform(1, 5))][rng.integers(2)],
    }
    if kind is layers.LIF:
        how |= {"tau_mem": constant(2, 8), "norm_input": bool(rng.integers(2))}
        how |= {"train_alphas": bool(rng.integers(2))}
    if squeezed:
        return SQUEEZED[kind](batch_size=5, **how)
    if size and rng.integers(2):
        back = {layers.LIF: layers.LIFRecurrent, layers.IAF: layers.IAFRecurrent}[kind]
        how.pop("train_alphas", None)
        connection = nn.Linear(size, size, bias=False)
        with torch.no_grad():
            connection.weight *= 0.2  # it does not run away
        return back(rec_connect=connection, **how)
    return kind(**how)


def drawn(seed):
    """A net that takes [batch, time, …], or a net of Squeeze layers, and its inputs."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    if rng.integers(2):
        net = nn.Sequential(
            *(nn.Linear(9, 8), neurons(rng, 8), nn.Linear(8, 6), neurons(rng, 6)),
            *(nn.Linear(6, 4), neurons(rng, 4)),
        )
        return net.double().eval(), rng.random((15, 5, 9)) < 0.5
    pool = [layers.SumPool2d(2), nn.AvgPool2d(2)][rng.integers(2)]
    net = nn.Sequential(
        *(nn.Conv2d(2, 3, 3, padding=1), nn.BatchNorm2d(3), neurons(rng, squeezed=True), pool),
        *(nn.Conv2d(3, 4, 2), neurons(rng, squeezed=True), nn.Flatten()),
        *(nn.Linear(16, 5), neurons(rng, squeezed=True)),
    )
    return net.double().eval(), rng.random((15, 5, 2, 6, 6)) < 0.5


def compared(net, inputs):
    """Compare all spikes with those of Sinabs; returns the share of populations that fire."""
    time, samples = inputs.shape[:2]
    network, expected = ul.from_sinabs(net, inputs.shape[2:], timesteps=time), {}
    for name, module in net.named_modules():
        if isinstance(module, NEURONS):
            module.register_forward_hook(
                lambda module, given, out, name=name: expected.update({name: out.detach()})
            )
    given = torch.tensor(inputs.swapaxes(0, 1), dtype=torch.float64)
    with torch.no_grad(), Float64():  # Sinabs makes its spikes float32
        net(given.flatten(0, 1) if inputs.ndim == 5 else given)
    spikes = run_hard(network, inputs.reshape(time, samples, -1)).spikes
    for name, meant in expected.items():
        meant = meant.reshape(samples, time, -1).movedim(1, 0).numpy()
        assert_array_equal(spikes[name], meant, name)
    return np.mean([meant.any() for meant in expected.values()])


def test_spikes_are_those_of_sinabs():
    fired = []
    holds(lambda seed: fired.append(compared(*drawn(seed))), seeds, examples=12)
    assert np.mean(fired) > 0.8


def test_the_spiking_part_of_a_converted_network_is_read():
    from sinabs.from_torch import from_model

    torch.manual_seed(0)
    trained = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 10))
    converted = from_model(trained, input_shape=(1, 6, 6), batch_size=1, add_spiking_output=True)
    network = ul.from_sinabs(converted, (1, 6, 6))
    assert [p.size for p in network.populations] == [64, 10, 10]


def test_the_membrane_of_a_leaky_read_out_is_read():
    torch.manual_seed(0)
    fires = layers.LIF(3.0, spike_threshold=torch.tensor(0.1))
    net = nn.Sequential(nn.Linear(9, 8), fires, nn.Linear(8, 4), layers.ExpLeak(5.0)).double()
    network = ul.from_sinabs(net, timesteps=15)
    inputs = np.random.default_rng(0).random((15, 5, 9)) < 0.5
    with torch.no_grad(), Float64():
        membrane = net(torch.tensor(inputs.swapaxes(0, 1), dtype=torch.float64))[:, -1]
    np.testing.assert_allclose(run_hard(network, inputs).logits, membrane, rtol=0, atol=1e-12)


HARD = {
    "input not normed": ("layer.norm_input", "False", "_gain"),
    "synapse not decayed at once": ("gain * decay", "gain"),
    "floor forgotten": ("layer.min_v_mem is None", "True"),
    "one spike alone": ("return MAX_SPIKES", "return 1"),
    "recurrence forgotten": ("back.reshape(input_data.shape)", "0"),
}


@pytest.mark.parametrize("bug", HARD)
def test_bugs_are_found_before_the_network_is_given_out(bug, monkeypatch):
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Linear(9, 8),
        layers.LIF(tau_mem=3.0, tau_syn=2.0, min_v_mem=-0.1, spike_threshold=torch.tensor(0.05)),
        nn.Linear(8, 8),
        layers.IAFRecurrent(nn.Linear(8, 8, bias=False), spike_threshold=torch.tensor(0.2)),
    )
    ul.from_sinabs(net)
    place = "ultralif_deploy.readers.sinabs.neurons"
    monkeypatch.setattr(f"{place}.SINABS", copy_of(place, HARD[bug]).SINABS)
    with pytest.raises(UltralifError, match=r"neuron \d+ (fires|is silent|gets)|other spikes"):
        ul.from_sinabs(net)


def test_the_module_is_deployed(tmp_path):
    torch.manual_seed(0)
    fires = [layers.IAFSqueeze(batch_size=1, spike_fn=activation.SingleSpike) for _ in range(2)]
    net = nn.Sequential(nn.Linear(64, 12), fires[0], nn.Linear(12, 10), fires[1])
    settings = ul.Settings(data="digits", limit=10, timesteps=4)
    report = ul.deploy(net, tmp_path, settings, back_ends=("fast",))
    assert report["source"]["file"] == "Sequential"


class OwnSpike(activation.SingleSpike):
    """A spike function of the user."""


REFUSED = {
    "a ALIF; expected Linear, Conv1d/2d": lambda: layers.ALIF(5.0, 5.0),
    "min_v_mem of a read-out": lambda: layers.ExpLeak(5.0, min_v_mem=-1.0),
    "MembraneReset.* with MultiSpike": lambda: layers.IAF(reset_fn=activation.MembraneReset()),
    "reset_value=0.5.*expected MembraneSubtract": lambda: layers.IAF(
        reset_fn=activation.MembraneReset(0.5), spike_fn=activation.SingleSpike
    ),
    "that take 2.0 each": lambda: layers.IAF(reset_fn=activation.MembraneSubtract(2.0)),
    "rec_connect has a bias": lambda: layers.IAFRecurrent(nn.Linear(4, 4)),
    "expected one Linear": lambda: layers.IAFRecurrent(
        nn.Sequential(nn.Linear(4, 4, bias=False), nn.ReLU())
    ),
    "spike_fn .*expected SingleSpike": lambda: layers.IAF(spike_fn=OwnSpike),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_taken_over_is_refused_by_name(message):
    net = nn.Sequential(nn.Linear(4, 4), layers.IAF(), REFUSED[message]())
    with pytest.raises(UltralifError, match=message):
        ul.from_sinabs(net)
