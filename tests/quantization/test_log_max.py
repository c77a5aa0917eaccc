"""The soft maximum from a table: error bound, way from a soft network, rings over channels."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from support.commands import DEMO, refused, ultralif
from support.comparisons import holds
from ultralif_deploy.cli import choices
from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.exporters.nir.programs import read_nir
from ultralif_deploy.network import neurons as float_neurons
from ultralif_deploy.network.network import Input, Network, Population, dense
from ultralif_deploy.network.neurons.log_max_lif import exact_correction
from ultralif_deploy.network.running import run_hard
from ultralif_deploy.passes import apply_passes
from ultralif_deploy.program import neurons
from ultralif_deploy.program import program as integer
from ultralif_deploy.program.fixed import FRACTION_BITS, MEMBRANE_MAX
from ultralif_deploy.quantization.correction_table import correction_table
from ultralif_deploy.quantization.quantize import quantize
from ultralif_deploy.quantization.rounding import rounding_table
from ultralif_deploy.simulators.reference import simulator as reference
from ultralif_deploy.simulators.reference import updates
from ultralif_deploy.soft.checkpoint import MEMBRANES, load_checkpoint
from ultralif_deploy.soft.checkpoint_file import save
from ultralif_deploy.soft.hardening import harden
from ultralif_deploy.soft.network import Architecture, SoftNetwork

temperatures = st.one_of(st.floats(0, 300), st.floats(300, MEMBRANE_MAX))


def looked_up(table, gaps):
    entries = gaps >> table.shift
    return np.where(entries < len(table.values), table.values[entries % len(table.values)], 0)


def error_stays_within_bound(table_of, planted=False):
    """No gap whatever errs by more than the bound, and none of two bits more is needed."""

    def check(epsilon, entries, seed):
        table = table_of(epsilon, entries)
        rng = np.random.default_rng(seed)
        edges = (np.arange(entries + 2)[:, None] << table.shift) + np.array([-1, 0, 1])
        gaps = np.concatenate([np.abs(edges.ravel()), rng.integers(0, 1 << 39, 50)])
        gaps = np.concatenate([gaps, rng.integers(0, 2 * int(epsilon) + 2, 200)])
        error = np.abs(looked_up(table, gaps) - exact_correction(gaps.astype(float), epsilon))
        assert error.max() <= table.bound * (1 + 1e-12)
        limit = {8: 7, 16: 12, 32: 21, 64: 36}.get(entries)
        if limit is not None:
            assert table.bound <= epsilon / limit + 0.5

    sizes = st.sampled_from((1, 2, 3, 8, 16, 32, 64, 100))
    holds(check, temperatures, sizes, st.integers(0, 2**32 - 1), planted=planted)


def test_table_errs_by_at_most_its_bound():
    error_stays_within_bound(correction_table)


PLANTED = {
    "entries from the start of their gaps": lambda t, e: replace_values(t, e, 0),
    "entries from the end of their gaps": lambda t, e: replace_values(t, e, (1 << t.shift) - 1),
}


def replace_values(table, epsilon, offset):
    gaps = (np.arange(len(table.values)) << table.shift) + offset
    values = np.rint(exact_correction(gaps.astype(float), epsilon)).astype(int)
    return type(table)(values, table.shift, table.bound)


@pytest.mark.parametrize("bug", PLANTED)
def test_worse_tables_are_found(bug):
    with pytest.raises(AssertionError):
        error_stays_within_bound(
            lambda epsilon, entries: PLANTED[bug](correction_table(epsilon, entries), epsilon),
            planted=True,
        )


def test_exact_correction_is_that_of_the_soft_maximum():
    a, b, epsilon = np.array([0.3, -2.0, 5.0]), np.array([0.3, 1.0, -5.0]), 0.7
    expected = epsilon * np.logaddexp(a / epsilon, b / epsilon)
    got = np.maximum(a, b) + exact_correction(np.abs(a - b), epsilon)
    np.testing.assert_allclose(got, expected, rtol=1e-12)
    assert exact_correction(np.array([0.0, 3.0]), 0.0).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("epsilon", "entries", "message"),
    [
        (1.0, 0, "table of 0 entries; expected 1 to 4096"),
        (1.0, 4097, "table of 4097 entries"),
        (1e7, 16, r"ε is 1e\+07 membrane units; expected 0 to 8388607"),
    ],
)
def test_impossible_tables_are_refused(epsilon, entries, message):
    with pytest.raises(UltralifError, match=message):
        correction_table(epsilon, entries)


def test_membrane_stays_near_the_exact_one():
    """Without a spike, t timesteps err by at most t · (bound + rounding of decay and input)."""

    def check(seed, epsilon, entries):
        rng = np.random.default_rng(seed)
        table = correction_table(epsilon, entries)
        never = np.array([2**30])
        decay = int(rng.integers(-20, 200))
        neuron = neurons.LogMaxLIF(never, np.array([decay]), table.values, table.shift)
        parameters = {k: a.tolist() for k, a in neuron.parameters().items()}
        v, exact = [0], 0.0
        for t in range(12):
            current, bias = int(rng.integers(-20, 20)), int(rng.integers(-99, 99))
            _, v = updates.step(neuron, parameters, [bias], [current], v)
            kept, drive = exact - decay, 64 * current + bias
            exact = max(kept, drive) + float(exact_correction(np.array(abs(kept - drive)), epsilon))
            assert abs(v[0] - exact) <= (t + 1) * table.bound + 1e-6

    holds(check, st.integers(0, 2**32 - 1), st.floats(0, 2000), st.sampled_from((4, 16, 32)))


# From a soft network to a program


def soft_network(kind="ultratplif", batch_norm=False):
    made = SoftNetwork(
        Architecture((6, 12, 12, 3), kind, batch_norm, theta=1.0, membrane="soft"), seed=3
    ).double()
    with torch.no_grad():
        for linear, *_ in made.layers():
            linear.weight.mul_(4)
    return made.eval()


@pytest.mark.parametrize("kind", ["ultratlif", "ultratplif", "ultratplif_ds"])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_hard_network_is_the_soft_one_at_factor_0(kind, batch_norm):
    made = soft_network(kind, batch_norm)
    values = np.random.default_rng(0).integers(0, 2, (9, 40, 6)).astype(np.uint8)
    hard_network = harden(made, Encoder("events", 9), 1)
    assert all(isinstance(p.neuron, float_neurons.LogMaxLIF) for p in hard_network.populations[:-1])
    trace = run_hard(hard_network, values)
    with torch.no_grad():
        expected = made(torch.from_numpy(values).double(), 0.0)
    for name, spikes in expected.spikes.items():
        assert_array_equal(trace.spikes[name], spikes.numpy() != 0)
        assert 0 < spikes.mean() < 1
    np.testing.assert_allclose(trace.logits, expected.logits.numpy(), atol=1e-9)


def test_integer_spikes_approach_the_exact_ones_as_the_table_grows():
    network = apply_passes(harden(soft_network(), Encoder("events", 9), 1))
    values = np.random.default_rng(1).integers(0, 2, (9, 60, 6)).astype(np.uint8)
    # Weights on the 8-bit grid, so that the table alone makes the difference.
    weights = [np.rint(p.map.weight * 8) / 8 for p in network.projections]
    projections = tuple(
        dense(p.source, p.target, w) for p, w in zip(network.projections, weights, strict=True)
    )
    network = Network(network.input, network.populations, projections, 9, 9)
    expected = run_hard(network, values).spikes
    agreement = []
    for entries in (1, 4, 16, 256):
        program = quantize(network, 8, table=entries)
        spikes = reference.load(program).run(values, record=True).spikes
        agreement.append(np.mean([np.mean(spikes[k] == expected[k]) for k in expected]))
    assert agreement == sorted(agreement)
    assert agreement[-1] > 0.99 > agreement[0]


def test_unit_of_a_membrane_is_a_64th_of_a_current_unit():
    program = quantize(apply_passes(harden(soft_network(), Encoder("events", 9), 1)), 8, table=8)
    first = program.populations[0]
    unit = first.scale[0] / 2**FRACTION_BITS
    assert_array_equal(first.scale, first.scale[0])
    assert abs(first.neuron.decay[0] * unit + np.log(0.9)) <= unit / 2
    expected = correction_table(1.0 / unit, 8)
    assert_array_equal(first.neuron.table, expected.values)
    assert first.neuron.shift == expected.shift


def test_weights_too_small_beside_epsilon_are_named():
    network = harden(soft_network(), Encoder("events", 9), 1)
    tiny = tuple(
        dense(p.source, p.target, p.map.weight * 1e-7) if p.target == "neuron1" else p
        for p in network.projections
    )
    small = replace(network, projections=tiny)
    lost = [row.name for row in rounding_table(small, quantize(small, 8)) if row.exceeds]
    assert lost == ["input->neuron1"]


def test_membrane_is_kept_in_the_file(tmp_path):
    path = tmp_path / "net.pt"
    save(path, soft_network(), {}, {})
    read = load_checkpoint(path)
    assert read.network.architecture.membrane == "soft"
    assert read.assumptions.as_dict()["membrane"] == {"value": "soft", "source": "checkpoint"}
    assert load_checkpoint(path, membrane="hard").network.architecture.membrane == "hard"
    save(path, soft_network(), {}, {"membrane": "wet"})
    with pytest.raises(UltralifError, match="membrane = 'wet'; expected hard or soft"):
        load_checkpoint(path)


def test_only_max_plus_membranes_can_stay_soft(tmp_path):
    path = tmp_path / "net.pt"
    save(path, SoftNetwork(Architecture((4, 3, 2), "plif")), {}, {})
    assert "membrane" not in load_checkpoint(path).assumptions.as_dict()
    with pytest.raises(UltralifError, match="--membrane soft: plif has no soft maximum"):
        load_checkpoint(path, membrane="soft")
    with pytest.raises(UltralifError, match="membrane soft: lif has no soft maximum"):
        SoftNetwork(Architecture((4, 3, 2), "lif", membrane="soft"))


# The command


@pytest.fixture(scope="module")
def deployed(tmp_path_factory):
    """The embedded network deployed with a soft membrane."""
    directory = tmp_path_factory.mktemp("soft")
    outcome = ultralif(
        *("deploy", DEMO, "--data", "digits", "--membrane", "soft", "--table", 8, "--anneal"),
        *("--epochs", 3, "--certify", 5, "-o", directory, "--json"),
    )
    assert outcome.code == 0, outcome
    return directory, outcome.json()


def test_deploy_with_a_soft_membrane(deployed):
    directory, report = deployed
    assert report["assumed"]["membrane"] == {"value": "soft", "source": "option"}
    assert report["assumed"]["table"] == {"value": 8, "source": "option"}
    assert report["program"]["populations"][0]["neuron"] == "LogMaxLIF"
    assert report["backends"]["fast"]["exact"]
    assert report["accuracy"]["integer"] > 0.9
    stored = read_nir(directory / "program.nir").populations[0].neuron
    assert isinstance(stored, neurons.LogMaxLIF)
    assert len(stored.table) == 8


def test_annealed_file_remembers_membrane_and_table(deployed, tmp_path):
    directory, _ = deployed
    path = directory / "annealed.pt"
    made = ultralif("quantize", path, "-o", tmp_path, "--json").json()
    assert made["assumed"]["membrane"] == {"value": "soft", "source": "checkpoint"}
    assert made["assumed"]["table"] == {"value": 8, "source": "checkpoint"}
    hardened = ultralif("quantize", path, "--membrane", "hard", "-o", tmp_path, "--json").json()
    assert hardened["assumed"]["membrane"] == {"value": "hard", "source": "option"}
    assert hardened["program"]["populations"][0]["neuron"] == "Threshold"


def test_annealing_keeps_a_soft_membrane(tmp_path):
    run = ("anneal", DEMO, "--data", "digits", "--membrane", "soft", "--epochs", 1, "-o", tmp_path)
    assert ultralif(*run).code == 0
    assert load_checkpoint(tmp_path / "annealed.pt").network.architecture.membrane == "soft"


def test_options_that_do_not_fit(tmp_path):
    assert "hard membranes need no table" in refused("quantize", DEMO, "--table", 8)
    path = tmp_path / "net.pt"
    save(path, soft_network(), {}, {"table": 5000})
    assert "table = 5000; expected 1 to 4096 entries" in refused("inspect", path)
    assert choices.MEMBRANES == MEMBRANES
    assert ultralif("quantize", DEMO, "--membrane", "soft", "--table", 4097).code == 2


# Rings over the channels of a map


@pytest.mark.parametrize("form", ["released", "paper"])
def test_ring_over_channels_is_one_ring_per_pixel(form):
    channels, pixels = 5, 6
    rng = np.random.default_rng(2)
    current = rng.integers(-8, 8, (7, 4, channels, pixels)) / 4
    theta, tau = rng.integers(0, 8, (channels, pixels)) / 4, rng.choice([0.5, 0.75], (channels, 1))
    tau = np.broadcast_to(tau, theta.shape)
    flat = float_neurons.UltraDLIF(theta.ravel(), tau.ravel(), form, inclusive=True, stride=pixels)
    spikes, margins, _ = flat.run(current.reshape(7, 4, -1))
    for pixel in range(pixels):
        ring = float_neurons.UltraDLIF(theta[:, pixel], tau[:, pixel], form, inclusive=True)
        expected, margin, _ = ring.run(current[..., pixel])
        assert_array_equal(spikes.reshape(current.shape)[..., pixel], expected)
        assert_array_equal(margins.reshape(current.shape)[..., pixel], margin)
    assert 0.05 < spikes.mean() < 0.95


@pytest.mark.parametrize("stride", [0, -1, 4])
def test_ring_stride_within_the_population(stride):
    neuron = neurons.UltraDLIF(np.zeros(3), np.zeros(3), "paper", stride)
    with pytest.raises(UltralifError, match=f"a: ring stride {stride}; expected 1 to its 3"):
        integer.Population("a", 3, neuron, np.zeros(3), np.ones(3))


def test_quantization_keeps_the_stride():
    ring = float_neurons.UltraDLIF(
        np.ones(4), np.full(4, 0.5), "released", inclusive=True, stride=2
    )
    network = Network(
        Input(1),
        (
            Population("a", 4, ring, np.zeros(4)),
            Population("out", 1, float_neurons.Integrator(), np.zeros(1)),
        ),
        (dense("input", "a", np.ones((4, 1))), dense("a", "out", np.ones((1, 4)))),
        1,
        1,
    )
    assert quantize(network, 8).populations[0].neuron.stride == 2
