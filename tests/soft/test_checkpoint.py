"""Checkpoints: what is read from where, and every kind of file that must be refused."""

import os
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from support.networks.checkpoints import network, refused, state, written
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.soft import checkpoint_file
from ultralif_deploy.soft.checkpoint import load_checkpoint
from ultralif_deploy.soft.checkpoint_file import SETTINGS_KEY, save
from ultralif_deploy.soft.network import Architecture

# What is read


def test_released_format(shared):
    path = shared("golden/ultratplif2_bn_T6_seed11.pt")
    read = load_checkpoint(path)
    assert read.network.architecture == Architecture((20, 16, 16, 4), "ultratplif", batch_norm=True)
    assert read.timesteps == 6
    assert not read.network.training
    assert read.assumptions.as_dict() == {
        "neuron": {"value": "ultratplif", "source": "checkpoint"},
        "theta": {"value": 0.0, "source": "default"},
        "skip": {"value": False, "source": "file name"},
        "timesteps": {"value": 6, "source": "file name"},
        "membrane": {"value": "hard", "source": "default"},
    }
    content = torch.load(path, weights_only=True)  # the one other place: what the file really holds
    for key, value in content["model_state_dict"].items():
        assert_array_equal(read.network.state_dict()[key].numpy(), value.numpy(), key)
    plain = {k for k, v in content.items() if isinstance(v, (int, float, str, bool))}
    assert set(read.record) == plain


def same_network(a, b):
    assert a.architecture == b.architecture
    for key, value in a.state_dict().items():
        assert_array_equal(b.state_dict()[key].numpy(), value.numpy(), key, strict=True)


def test_bare_state_dict(tmp_path):
    bare = load_checkpoint(written(tmp_path / "net.pt", state())).network
    same_network(network("ultratplif"), bare)


@pytest.mark.parametrize("name", ["state_dict", "model", "net"])
def test_a_state_dict_under_any_name(tmp_path, name):
    content = {name: state(), "epoch": 3, "optimizer": {"state": {}, "param_groups": []}}
    read = load_checkpoint(written(tmp_path / "net.pt", content))
    same_network(network("ultratplif"), read.network)
    assert read.record == {"epoch": 3}


def test_two_state_dicts_are_no_choice(tmp_path):
    path = written(tmp_path / "net.pt", {"model": state(), "average": state()})
    assert refused(path).startswith("holds the state dicts model, average; expected one: ")


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.module.", "module._orig_mod."])
def test_prefix_of_a_model_on_several_devices(tmp_path, prefix):
    wrapped = {f"{prefix}{k}": v for k, v in state().items()}
    read = load_checkpoint(written(tmp_path / "net.pt", {"model_state_dict": wrapped})).network
    same_network(network("ultratplif"), read)


def test_prefix_of_a_compiled_model(tmp_path):
    compiled = {f"_orig_mod.{k}": v for k, v in state().items()}
    wrapped = {"model_state_dict": compiled, "epoch": 4}
    read = load_checkpoint(written(tmp_path / "net.pt", wrapped))
    same_network(network("ultratplif"), read.network)
    assert read.record == {"epoch": 4}


