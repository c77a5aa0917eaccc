"""Quantization: exact thresholds, scales, formats, and what each parameter becomes."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from support.comparisons import holds, quantization_is_lossless, threshold_is_exact
from support.strategies.networks import networks
from support.strategies.shapes import FORMATS, KINDS, inputs_for, seeds
from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network import neurons as float_neurons
from ultralif_deploy.network.composition import Composed, Diagonal
from ultralif_deploy.network.network import Input, Network, Population, dense
from ultralif_deploy.passes import apply_passes
from ultralif_deploy.program import neurons
from ultralif_deploy.program import program as integer
from ultralif_deploy.program.fixed import DECAY_ONE, FRACTION_BITS
from ultralif_deploy.program.graph import Dense, Identity, Projection
from ultralif_deploy.program.weight_format import formats_of, weight_format
from ultralif_deploy.quantization.grid import fit_scale, fit_weights, round_to_grid
from ultralif_deploy.quantization.integers import integer_threshold
from ultralif_deploy.quantization.moments import PRIOR_ROWS, Moment, second_moment
from ultralif_deploy.quantization.quantize import quantize

# Thresholds


def test_thresholds_are_exact():
    threshold_is_exact(integer_threshold)


@pytest.mark.parametrize("scale", [1.0, 0.1, 0.3, 1 / 3, 2.0**-40, 7e-5])
def test_thresholds_by_brute_force(scale):
    for theta in np.concatenate([scale * np.arange(-9, 10), np.linspace(-1, 1, 9), [np.pi]]):
        if abs(theta / scale) > 100:
            continue
        numbers = range(-120, 121)
        at_least = [n for n in numbers if Fraction(scale) * n >= Fraction(float(theta))]
        above = [n for n in numbers if Fraction(scale) * n > Fraction(float(theta))]
        assert integer_threshold(float(theta), scale, True) == at_least[0] - 1
        assert integer_threshold(float(theta), scale, False) == above[0] - 1


def test_thresholds_at_equality():
    assert integer_threshold(1.5, 0.5, True) == 2  # 3 fires
    assert integer_threshold(1.5, 0.5, False) == 3  # 3 does not
    assert integer_threshold(-1.5, 0.5, True) == -4
    # 0.1 + 0.2 is above 3·0.1 in float64, and 3·0.1 above 0.3.
    assert integer_threshold(0.1 + 0.2, 0.1, True) == 3
    assert integer_threshold(0.3, 0.1, True) == 2


def test_hard_spikes_are_kept_on_an_existing_grid():
    quantization_is_lossless()


# Scales


@pytest.mark.parametrize("shared", [False, True], ids=["per neuron", "shared"])
@pytest.mark.parametrize("bits", FORMATS)
def test_an_existing_grid_is_found_again(bits, shared):
    form = weight_format(bits)

    def check(rows, columns, seed):
        rng = np.random.default_rng(seed)
        q = rng.integers(form.low, form.high, (rows, columns), endpoint=True)
        q *= rng.random((rows, columns)) < rng.choice([0.3, 1.0])
        scale = rng.uniform(1e-3, 10.0, 1 if shared else (rows, 1))
        weight = scale * q
        seen = rng.integers(0, 2, (9, columns))
        moment = Moment(second_moment(seen)) if rng.integers(2) else None
        fitted, again = fit_weights(weight, form, moment, shared=shared)
        # q may come back coarser where it has a common factor; the weights may not change but by
        # rounding: 2^-53 of the largest for each of at most 2·columns operations.
        bound = 2 * columns * 2.0**-52 * np.abs(weight).max(initial=1e-300)
        np.testing.assert_allclose(fitted[:, None] * again, weight, rtol=0, atol=bound)
        assert again.dtype == np.int8
        assert again.min() >= form.low
        assert again.max() <= form.high
        if shared:
            assert_array_equal(fitted, fitted[0])

    holds(check, st.integers(1, 6), st.integers(1, 8), seeds, examples=50)


@pytest.mark.parametrize("shared", [False, True], ids=["per neuron", "shared"])
def test_fitted_scales_beat_the_largest_weight(shared):
    better = []

    def check(bits, seed):
        form = weight_format(bits)
        rng = np.random.default_rng(seed)
        weight = rng.normal(0, 1, (5, 30))
        moment = second_moment((rng.random((60, 30)) < 0.3) * 1.0)
        scale, exact = fit_scale(weight, form, Moment(moment), shared=shared)
        assert not exact.any()
        largest = np.abs(weight).max(axis=1)
        naive = (np.full(5, largest.max()) if shared else largest) / form.high

        def error(s):
            rest = weight - s[:, None] * round_to_grid(weight, s, form)
            return np.einsum("ij,jk,ik->i", rest, moment, rest)

        if shared:
            assert_array_equal(scale, scale[0])
            assert error(scale).sum() <= error(naive).sum() * (1 + 1e-12)
        else:
            assert (error(scale) <= error(naive) * (1 + 1e-12)).all()
        better.append(error(scale).sum() < 0.9 * error(naive).sum())

    holds(check, st.sampled_from(FORMATS), seeds, examples=40)
    assert np.mean(better) > 0.3


def test_the_current_decides_not_the_weights():
    # The first input is never active: its large weight may be clipped.
    weight = np.array([[8.0, 0.31, -0.27, 0.11]])
    active = np.array([[0.0, 1, 0, 1], [0, 0, 1, 1], [0, 1, 1, 0]])
    form = weight_format(4)
    weighed, _ = fit_scale(weight, form, Moment(second_moment(active)))
    unweighed, _ = fit_scale(weight, form)
    rest = [active @ (weight - s * round_to_grid(weight, s, form)).T for s in (weighed, unweighed)]
    assert np.abs(rest[0]).max() < 0.5 * np.abs(rest[1]).max()


@pytest.mark.parametrize("weight", [np.zeros((2, 3)), np.full((2, 3), 1e-310)])
def test_weights_of_nothing_have_a_scale(weight):
    scale, q = fit_weights(weight, weight_format(8))
    assert (scale > 0).all()
    assert not q.any()


def test_second_moment_of_wide_inputs_is_its_diagonal():
    x = np.random.default_rng(0).integers(0, 2, (3, 4100)).astype(float)
    assert_array_equal(second_moment(x), (x * x).mean(axis=0))
    full = second_moment(x[:, :5])
    assert_array_equal(np.diagonal(full), (x[:, :5] ** 2).mean(axis=0))
    coupled = x[:, :5].T @ x[:, :5] / (3 + PRIOR_ROWS)
    np.fill_diagonal(coupled, np.diagonal(full))
    assert_array_equal(full, coupled)


# Whole networks


def quantized(data, bits, kinds=KINDS):
    """A drawn network after all passes, its inputs, and the program made of it."""
    network = apply_passes(data.draw(networks(kinds)))
    inputs = data.draw(inputs_for(network, network.timesteps, 4))
    calibration = data.draw(st.sampled_from((None, inputs)))
    return network, inputs, quantize(network, bits, calibration)


@pytest.mark.parametrize("bits", FORMATS)
def test_formats_and_scales(bits):
    form = weight_format(bits)

    def check(data):
        network, _, program = quantized(data, bits)
        assert program.weight_format == form.name
        for projection in program.projections:
            matrix = projection.map.matrix()
            assert form.low <= matrix.min()
            assert matrix.max() <= form.high
        for p in program.populations:
            if isinstance(p.neuron, (neurons.UltraDLIF, neurons.LogMaxLIF, *neurons.READOUTS)):
                assert_array_equal(p.scale, p.scale[0])
        structure = [(p.source, p.target) for p in network.projections]
        assert sorted((p.source, p.target) for p in program.projections) == sorted(structure)
        assert (program.timesteps, program.divisor) == (network.timesteps, network.divisor)

    holds(check, st.data(), examples=25)


def test_every_population_has_a_format_of_its_own():
    different = []

    def check(data):
        network = apply_passes(data.draw(networks(KINDS)))
        bits = {p.name: data.draw(st.sampled_from(FORMATS)) for p in network.populations}
        program = quantize(network, bits)
        assert {name: numbers.name for name, numbers in program.formats.items()} == bits
        for projection in program.projections:
            matrix, form = projection.map.matrix(), weight_format(bits[projection.target])
            assert form.low <= matrix.min()
            assert matrix.max() <= form.high
            alone = quantize(network, bits[projection.target])
            (same,) = [p for p in alone.projections if p.name == projection.name]
            assert_array_equal(matrix, same.map.matrix())
        different.append(len(set(bits.values())) > 1)

    holds(check, st.data(), examples=25)
    assert np.mean(different) > 0.5


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        ({"hidden": 8}, "no bits for 'readout'"),
        ({"hidden": 8, "readout": 4, "other": 2}, "bits of 'other'; expected populations hidden"),
        ({"hidden": 8, "readout": 9}, "bits = 9; expected 2 to 8 or ternary"),
    ],
)
def test_formats_that_do_not_fit_the_populations_are_refused(bits, expected):
    with pytest.raises(UltralifError, match=expected):
        formats_of(bits, ("hidden", "readout"))


def test_parameters_are_the_nearest_integers():
    def check(data):
        network, _, program = quantized(data, 8)
        for before, after in zip(network.populations, program.populations, strict=True):
            model, made = before.neuron, after.neuron
            leaky = hasattr(model, "tau")
            fine = leaky or isinstance(model, float_neurons.LogMaxLIF)
            unit = after.scale / 2**FRACTION_BITS if fine else after.scale
            assert (np.abs(after.bias * unit - before.bias) <= 0.5 * unit * (1 + 1e-9)).all()
            for name, tau in (("decay", "tau"), ("synaptic_decay", "synaptic_tau")):
                if hasattr(model, tau):
                    kept = 1 - getattr(made, name) / DECAY_ONE
                    assert (np.abs(kept - getattr(model, tau)) <= 0.5 / DECAY_ONE).all()
            if not model.FIRES:
                continue
            rows = zip(model.threshold, unit, made.threshold, strict=True)
            assert all(integer_threshold(t, s, model.inclusive) == n for t, s, n in rows)
            assert getattr(made, "reset_mode", "") == getattr(model, "reset_mode", "")
            for name in ("reset", "initial", *(() if leaky else ("decay",))):
                if hasattr(model, name):
                    difference = np.abs(getattr(made, name) * unit - getattr(model, name))
                    assert (difference <= 0.5 * unit * (1 + 1e-9)).all()

    holds(check, st.data(), examples=50)


def scaled(network, factors):
    """Every max-plus neuron's weights, bias and parameters times its own factor."""

    def of(p):
        f = factors[p.name]
        if not p.neuron.FIRES:
            return p
        names = [n for n in ("threshold", "decay", "reset", "initial") if hasattr(p.neuron, n)]
        neuron = replace(p.neuron, **{n: getattr(p.neuron, n) * f for n in names})
        return replace(p, neuron=neuron, bias=p.bias * f)

    projections = tuple(
        p
        if p.target == "out" or isinstance(p.map, Identity)
        else dense(p.source, p.target, p.map.weight * factors[p.target][:, None])
        for p in network.projections
    )
    return replace(
        network, populations=tuple(map(of, network.populations)), projections=projections
    )


