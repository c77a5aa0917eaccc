"""The decision of an exit rule, compiled, for one sample and for many (Numba)."""

import numpy as np

from ultralif_deploy.program.exits import ExitRule
from ultralif_deploy.simulators.native.compiled import jit


def stops(rule: ExitRule, v: np.ndarray, t: int) -> np.ndarray:
    """Which samples stop, bool [batch].

    Args:
        rule: exit rule for a number of timesteps.
        v: read-out's v of each sample, int64 [batch, class].
        t: timesteps so far.
    """
    found = np.empty(len(v), dtype=np.bool_)
    _stop_many(v, rule.margin[t - 1], rule.timesteps - t, rule.gain, found)
    return found


@jit
def stays(v, margin, left, gain):  # type: ignore[no-untyped-def]
    """Whether the prediction stays the same, whatever the other classes may gain.

    Args:
        v: int64 [class].
        margin: most that a class may gain.
        left: remaining timesteps.
        gain: int64 [class, class], most in one of them.
    """
    winner = 0
    for b in range(1, len(v)):
        if v[b] > v[winner]:
            winner = b
    for b in range(len(v)):
        risen = v[b] + min(margin, left * gain[winner, b])
        if risen > v[winner] or (risen == v[winner] and b < winner):
            return False
    return True


@jit
def _stop_many(v, margin, left, gain, found):  # type: ignore[no-untyped-def]
    for sample in range(len(v)):
        found[sample] = stays(v[sample], margin, left, gain)
