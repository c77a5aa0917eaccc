"""A float backbone in front of a spiking head, from the command line and from Python."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import snntorch
import torch
from torch import nn

import ultralif_deploy as ul
from support.commands import DEMO, refused, ultralif
from support.foreign.datasets import torchvision
from support.networks.backbones import CLASSES, FEATURES, STEPS, Net
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.steps.results import results
from ultralif_deploy.verify.recheck import check_certificate

NET = "support.networks.backbones:Net"
DATA = ("--data", "digits", "--limit", 40)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployment of the module."""
    folder = tmp_path_factory.mktemp("backbone") / "out"
    theirs, x = Net().eval(), ul.load_dataset("digits").test.x[:40]
    with torch.no_grad():
        spikes = theirs(torch.as_tensor(x[:, None] / 255, dtype=torch.float32)).numpy()
    np.savez(folder.parent / "expected.npz", lif2=spikes.astype(np.uint8))
    outcome = ultralif(
        *("deploy", NET, *DATA, "--backbone", "features", "--on", "fast,c", "-o", folder),
        *("--expect", folder.parent / "expected.npz"),
    )
    assert outcome.code == 0, outcome.err
    assert "What is in front? The backbone (Sequential) runs in float" in outcome.out
    assert "backbone.onnx" in outcome.out
    return folder


def content(out: Path, name: str) -> Any:
    return json.loads((out / name).read_text("utf-8"))