def test_max_plus_dynamics_are_scale_free():
    def check(data, bits, seed):
        network, inputs, _ = quantized(data, bits, kinds=("threshold", "tropical"))
        if any(not isinstance(p.map, Dense) for p in network.projections):
            return  # an identity's scale is 1, and the neurons of a channel share theirs
        rng = np.random.default_rng(seed)
        # Powers of two, so that float64 rounds alike.
        # A neuron without weights may have any scale, and gets 1.
        factors = {}
        for p in network.populations:
            weight = np.hstack([q.map.matrix() for q in network.incoming(p.name)])
            factors[p.name] = 2.0 ** (rng.integers(-9, 10, p.size) * weight.any(axis=1))
        plain, other = (quantize(n, bits, inputs) for n in (network, scaled(network, factors)))
        for name, array in integer.executed_arrays(plain).items():
            assert_array_equal(integer.executed_arrays(other)[name], array, name)
        for p, q in zip(plain.populations[:-1], other.populations[:-1], strict=True):
            assert_array_equal(q.scale, p.scale * factors[p.name])

    holds(check, st.data(), st.sampled_from(FORMATS), seeds, examples=40)


def threshold_unit(name, size=2):
    return Population(name, size, float_neurons.Threshold(np.full(size, 0.5), True), np.zeros(size))


