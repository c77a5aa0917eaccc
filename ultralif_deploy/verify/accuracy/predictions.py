"""The class that each form of the network predicts for every test sample."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from ultralif_deploy.io.files import write_bytes
from ultralif_deploy.io.npz import npz_bytes
from ultralif_deploy.schema.values import Kind

PREDICTIONS_FILE: Final = "predictions.npz"


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """Predicted classes on the first draw of the input spikes, int64 [sample] each.

    Attributes:
        compared: what `before` is: the `soft` network as trained, or the `float` network as read.
        labels: the right classes; None where the data has no labels.
        before: predictions of the soft or float network.
        hard: predictions of the hard network that was quantized.
        integer: predictions of the integer program.
    """

    compared: Kind
    labels: np.ndarray | None
    before: np.ndarray
    hard: np.ndarray
    integer: np.ndarray

    def only_before(self) -> np.ndarray:
        """Numbers of the samples that the integer program lost: only `before` is right."""
        return self._where(self.before, self.integer)

    def only_integer(self) -> np.ndarray:
        """Numbers of the samples that the integer program gained: it alone is right."""
        return self._where(self.integer, self.before)

    def _where(self, right: np.ndarray, wrong: np.ndarray) -> np.ndarray:
        if self.labels is None:
            return np.zeros(0, dtype=np.int64)
        return np.flatnonzero((right == self.labels) & (wrong != self.labels))


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Write the predictions as arrays int64 [sample].

    The arrays are `label` (left out where the data has no labels), `soft` or `float`, `hard` and
    `integer`. Entry i belongs to test sample i, in the order of the data set.
    """
    arrays = {} if predictions.labels is None else {"label": predictions.labels}
    arrays |= {
        predictions.compared: predictions.before,
        "hard": predictions.hard,
        "integer": predictions.integer,
    }
    arrays = {name: array.astype(np.int64, copy=False) for name, array in arrays.items()}
    write_bytes(path, npz_bytes(arrays, compressed=True))
