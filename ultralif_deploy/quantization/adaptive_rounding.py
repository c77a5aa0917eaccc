"""Round weights together, so that the errors of inputs that are active together cancel out.

Rounding each weight to the nearest integer minimizes the error of each weight, not the error of
the current. Let e be the errors of a row's weights. Its current has the mean square error e M e,
with M = E[X Xᵀ] of the inputs X. A row of 784 pixels has many weights whose errors cancel out.

Measured on MNIST (784-64-10, T = 1, spikes of 3 bits, one network, nothing trained for integers):
ternary weights 76.8 % with nearest integers and 89.2 % adapted, 3-bit weights 93.6 and 94.2 %,
4-bit weights 94.6 and 95.0 %.
"""

import numpy as np

from ultralif_deploy.program.weight_format import WeightFormat
from ultralif_deploy.quantization.moments import Moment

MOST_STEPS = 64
"""Most weights of a row that are rounded the other way; more change little."""


def adapted(
    weight: np.ndarray, scale: np.ndarray, q: np.ndarray, numbers: WeightFormat, moment: Moment
) -> np.ndarray:
    """Lower the error e M e of integers [row, weight] by moving them by one step, one at a time.

    The step that lowers the error of a row most comes first. A row is done when no single step
    lowers its error further. A step of s in weight j changes it by s²·M_jj ± 2·s·(e M)_j.

    Args:
        weight: float64 [row, weight].
        scale: float64 [row].
        q: integers near weight/scale, int8 [row, weight].
        numbers: range of the integers.
        moment: M.

    Returns:
        int8 [row, weight].
    """
    q = q.astype(np.float64)
    own = moment.diagonal(q.shape[1])
    product = moment.times(weight - scale[:, None] * q)
    active = np.arange(len(q))
    for _ in range(MOST_STEPS):
        here, unit = product[active], scale[active, None]
        step = np.where(here > 0, 1.0, -1.0)
        moved = q[active] + step
        gain = unit**2 * own - 2 * unit * np.abs(here)
        gain = np.where((moved >= numbers.low) & (moved <= numbers.high), gain, np.inf)
        best = gain.argmin(axis=1)
        rows = np.arange(len(active))
        better = gain[rows, best] < 0
        active, best, step = active[better], best[better], step[rows, best][better]
        if not len(active):
            break
        q[active, best] += step
        product[active] -= (scale[active] * step)[:, None] * moment.columns(best)
    return q.astype(np.int8)
