"""Convolutions as linear maps, and products of linear maps, against torch and against matrices."""

import numpy as np
import pytest
import torch
from hypothesis import assume
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from support.comparisons import holds
from support.planting import copy_of
from support.strategies.shapes import convolutions, seeds
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network import composition
from ultralif_deploy.network.composition import Composed, Diagonal
from ultralif_deploy.program.convolution import Conv2d, average_pool
from ultralif_deploy.program.graph import Dense, Identity

images = st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 6))


def filled(conv, rng):
    weight = rng.integers(-4, 5, conv.weight.shape) / 2
    return Conv2d(weight, conv.input_shape, conv.stride, conv.padding, conv.dilation, conv.groups)


def drawn_convolution(data, image, rng):
    conv = data.draw(convolutions(image))
    assume(conv is not None)
    return filled(conv, rng)


def test_convolution_is_that_of_torch():
    def check(data, image, seed):
        rng = np.random.default_rng(seed)
        conv = drawn_convolution(data, image, rng)
        x = rng.integers(-3, 4, (2, 3, conv.source_size)).astype(np.float64)
        expected = torch.nn.functional.conv2d(
            torch.tensor(x.reshape(6, *image)),
            torch.tensor(conv.weight),
            stride=conv.stride,
            padding=conv.padding,
            dilation=conv.dilation,
            groups=conv.groups,
        )
        assert conv.output_shape == expected.shape[1:]
        assert_array_equal(conv.apply(x), expected.numpy().reshape(2, 3, -1))

    holds(check, st.data(), images, seeds)


def test_matrix_transpose_and_fan_out_agree():
    def check(data, image, seed):
        rng = np.random.default_rng(seed)
        conv = drawn_convolution(data, image, rng)
        matrix = conv.matrix()
        x, y = rng.integers(-3, 4, (2, conv.source_size)), rng.integers(-3, 4, (2, len(matrix)))
        assert_array_equal(conv.apply(x), x @ matrix.T)
        assert_array_equal(conv.apply_transposed(y), y @ matrix)
        assert_array_equal(conv.fan_out(), np.count_nonzero(matrix, axis=0))

    holds(check, st.data(), images, seeds, examples=100)


def drawn_part(data, image, size, rng):
    """A linear map of `size` neurons, which are an image where `image` is not None."""
    kinds = ["dense", "diagonal", "gain", "identity"] + 4 * ["conv", "pool"] * (image is not None)
    kind = data.draw(st.sampled_from(kinds))
    if kind == "conv":
        return drawn_convolution(data, image, rng)
    if kind == "pool":
        kernel = data.draw(st.sampled_from((1, 2, image[1])))
        assume(kernel <= min(image[1:]))
        return average_pool(image, (kernel, kernel), (kernel, kernel))
    if kind == "dense":
        return Dense(rng.integers(-4, 5, (data.draw(st.integers(1, 4)), size)) / 2)
    if kind == "identity":
        return Identity(size)
    if kind == "gain" and image is not None:
        return Diagonal(np.repeat(rng.integers(-2, 3, image[0]) / 2, image[1] * image[2]))
    return Diagonal(rng.integers(-2, 3, size) / 2)


def products_are_exact(product, planted=False):
    """One map does what the parts do one after the other; the kinds of map that came out."""
    kinds = set()

    def check(data, image, seed):
        rng = np.random.default_rng(seed)
        parts, size = [], int(np.prod(image))
        for _ in range(data.draw(st.integers(1, 4))):
            parts.append(drawn_part(data, image, size, rng))
            size = parts[-1].target_size
            if isinstance(parts[-1], Conv2d):
                image = parts[-1].output_shape
            elif isinstance(parts[-1], Dense):
                image = None
        whole = Composed(tuple(parts))
        single = product(tuple(parts))
        kinds.add(type(single).__name__)
        assert (single.source_size, single.target_size) == (whole.source_size, whole.target_size)
        x = rng.integers(-4, 5, (3, whole.source_size)).astype(np.float64)
        np.testing.assert_allclose(single.apply(x), whole.apply(x), rtol=0, atol=1e-9)

    holds(check, st.data(), images, seeds, examples=400, planted=planted)
    return kinds


