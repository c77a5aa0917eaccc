"""Weights rounded together: the error of the current falls, and the integers stay in the format."""

import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from support.comparisons import holds
from support.strategies.shapes import FORMATS, seeds
from ultralif_deploy.program.weight_format import weight_format
from ultralif_deploy.quantization.adaptive_rounding import adapted
from ultralif_deploy.quantization.grid import fit_weights, round_to_grid
from ultralif_deploy.quantization.moments import Moment, second_moment


def test_no_single_step_would_lower_the_error_further():
    moved = []

    def check(bits, columns, seed):
        form, rng = weight_format(bits), np.random.default_rng(seed)
        inputs = (rng.random((40, columns)) < rng.uniform(0.1, 0.9)) * 1.0
        matrix = second_moment(inputs)
        weight, scale = rng.normal(0, 1, (3, columns)), rng.uniform(0.05, 1.5, 3)
        nearest = round_to_grid(weight, scale, form)
        q = adapted(weight, scale, nearest, form, Moment(matrix))
        assert q.dtype == np.int8
        assert q.min() >= form.low
        assert q.max() <= form.high

        def error(integers, row):
            rest = weight[row] - scale[row] * integers
            return rest @ matrix @ rest

        for row in range(3):
            best = error(q[row], row)
            assert best <= error(nearest[row], row) + 1e-12
            for column in range(columns):
                for step in (-1, 1):
                    other = q[row].astype(float)
                    other[column] += step
                    if form.low <= other[column] <= form.high:
                        assert error(other, row) >= best - 1e-9
        moved.append(np.any(q != nearest))

    # The first drawn ones are the smallest, where little can move.
    holds(check, st.sampled_from(FORMATS), st.integers(2, 12), seeds, examples=60, share=1)
    assert np.mean(moved) > 0.3


def test_errors_of_inputs_that_are_active_together_cancel_out():
    # Both inputs are always active together, so only the sum of their weights counts.
    inputs = np.repeat(np.random.default_rng(0).integers(0, 2, (4000, 1)), 2, axis=1)
    weight, scale = np.array([[0.4, 0.4]]), np.array([1.0])
    form = weight_format(4)
    nearest = round_to_grid(weight, scale, form)
    assert_array_equal(nearest, [[0, 0]])
    q = adapted(weight, scale, nearest, form, Moment(second_moment(inputs)))
    assert q.sum() == 1
    assert_array_equal(adapted(weight, scale, nearest, form, Moment()), nearest)


def test_weights_on_a_grid_are_not_moved():
    rng = np.random.default_rng(3)
    q = rng.integers(-7, 8, (4, 50))
    moment = Moment(second_moment(rng.integers(0, 2, (30, 50))))
    scale, again = fit_weights(0.1 * q, weight_format(4), moment)
    np.testing.assert_allclose(scale[:, None] * again, 0.1 * q, rtol=1e-12)


@pytest.mark.parametrize("largest", [1, 90, 91, 255])
def test_moments_of_whole_numbers_are_those_of_float64(largest):
    inputs = np.random.default_rng(0).integers(0, largest, (5000, 9), np.uint8, endpoint=True)
    assert_array_equal(second_moment(inputs), second_moment(inputs.astype(np.float64)))