@pytest.mark.parametrize("fixed", [False, True], ids=["learned", "fixed"])
def test_ablation_form(tmp_path, fixed):
    made = network("ultradlif", spiking_output=True, theta=1.0)
    if fixed:
        for name in ("lif1", "lif2"):
            getattr(made, name).fix_epsilon(torch.tensor(0.25))
    given = made.state_dict()
    assert ("lif1._fixed_eps" in given) == fixed
    read = load_checkpoint(written(tmp_path / "UltraDLIF_mnist_T8.pt", given))
    assert read.network.architecture == made.architecture
    assert read.timesteps == 8
    assert read.assumptions.as_dict()["neuron"] == {"value": "ultradlif", "source": "file name"}
    assert read.network.epsilon() == (0.25 if fixed else 1.0)
    inputs = torch.rand(3, 5, 4, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert_array_equal(read.network(inputs).logits.numpy(), made(inputs).logits.numpy())


def test_values_are_taken_over_in_the_requested_precision(tmp_path):
    path = written(tmp_path / "net.pt", {k: v.double() * (1 + 1e-12) for k, v in state().items()})
    assert load_checkpoint(path).network.fc1.weight.dtype == torch.float32
    exact = load_checkpoint(path, dtype=torch.float64).network.fc1.weight
    assert_array_equal(exact.detach().numpy(), state()["fc1.weight"].double() * (1 + 1e-12))


def test_one_value_for_the_population_may_be_a_vector_of_one(tmp_path):
    path = written(tmp_path / "net.pt", state(neuron___log_tau=torch.tensor([-0.25])))
    assert load_checkpoint(path).network.neuron.log_tau().item() == -0.25


# Where every setting comes from: option, then stored, then file name, then default


def read_setting(tmp_path, name, *, option, stored, in_name):
    """(value, source) of a setting of a network whose keys leave everything open."""
    made = network("ultratlif", (4, 3, 3, 2))
    stem = "ultradlif2_res_T7_seed1" if in_name else "net"
    settings = {"neuron": "sigmalif", "theta": 0.5, "tau": 0.7, "skip": False, "timesteps": 5}
    content = {"model_state_dict": made.state_dict()}
    if stored:
        content[SETTINGS_KEY] = {name: settings[name]}
    options = {"neuron": "ultratlif", "theta": 2.0, "tau": 0.6, "skip": True, "timesteps": 3}
    path = written(tmp_path / f"{stem}.pt", content)
    read = load_checkpoint(path, **({name: options[name]} if option else {}))
    used = read.network.architecture
    value = read.timesteps if name == "timesteps" else getattr(used, name)
    entry = read.assumptions.as_dict()[name]
    assert entry["value"] == value
    return value, entry["source"]


@pytest.mark.parametrize(
    ("name", "option", "stored", "in_name", "default"),
    [
        ("neuron", "ultratlif", "sigmalif", "ultradlif", "ultratlif"),
        ("theta", 2.0, 0.5, None, 0.0),
        ("tau", 0.6, 0.7, None, 0.9),
        ("skip", True, False, True, False),
        ("timesteps", 3, 5, 7, 10),
    ],
)
def test_precedence(tmp_path, name, option, stored, in_name, default):
    def read(**where):
        return read_setting(tmp_path, name, **where)

    assert read(option=True, stored=True, in_name=True) == (option, "option")
    assert read(option=False, stored=True, in_name=True) == (stored, "checkpoint")
    named = (in_name, "file name") if in_name is not None else (default, "default")
    assert read(option=False, stored=False, in_name=True) == named
    assert read(option=False, stored=False, in_name=False) == (default, "default")


def test_default_theta_follows_the_kind(tmp_path):
    for kind, theta in (("ultratlif", 0.0), ("sigmalif", 0.0)):
        path = written(tmp_path / f"{kind}_T3.pt", network(kind).state_dict())
        assert load_checkpoint(path).network.architecture.theta == theta
    path = written(tmp_path / "lif_T3.pt", network("lif").state_dict())
    assert load_checkpoint(path).network.architecture.theta == 0.5


def test_stored_and_named_kinds_that_do_not_fit_the_keys_are_ignored(tmp_path):
    content = {"model_state_dict": state(), SETTINGS_KEY: {"neuron": "lif"}}
    read = load_checkpoint(written(tmp_path / "dspike_T4_seed0.pt", content))
    assert read.network.architecture.neuron == "ultratplif"
    assert read.assumptions.as_dict()["neuron"]["source"] == "checkpoint"


def test_what_save_adds_to_the_released_format(tmp_path):
    made = network("ultratlif", (4, 3, 3, 2), skip=True, theta=0.25, tau=0.75)
    save(tmp_path / "net.pt", made, {"epoch": 2}, {"encoding": "rate"}, {"epochs_done": 1})
    content = torch.load(tmp_path / "net.pt", weights_only=True)
    released = {"model_state_dict", "best_acc", "epoch", "spike_rate", "energy_proxy", "eps", "tau"}
    assert set(content) == released | {SETTINGS_KEY, "training"}
    assert (content["epoch"], content["eps"], content["tau"]) == (2, 1.0, 0.75)
    read = load_checkpoint(tmp_path / "net.pt")
    same_network(made, read.network)
    assert read.settings["encoding"] == "rate"


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "net.pt"
    save(path, network(), {}, {})
    before = path.read_bytes()

    def full(temporary, content):
        with temporary.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UltralifError, match=r"net\.pt: cannot be written \(No space left"):
        save(path, network("ultratplif"), {}, {})
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["net.pt"]


