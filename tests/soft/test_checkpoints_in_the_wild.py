"""Checkpoints as training tools write them, and those of other libraries."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import snntorch
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from support.commands import refused as refused_command
from support.commands import ultralif
from support.networks.checkpoints import name_gpu, network, refused, state, written
from support.requirements import import_or_skip
from ultralif_deploy.soft.checkpoint import load_checkpoint

LIGHTNING = {
    "epoch": 3,
    "global_step": 40,
    "pytorch-lightning_version": "2.6.6",
    "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 4}}}},
    "callbacks": {"ModelCheckpoint{}": {"best_model_score": torch.tensor(0.5), "best_k": {}}},
    "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(2)}}, "param_groups": []}],
    "lr_schedulers": [],
}
"""Entries of a Lightning checkpoint beside state_dict and hyper_parameters, as 2.6 writes them."""


def same_network(path: Path, **options: Any) -> None:
    expected = network("ultratplif")
    expected.load_state_dict(state_of_all())
    found = load_checkpoint(path, **options).network.state_dict()
    assert found.keys() == expected.state_dict().keys()
    for name, value in expected.state_dict().items():
        assert torch.equal(found[name], value), name


def state_of_all() -> dict[str, torch.Tensor]:
    rng = torch.Generator().manual_seed(3)
    given = {k: v.clone() for k, v in state().items()}
    for name in ("fc1.weight", "fc2.weight"):
        given[name] = torch.randn(given[name].shape, generator=rng)
    return given


@pytest.mark.parametrize("prefix", ["model.", "net.", "network.", "model._orig_mod."])
def test_lightning(tmp_path: Path, prefix: str) -> None:
    given = {f"{prefix}{k}": v for k, v in state_of_all().items()}
    given["accuracy.tp"] = torch.zeros((), dtype=torch.int64)
    given["loss.weight"] = torch.ones(3)
    hyper = {"timesteps": 7, "learning_rate": 1e-3, "theta": 0.75, "layers": [4, 3, 2]}
    content = LIGHTNING | {"state_dict": given, "hyper_parameters": hyper}
    path = written(tmp_path / "epoch=3.ckpt", content)
    same_network(path)
    loaded = load_checkpoint(path)
    assert (loaded.steps.value, loaded.steps.origin) == (7, "checkpoint")
    assert loaded.assumptions.as_dict()["theta"] == {"value": 0.75, "source": "checkpoint"}
    assert load_checkpoint(path, timesteps=9).timesteps == 9


def test_hyper_parameters_without_lightning_are_left_alone(tmp_path: Path) -> None:
    content = {"model_state_dict": state(), "hyper_parameters": {"timesteps": 7}}
    assert load_checkpoint(written(tmp_path / "net.pt", content)).steps.is_default


@pytest.mark.parametrize("averaging", [None, get_ema_multi_avg_fn(0.9)])
def test_averaged_models(tmp_path: Path, averaging: Any) -> None:
    plain = network("ultratplif")
    plain.load_state_dict(state_of_all())
    averaged = AveragedModel(plain, multi_avg_fn=averaging)
    averaged.update_parameters(plain)
    same_network(written(tmp_path / "swa.pt", averaged.state_dict()))
    content = {"ema": averaged.state_dict(), "epoch": 4}
    same_network(written(tmp_path / "ema.pt", content))


def test_a_counter_alone_is_no_wrapper(tmp_path: Path) -> None:
    message = refused(written(tmp_path / "net.pt", state() | {"n_averaged": torch.tensor(3)}))
    assert message == "keys do not make a SNN; missing: none; unknown: n_averaged"


def test_several_state_dicts(tmp_path: Path) -> None:
    path = written(tmp_path / "net.pt", {"model": state(), "ema": state(), "epoch": 3})
    assert refused(path) == (
        "holds the state dicts model, ema; expected one: "
        "torch.save(torch.load('net.pt', weights_only=True)['model'], 'new.pt')"
    )


def test_tensors_that_were_on_a_gpu(tmp_path: Path) -> None:
    """The file names the device of every tensor; here it is changed to one that is not there."""
    path = written(tmp_path / "net.pt", state_of_all())
    name_gpu(path)
    same_network(path)


def test_whole_modules(tmp_path: Path) -> None:
    message = refused(written(tmp_path / "net.pt", torch.nn.Linear(2, 3)))
    assert message.startswith("refused, the pickle calls torch.nn.modules.linear.Linear; ")
    assert message.endswith("torch.save(model.state_dict(), 'new.pt'))")


def test_torchscript(tmp_path: Path) -> None:
    with pytest.warns(DeprecationWarning, match="torch.jit"):
        torch.jit.script(torch.nn.Linear(2, 3)).save(str(tmp_path / "net.pt"))
    message = refused(tmp_path / "net.pt")
    assert message == (
        "a TorchScript archive, which holds code; torch.save(model.state_dict(), 'new.pt') writes "
        "a file that is read"
    )


def test_snntorch_is_recognised(tmp_path: Path) -> None:
    layers = torch.nn.Sequential(torch.nn.Linear(4, 3), snntorch.Leaky(beta=0.9))
    path = written(tmp_path / "net.pt", deepcopy(layers.state_dict()))
    line = refused_command("inspect", path)
    assert "net.pt: a state dict of snnTorch, which does not say how layers are connected" in line
    assert "ultralif deploy FILE.py:NAME --weights this file" in line


def test_spikingjelly_is_recognised(tmp_path: Path) -> None:
    base = import_or_skip("spikingjelly.activation_based.layer", "see .ci/readers.txt")
    neuron = import_or_skip("spikingjelly.activation_based.neuron", "see .ci/readers.txt")
    for last in (neuron.LIFNode(), neuron.ParametricLIFNode()):
        layers = torch.nn.Sequential(base.Linear(4, 3), last)
        message = refused(written(tmp_path / "net.pt", layers.state_dict()))
        assert "as of SpikingJelly" in message
        assert "ultralif deploy FILE.py:NAME --weights this file" in message


def test_a_lightning_checkpoint_is_deployed(tmp_path: Path) -> None:
    given = {f"model.{k}": v for k, v in network("ultratplif", (64, 8, 10)).state_dict().items()}
    content = LIGHTNING | {"state_dict": given, "hyper_parameters": {"timesteps": 3}}
    path = written(tmp_path / "last.ckpt", content)
    assert ultralif("quantize", path, "--data", "digits", "-o", tmp_path / "out").code == 0
