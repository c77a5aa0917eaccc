"""Updates of the models with two state words (Numba). All integers are exact.

The arguments of the updates are those of `calls.call_update`; parameters have the names of
PROGRAM.md. States and the read-out's parameters count in state units, and coefficients in units of
2^−coefficient_bits.
"""

import numpy as np

from ultralif_deploy.program import fixed
from ultralif_deploy.simulators.fast.calls import update
from ultralif_deploy.simulators.fast.whole.tables import STATE, VALUES, WIDTH
from ultralif_deploy.simulators.native.compiled import inlined, jit

rounded = jit(fixed.rounded)
clip = jit(fixed.clip)

WORDS = ("bias", "threshold", "shift", "coefficient_bits", "state_bits")
"""Rows that all these models have."""

ROWS = {
    "silif": (*WORDS, "reset", "alpha", "beta", "a", "b"),
    "csilif": (*WORDS, "reset", "real", "imaginary"),
    "adalif": (*WORDS, "alpha", "beta", "jump"),
}
"""Rows of parameters by update."""


@inlined
def driven(values, p, width, current):  # type: ignore[no-untyped-def]
    """What drives one neuron, in state units.

    Args:
        values: int32; the neuron's parameters begin at `p`, `width` apart.
        p: see there.
        width: see there.
        current: sum of its projections, in current units.
    """
    return (np.int64(current) << np.int64(values[p + 2 * width])) + values[p]


@update
def silif(  # type: ignore[no-untyped-def]
    one, values, current, outer, inner, states, each, first, sent, begin, samples, steps
):
    """SiLIF: words u and w.

    Args:
        one: same as for `calls.call_update`.
        values: see there.
        current: see there.
        outer: see there.
        inner: see there.
        states: see there.
        each: see there.
        first: see there.
        sent: see there.
        begin: see there.
        samples: see there.
        steps: see there.
    """
    width = one[WIDTH]
    for k in range(samples):
        state = (first + k) * each + one[STATE]
        for t in range(steps):
            place = k * outer + t * inner
            for n in range(width):
                p = one[VALUES] + n
                threshold = np.int64(values[p + width])
                fraction, bits = np.int64(values[p + 3 * width]), np.int64(values[p + 4 * width])
                reset = np.int64(values[p + 5 * width])
                alpha, beta = np.int64(values[p + 6 * width]), np.int64(values[p + 7 * width])
                a, b = np.int64(values[p + 8 * width]), np.int64(values[p + 9 * width])
                u, w = np.int64(states[state + n]), np.int64(states[state + width + n])
                s = np.int64(u > threshold)
                w = clip(rounded(beta * w + a * u, fraction) + b * s, bits)
                kept = rounded(alpha * (u - reset * s + w), fraction)
                u = clip(kept - w + driven(values, p, width, current[place + n]), bits)
                sent[begin + place + n] = u > threshold
                states[state + n] = u
                states[state + width + n] = w


@update
def csilif(  # type: ignore[no-untyped-def]
    one, values, current, outer, inner, states, each, first, sent, begin, samples, steps
):
    """C-SiLIF: words Re u and Im u.

    Args:
        one: same as for `calls.call_update`.
        values: see there.
        current: see there.
        outer: see there.
        inner: see there.
        states: see there.
        each: see there.
        first: see there.
        sent: see there.
        begin: see there.
        samples: see there.
        steps: see there.
    """
    width = one[WIDTH]
    for k in range(samples):
        state = (first + k) * each + one[STATE]
        for t in range(steps):
            place = k * outer + t * inner
            for n in range(width):
                p = one[VALUES] + n
                threshold = np.int64(values[p + width])
                fraction, bits = np.int64(values[p + 3 * width]), np.int64(values[p + 4 * width])
                reset = np.int64(values[p + 5 * width])
                real, imaginary = np.int64(values[p + 6 * width]), np.int64(values[p + 7 * width])
                x, y = np.int64(states[state + n]), np.int64(states[state + width + n])
                r = x - reset * np.int64(x > threshold)
                drive = driven(values, p, width, current[place + n])
                x = clip(rounded(real * r - imaginary * y, fraction) + drive, bits)
                y = clip(rounded(imaginary * r + real * y, fraction), bits)
                sent[begin + place + n] = x > threshold
                states[state + n] = x
                states[state + width + n] = y


@update
def adalif(  # type: ignore[no-untyped-def]
    one, values, current, outer, inner, states, each, first, sent, begin, samples, steps
):
    """AdaLIF: words v and what the threshold has risen by.

    Args:
        one: same as for `calls.call_update`.
        values: see there.
        current: see there.
        outer: see there.
        inner: see there.
        states: see there.
        each: see there.
        first: see there.
        sent: see there.
        begin: see there.
        samples: see there.
        steps: see there.
    """
    width = one[WIDTH]
    for k in range(samples):
        state = (first + k) * each + one[STATE]
        for t in range(steps):
            place = k * outer + t * inner
            for n in range(width):
                p = one[VALUES] + n
                threshold = np.int64(values[p + width])
                fraction, bits = np.int64(values[p + 3 * width]), np.int64(values[p + 4 * width])
                alpha, beta = np.int64(values[p + 5 * width]), np.int64(values[p + 6 * width])
                jump = np.int64(values[p + 7 * width])
                v, c = np.int64(states[state + n]), np.int64(states[state + width + n])
                v = clip(
                    rounded(alpha * v, fraction) + driven(values, p, width, current[place + n]),
                    bits,
                )
                fired = v > threshold + c
                c = rounded(beta * c, fraction) + jump * np.int64(fired)
                sent[begin + place + n] = fired
                states[state + n] = np.int64(0) if fired else v
                states[state + width + n] = clip(c, bits)
