"""Second moments of the inputs of weights; they say how much rounding errors count.

An error e of a row's weights becomes an error e·X of its current or membrane, so its mean square
is e E[X Xᵀ] e.
"""

from dataclasses import dataclass

import numpy as np

from ultralif_deploy.program.exact_ranges import FLOAT32_EXACT

FULL_MOMENT_INPUTS = 4096
"""Up to this many inputs the error is weighted by all second moments, above by the diagonal."""

PRIOR_ROWS = 200
"""Rows of independent inputs that are added to those seen. Few rows show inputs as coupled that are
not, and the rounding would rely on it."""

ROWS_AT_ONCE = 2048
"""Rows whose products are added up at once, so that float64 copies of them need little memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """E[X Xᵀ] = rest + mean meanᵀ.

    Attributes:
        rest: float64 [weight, weight], or its diagonal [weight]; None is the identity.
        mean: float64 [weight], or None for 0.
    """

    rest: np.ndarray | None = None
    mean: np.ndarray | None = None

    @property
    def coupled(self) -> bool:
        """Whether the errors of two weights of a row can cancel out."""
        return self.mean is not None or (self.rest is not None and self.rest.ndim == 2)

    def times(self, rows: np.ndarray) -> np.ndarray:
        """Rows float64 [row, weight] times E[X Xᵀ]."""
        product = rows
        if self.rest is not None:
            product = rows * self.rest if self.rest.ndim == 1 else rows @ self.rest
        return product if self.mean is None else product + np.outer(rows @ self.mean, self.mean)

    def inner(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """A E[X Xᵀ] b of each pair of rows."""
        return np.einsum("ij,ij->i", self.times(a), b)

    def diagonal(self, weights: int) -> np.ndarray:
        """E[X²], float64 [weight]."""
        rest = np.ones(weights) if self.rest is None else self.rest
        own = rest if rest.ndim == 1 else np.diagonal(rest)
        return own if self.mean is None else own + self.mean**2

    def columns(self, chosen: np.ndarray) -> np.ndarray:
        """E[X_j X] of the weight j chosen for each row, float64 [row, weight]."""
        if self.rest is not None and self.rest.ndim == 2:
            found = self.rest[chosen]
        else:
            size = len(self.mean if self.rest is None else self.rest)  # type: ignore[arg-type]
            found = np.zeros((len(chosen), size))
            own = 1.0 if self.rest is None else self.rest[chosen]
            found[np.arange(len(chosen)), chosen] = own
        return found if self.mean is None else found + self.mean[chosen][:, None] * self.mean


def second_moment(inputs: np.ndarray) -> np.ndarray:
    """E[x xᵀ] over rows of inputs [row, source], or its diagonal for very wide inputs.

    `PRIOR_ROWS` rows with the same E[x²] and uncoupled inputs count beside the rows seen. Whole
    numbers whose sums float32 holds are multiplied in float32: the result is the same, and takes
    half the time.
    """
    rows, width = inputs.shape
    coupled = width <= FULL_MOMENT_INPUTS
    whole = inputs.dtype.kind in "bu"
    largest = int(inputs.max(initial=0)) if whole else 0
    exact = whole and ROWS_AT_ONCE * largest**2 < FLOAT32_EXACT
    kind = np.float32 if exact else np.float64
    own, full = np.zeros(width), np.zeros((width, width) if coupled else 0)
    for start in range(0, rows, ROWS_AT_ONCE):
        x: np.ndarray = inputs[start : start + ROWS_AT_ONCE].astype(kind)
        own += np.einsum("ij,ij->j", x, x)
        if coupled:
            full += x.T @ x
    own /= rows
    if not coupled:
        return own
    full /= rows + PRIOR_ROWS
    np.fill_diagonal(full, own)
    return full
