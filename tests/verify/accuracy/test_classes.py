"""Confusion, classes, and the samples lost and gained, against counts by hand."""

from typing import Any

import numpy as np
import pytest

import ultralif_deploy as ul
from ultralif_deploy.verify.accuracy.classes import DRAWN, LISTED, classes_of
from ultralif_deploy.verify.accuracy.pictures import SIDE, picture_of
from ultralif_deploy.verify.accuracy.predictions import Predictions

RATE = ul.Encoder("rate", 4)


def predictions(classes: int, samples: int, seed: int) -> Predictions:
    rng = np.random.default_rng(seed)
    labels, before, integer = rng.integers(0, classes, (3, samples))
    return Predictions("soft", labels, before, before, integer)


def counted(found: Predictions, x: np.ndarray) -> Any:
    classes = classes_of(found, x, RATE)
    assert classes is not None
    return classes


def test_counts_are_those_of_a_loop() -> None:
    found = predictions(3, 200, 0)
    assert found.labels is not None
    classes = counted(found, np.zeros((200, 4, 4), np.uint8))
    for key, predicted in (("before", found.before), ("integer", found.integer)):
        rows = [[0] * 3 for _ in range(3)]
        for label, one in zip(found.labels, predicted, strict=True):
            rows[label][one] += 1
        assert classes[f"confusion_{key}"] == rows
        for entry in classes["accuracies"]:
            label = entry["label"]
            assert entry["samples"] == sum(rows[label])
            assert entry[f"right_{key}"] == rows[label][label]
    lost = [
        i
        for i, label in enumerate(found.labels)
        if found.before[i] == label and found.integer[i] != label
    ]
    assert classes["lost"] == len(lost) > DRAWN
    assert [one["sample"] for one in classes["samples_lost"]] == lost
    assert all("picture" in one for one in classes["samples_gained"][:DRAWN])
    assert not any("picture" in one for one in classes["samples_gained"][DRAWN:])


def test_many_classes_and_samples_stay_bounded() -> None:
    found = predictions(41, 6000, 1)
    classes = counted(found, np.zeros((6000, 4), np.uint8))
    assert classes["confusion_before"] is classes["confusion_integer"] is None
    assert len(classes["accuracies"]) == 41
    assert classes["lost"] > LISTED == len(classes["samples_lost"])
    assert not any("picture" in one for one in classes["samples_lost"])


def test_a_class_without_samples_has_no_accuracy_but_is_in_the_matrix() -> None:
    found = Predictions("soft", np.array([0, 2]), np.array([0, 1]), np.zeros(2), np.array([0, 2]))
    classes = counted(found, np.zeros((2, 4), np.uint8))
    assert [one["label"] for one in classes["accuracies"]] == [0, 2]
    assert classes["confusion_before"] == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]
    assert (classes["lost"], classes["gained"]) == (0, 1)


def test_without_labels_there_is_nothing() -> None:
    none = Predictions("soft", None, np.zeros(2), np.zeros(2), np.zeros(2))
    assert classes_of(none, np.zeros((2, 4)), RATE) is None


@pytest.mark.parametrize(
    ("sample", "encoder", "rows"),
    [
        (np.array([[0, 255], [51, 17]], np.uint8), RATE, ["0f", "31"]),
        (np.array([[True, False]]), RATE, ["f0"]),
        (np.array([[0.2, 0.4]]), ul.Encoder("constant", 1), ["36"]),
        (np.array([[[0.0, 1.0]], [[0.4, 1.0]]]), RATE, ["3f"]),  # two channels
        (
            np.array([[[0.0, 0.4], [1.0, 1.0]]]),
            ul.Encoder("rate", 1, channels_last=True),
            ["3f"],
        ),
        (np.zeros(4, np.uint8), RATE, None),
        # Events: [time, channel], [time, height, width], [time, polarity, height, width].
        (np.array([[1, 0], [3, 0], [0, 0]], np.uint8), ul.Encoder("events", 3), ["5f0", "000"]),
        (np.array([[[1, 0]], [[2, 1]]], np.uint8), ul.Encoder("events", 2), ["f5"]),
        (np.ones((2, 2, 1, 2), np.uint8), ul.Encoder("events", 2), ["ff"]),
        (np.zeros((2, 2, 1, 2), np.uint8), ul.Encoder("events", 2), ["00"]),
    ],
)
def test_pictures(sample: np.ndarray, encoder: ul.Encoder, rows: list[str] | None) -> None:
    assert picture_of(sample, encoder) == rows


def test_large_pictures_are_averaged() -> None:
    sample = np.kron(np.array([[0, 255], [255, 0]], np.uint8), np.ones((50, 40), np.uint8))
    rows = picture_of(sample, RATE)
    assert rows is not None
    assert len(rows) == 25 <= SIDE  # blocks of 4 and of 3
    assert {len(row) for row in rows} == {27}
    assert rows[0][0] + rows[0][-1] + rows[-1][0] + rows[-1][-1] == "0ff0"
