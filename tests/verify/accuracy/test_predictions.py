"""predictions.npz holds what each form of the network predicts for every sample, as it ran."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ultralif_deploy as ul
from support.commands import DEMO
from ultralif_deploy.io.npz import read_npz
from ultralif_deploy.soft.training import real_inputs
from ultralif_deploy.verify.accuracy.predictions import Predictions, write_predictions

RUN: dict[str, Any] = {"certified_samples": 2, "back_ends": (), "energy_devices": ()}


def deployed(output: Path, source: Any, data: Any) -> tuple[Any, dict[str, np.ndarray]]:
    settings = ul.Settings(data=data, timesteps=4, seed=3, limit=60)
    report = ul.deploy(source, output, settings, **RUN)
    return report, read_npz(output / "predictions.npz")


def test_they_are_those_of_each_form_on_the_first_draw(tmp_path: Path) -> None:
    report, found = deployed(tmp_path, DEMO, "digits")
    assert sorted(found) == ["hard", "integer", "label", "soft"]
    assert {array.dtype for array in found.values()} == {np.dtype(np.int64)}
    test, encoder = ul.load_dataset("digits").test, ul.Encoder("rate", 4, seed=3)
    assert test.y is not None
    values = encoder.encode(test.x[:60])
    np.testing.assert_array_equal(found["label"], test.y[:60])
    program = ul.read_nir(tmp_path / "program.nir")
    trace = ul.load_on("reference", program).run(values)
    np.testing.assert_array_equal(found["integer"], trace.predictions())
    soft = ul.load_checkpoint(DEMO).network
    (before,) = soft.at_factors(real_inputs(encoder, values), (1.0,))
    np.testing.assert_array_equal(found["soft"], before.logits.numpy().argmax(axis=1))
    hard = ul.run_hard(ul.harden(soft, encoder), values)
    np.testing.assert_array_equal(found["hard"], hard.logits.argmax(axis=1))
    right = float((found["integer"] == found["label"]).mean())
    assert right == report["accuracy"]["integer_first_draw"]
    assert len({tuple(array) for array in found.values()}) > 1


def test_without_labels_there_is_no_label_and_a_read_network_is_float(tmp_path: Path) -> None:
    network = ul.harden(ul.load_checkpoint(DEMO).network, ul.Encoder("rate", 4))
    x = ul.load_dataset("digits").test.x[:10]
    settings = ul.Settings(data=x, encoding="rate", timesteps=4)
    ul.deploy(network, tmp_path, settings, **RUN)
    found = read_npz(tmp_path / "predictions.npz")
    assert sorted(found) == ["float", "hard", "integer"]
    np.testing.assert_array_equal(found["float"], found["hard"])


def test_lost_and_gained_are_where_one_alone_is_right(tmp_path: Path) -> None:
    labels, before, integer = np.array([[0, 1, 2, 2, 1], [0, 1, 2, 0, 1], [0, 1, 1, 2, 2]])
    predictions = Predictions("soft", labels, before, before, integer)
    assert predictions.only_before().tolist() == [2, 4]
    assert predictions.only_integer().tolist() == [3]
    none = Predictions("soft", None, before, before, integer)
    assert none.only_before().size == none.only_integer().size == 0
    write_predictions(tmp_path / "p.npz", none)
    assert sorted(read_npz(tmp_path / "p.npz")) == ["hard", "integer", "soft"]


def test_the_certificate_covers_them(tmp_path: Path) -> None:
    deployed(tmp_path, DEMO, "digits")
    ul.check_certificate(tmp_path / "certificate.json")
    (tmp_path / "predictions.npz").write_bytes(b"")
    with pytest.raises(ul.CheckFailed, match=r"predictions\.npz"):
        ul.check_certificate(tmp_path / "certificate.json")
