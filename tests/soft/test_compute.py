"""Compute devices: the soft network runs elsewhere, and what is found and written stays the same.

`support/devices/far.py` makes a second device of the CPU, so every figure must be equal to the bit,
and a tensor that was left behind on the CPU is an error.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

import ultralif_deploy as ul
from support.commands import DEMO, refused
from support.devices.far import FAR, Far, far_device
from support.networks.checkpoints import name_gpu
from ultralif_deploy.data import Split, load_dataset
from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.soft import compute
from ultralif_deploy.soft.anneal import STATE_FILE, AnnealOptions, fine_tune, predictions
from ultralif_deploy.soft.checkpoint_file import read_tensors
from ultralif_deploy.soft.hardening import harden
from ultralif_deploy.soft.network import Architecture, SoftNetwork
from ultralif_deploy.soft.neurons.kinds import RELEASED
from ultralif_deploy.soft.training import EpochResult

LINEAR = "aten.addmm.default"
"""The operation of fully connected layers."""

ENCODER = Encoder("rate", 3, gain=0.8)
BY_CUDA = ul.Settings(data="digits", timesteps=3, limit=20, device="cuda")


@pytest.fixture
def far() -> Iterator[None]:
    with far_device("cuda"):
        yield


def digits(count: int) -> Split:
    train = load_dataset("digits").train
    assert train is not None
    assert train.y is not None
    return Split(train.x[:count], train.y[:count])


def made(kind: str, **more: Any) -> SoftNetwork:
    network = SoftNetwork(Architecture((64, 6, 6, 10), kind, True, **more), 1).eval()
    with torch.no_grad():
        for name, value in network.named_parameters():
            if name.endswith("_log_tau"):
                value.fill_(0.2)  # grows, so that thresholds are estimated anew
    return network


def conv(kind: str) -> SoftNetwork:
    return SoftNetwork(Architecture((64, 10), kind, True, channels=(1, 3, 4), side=8), 1).eval()


def assert_same(a: SoftNetwork, b: SoftNetwork) -> None:
    assert {tensor.device for tensor in a.state_dict().values()} == {torch.device("cpu")}
    assert {tensor.device for tensor in b.state_dict().values()} == {FAR}
    for name, value in a.state_dict().items():
        assert_array_equal(value.numpy(), b.state_dict()[name].cpu().numpy(), name)


def test_the_far_device_refuses_what_a_gpu_would(far: None) -> None:
    here, there = torch.ones(3), torch.ones(3).to(FAR)
    assert isinstance(there, Far)
    with pytest.raises(RuntimeError, match="a tensor of the CPU meets one of another device"):
        there + here
    with pytest.raises((TypeError, RuntimeError)):
        there.numpy()
    assert ((there * 2).cpu() == 2).all()


@pytest.mark.parametrize("build", [made, conv], ids=["dense", "convolutional"])
@pytest.mark.parametrize("kind", RELEASED)
def test_every_neuron_computes_where_the_network_lies(build: Any, kind: str, far: None) -> None:
    network, there = build(kind), build(kind).to(FAR)
    inputs = torch.from_numpy(np.random.default_rng(0).random((3, 5, 64), np.float32))
    for how in ((1.0, False), (0.0, False), (0.0, True)):
        a, b = network(inputs, *how), there(inputs, *how)
        assert_array_equal(a.logits.detach().numpy(), b.logits.detach().cpu().numpy())
    a.logits.sum().backward()
    b.logits.sum().backward()
    for one, other in zip(network.parameters(), there.parameters(), strict=True):
        assert (one.grad is None) == (other.grad is None)
        if one.grad is not None:
            assert other.grad.device == FAR
            assert_array_equal(one.grad.numpy(), other.grad.cpu().numpy())
    assert network.epsilon() == there.epsilon()
    margins = there.margins(inputs)
    for name, found in network.margins(inputs).items():
        assert_array_equal(found.detach().numpy(), margins[name].detach().cpu().numpy())
    one, other = (harden(n, replace(ENCODER, kind="constant")) for n in (network, there))
    for p, q in zip(one.populations, other.populations, strict=True):
        assert_array_equal(p.bias, q.bias)
        assert repr(p.neuron) == repr(q.neuron)


@pytest.mark.parametrize(
    ("build", "options", "labels"),
    [
        (made, AnnealOptions(epochs=3, batch_size=50, bits=4), True),
        (made, AnnealOptions(epochs=0), False),
        (conv, AnnealOptions(epochs=2, batch_size=50, bits="ternary", sparsity=0.1), False),
    ],
    ids=["labelled", "re-estimated", "imitated"],
)
def test_annealing(build: Any, options: AnnealOptions, labels: bool, far: None) -> None:
    samples = digits(100)
    if not labels:
        samples = replace(samples, y=None)
    annealed = fine_tune(build("ultratplif"), samples, ENCODER, options)
    there = fine_tune(build("ultratplif").to(FAR), samples, ENCODER, options)
    assert_same(annealed, there)
    assert_array_equal(
        predictions(annealed, samples, ENCODER), predictions(there, samples, ENCODER)
    )


class Stopped(Exception):
    pass


@pytest.mark.parametrize("first", ["cpu", "meta"])
def test_an_annealing_goes_on_on_another_device(first: str, tmp_path: Path, far: None) -> None:
    options, samples = AnnealOptions(epochs=3, batch_size=50, bits=4), digits(100)
    whole = fine_tune(made("ultratplif"), samples, ENCODER, options)

    def stop(result: EpochResult) -> None:
        if result.epoch == 2:
            raise Stopped

    with pytest.raises(Stopped):
        fine_tune(
            made("ultratplif").to(first),
            samples,
            ENCODER,
            options,
            directory=tmp_path,
            on_epoch=stop,
        )
    name_gpu(tmp_path / STATE_FILE)
    seen: list[EpochResult] = []
    second = torch.device("cpu") if first == "meta" else FAR
    resumed = fine_tune(
        made("ultratplif").to(second),
        samples,
        ENCODER,
        options,
        directory=tmp_path,
        on_epoch=seen.append,
    )
    assert [figures.epoch for figures in seen] == [3]
    assert resumed.device == second
    for name, value in whole.state_dict().items():
        assert_array_equal(value.numpy(), resumed.state_dict()[name].cpu().numpy(), name)


def test_training_writes_the_same_file(tmp_path: Path, far: None) -> None:
    options = ul.TrainOptions(hidden=(6,), epochs=2, batch_size=300, batch_norm=True, bits=4)
    results = {}
    for device in ("cpu", "cuda"):
        settings = replace(BY_CUDA, device=device)
        Far.computed.clear()
        results[device] = ul.train(tmp_path / device, settings, options)
        assert bool(Far.computed[LINEAR]) == (device == "cuda")
        assert results[device]["assumed"]["device"] == {"value": device, "source": "option"}
    assert results["cpu"]["epochs"] == results["cuda"]["epochs"]
    one, other = (tmp_path / device / "trained.pt" for device in results)
    assert one.read_bytes() == other.read_bytes()


def test_a_deployment_differs_in_the_setting_alone(tmp_path: Path, far: None) -> None:
    reports = {}
    for device in (None, "cuda"):
        settings = replace(BY_CUDA, device=device)
        Far.computed.clear()
        reports[device] = ul.deploy(
            DEMO,
            tmp_path / str(device),
            settings,
            anneal=AnnealOptions(epochs=1, batch_size=600),
            certified_samples=2,
            back_ends=(),
            energy_devices=("cmos45",),
        )
        assert bool(Far.computed[LINEAR]) == (device == "cuda")
        assert reports[device]["assumed"].pop("device") == (
            {"value": "cpu", "source": "default"}
            if device is None
            else {"value": "cuda", "source": "option"}
        )
        annealed = read_tensors(tmp_path / str(device) / "annealed.pt")["model_state_dict"]
        assert not any(isinstance(value, Far) for value in annealed.values())
    assert reports[None] == reports["cuda"]


# Names and refusals

MISSING = "was built without CUDA (https://pytorch.org/get-started/locally says how to install one"


def test_names_of_devices_of_the_energy_are_refused_with_their_option(tmp_path: Path) -> None:
    told = "--energy-device takes the devices whose energy is estimated"
    for command in ("deploy", "verify", "anneal", "sweep"):
        more = ("--vary", "bits=4") if command == "sweep" else ()
        line = refused(command, DEMO, "--data", "digits", "--device", "loihi1,cmos45", *more)
        assert line == (
            "Error: --device loihi1,cmos45: expected cpu, cuda, cuda:N or mps, on which torch "
            f"computes; {told}"
        )
    for command in ("quantize", "energy", "simulate", "inspect"):
        assert refused(command, DEMO, "--device", "loihi1") == (
            "Error: --device: it is for train, anneal, verify, deploy and sweep, where "
            f"torch computes; {told}"
        )
    with pytest.raises(UltralifError, match="--device meta: expected cpu, cuda, cuda:N or mps"):
        ul.Settings(device="meta")


def test_devices_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.backends.mps, "is_built", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    run = (DEMO, "--data", "digits", "-o", tmp_path / "out", "--device")
    line = refused("deploy", *run, "cuda:1")
    assert line.startswith(f"Error: --device cuda:1: torch {torch.__version__} {MISSING}")
    assert line.endswith("; available: cpu")
    assert "was built without MPS, which is for Macs" in refused("anneal", *run, "mps")
    line = refused("train", *run[1:], "cuda")
    assert MISSING in line
    assert not (tmp_path / "out").exists()

    monkeypatch.setattr(torch.version, "cuda", "12.6")
    assert "built for CUDA 12.6 and finds no GPU that it can use" in refused("deploy", *run, "cuda")
    monkeypatch.setattr(torch.backends.mps, "is_built", lambda: True)
    assert "this machine has no GPU that MPS can use" in refused("deploy", *run, "mps")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert compute.available() == ["cpu", "cuda:0", "cuda:1"]
    assert compute.compute_device("cuda:1") == torch.device("cuda:1")
    assert refused("deploy", *run, "cuda:2") == (
        "Error: --device cuda:2: this machine has 2 of CUDA, numbered from 0; available: cpu, "
        "cuda:0, cuda:1"
    )


def test_networks_that_torch_does_not_compute(tmp_path: Path) -> None:
    hard = harden(made("lif"), ENCODER)
    with pytest.raises(UltralifError, match="--device cpu: only soft networks compute with torch"):
        ul.deploy(hard, tmp_path, ul.Settings(data="digits", device="cpu"))
