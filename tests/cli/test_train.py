"""`ultralif train` as a user types it: files, words, and every refusal in one line."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.commands import refused, ultralif
from ultralif_deploy.data import load_dataset
from ultralif_deploy.steps import epochs

RUN = ("train", "--data", "digits", "--timesteps", 2, "--hidden", "12", "--learning-rate", 0.01)


def saved(path: Path, **arrays: np.ndarray | None) -> Path:
    """A few digits with arrays replaced; None leaves one out."""
    dataset = load_dataset("digits")
    assert dataset.train is not None
    assert dataset.train.y is not None
    assert dataset.test.y is not None
    held: dict[str, Any] = {"x_train": dataset.train.x[:60], "y_train": dataset.train.y[:60]}
    held |= {"x_test": dataset.test.x[:20], "y_test": dataset.test.y[:20]} | arrays
    np.savez(path, **{name: value for name, value in held.items() if value is not None})
    return path


def test_train_then_deploy_without_options(tmp_path: Path) -> None:
    outcome = ultralif(*RUN, "--epochs", 4, "-o", tmp_path)
    assert outcome.code == 0, outcome.err
    words = " ".join(outcome.out.split())
    assert "SNN 64-12-10, 912 parameters: trained" in words
    assert "the best on held-out training samples; soft accuracy" in words
    out = tmp_path / "deployed"
    trained = tmp_path / "trained.pt"
    run = ("deploy", trained, "--data", "digits", "--limit", 60, "--certify", 2, "--on", "fast")
    deployed = ultralif(*run, "--strict", "-v", "-o", out)
    report = json.loads((out / "report.json").read_text("utf-8"))
    kept = json.loads(ultralif(*RUN, "--epochs", 4, "-o", tmp_path, "--json").out)
    assert kept["state"] == "finished before"
    assert report["training"] == kept["epochs"]
    assert "Trained for 4 epochs, ε from" in deployed.out


def test_an_interrupted_training_says_that_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe = epochs.describe_epoch

    def stop_after_two(result: Any, count: int) -> str:
        if result.epoch == 2:
            raise KeyboardInterrupt
        return describe(result, count)

    with monkeypatch.context() as patched:
        patched.setattr(epochs, "describe_epoch", stop_after_two)
        line = refused(*RUN, "--epochs", 3, "-o", tmp_path, code=130)
    assert "the same command goes on" in line
    assert ultralif(*RUN, "--epochs", 3, "-o", tmp_path, "--json").json()["state"] == "resumed"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--learning-rate", "nan"), "learning rate = nan; expected a finite number"),
        (("--learning-rate", "inf"), "learning rate = inf; expected a finite number"),
        (("--sparsity", "nan"), "sparsity = nan; expected a finite number"),
        (("--margin", "inf"), "margin = inf; expected a finite number"),
        (("--epochs", 0), "epochs = 0; expected 1 to 10000"),
        (("--batch-size", 1), "batch size = 1; expected at least 2"),
        (("--hidden", "0"), "(0,): expected sizes of at least 1"),
        (("--hidden", "64,x"), "--hidden 64,x: expected whole numbers between commas"),
        (("--hidden", ",".join(["2"] * 101)), "101 hidden layers; expected 1 to 100"),
        (
            ("--hidden", "8000000"),
            "600,000,012 parameters in float64: 4,800,000,096 bytes",
        ),
        (("--channels", "3,4"), "channels = (3, 4); expected none for snn"),
        (("--architecture", "convsnn"), "hidden = (12,): convsnn has channels"),
        (("--skip",), "--skip needs two or more hidden layers of one width, found (12,)"),
        (("--hidden", "8,9", "--skip"), "of one width, found (8, 9)"),
        (("--stateless",), "--stateless: only ConvSNN and DeepConvSNN have that form"),
        (("--neuron", "silif"), "neuron kind 'silif' is unknown; available: ultratlif"),
        (("--tau", 0.5), "--tau 0.5: ultratplif learns it"),
        (("--neuron", "fullplif", "--theta", 0.5), "--theta 0.5: fullplif learns it"),
        (("--theta", "nan"), "theta = nan; expected a finite number"),
        (("--neuron", "lif", "--tau", "nan"), "tau = nan; expected a finite number"),
        (("--timesteps", 0), "timesteps = 0; expected 1 to 100000"),
        (("--gain", "nan"), "gain = nan; expected a finite number"),
        (("--seed", -1), "seed = -1; expected a whole number of at least 0"),
        (("--data", "none.npz"), "none.npz: no such file"),
    ],
)
def test_refused_options(options: tuple[object, ...], message: str, tmp_path: Path) -> None:
    line = refused(*RUN, "--epochs", 1, *options, "-o", tmp_path / "out")
    assert message in line
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("convsnn", "--channels", "3"), "channels = (3,); expected 2 for convsnn"),
        (("convsnn", "--channels", "3,0"), "(3, 0): expected sizes of at least 1"),
        (("deepconvsnn",), "images of 8 pixels a side; deepconvsnn halves them 4 times and needs"),
        (("spikingresnet18", "--stateless"), "only ConvSNN and DeepConvSNN have that form"),
    ],
)
def test_refused_convolutions(options: tuple[object, ...], message: str, tmp_path: Path) -> None:
    run = ("train", "--data", "digits", "--architecture", *options, "-o", tmp_path / "out")
    assert message in refused(*run)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"y_train": None}, "no training labels; expected x_train and y_train in the file"),
        ({"x_train": None, "y_train": None}, "no training labels"),
        ({"y_train": np.zeros(60, int)}, "y_train numbers 1 classes for 60 samples"),
        ({"y_train": np.full(60, 1 << 40)}, "classes for 60 samples"),
        ({"y_train": np.r_[-1, np.ones(59, int)]}, "label -1 at sample 0"),
        ({"y_test": np.full(20, 10)}, "y_test: label 10 at sample 0; the network has 10 classes"),
        ({"x_train": np.full((60, 8, 8), 2.0), "x_test": np.ones((20, 8, 8))}, "expected [0, 1]"),
    ],
)
def test_refused_data(arrays: dict[str, np.ndarray | None], message: str, tmp_path: Path) -> None:
    path = saved(tmp_path / "data.npz", **arrays)
    line = refused("train", "--data", path, "--epochs", 1, "-o", tmp_path / "out")
    assert "data.npz" in line or "float images" in line
    assert message in line
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_too_few_samples_and_no_square(tmp_path: Path) -> None:
    dataset = load_dataset("digits")
    assert dataset.train is not None
    assert dataset.train.y is not None
    few = saved(tmp_path / "few.npz", x_train=dataset.train.x[:9], y_train=np.arange(9) % 2)
    labels = np.arange(20) % 2
    np.savez(tmp_path / "few.npz", **dict(np.load(few)) | {"y_test": labels})
    line = refused("train", "--data", few, "--epochs", 1, "-o", tmp_path / "out")
    assert "9 training samples; at least 10 are needed to train" in line
    wide = {name: np.load(few)[name][:, :, :6] for name in ("x_train", "x_test")}
    path = tmp_path / "wide.npz"
    np.savez(path, **dict(np.load(few)) | wide)
    run = ("train", "--data", path, "--architecture", "convsnn", "--encoding", "constant")
    assert "convsnn needs square images" in refused(*run, "-o", tmp_path / "out")


def test_settings_of_what_follows_training_are_refused(tmp_path: Path) -> None:
    import ultralif_deploy as ul

    for name, value in (("membrane", "soft"), ("strict", True), ("reset", "none")):
        settings = ul.Settings(data="digits", **{name: value})  # type: ignore[arg-type]
        with pytest.raises(ul.UltralifError, match=f"--{name}"):
            ul.train(tmp_path, settings)
