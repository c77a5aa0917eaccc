"""Bad input ends in one clear line and exit code 2, and leaves nothing half-written."""

import os
import zipfile
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import torch

from support.commands import DEMO, array_of, refused, ultralif
from ultralif_deploy.cli.commands import main
from ultralif_deploy.cli.option_types import Energy, Finite, FiniteRange
from ultralif_deploy.data import loading


def checkpoint(path: Path, **changes: Any) -> Path:
    """The embedded checkpoint with entries of its state dict replaced (None removes)."""
    content = torch.load(DEMO, weights_only=True)
    for key, value in changes.items():
        content["model_state_dict"].pop(key)
        if value is not None:
            content["model_state_dict"][key] = value
    torch.save(content, path)
    return path


def digits(path: Path, **changes: Any) -> Path:
    """The embedded digits with arrays replaced."""
    with np.load(loading.EMBEDDED["digits"]) as data:
        np.savez(path, **{**dict(data), **changes})
    return path


class RunsCode:
    """Pickles to a call."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.marker),)


def deploy_refused(out: Path, *arguments: object) -> str:
    line = refused("deploy", *arguments, "-o", out)
    assert not out.exists() or not list(out.iterdir())
    return line


def test_missing_checkpoint(tmp_path: Path) -> None:
    line = deploy_refused(tmp_path / "o", tmp_path / "no.pt", "--data", "digits")
    assert "no.pt: no such file" in line


@pytest.mark.parametrize(
    "option", [("--epochs", 5), ("--learning-rate", 0.1), ("--sparsity", 1), ("--prune", 0.5)]
)
def test_options_of_annealing_without_it(tmp_path: Path, option: tuple[str, object]) -> None:
    line = deploy_refused(tmp_path / "o", DEMO, "--data", "digits", *option)
    assert f"{option[0]}: nothing is annealed; add --anneal" in line


def test_truncated_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "cut.pt"
    path.write_bytes(DEMO.read_bytes()[:9000])
    line = deploy_refused(tmp_path / "o", path, "--data", "digits")
    assert "cut.pt" in line
    assert "truncated" in line


def test_checkpoint_that_runs_code(tmp_path: Path) -> None:
    marker, path = tmp_path / "ran", tmp_path / "evil.pt"
    torch.save({"model_state_dict": RunsCode(marker)}, path)
    line = deploy_refused(tmp_path / "o", path, "--data", "digits")
    assert "refused" in line
    assert "mkdir" in line
    assert not marker.exists()


def test_wrong_keys(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "c.pt", **{"fc2.bias": None})
    assert "missing: fc2.bias" in deploy_refused(tmp_path / "o", path, "--data", "digits")


def test_nan_weights(tmp_path: Path) -> None:
    weight = torch.full((64, 64), 0.1)
    weight[3, 4] = torch.nan
    path = checkpoint(tmp_path / "c.pt", **{"fc1.weight": weight})
    line = deploy_refused(tmp_path / "o", path, "--data", "digits")
    assert "fc1.weight has 1 values that are NaN" in line


def test_labels_out_of_range(tmp_path: Path) -> None:
    labels = np.zeros(450, dtype=np.int64)
    labels[7] = 10
    path = digits(tmp_path / "d.npz", y_test=labels)
    line = deploy_refused(tmp_path / "o", DEMO, "--data", path)
    assert "label 10 at sample 7" in line
    assert "0 to 9" in line


def test_images_of_the_wrong_size(tmp_path: Path) -> None:
    test, train = (np.zeros((count, 9, 9), dtype=np.uint8) for count in (450, 1347))
    path = digits(tmp_path / "d.npz", x_test=test, x_train=train)
    line = deploy_refused(tmp_path / "o", DEMO, "--data", path)
    assert "(9, 9)" in line
    assert "64 inputs" in line


def test_training_images_of_another_size(tmp_path: Path) -> None:
    train = np.zeros((1347, 9, 9), dtype=np.uint8)
    line = deploy_refused(tmp_path / "o", DEMO, "--data", digits(tmp_path / "d.npz", x_train=train))
    assert "samples of x_train have shape (9, 9), of x_test (8, 8)" in line


def test_byte_images_of_zeros_and_ones(tmp_path: Path) -> None:
    with np.load(loading.EMBEDDED["digits"]) as data:
        path = digits(tmp_path / "d.npz", x_test=(data["x_test"] > 100).astype(np.uint8))
    line = deploy_refused(tmp_path / "o", DEMO, "--data", path)
    assert "x_test: uint8 images of 0 and 1 alone" in line


def test_output_that_is_a_file(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("x", encoding="utf-8")
    line = refused("deploy", DEMO, "--data", "digits", "-o", blocked)
    assert "file: a file, no directory" in line
    assert blocked.read_text(encoding="utf-8") == "x"


def test_output_that_cannot_be_made(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("x", encoding="utf-8")
    assert "cannot write there" in refused("deploy", DEMO, "--data", "digits", "-o", blocked / "d")


def test_output_that_is_empty_as_an_unset_variable_is(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = ultralif("deploy", DEMO, "--data", "digits", "-o", "")
    assert outcome.code == 2
    assert "'--output': it is empty; expected a directory" in outcome.err
    assert list(tmp_path.iterdir()) == []


def test_object_arrays_are_not_unpickled(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    path = tmp_path / "d.npz"
    array = np.array([RunsCode(marker)], dtype=object)
    np.savez(path, x_test=array, y_test=np.zeros(1, dtype=int), allow_pickle=True)
    assert "Python objects" in deploy_refused(tmp_path / "o", DEMO, "--data", path)
    assert not marker.exists()


def test_absurd_shape_in_npz(tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x_test.npy", array_of((10**12, 64)))
    line = deploy_refused(tmp_path / "o", DEMO, "--data", path)
    assert "declared contents: 64,000,000,000,000 bytes" in line


def test_unknown_data(tmp_path: Path) -> None:
    assert "digits" in deploy_refused(tmp_path / "o", DEMO, "--data", "cifar")
    assert "no such file" in deploy_refused(tmp_path / "o", DEMO, "--data", tmp_path / "no.npz")


def test_no_data(tmp_path: Path) -> None:
    assert "--data" in deploy_refused(tmp_path / "o", DEMO)


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--timesteps", 0, "timesteps = 0"),
        ("--timesteps", 10**7, "timesteps"),
        ("--gain", 0, "gain = 0"),
        ("--seed", -1, "seed = -1"),
        ("--limit", 0, "limit = 0"),
        ("--tau", 0.5, "learns its decay"),
        ("--theta", "nan", "theta = nan"),
        ("--neuron", "lif", "--neuron lif"),
        ("--encoding", "events", "encoding events"),
        ("--energy-device", "loihi9", "loihi9"),
        ("--max-gap", -1, "max gap = -1"),
    ],
)
def test_option_values(tmp_path: Path, option: str, value: object, expected: str) -> None:
    line = deploy_refused(tmp_path / "o", DEMO, "--data", "digits", option, value)
    assert expected in line


def test_program_that_is_no_nir_file(tmp_path: Path) -> None:
    path = tmp_path / "p.nir"
    path.write_text("not HDF5", encoding="utf-8")
    assert "p.nir" in refused("simulate", path, "--data", "digits")
    assert "p.nir" in refused("export", path, "-o", tmp_path / "o")
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("command", ["quantize", "anneal", "verify", "deploy"])
def test_a_program_where_a_checkpoint_is_wanted(tmp_path: Path, command: str) -> None:
    assert ultralif("quantize", DEMO, "-o", tmp_path).code == 0
    program, out = tmp_path / "program.nir", tmp_path / "o"
    line = refused(command, program, "--data", "digits", "-o", out)
    assert "program.nir: an integer program already; use simulate, energy or export" in line
    assert not out.exists()


@pytest.mark.parametrize("command", ["simulate", "energy"])
def test_bits_for_a_program(tmp_path: Path, command: str) -> None:
    assert ultralif("quantize", DEMO, "-o", tmp_path).code == 0
    line = refused(command, tmp_path / "program.nir", "--data", "digits", "--bits", 4)
    assert "--bits 4: it is for NIR files of other tools" in line


@pytest.mark.parametrize("command", ["simulate", "energy", "export"])
def test_a_checkpoint_where_a_program_is_wanted(command: str) -> None:
    data = () if command == "export" else ("--data", "digits")
    line = refused(command, DEMO, *data)
    assert "expected a NIR file: quantize or deploy a checkpoint first" in line


def test_a_damaged_nir_file_is_called_one(tmp_path: Path) -> None:
    path = tmp_path / "net.nir"
    path.write_bytes(b"\x89HD")
    assert "net.nir: not an HDF5 file" in refused("inspect", path)


def test_unknown_export_target(tmp_path: Path) -> None:
    assert "available: nir" in refused("export", tmp_path / "p.nir", "--to", "vhdl")


def test_verify_without_argument() -> None:
    outcome = ultralif("verify")
    assert outcome.code == 2
    assert "CHECKPOINT or --certificate" in outcome.err


def test_word_lengths_belong_to_second_order_neurons(tmp_path: Path) -> None:
    line = refused("quantize", DEMO, "--state-bits", 20, "-o", tmp_path / "o")
    assert "--state-bits 20: only neurons with two state words have it" in line


def test_adalif_deploys_with_its_word_lengths(tmp_path: Path) -> None:
    content = torch.load(DEMO, weights_only=True)
    for name in ("_log_eps", "_log_tau"):
        content["model_state_dict"].pop(f"neuron.{name}")
    content.pop("ultralif_deploy")
    path, out = tmp_path / "adalif_T10_seed0.pt", tmp_path / "o"
    torch.save(content, path)
    given = ("--neuron", "adalif", "--state-bits", 20, "--coefficient-bits", 12)
    result = ultralif("quantize", path, *given, "-o", out, "--json").json()
    assert result["assumed"]["state_bits"] == {"value": 20, "source": "option"}
    assert result["program"]["populations"][0]["neuron"] == "AdaLIF"
    run = ("simulate", out / "program.nir", "--data", "digits", "--limit", 10, "--json")
    assert ultralif(*run).json() == ultralif(*run, "--on", "reference").json()


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_options_take_finite_numbers_alone(number: str, tmp_path: Path) -> None:
    """Every option that takes a number, wherever it stands."""
    taken = [
        (command, option)
        for command in main.commands.values()
        for option in command.params
        if isinstance(option.type, click.types.FloatParamType)
    ]
    assert len(taken) > 20
    for command, option in taken:
        assert isinstance(option.type, Finite | FiniteRange), (command.name, option.name)
        with pytest.raises(click.ClickException, match="expected a finite number"):
            option.type.convert(number, option, None)
    line = refused("anneal", DEMO, "--data", "digits", "--learning-rate", number, "-o", tmp_path)
    assert line == f"Error: learning rate = {float(number)}; expected a finite number"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("option", "given", "expected"),
    [
        ("--max-energy", "4", "'4'; expected an energy above 0, as 50nJ or 1.2uJ"),
        ("--max-energy", "0nJ", "expected an energy above 0"),
        ("--max-energy", "1e999J", "expected an energy above 0"),
        ("--weight-memory", "0", "expected a size"),
        ("--max-cores", "4", "'4'; expected CHIP=N, as loihi2=4"),
        ("--max-cores", "loihi2=0", "'loihi2=0'; expected CHIP=N, as loihi2=4"),
        ("--spike-bits", "a=2,b=5", "'a=2,b=5'; expected 1, 2, 3, 4, auto, or NAME=N,NAME=N"),
        ("--spike-bits", "0", "'0'; expected 1, 2, 3, 4, auto, or NAME=N,NAME=N"),
        ("--spike-bits", "a=2,a=3", "'a=2,a=3'; expected every population once"),
        ("--bits", "a=2,a=8", "'a=2,a=8'; expected every population once"),
        ("--bits", "a=2,b=auto", "'a=2,b=auto'; expected 2, 3, 4, 5, 6, 7, 8, ternary, auto, or"),
    ],
)
def test_bits_and_budgets_that_are_none(option: str, given: str, expected: str) -> None:
    outcome = ultralif("quantize", DEMO, option, given)
    assert outcome.code == 2
    assert expected in outcome.err.replace("\n", " ")


def test_energies_have_units() -> None:
    read = {given: Energy().convert(given, None, None) for given in ("50nJ", "1.2 uJ", "3pJ", "2J")}
    assert read == pytest.approx({"50nJ": 5e-8, "1.2 uJ": 1.2e-6, "3pJ": 3e-12, "2J": 2.0})


@pytest.mark.parametrize(
    ("command", "given", "meant"),
    [
        ("deploy", "--backends", "--on"),
        ("simulate", "--simulator", "--on"),
        ("quantize", "--weight-bits", "--bits"),
        ("export", "--backends", None),  # it has no --on
    ],
)
def test_names_of_other_tools_are_answered_with_the_option_here(command, given, meant):
    outcome = ultralif(command, DEMO, given, "fast")
    assert outcome.code == 2
    assert f"No such option '{given}'." in outcome.err
    assert ("Did you mean '--on'?" in outcome.err) == (meant == "--on")
    if meant is not None:
        assert f"Did you mean '{meant}'?" in outcome.err