def made_of(*projections, populations=("a", "b"), size=2, **options):
    readout = Population("out", 1, float_neurons.Integrator(), np.zeros(1))
    made = tuple(threshold_unit(name) for name in populations)
    last = dense(populations[-1], "out", np.ones((1, 2)))
    return Network(Input(size, **options), (*made, readout), (*projections, last), 3, 3)


def test_projections_into_a_population_share_its_scale():
    network = made_of(
        dense("input", "a", np.eye(2)),
        dense("input", "b", np.array([[2.0, 1.0], [3.0, 0.0]])),
        dense("a", "b", np.array([[0.0, -1.0], [6.0, 1.0]])),
    )
    program = quantize(network, 4)
    assert program.population("b").scale.tolist() == [1.0, 1.0]
    maps = {p.name: p.map.matrix().tolist() for p in program.projections}
    assert maps["input->b"] == [[2, 1], [3, 0]]
    assert maps["a->b"] == [[0, -1], [6, 1]]


def test_delayed_sources_are_silent_during_calibration():
    network = made_of(
        dense("b", "a", np.eye(2)),
        dense("input", "b", np.eye(2)),
        dense("a", "b", np.eye(2)),
    )
    calibration = np.ones((3, 4, 2), dtype=np.uint8)
    program = quantize(network, 8, calibration)
    assert program.population("a").scale.tolist() == [1.0, 1.0]


