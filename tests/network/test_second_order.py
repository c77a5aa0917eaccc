"""Models with two state words in float64 are the published equations."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from support.networks.second_order_models import floats
from ultralif_deploy.network import neurons as float_neurons


def test_silif_is_the_published_equation() -> None:
    draw = floats(1)
    alpha, beta, a, b = draw(0, 1), draw(0, 1), draw(-1, 1), draw(0, 2)
    x = draw(-4, 8, 40, 2)
    neuron = float_neurons.SiLIF(np.ones(5), 1 - alpha, alpha, beta, a, b)
    spikes, margins, _ = neuron.run(x)
    assert 0.1 < spikes.mean() < 0.9
    for sample in range(2):
        for n in range(5):
            u = w = s = 0.0
            for t in range(40):
                w = beta[n] * w + a[n] * u + b[n] * s
                u = alpha[n] * (u - s) + (1 - alpha[n]) * (x[t, sample, n] - w)
                s = float(u > 1)
                assert spikes[t, sample, n] == s
                assert_allclose(margins[t, sample, n], u - 1, atol=1e-12)


def test_csilif_is_the_published_equation() -> None:
    draw = floats(2)
    size, angle, b = draw(0, 1), draw(0, 3), draw(-1, 2)
    x = draw(-2, 3, 40, 2)
    alpha = size * np.exp(1j * angle)
    neuron = float_neurons.CSiLIF(np.full(5, 0.5), b, alpha.real, alpha.imag)
    spikes, margins, _ = neuron.run(x)
    assert 0.1 < spikes.mean() < 0.9
    for sample in range(2):
        for n in range(5):
            u, s = 0j, 0.0
            for t in range(40):
                u = complex(alpha[n]) * (u - 0.5 * s) + b[n] * x[t, sample, n]
                s = float(2 * u.real > 1)
                assert spikes[t, sample, n] == s
                assert_allclose(margins[t, sample, n], u.real - 0.5, atol=1e-12)


@pytest.mark.parametrize("inclusive", [True, False])
def test_adalif_is_the_released_equation(inclusive: bool) -> None:
    draw = floats(3)
    tau, x = draw(0, 1), draw(-0.5, 1, 40, 2)
    theta = np.full(5, 0.5)
    x[:, :, 0], tau[0] = 0.5, 1.0  # ties at the first timestep
    kept, jump = np.full(5, 0.9), np.full(5, 0.1 * (1 - 0.9))
    spikes, *_ = float_neurons.AdaLIF(theta, tau, kept, jump, inclusive).run(x)
    assert spikes[0, 0, 0] == inclusive
    assert 0.1 < spikes.mean() < 0.9
    for sample in range(2):
        for n in range(5):
            v = b = 0.0
            for t in range(40):
                v = tau[n] * v + x[t, sample, n]
                limit = 0.5 + 0.1 * b
                s = float(v >= limit if inclusive else v > limit)
                b = 0.9 * b + (1 - 0.9) * s
                v = v * (1 - s)
                assert spikes[t, sample, n] == s


def test_leaky_sum_is_the_published_read_out_without_softmax() -> None:
    draw = floats(4)
    alpha, x = draw(0.8, 0.96), draw(-3, 3, 30, 2)
    _, totals, _ = float_neurons.LeakySum(1 - alpha, alpha).run(x)
    u = total = np.zeros((2, 5))
    for t in range(30):
        u = alpha * u + (1 - alpha) * x[t]
        total = total + u
        assert_allclose(totals[t], total, atol=1e-12)