def test_the_report_counts_both(out: Path) -> None:
    report = content(out, "report.json")
    found, held = report["backbone"], ul.load_dataset("digits")
    side = held.test.x.shape[-1]
    stem, half = 4 * side**2 * 9, (side // 2) ** 2
    assert found["multiply_accumulates"] == stem + 8 * half * (4 * 9 + 8 * 9 + 4)
    assert found["arithmetic_j"] == pytest.approx(4.6e-12 * found["multiply_accumulates"])
    assert found["features"] == report["program"]["input_size"] == FEATURES
    assert found["clipped"] == 0
    dense = report["energy"]["dense_operations_per_inference"]
    assert 0 < dense <= STEPS * (FEATURES * 24 + 24 * CLASSES)
    assert report["assumed"]["encoding"]["value"] == "constant"
    assert report["data"]["timesteps"] == STEPS
    assert "What is in front?" in (out / "report.html").read_text("utf-8")


def test_the_float_head_fires_as_the_module_does_on_float_features(out: Path) -> None:
    """But for what 8 bits take from the features."""
    found = content(out, "report.json")["expected"]["populations"]["lif2"]
    assert found["spikes"] > 50
    assert found["float"] <= 0.04 * found["spikes"]


def test_the_certificate_covers_the_file_and_the_features(out: Path) -> None:
    claim = content(out, "certificate.json")["backbone"]
    assert claim["file_sha256"] == content(out, "report.json")["backbone"]["sha256"]
    assert ultralif("verify", "--certificate", out / "certificate.json").code == 0


@pytest.mark.parametrize("key", ["file_sha256", "features_sha256"])
def test_a_changed_claim_does_not_hold(key: str, out: Path) -> None:
    claims = content(out, "certificate.json")
    claims["backbone"][key] = "0" * 64
    (out / "changed.json").write_text(json.dumps(claims), "utf-8")
    with pytest.raises(UltralifError, match="backbone"):
        check_certificate(out / "changed.json")
    (out / "changed.json").unlink()


def test_the_program_runs_with_the_same_backbone_alone(out: Path, tmp_path: Path) -> None:
    program, backbone = out / "program.nir", out / "backbone.onnx"
    run = ultralif("simulate", program, *DATA, "--backbone", backbone, "--json").json()
    report = content(out, "report.json")
    assert run["accuracy"] == report["accuracy"]["integer"]
    assert run["findings"] == []
    bright = ul.load_dataset("digits").test.x[:2] / np.float32(2)  # far too bright
    np.savez(tmp_path / "bright.npz", x_test=bright)
    data = ("--data", tmp_path / "bright.npz", "--backbone", backbone)
    shown = ultralif("simulate", program, *data)
    assert "of 16 features are not between 0 and" in " ".join(shown.out.split())
    line = refused("simulate", program, *DATA)
    assert "the inputs are features of a backbone (SHA-256 " in line
    assert "give --backbone FILE.onnx" in line
    other = tmp_path / "other.onnx"
    other.write_bytes(backbone.read_bytes() + b"\x32\x00")  # an empty text behind it
    line = refused("simulate", program, *DATA, "--backbone", other)
    assert f"the network's file was made with the backbone {report['backbone']['sha256'][:12]}" in (
        line
    )


def test_a_head_is_trained_and_deployed_on_features(out: Path, tmp_path: Path) -> None:
    given = (*DATA, "--backbone", out / "backbone.onnx")
    trained = tmp_path / "trained.pt"
    made = ultralif("train", *given, "--timesteps", 2, "--epochs", 1, "-o", tmp_path)
    assert made.code == 0, made.err
    inspected = ultralif("inspect", trained, "--json").json()["assumed"]
    assert inspected["backbone"]["source"] == "checkpoint"
    line = refused("deploy", trained, *DATA, "-o", tmp_path / "out")
    assert "the inputs are features of a backbone" in line
    args = ("verify", trained, *given, "--on", "fast", "-o", tmp_path / "out")
    assert "Its back ends reference and fast agree" in ultralif(*args).out
    assert ultralif("quantize", trained, "-o", tmp_path / "q").code == 0
    assert ultralif("simulate", tmp_path / "q" / "program.nir", *given).code == 0


def test_the_backbone_of_an_earlier_deployment_goes_and_an_own_one_stays(
    out: Path, tmp_path: Path
) -> None:
    shutil.copytree(out, tmp_path / "out")
    with results(tmp_path / "out", ()):
        pass
    assert not (tmp_path / "out" / "backbone.onnx").exists()
    shutil.copytree(out, tmp_path / "own")
    (tmp_path / "own" / "backbone.onnx").write_bytes(b"my own")
    with results(tmp_path / "own", ()):
        pass
    assert (tmp_path / "own" / "backbone.onnx").read_bytes() == b"my own"


def test_resnet18_with_a_spiking_head(tmp_path: Path) -> None:
    torchvision()
    from torchvision.models import resnet18

    torch.manual_seed(0)
    network = resnet18(weights=None)
    network.fc = nn.Identity()
    layers = nn.Linear(512, CLASSES), snntorch.Leaky(0.9, init_hidden=True)
    module = nn.Sequential(network, *layers)
    x = np.random.default_rng(0).integers(0, 256, (18, 32, 32, 3), dtype=np.uint8)
    settings = ul.Settings(data=x, backbone="0", normalize="imagenet", timesteps=3)
    found = ul.deploy(module, tmp_path, settings, back_ends=("fast",))["backbone"]
    convolutions = sum(p.numel() for p in network.parameters() if p.ndim == 4)
    assert found["features"] == 512
    assert found["parameters"] >= convolutions
    assert found["multiply_accumulates"] > 10_000_000
    assert module[0] is network  # the user's module is as it was
    assert settings.backbone == "0"


def test_refusals(out: Path, tmp_path: Path) -> None:
    file = out / "backbone.onnx"
    with pytest.raises(UltralifError, match=r"no such part; expected FILE.onnx or one of features"):
        ul.deploy(Net(), tmp_path, ul.Settings(data="digits", backbone="backbone"))
    line = refused("inspect", DEMO, "--backbone", file)
    assert "no data are given, whose features it computes" in line
    line = refused("simulate", out / "program.nir", *DATA, "--backbone", "features")
    assert "--backbone features: no such file; expected FILE.onnx, or the name of a part" in line
    more = ("--backbone", file, "--encoding", "rate", "-o", tmp_path)
    line = refused("train", *DATA, *more)
    assert "features of a backbone are graded inputs; expected constant" in line
    head = nn.Sequential(nn.Linear(FEATURES + 1, 10), snntorch.Leaky(0.9, init_hidden=True))
    with pytest.raises(UltralifError, match="the backbone gives 8 features, the network takes 9"):
        ul.deploy(head, tmp_path, ul.Settings(data="digits", backbone=file))
    with pytest.raises(UltralifError, match="a backbone of type int; expected the path of"):
        ul.deploy(head, tmp_path, ul.Settings(data="digits", backbone=3))
    with pytest.raises(UltralifError, match="Bad: cannot be exported to ONNX for samples of shape"):
        ul.deploy(head, tmp_path, ul.Settings(data="digits", backbone=Bad()))
    with pytest.raises(UltralifError, match=r"name the part before all neurons .*--backbone"):
        ul.deploy(Net(), tmp_path, ul.Settings(data="digits"))


class Bad(nn.Module):
    """A part that fails."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("first line\nsecond")
