"""Compiled updates of the models with two state words (Numba). All integers are exact.

Shapes: T timesteps, B samples, N neurons. Arguments: current int32 [T, B, N]; state int64 [B, 2N],
the first words and then the second, changed in place; spikes uint8 [T, B, N]; all others int64 [N].
"""

import numpy as np

from ultralif_deploy.program import fixed
from ultralif_deploy.simulators.native.compiled import jit

rounded = jit(fixed.rounded)
clip = jit(fixed.clip)


@jit
def silif(  # type: ignore[no-untyped-def]
    current, bias, threshold, reset, alpha, beta, a, b, shift, fraction, width, state, spikes
):
    """SiLIF: words u and w.

    Args:
        current: int32 [T, B, N], the sums of all projections, in current units.
        bias: int64 [N], in state units.
        threshold: int64 [N], in state units.
        reset: int64 [N], what a spike takes from u, in state units.
        alpha: int64 [N], coefficient in units of 2^−fraction.
        beta: int64 [N], coefficient in units of 2^−fraction.
        a: int64 [N], coefficient in units of 2^−fraction.
        b: int64 [N], what a spike adds to w, in state units.
        shift: int64 [N], a current unit is 2^shift state units.
        fraction: int64 [N], fraction bits of the coefficients.
        width: int64 [N], bits that both words saturate to.
        state: int64 [B, 2N], in state units, changed in place.
        spikes: uint8 [T, B, N], overwritten.
    """
    time, batch, size = current.shape
    for k in range(batch):
        for t in range(time):
            for n in range(size):
                u, w = state[k, n], state[k, size + n]
                s = np.int64(u > threshold[n])
                w = clip(rounded(beta[n] * w + a[n] * u, fraction[n]) + b[n] * s, width[n])
                kept = rounded(alpha[n] * (u - reset[n] * s + w), fraction[n])
                drive = (np.int64(current[t, k, n]) << shift[n]) + bias[n]
                u = clip(kept - w + drive, width[n])
                spikes[t, k, n] = u > threshold[n]
                state[k, n], state[k, size + n] = u, w


@jit
def csilif(  # type: ignore[no-untyped-def]
    current, bias, threshold, reset, real, imaginary, shift, fraction, width, state, spikes
):
    """C-SiLIF: words Re u and Im u.

    Args:
        current: int32 [T, B, N], the sums of all projections, in current units.
        bias: int64 [N], in state units.
        threshold: int64 [N], in state units.
        reset: int64 [N], what a spike takes from Re u, in state units.
        real: int64 [N], real part of the coefficient, in units of 2^−fraction.
        imaginary: int64 [N], imaginary part of the coefficient, in units of 2^−fraction.
        shift: int64 [N], a current unit is 2^shift state units.
        fraction: int64 [N], fraction bits of the coefficient.
        width: int64 [N], bits that both words saturate to.
        state: int64 [B, 2N], in state units, changed in place.
        spikes: uint8 [T, B, N], overwritten.
    """
    time, batch, size = current.shape
    for k in range(batch):
        for t in range(time):
            for n in range(size):
                x, y = state[k, n], state[k, size + n]
                r = x - reset[n] * np.int64(x > threshold[n])
                drive = (np.int64(current[t, k, n]) << shift[n]) + bias[n]
                x = clip(rounded(real[n] * r - imaginary[n] * y, fraction[n]) + drive, width[n])
                y = clip(rounded(imaginary[n] * r + real[n] * y, fraction[n]), width[n])
                spikes[t, k, n] = x > threshold[n]
                state[k, n], state[k, size + n] = x, y


@jit
def adalif(  # type: ignore[no-untyped-def]
    current, bias, threshold, alpha, beta, jump, shift, fraction, width, state, spikes
):
    """AdaLIF: words v and what the threshold has risen by.

    Args:
        current: int32 [T, B, N], the sums of all projections, in current units.
        bias: int64 [N], in state units.
        threshold: int64 [N], that of a neuron at rest, in state units.
        alpha: int64 [N], coefficient in units of 2^−fraction.
        beta: int64 [N], coefficient in units of 2^−fraction.
        jump: int64 [N], what a spike adds to the threshold, in state units.
        shift: int64 [N], a current unit is 2^shift state units.
        fraction: int64 [N], fraction bits of the coefficients.
        width: int64 [N], bits that both words saturate to.
        state: int64 [B, 2N], in state units, changed in place.
        spikes: uint8 [T, B, N], overwritten.
    """
    time, batch, size = current.shape
    for k in range(batch):
        for t in range(time):
            for n in range(size):
                v, c = state[k, n], state[k, size + n]
                drive = (np.int64(current[t, k, n]) << shift[n]) + bias[n]
                v = clip(rounded(alpha[n] * v, fraction[n]) + drive, width[n])
                fired = v > threshold[n] + c
                c = rounded(beta[n] * c, fraction[n]) + jump[n] * np.int64(fired)
                spikes[t, k, n] = fired
                state[k, n] = 0 if fired else v
                state[k, size + n] = clip(c, width[n])


@jit
def leaky_sum(current, bias, alpha, shift, fraction, width, state):  # type: ignore[no-untyped-def]
    """Leaky read-out: words Σ u and u.

    Args:
        current: int32 [T, B, N], the sums of all projections, in current units.
        bias: int64 [N], in state units.
        alpha: int64 [N], coefficient in units of 2^−fraction.
        shift: int64 [N], a current unit is 2^shift state units.
        fraction: int64 [N], fraction bits of the coefficient.
        width: int64 [N], bits that u saturates to; Σ u is exact.
        state: int64 [B, 2N], in state units, changed in place.
    """
    time, batch, size = current.shape
    for k in range(batch):
        for t in range(time):
            for n in range(size):
                drive = (np.int64(current[t, k, n]) << shift[n]) + bias[n]
                u = clip(rounded(alpha[n] * state[k, size + n], fraction[n]) + drive, width[n])
                state[k, size + n] = u
                state[k, n] += u