def test_the_encoder_travels_with_the_program():
    encoder = Encoder("rate", 3, 0.25, seed=4)
    program = quantize(
        made_of(dense("input", "a", np.eye(2)), populations=("a",)), 8, None, encoder
    )
    assert program.encoding == encoder.as_dict()


def test_calibration_may_be_longer_than_the_network_runs():
    network = made_of(dense("input", "a", np.array([[1.0, 0.3], [0.2, 1.0]])), populations=("a",))
    values = np.random.default_rng(0).integers(0, 2, (9, 20, 2)).astype(np.uint8)
    long, short = (quantize(network, 2, x) for x in (values, values[:3]))
    assert_array_equal(long.populations[0].scale, short.populations[0].scale)


# Refusals


@pytest.mark.parametrize("bits", [1, 9, "8.0", "binary", ""])
def test_unknown_formats(bits):
    with pytest.raises(UltralifError, match=f"bits = {bits}; expected 2 to 8 or ternary"):
        quantize(made_of(dense("input", "a", np.eye(2)), populations=("a",)), bits)


def test_formats_by_name():
    assert [(weight_format(b).low, weight_format(b).high) for b in (8, "4", " Ternary ", 2)] == [
        (-128, 127),
        (-8, 7),
        (-1, 1),
        (-2, 1),
    ]
    assert weight_format("ternary").bits == pytest.approx(1.584962500721156, rel=1e-15)
    assert weight_format(5).bits == 5.0


@pytest.mark.parametrize("options", [{"scale": 0.5}, {"offset": 1.0}])
def test_input_scale_left(options):
    network = made_of(dense("input", "a", np.eye(2)), populations=("a",), **options)
    with pytest.raises(UltralifError, match="input: scale and offset left; apply fold-input first"):
        quantize(network)


def test_batch_norm_left():
    network = made_of(dense("input", "a", np.eye(2)), populations=("a",))
    first, *others = network.projections
    normalised = replace(first, map=Composed((first.map, Diagonal(np.ones(2)))))
    with pytest.raises(UltralifError, match="a: composed maps left; apply fold-linear first"):
        quantize(replace(network, projections=(normalised, *others)))


def test_identity_beside_weights():
    network = made_of(
        dense("input", "a", np.eye(2)),
        dense("input", "b", np.eye(2)),
        Projection("a", "b", Identity(2)),
    )
    made = quantize(network)
    assert [p.map.weight.tolist() for p in made.incoming("b")] == 2 * [[[1, 0], [0, 1]]]
    assert made.population("b").scale.tolist() == [1.0, 1.0]


FAR = ((1e30, 1.0), (1e300, 1e-12))
"""A threshold and weights; in units of the second ones, it is no float64 any more."""


@pytest.mark.parametrize(("size", "weight"), FAR)
@pytest.mark.parametrize("sign", [1, -1])
def test_thresholds_that_no_current_reaches_end_at_32_bits(sign, size, weight):
    """A threshold beyond every current decides nothing; the program holds the nearest int32."""
    made = made_of(dense("input", "a", weight * np.eye(2)), dense("a", "b", np.eye(2)))
    far = float_neurons.Threshold(np.array([sign * size, 0.5]), True)
    first, *others = made.populations
    found = quantize(replace(made, populations=(replace(first, neuron=far), *others)))
    edge = 2**31 - 1 if sign > 0 else -(2**31)
    assert found.population("a").neuron.threshold.tolist()[0] == edge


@pytest.mark.parametrize(("size", "weight"), FAR)
def test_levels_that_no_current_reaches_end_at_32_bits(size, weight):
    made = made_of(dense("input", "a", weight * np.eye(2)), dense("a", "b", np.eye(2)))
    far = float_neurons.MultiThreshold(np.array([[-size, 0.5], [size, 1.5]]))
    first, *others = made.populations
    found = quantize(replace(made, populations=(replace(first, neuron=far), *others)))
    levels = found.population("a").neuron.thresholds.reshape(2, 2)
    assert levels[:, 0].tolist() == [-(2**31), 2**31 - 1]


@pytest.mark.parametrize(("tau", "expected"), [(0.5, [63, 126]), (1.0, [32, 64]), (0.0, [32, 64])])
def test_grids_are_refined_by_whole_factors_where_a_leak_breaks_ties(tau, expected):
    made = made_of(dense("input", "a", np.array([[1.0, 2], [2, 1]])), dense("a", "b", np.eye(2)))
    leaky = float_neurons.LIF(np.ones(2), np.full(2, tau), False, np.zeros(2))
    first, *others = made.populations
    program = quantize(replace(made, populations=(replace(first, neuron=leaky), *others)))
    assert program.projections[0].map.weight[0].tolist() == expected
