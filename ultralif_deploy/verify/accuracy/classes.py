"""Confusion, accuracy of each class, and the samples that were lost and gained."""

from collections.abc import Iterable

import numpy as np

from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.schema.measured import ChangedSample, ClassAccuracy, Classes
from ultralif_deploy.verify.accuracy.pictures import picture_of
from ultralif_deploy.verify.accuracy.predictions import Predictions

MOST_CLASSES = 40
"""Most classes of which confusion matrices are kept."""

LISTED, DRAWN = 100, 6
"""At most so many samples lost, and as many gained, are listed, and so many of them drawn."""


def classes_of(predictions: Predictions, x: np.ndarray, encoder: Encoder) -> Classes | None:
    """What each form makes of every class, on the first draw of the input spikes.

    Args:
        predictions: predictions of every sample.
        x: the samples, of which a few are drawn.
        encoder: encoder that reads the samples.

    Returns:
        Figures for the report; None where the data has no labels.
    """
    labels, before, integer = predictions.labels, predictions.before, predictions.integer
    if labels is None:
        return None
    count = 1 + max(int(labels.max()), int(before.max()), int(integer.max()))
    lost, gained = predictions.only_before(), predictions.only_integer()
    found: Classes = {
        "accuracies": _accuracies(predictions, labels, count),
        "confusion_before": None,
        "confusion_integer": None,
        "lost": len(lost),
        "gained": len(gained),
        "samples_lost": list(_changed(predictions, labels, lost, x, encoder)),
        "samples_gained": list(_changed(predictions, labels, gained, x, encoder)),
    }
    if count <= MOST_CLASSES:
        found["confusion_before"] = _confusion(labels, before, count)
        found["confusion_integer"] = _confusion(labels, integer, count)
    return found


def _accuracies(predictions: Predictions, labels: np.ndarray, count: int) -> list[ClassAccuracy]:
    """Samples of every class that has some, and how many of them each form gets right."""
    samples = np.bincount(labels, minlength=count)
    before, integer = (
        np.bincount(labels[predicted == labels], minlength=count)
        for predicted in (predictions.before, predictions.integer)
    )
    return [
        {
            "label": label,
            "samples": int(samples[label]),
            "right_before": int(before[label]),
            "right_integer": int(integer[label]),
        }
        for label in np.flatnonzero(samples).tolist()
    ]


def _confusion(labels: np.ndarray, predicted: np.ndarray, count: int) -> list[list[int]]:
    """Samples by label (rows) and predicted class (columns)."""
    cells = np.bincount(labels * count + predicted, minlength=count * count)
    rows: list[list[int]] = cells.reshape(count, count).tolist()
    return rows


def _changed(
    predictions: Predictions, labels: np.ndarray, numbers: np.ndarray, x: np.ndarray, how: Encoder
) -> Iterable[ChangedSample]:
    """The first samples of a list, with what each form predicts, and pictures of some."""
    for place, number in enumerate(numbers[:LISTED].tolist()):
        changed: ChangedSample = {
            "sample": number,
            "label": int(labels[number]),
            "before": int(predictions.before[number]),
            "integer": int(predictions.integer[number]),
        }
        picture = picture_of(x[number], how) if place < DRAWN else None
        if picture is not None:
            changed["picture"] = picture
        yield changed
