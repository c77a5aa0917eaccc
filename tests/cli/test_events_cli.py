"""Frames and recordings of events on the command line; a program keeps how they were made."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from support.commands import refused, ultralif
from support.networks.checkpoints import network, written
from support.networks.nir_files import recurrent

RUN = ("--on", "reference", "--json")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return recurrent(tmp_path / "model.nir")


def frames(path: Path, count: int, samples: int = 8) -> Path:
    rng = np.random.default_rng(count)
    x = rng.integers(0, 2, (samples, count, 6), dtype=np.uint8)
    np.savez(path, x=x, y=np.arange(samples) % 3)
    return path


def test_later_frames_decide_what_nobody_told(tmp_path: Path, model: Path) -> None:
    t20, t40 = frames(tmp_path / "t20.npz", 20), frames(tmp_path / "t40.npz", 40)
    assert ultralif("quantize", model, "--dt", 1e-4, "-o", tmp_path / "out").code == 0
    program = tmp_path / "out" / "program.nir"
    expected = ultralif("simulate", model, "--data", t20, "--dt", 1e-4, *RUN).json()
    found = ultralif("simulate", program, "--data", t20, *RUN).json()
    assert found["predictions"] == expected["predictions"]
    assert found["accuracy"] == expected["accuracy"]
    with_data = ("quantize", model, "--dt", 1e-4, "--data", t20, "-o", tmp_path / "t20")
    assert ultralif(*with_data).code == 0
    for data in (t20, t40):  # 40 frames are 40 timesteps, and not 20 of two frames each
        ours = ultralif("simulate", tmp_path / "t20" / "program.nir", "--data", data, *RUN).json()
        theirs = ultralif("simulate", model, "--data", data, "--dt", 1e-4, *RUN).json()
        assert ours["predictions"] == theirs["predictions"]
        assert ours["counts"] == theirs["counts"]


def test_images_are_read_as_before(tmp_path: Path, model: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(0).random((5, 6)))
    assert ultralif("quantize", model, "--dt", 1e-4, "-o", tmp_path / "out").code == 0
    given = ("--data", tmp_path / "x.npz", *RUN)
    found = ultralif("simulate", tmp_path / "out" / "program.nir", *given).json()
    expected = ultralif("simulate", model, "--dt", 1e-4, *given).json()
    assert found["predictions"] == expected["predictions"]


def test_frames_that_were_to_be_added_up_are(tmp_path: Path, model: Path) -> None:
    t20 = frames(tmp_path / "t20.npz", 20)
    told = ("quantize", model, "--dt", 1e-4, "--timesteps", 10, "--data", t20)
    assert ultralif(*told, "-o", tmp_path / "out").code == 0
    run = ("--data", t20, *RUN)
    program = tmp_path / "out" / "program.nir"
    stored = ultralif("simulate", program, *run).json()
    expected = ultralif("simulate", model, "--dt", 1e-4, "--timesteps", 10, *run).json()
    assert stored["predictions"] == expected["predictions"]
    line = refused("simulate", program, "--data", frames(tmp_path / "t40.npz", 40))
    assert "40 frames, and the network's file or its name tells T = 10; --timesteps 10 adds" in line


def test_timesteps_alone_do_not_ask_to_add_up(tmp_path: Path, model: Path) -> None:
    told = ("quantize", model, "--dt", 1e-4, "--timesteps", 10, "-o", tmp_path / "out")
    assert ultralif(*told).code == 0
    given = ("simulate", tmp_path / "out" / "program.nir", "--data", frames(tmp_path / "x.npz", 20))
    assert "--timesteps 20 takes them as they are" in refused(*given)
    line = refused(*given, "--timesteps", 10)
    assert "inputs reach 2; the program takes at most 1, so quantize it again with --data" in line


def test_a_file_name_adds_up_no_frames(tmp_path: Path) -> None:
    state = dict(network(widths=(6, 5, 3)).state_dict())
    path = written(tmp_path / "ultratlif_T5_seed0.pt", state)
    given = ("inspect", path, "--data", frames(tmp_path / "t20.npz", 20))
    assert refused(*given) == (
        "Error: t20.npz: 20 frames, and the network's file or its name tells T = 5; "
        "--timesteps 5 adds up 4 frames each, --timesteps 20 takes them as they are"
    )
    for timesteps in (5, 20):
        assert ultralif(*given, "--timesteps", timesteps).code == 0


def shd(path: Path, samples: int = 6) -> Path:
    rng = np.random.default_rng(1)
    with h5py.File(path, "w") as file:
        for name, dtype in (("times", np.float16), ("units", np.uint16)):
            lists = file.create_dataset(f"spikes/{name}", (samples,), h5py.vlen_dtype(dtype))
            for i in range(samples):
                draw = rng.uniform(0, 1, 90) if name == "times" else rng.integers(0, 6, 90)
                lists[i] = np.sort(draw).astype(dtype) if name == "times" else draw.astype(dtype)
        file["labels"] = np.arange(samples) % 3
    return path


@pytest.mark.parametrize(
    "told", [("--timesteps", 12), ("--bin", 70, "--timesteps", 12), ("--bin", 70)]
)
def test_a_program_keeps_how_recordings_become_frames(
    tmp_path: Path, model: Path, told: tuple[object, ...]
) -> None:
    given = ("--data", shd(tmp_path / "shd.h5"), "--sensor", "6")
    how = (*given, *told)
    assert ultralif("quantize", model, "--dt", 1e-4, *how, "-o", tmp_path / "out").code == 0
    program = tmp_path / "out" / "program.nir"
    found = ultralif("simulate", program, *given[:2], *RUN).json()
    expected = ultralif("simulate", model, "--dt", 1e-4, *how, *RUN).json()
    assert found["predictions"] == expected["predictions"]
    assert found["counts"] == expected["counts"]
    assumed = ultralif("inspect", model, *how, "--json").json()["assumed"]
    assert assumed["sensor"] == {"value": "6", "source": "option"}
    assert assumed["polarity"] == {"value": "merged", "source": "data"}


def test_training_on_recordings(tmp_path: Path) -> None:
    shd(tmp_path / "shd_train.h5", 12)
    shd(tmp_path / "shd_test.h5")
    given = ("--data", tmp_path / "shd_test.h5")
    how = ("--sensor", 6, "--bin", 70, "--hidden", 4, "--epochs", 1, "-o", tmp_path / "out")
    assert ultralif("train", *given, *how).code == 0
    outcome = ultralif("inspect", tmp_path / "out" / "trained.pt", *given, "--json")
    assert outcome.code == 0, outcome.err
    shown = outcome.json()
    assert shown["assumed"]["bin"] == {"value": 70.0, "source": "checkpoint"}
    assert shown["assumed"]["encoding"]["value"] == "events"


def test_options_of_recordings_for_other_data(tmp_path: Path, model: Path) -> None:
    data = frames(tmp_path / "t20.npz", 20)
    line = refused("simulate", model, "--data", data, "--bin", 5)
    assert "--bin 5.0: t20.npz holds no recordings; it is for recordings of events" in line
    line = refused("inspect", model, "--sensor", "34x34")
    assert "--sensor 34x34: no data are given; it is for recordings of events" in line


def test_recordings_without_frames(tmp_path: Path, model: Path) -> None:
    line = refused("simulate", model, "--data", shd(tmp_path / "shd.h5"))
    assert "give --timesteps T for T frames of each, or --bin MS" in line