# What is refused before anything is read


def test_missing_file(tmp_path):
    assert refused(tmp_path / "none.pt") == "no such file"


def test_directory(tmp_path):
    assert refused(tmp_path) == "not a regular file"


def test_name_too_long(tmp_path):
    assert refused(tmp_path / ("x" * 300 + ".pt")) == "cannot be read (File name too long)"


def test_text_file(tmp_path):
    path = tmp_path / "net.pt"
    path.write_text("epoch 1: 93 %\n")
    assert refused(path).startswith("not a checkpoint that torch.save wrote (truncated or damaged")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.99])
def test_truncated_file(tmp_path, share):
    whole = written(tmp_path / "whole.pt", state()).read_bytes()
    path = tmp_path / "cut.pt"
    path.write_bytes(whole[: int(len(whole) * share)])
    assert refused(path).startswith("not a checkpoint that torch.save wrote (truncated or damaged")


def test_pickle_that_runs_code(tmp_path):
    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    path = written(tmp_path / "net.pt", {"fc1.weight": Attack()})
    with zipfile.ZipFile(path) as archive:  # the attack is real: pickle itself would run it
        (name,) = [n for n in archive.namelist() if n.endswith("data.pkl")]
        pickle.loads(archive.read(name))
    (tmp_path / "ran").rmdir()
    message = refused(path)
    assert message.startswith(f"refused, the pickle calls {os.mkdir.__module__}.mkdir; a checkp")
    assert not (tmp_path / "ran").exists()


def test_whole_model_instead_of_its_state(tmp_path):
    path = written(tmp_path / "net.pt", network())
    assert "save model.state_dict(), not the model" in refused(path)


def test_zip_bomb(tmp_path, monkeypatch):
    path = written(tmp_path / "net.pt", state())
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/99", bytes(8 << 20))
    assert path.stat().st_size < 100_000
    monkeypatch.setenv("ULTRALIF_MAX_MEMORY", "4 MiB")
    monkeypatch.setattr(checkpoint_file.torch, "load", None)  # would raise TypeError
    assert "'archive/data/99' with all other entries: declared contents: 8,3" in refused(path)


def test_zip_bomb_of_declared_sizes(tmp_path):
    path = written(tmp_path / "net.pt", state())
    data = bytearray(path.read_bytes())
    entry = data.index(b"PK\x01\x02")
    patched = 0
    while data[entry : entry + 4] == b"PK\x01\x02":  # the central directory
        struct.pack_into("<I", data, entry + 24, 0xF0000000)
        patched += 1
        entry += 46 + sum(struct.unpack_from("<3H", data, entry + 28))
    assert patched > 4
    path.write_bytes(data)
    assert f"declared contents: {patched * 0xF0000000:,} bytes" in refused(path)


def test_damaged_files_are_refused_or_read(tmp_path):
    whole = written(tmp_path / "whole.pt", state()).read_bytes()
    rng = np.random.default_rng(0)
    outcomes, messages = [], []
    path = tmp_path / "net.pt"
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(rng.integers(1, 6)):
            data[rng.integers(len(data))] = rng.integers(256)
        path.write_bytes(data)
        try:
            load_checkpoint(path)
            outcomes.append("read")
        except UltralifError as error:  # and nothing else
            outcomes.append("refused")
            messages.append(str(error))
    assert not [m for m in messages if "\n" in m]
    assert outcomes.count("refused") > 100
    assert outcomes.count("read") > 10
