"""Passes keep every spike; the membrane stays wherever leaving it out would change one."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import assume
from hypothesis import strategies as st

from support.comparisons import (
    CONCERNED,
    PREPARED,
    assert_same_spikes,
    described,
    holds,
    rewrite_keeps_spikes,
)
from support.strategies.networks import networks
from support.strategies.shapes import KINDS, inputs_for, seeds
from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.composition import Composed, Diagonal
from ultralif_deploy.network.network import Input, Network, Population, dense
from ultralif_deploy.network.neurons import Integrator, Threshold, TropicalLIF
from ultralif_deploy.network.running import run_hard
from ultralif_deploy.passes import (
    PASSES,
    REQUIRED,
    apply_passes,
    collapse_constant,
    elide_membrane,
    fold_bias,
)
from ultralif_deploy.passes.savings import pass_savings
from ultralif_deploy.program.convolution import Conv2d, average_pool
from ultralif_deploy.program.graph import WEIGHTED, Identity, Projection
from ultralif_deploy.soft.hardening import harden
from ultralif_deploy.soft.network import Architecture, SoftNetwork
from ultralif_deploy.soft.neurons.kinds import RELEASED

SUBSETS = [(), ("fold-bias",), ("elide-membrane",), ("fold-bias", "collapse-constant")]


@pytest.mark.parametrize("name", PASSES)
def test_each_pass_keeps_every_spike(name):
    module = name.replace("-", "_")
    kinds, before = CONCERNED.get(module, KINDS), PREPARED.get(module, ())
    assert rewrite_keeps_spikes(PASSES[name], kinds, examples=320, before=before) > 5


@pytest.mark.parametrize("skip", SUBSETS, ids=lambda names: " ".join(names) or "none")
def test_all_passes_keep_every_spike(skip):
    def rewrite(network):
        rewritten = apply_passes(network, skip)
        assert all(isinstance(p.map, (*WEIGHTED, Identity)) for p in rewritten.projections)
        assert (rewritten.input.scale, rewritten.input.offset) == (1.0, 0.0)
        return rewritten

    assert rewrite_keeps_spikes(rewrite, examples=60) > 10


def soft_network(kind, layers, batch_norm, skip, seed):
    """Float weights; parameters and statistics off their defaults."""
    a = Architecture((5, *[4] * layers, 3), kind, batch_norm, skip and layers > 1, theta=0.25)
    network = SoftNetwork(a, seed)
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, value in network.state_dict().items():
            if value.is_floating_point():
                noise = torch.rand(value.shape, generator=draw)
                value += 0.5 * noise if key.endswith("var") else noise - 0.4
    return network.eval()


def test_hardened_networks_keep_every_spike():
    kinds = sorted(RELEASED)

    def check(data):
        network = soft_network(
            data.draw(st.sampled_from(kinds)),
            data.draw(st.integers(1, 3)),
            data.draw(st.booleans()),
            data.draw(st.booleans()),
            data.draw(seeds),
        )
        kind = data.draw(st.sampled_from(("rate", "constant")))
        hard = harden(
            network, Encoder(kind, 4, normalize=data.draw(st.sampled_from(("none", "mnist"))))
        )
        values = data.draw(inputs_for(hard, 4, 6))
        # Folding rounds currents of at most 1e3 to float64; further than that from θ no spike can
        # change. The drawn networks come that close only where a tie was meant.
        assume(all(np.abs(m).min() > 1e-9 for m in run_hard(hard, values).margins.values()))
        rewritten = apply_passes(hard)
        logits, expected = assert_same_spikes(hard, rewritten, values)
        np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-9)

    holds(check, st.data(), examples=60)


# Leaving out the membrane


def tropical(threshold, decay, reset=0.0, initial=0.0, inclusive=True, others=0):
    """One max-plus neuron behind a weight of 1, and `others` whose membrane never matters."""

    def array(value, plain):
        return np.array([value] + [plain] * others, dtype=float)

    neuron = TropicalLIF(
        array(threshold, 1.0), array(decay, 0.5), array(reset, 0.0), array(initial, 0.0), inclusive
    )
    size = 1 + others
    return Network(
        Input(1, 255, scale=0.25, offset=-8.0),
        (
            Population("a", size, neuron, np.zeros(size)),
            Population("out", 1, Integrator(), np.zeros(1)),
        ),
        (dense("input", "a", np.ones((size, 1))), dense("a", "out", np.ones((1, size)))),
        4,
        4,
    )


VIOLATIONS = {
    "membrane grows (log tau > 0)": tropical(1.0, -0.5),
    "membrane grows, and fires at once": tropical(0.5, -0.5),
    "reset above a negative threshold": tropical(-1.0, 0.5),
    "reset at the threshold without decay": tropical(0.0, 0.0),
    "reset at the threshold after the decay": tropical(-0.5, 0.5),
    "reset value above the threshold": tropical(1.0, 0.5, reset=1.5),
    "initial value above the threshold": tropical(1.0, 0.5, initial=1.5),
    "strict: reset above a negative threshold": tropical(-1.0, 0.5, inclusive=False),
    "strict: membrane grows": tropical(1.0, -0.5, inclusive=False),
    "strict: initial value above the threshold": tropical(1.0, 0.5, initial=2.0, inclusive=False),
}


def inputs_like(network, real):
    """Integer inputs [time, 1, 1] that are read as the real values."""
    values = (np.array(real) - network.input.offset) / network.input.scale
    assert (values == values.astype(np.uint8)).all()
    return values.astype(np.uint8)[:, None, None]


@pytest.mark.parametrize("others", [0, 2], ids=["alone", "one of three"])
@pytest.mark.parametrize("violation", VIOLATIONS)
def test_membranes_that_matter_are_kept(violation, others):
    network = VIOLATIONS[violation]
    if others:
        n = network.populations[0].neuron
        plain = (n.threshold[0], n.decay[0], n.reset[0], n.initial[0], n.inclusive)
        network = tropical(*plain, others=others)
    kept = elide_membrane(network).populations[0]
    assert isinstance(kept.neuron, TropicalLIF)
    # Without the membrane a spike would change: silence far below the threshold, and one current.
    as_threshold = replace(kept, neuron=Threshold(kept.neuron.threshold, kept.neuron.inclusive))
    wrong = replace(network, populations=(as_threshold, network.populations[1]))
    differs = []
    for real in ([-8.0] * 4, [0.25, 0.25, -8.0, -8.0], [2.0, -8.0, -8.0, -8.0]):
        values = inputs_like(network, real)
        right, without = run_hard(network, values), run_hard(wrong, values)
        differs.append((right.spikes["a"] != without.spikes["a"]).any())
    assert any(differs)


@pytest.mark.parametrize(
    "network",
    [
        tropical(0.0, 0.25),
        tropical(1.0, 0.0),
        tropical(-0.25, 0.5),
        tropical(0.0, 0.0, inclusive=False),
        tropical(-0.5, 0.5, inclusive=False),
        tropical(1.0, 0.5, reset=1.25, initial=1.25),
        tropical(1.0, 0.5, reset=1.5, initial=1.5, inclusive=False),
    ],
)
def test_membranes_that_never_matter_are_left_out(network):
    elided = elide_membrane(network)
    assert isinstance(elided.populations[0].neuron, Threshold)
    rng = np.random.default_rng(0)
    values = rng.integers(20, 48, (4, 200, 1)).astype(np.uint8)
    assert_same_spikes(network, elided, values)
    expected = run_hard(network, values)
    assert (expected.margins["a"] == 0).any()
    assert 0.1 < expected.spikes["a"].mean() < 0.98


def test_other_models_are_left_alone():
    def check(network):
        for before, after in zip(
            network.populations, elide_membrane(network).populations, strict=True
        ):
            if not isinstance(before.neuron, TropicalLIF):
                assert after is before

    holds(check, networks(), examples=40)


# Collapse


def constant(network, **changes):
    return replace(network, input=replace(network.input, constant=True), **changes)


def memoryless():
    return elide_membrane(tropical(0.5, 0.5))


def test_constant_input_needs_one_timestep():
    network = constant(memoryless())
    collapsed = collapse_constant(network)
    assert (collapsed.timesteps, collapsed.divisor) == (1, 1)


@pytest.mark.parametrize(
    "network",
    [
        memoryless(),
        constant(tropical(0.5, 0.5)),
        constant(memoryless(), divisor=1),
        constant(
            memoryless(),
            projections=(*memoryless().projections, dense("a", "a", np.ones((1, 1)))),
        ),
    ],
    ids=["changing input", "a membrane", "logits that are no mean", "a delayed projection"],
)
def test_timesteps_that_differ_are_kept(network):
    assert collapse_constant(network) is network


# Folding and choosing


def test_folded_bias_leaves_none_but_in_leaky_models():
    def check(network):
        for p in fold_bias(network).populations:
            if isinstance(p.neuron, (Threshold, TropicalLIF)):
                assert not p.bias.any()

    holds(check, networks(), examples=40)


def test_passes_leave_their_argument_alone():
    def check(network):
        before = described(network)
        apply_passes(network)
        assert described(network) == before

    holds(check, networks(), examples=30)


def test_unknown_pass():
    with pytest.raises(
        UltralifError, match="unknown pass 'unroll'; available: fold-gain, fold-linear"
    ):
        apply_passes(memoryless(), ["unroll"])


@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_passes_that_a_program_needs(name):
    with pytest.raises(UltralifError, match=f"pass {name} cannot be switched off"):
        apply_passes(memoryless(), [name])


# What they save


def test_savings_are_counted_exactly():
    rng = np.random.default_rng(0)
    conv = Conv2d(rng.uniform(0.1, 1, (3, 1, 3, 3)), (1, 6, 6), padding=(1, 1))
    pool = average_pool(conv.output_shape, (2, 2), (2, 2))
    normalised = Composed((conv, Diagonal(np.repeat([1.0, 2.0, 3.0], 36)), pool))
    units = Population("a", 27, Threshold(np.ones(27), True), np.ones(27))
    readout = Population("out", 2, Integrator(), np.zeros(2))
    network = Network(
        Input(36, constant=True),
        (units, readout),
        (Projection("input", "a", normalised), dense("a", "out", np.ones((2, 27)))),
        4,
        4,
    )
    rows = {
        row["pass"]: (row["parameters"], row["dense_operations"]) for row in pass_savings(network)
    }
    # 3 x 3 taps meet 16 inputs 9 times, 16 on an edge 6 times and 4 corners 4 times.
    taps = 3 * (16 * 9 + 16 * 6 + 4 * 4)
    assert rows["none"] == (27 + 108 + 12 + 54 + 27, 4 * (taps + 108 + 108 + 54))
    # 4 x 4 taps in steps of 2: every input meets 4 of them but for the border.
    folded = int(Composed((conv, pool)).product().fan_out().sum())
    assert rows["fold-linear"] == (3 * 16 + 54 + 27, 4 * (folded + 54))
    assert rows["collapse-constant"] == (3 * 16 + 54 + 27, folded + 54)
    assert rows["fold-bias"] == (3 * 16 + 54, folded + 54)
    assert list(rows) == ["none", *PASSES]
    assert "fold-bias" not in {row["pass"] for row in pass_savings(network, ["fold-bias"])}