def test_products_are_exact():
    made = products_are_exact(lambda parts: Composed(parts).product())
    assert made == {"Dense", "Conv2d", "Identity"}


BUGS = {
    "borders not checked": (
        "second.padding[axis] and not "
        "(inside and first.input_shape[1 + axis] % first.stride[axis] == 0)",
        "False",
    ),
    "overhang not checked": (
        "first.input_shape[1 + axis] % first.stride[axis] == 0",
        "True",
    ),
    "taps of the second in steps of one": (
        "second.dilation[axis] * first.stride[axis]",
        "second.dilation[axis]",
    ),
    "groups ignored": ("first.groups if depthwise else 1", "1"),
    "gain of the first channel for all": ("values[:, 0]", "values[:1, 0].repeat(channels)"),
}


@pytest.mark.parametrize("bug", BUGS)
def test_bugs_in_products_are_found(bug):
    planted = copy_of("ultralif_deploy.network.composition", BUGS[bug])

    def product(parts):
        mine = [planted.Diagonal(p.weight) if isinstance(p, Diagonal) else p for p in parts]
        return planted.Composed(tuple(mine)).product()

    with pytest.raises((AssertionError, UltralifError, ValueError, IndexError)):
        products_are_exact(product, planted=True)


def test_pooling_folds_into_the_convolution_before_it():
    rng = np.random.default_rng(0)
    conv = Conv2d(rng.integers(-4, 5, (3, 2, 3, 3)) / 1.0, (2, 8, 8), padding=(1, 1))
    pool = average_pool(conv.output_shape, (2, 2), (2, 2))
    folded = Composed((conv, pool)).product()
    assert isinstance(folded, Conv2d)
    assert (folded.kernel, folded.stride, folded.padding) == ((4, 4), (2, 2), (1, 1))
    # Every spike away from the border meets 4 · 4/4 kernel taps instead of 9.
    assert folded.fan_out().sum() < 0.5 * conv.fan_out().sum()


def test_products_too_large_for_a_matrix_are_refused(monkeypatch):
    monkeypatch.setattr(composition, "DENSE_LIMIT", 100)
    conv = Conv2d(np.ones((2, 1, 3, 3)), (1, 6, 6), padding=(1, 1))
    again = Conv2d(np.ones((2, 2, 3, 3)), (2, 6, 6), padding=(1, 1))
    with pytest.raises(UltralifError, match="no convolution, and as a matrix it would have 2592"):
        Composed((conv, again)).product()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight": np.ones((2, 1, 3))}, "a weight of four axes"),
        ({"stride": (0, 1)}, "whole numbers of at least 1"),
        ({"padding": (-1, 0)}, "whole numbers of at least 1"),
        ({"groups": 2}, r"expected \[out, 3/groups, height, width\]"),
        ({"weight": np.ones((2, 3, 9, 3))}, "does not fit an input of"),
    ],
)
def test_convolutions_that_are_none(options, message):
    with pytest.raises(UltralifError, match=message):
        Conv2d(**({"weight": np.ones((2, 3, 3, 3)), "input_shape": (3, 4, 4)} | options))


def test_maps_that_do_not_follow_each_other():
    with pytest.raises(UltralifError, match="do not follow each other"):
        Composed((Identity(2), Identity(3)))


def test_a_kernel_that_takes_too_much_memory_is_refused_before_it_is_applied() -> None:
    weight = np.broadcast_to(np.zeros(1), (1, 1, 4000, 4000))
    message = r"kernel \(4000, 4000\) at \(9, 9\) positions: 10,368,000,000 bytes; at most 4,294"
    with pytest.raises(UltralifError, match=message):
        Conv2d(weight, (1, 8, 8), padding=(2000, 2000))


def test_taps_that_meet_padding_alone_are_not_applied() -> None:
    rng = np.random.default_rng(0)
    conv = Conv2d(rng.integers(-9, 9, (2, 1, 5, 7)), (1, 2, 3), (1, 2), (4, 5), (1, 2))
    assert_array_equal(conv.apply_transposed(np.eye(conv.target_size, dtype=int)), conv.matrix())
