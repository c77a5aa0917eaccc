"""Each example runs, with arguments that keep it short."""

import importlib
import re
import runpy
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from support.commands import ultralif
from support.foreign.sound import tone, write
from support.requirements import available
from support.scripts import EXAMPLES, run_script
from ultralif_deploy.data import loading
from ultralif_deploy.network.running import run_hard
from ultralif_deploy.readers.second_order import read_second_order
from ultralif_deploy.soft import checkpoint
from ultralif_deploy.soft.checkpoint_file import read_tensors

DIGITS = loading.EMBEDDED["digits"]


def benchmark(name: str, *arguments: object) -> str:
    """What a benchmark prints; it has a process of its own, because it sets numbers of threads."""
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.parametrize("path", sorted(EXAMPLES.rglob("*.py")), ids=lambda path: path.stem)
def test_every_example_imports_what_there_is(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those that are too long to run here."""
    for imported in (path.parent, EXAMPLES):
        monkeypatch.syspath_prepend(str(imported))
    runpy.run_path(str(path), run_name="imported")


def test_train_digits(tmp_path: Path) -> None:
    path = tmp_path / "ultratplif_T10_seed0.pt"
    assert "% soft" in run_script("train_digits.py", "--epochs", 1, "-o", path)
    assert checkpoint.load_checkpoint(path).network.architecture.widths == (64, 64, 10)


def test_attacks_find_nothing() -> None:
    assert "after a kill" in run_script("attack.py", "kills", "--points", 2)


def test_packaged_checkpoint_is_small() -> None:
    path = DIGITS.parent / "digits_ultraplif.pt"
    assert path.stat().st_size < 100_000
    assert checkpoint.load_checkpoint(path).network.architecture.neuron == "ultratplif"


def test_make_digits_makes_what_is_packaged(tmp_path: Path) -> None:
    run_script("make_digits.py", "-o", tmp_path / "digits.npz")
    with np.load(tmp_path / "digits.npz") as made, np.load(DIGITS) as packaged:
        assert set(made) == set(packaged)
        for name in made:
            np.testing.assert_array_equal(made[name], packaged[name])


def test_mnist_study_resumes(tmp_path: Path) -> None:
    few = ("--train", 200, "--hidden", 16, "--timesteps", 1)
    arguments = (*few, "--epochs", 1, "--anneal-epochs", 1, "-o", tmp_path)
    first = run_script("mnist_study.py", DIGITS, *arguments)
    assert first.count("| 1 |") == 13
    assert run_script("mnist_study.py", DIGITS, *arguments) == first


def test_benchmark_compares_every_peer() -> None:
    arguments = ("--batches", 1, 64, "--rounds", 1, "--minimum", 0.01)
    printed = benchmark("benchmarks/simulators.py", *arguments)
    for peer in ("ultralif fast", "onnxruntime", "snnTorch"):
        assert peer in printed


def test_fast_is_compared_with_its_strongest_peers() -> None:
    networks = ("784-128-10", "LIF 784-128-10", "conv 8-16")
    arguments = ("--batches", 2, "--shares", 0.1, "--rounds", 1, "--minimum", 0.001)
    printed = benchmark("benchmarks/peers.py", "--networks", *networks, *arguments)
    for network in networks:
        row = rf"^\| {network} \| 10% \| 2 \| [\d,]+ \| \w.+ \| [\d.]+ \|$"
        assert re.search(row, printed, re.MULTILINE)


def test_images_and_cores_are_placed_in_every_way() -> None:
    printed = run_script("placement_study.py", "--networks", "conv 8-16", "dense 512-512")
    row = r"^\| conv 8-16 \| loihi1 \| (\w+) \| in rows \| 4 \| ([\d,]+) \|"
    (number, before), (position, after) = re.findall(row, printed, re.MULTILINE)
    assert (number, position) == ("number", "position")
    assert int(after.replace(",", "")) < int(before.replace(",", ""))
    hops = re.findall(r"^\| dense.* \| 8 \| [\d,]+ \| ([\d,]+) \|", printed, re.MULTILINE)
    in_rows, moved = (int(count.replace(",", "")) for count in hops)
    assert 0 < moved < in_rows


def test_sparsity_study_resumes(tmp_path: Path) -> None:
    short = ("--epochs", 1, "--timesteps", 2, "--anneal-epochs", 1, "--prune", 0.5)
    arguments = (*short, "--normalize", "none", "-o", tmp_path)
    first = run_script("sparsity_study.py", "digits", *arguments)
    assert first.startswith("| | λ = 0 | λ = 0.1 | annealed, 50% pruned | last / first |\n")
    for row in ("hard rate", "operations", "paper-proxy nJ", "loihi1-sanafe nJ"):
        assert f"\n| {row} |" in first
    assert run_script("sparsity_study.py", "digits", *arguments) == first


def test_ablation_study_shows_every_step(tmp_path: Path) -> None:
    short = ("--epochs", 1, "--anneal-epochs", 1, "--formats", "ternary")
    printed = run_script(
        "ablation_study.py", "digits", "--normalize", "none", *short, "-o", tmp_path
    )
    assert len(re.findall(r"^\| [\w ,]+ \| \d+\.\d\d % \|$", printed, re.MULTILINE)) == 6


def test_temporal_study_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    frames = (rng.random((120, 5, 2, 4, 4)) < 0.2).astype(np.uint8)
    np.savez(tmp_path / "nmnist_sample.npz", x_train=frames, y_train=np.arange(120) % 10)
    monkeypatch.setenv("ULTRALIF_DATA", str(tmp_path))
    chosen = ("--data", "nmnist", "--neurons", "LogMaxLIF", "--jobs", 1, "--seed", 1)
    arguments = (*chosen, "--quick", "-o", tmp_path / "out")
    first = run_script("temporal_study.py", *arguments)
    assert first.count("| nmnist | 20 | LogMaxLIF |") == 2  # as it ends, and in the table
    assert run_script("temporal_study.py", *arguments).strip() in first
    tables = run_script("temporal_study.py", *chosen, "--tables", "-o", tmp_path / "out")
    assert re.search(r"^\| nmnist \| exact \| [\d.]+ \| 100 \|$", tables, re.MULTILINE)
    assert re.search(r"^\| nmnist \| 256 \| [\d.]+ \| [\d.]+ \|$", tables, re.MULTILINE)


def test_second_order_networks_are_trained_as_they_are_deployed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The equations of the training, in float64 and without its random draws, give the spikes."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    training = importlib.import_module("second_order_training")
    x = (np.random.default_rng(0).random((40, 30, 12)) < 0.3).astype(np.uint8)
    for kind in training.KINDS:
        state = training.trained(kind, x, np.arange(40) % 3, epochs=2, seed=0)
        for layer in range(len(training.HIDDEN)):  # louder, as so short a training fires too little
            state[f"snn.{layer}.norm.weight"] *= 6
        torch.save(state, tmp_path / f"{kind}.pth")
        path = tmp_path / f"{kind}.pth"
        found = read_second_order(path, read_tensors(path), neuron=None, timesteps=30)
        trace = run_hard(found.network, x.swapaxes(0, 1))
        sizes = (12, *training.HIDDEN)
        signal = torch.from_numpy(x).double()
        for layer, (inputs, size) in enumerate(pairwise(sizes)):
            module = training.KINDS[kind](inputs, size).double().eval()
            prefix = f"snn.{layer}."
            module.load_state_dict(
                {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
            )
            with torch.no_grad():
                signal = module(signal)
            spikes = signal.numpy().swapaxes(0, 1) != 0
            assert spikes.any()
            np.testing.assert_array_equal(trace.spikes[f"snn.{layer}"], spikes)


def test_second_order_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recordings = tmp_path / "free-spoken-digit-dataset" / "recordings"
    recordings.mkdir(parents=True)
    for digit in range(3):
        for number in (0, 5, 6):
            write(recordings / f"{digit}_theo_{number}.wav", tone(300 * (digit + 1), 0.4))
    monkeypatch.setenv("ULTRALIF_DATA", str(tmp_path))
    printed = run_script("second_order_study.py", "--quick", "-o", tmp_path / "out")
    assert printed.count("| 32 / 20 |") == 2
    assert printed.count("accuracy: program") == 2
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".json", ".pth"}


def test_back_ends_are_compared_and_refusals_explained() -> None:
    names = [name for name in available() if name != "reference"]
    arguments = ("--networks", "small MLP", "MLP", "--batch", 20, "--rounds", 1, "--minimum", 0.01)
    printed = benchmark("benchmarks/back_ends.py", "--on", *names, *arguments)
    for name in ("reference", *names):
        assert re.search(rf"^{name}, \d+ at once +[\d,]+ \([\d,.]+\)", printed, re.MULTILINE)
    assert "loihi1, MLP: loihi1: hidden1: synaptic sums reach" in printed


def test_costs_of_commands_are_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All in this process but one, whose process is measured."""
    monkeypatch.syspath_prepend(str(EXAMPLES / "benchmarks"))
    commands = importlib.import_module("commands")
    measured = commands.cost("docs", "docs", "--list")
    assert 0 < measured["cpu_s"] < 60
    assert measured["peak_mb"] > 10
    with pytest.raises(SystemExit, match="docs nothing: ended with 2"):
        commands.cost("docs", "docs", "nothing")

    def cost(name: str, *arguments: str) -> dict[str, str | float]:
        assert ultralif(*arguments).code == 0, arguments
        return measured | {"command": name}

    monkeypatch.setattr(commands, "cost", cost)
    sizes = ("--samples", "20", "--hidden", "16", "--inputs", "64")
    monkeypatch.setattr(sys, "argv", ["commands.py", *sizes])
    commands.main()
    printed = capsys.readouterr().out
    for command in ("deploy, 20 samples", "simulate", "verify --certificate", "inspect", "doctor"):
        assert re.search(rf"^{command} +[\d.]+ +[\d.]+ +\d+$", printed, re.MULTILINE)
