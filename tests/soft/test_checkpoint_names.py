"""What names of released checkpoints say, and the stateless form that only a name tells."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from support.comparisons import holds
from support.strategies.shapes import seeds
from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.running import run_hard
from ultralif_deploy.passes import apply_passes
from ultralif_deploy.quantization.quantize import quantize
from ultralif_deploy.simulators.reference import simulator as reference
from ultralif_deploy.soft.architectures import Architecture
from ultralif_deploy.soft.checkpoint import load_checkpoint
from ultralif_deploy.soft.checkpoint_file import save
from ultralif_deploy.soft.checkpoint_names import released_key, released_name
from ultralif_deploy.soft.hardening import harden
from ultralif_deploy.soft.network import SoftNetwork
from ultralif_deploy.soft.shapes import Shapes
from ultralif_deploy.soft.training import real_inputs

NAMES = {
    "ultratlif_T10_seed0": ("ultratlif", 10, 1, ""),
    "ultratplif_T10_sp0.1_seed42": ("ultratplif", 10, 1, ""),
    "dspike+_T4_seed1": ("dspike+", 4, 1, ""),
    "dspike_T4_seed1": ("dspike", 4, 1, ""),
    "lif2_bn_res_T5_seed42": ("lif", 5, 2, "bn res"),
    "ultradplif3_bn_T30_seed7": ("ultradplif", 30, 3, "bn"),
    "ultradlif_conv_bn_T1_seed42": ("ultradlif", 1, 1, "conv bn"),
    "lif_conv_sl_T5_seed42": ("lif", 5, 1, "conv sl"),
    "ultratlif_conv_bn_ds_T8_seed3": ("ultratlif_ds", 8, 1, "conv bn ds"),
    "ultratplif_conv4_bn_ds_T8_seed3": ("ultratplif_ds", 8, 1, "conv4 bn ds"),
    "ultratlif_sresnet18_ds_T2_seed3": ("ultratlif_ds", 2, 1, "sresnet18 ds"),
    "adalif_T3": ("adalif", 3, 1, ""),
}


@pytest.mark.parametrize("stem", NAMES)
def test_every_composed_key_is_read(stem):
    name = released_name(stem)
    kind, timesteps, layers, marks = NAMES[stem]
    assert (name.neuron, name.timesteps, name.layers) == (kind, timesteps, layers)
    assert name.marks == frozenset(marks.split())
    assert name.unknown == ()
    assert name.hints()["stateless"] == ("sl" in marks)


@pytest.mark.parametrize("stem", ["best", "ultratlif", "my_ultratlif_T3", "lif9_T3", "T5_seed1"])
def test_other_names_say_nothing(stem):
    assert released_name(stem) is None


CONV = Shapes((64, 3), (1, 4, 5), 8)


@pytest.mark.parametrize(
    ("stem", "found", "batch_norm", "contradictions"),
    [
        ("lif_conv_bn_T5_seed1", CONV, False, ["batch norm"]),
        ("lif_conv4_T5_seed1", CONV, False, ["two convolutions", "four convolutions"]),
        ("lif2_T5_seed1", Shapes((4, 3, 3, 3, 2)), False, ["2 hidden layers"]),
        ("lif3_T5_seed1", Shapes((4, 3, 3, 3, 2)), False, []),
        ("lif_sresnet18_T5_seed1", Shapes((4, 5, 3)), False, ["residual blocks"]),
    ],
)
def test_names_that_contradict_the_file(stem, found, batch_norm, contradictions):
    assert released_name(stem).contradictions(found, batch_norm) == contradictions


def written(tmp_path, architecture, stem):
    network = SoftNetwork(architecture, seed=2)
    path = tmp_path / f"{stem}.pt"
    torch.save({"model_state_dict": network.state_dict(), "best_acc": 0.5}, path)
    return path


def ambiguous(checkpoint):
    return [f.text for f in checkpoint.assumptions.findings if f.kind == "ambiguous"]


def test_a_kind_that_is_guessed_is_warned_of(tmp_path):
    architecture = Architecture((6, 4, 3), "ultradlif")
    (text,) = ambiguous(load_checkpoint(written(tmp_path, architecture, "net"), timesteps=2))
    expected = "the neuron kind: its parameters are also those of ultradlif, sigmalif"
    assert text == f"{expected}; ultratlif is assumed"
    path = written(tmp_path, architecture, "ultradlif_T1_seed42")
    named = load_checkpoint(path)
    assert ambiguous(named) == []
    assert named.network.architecture.neuron == "ultradlif"
    assert ambiguous(load_checkpoint(path, neuron="ultratlif")) == []


def test_a_skip_that_is_guessed_is_warned_of(tmp_path):
    path = written(tmp_path, Architecture((6, 4, 4, 3), "ultratplif"), "net")
    (text,) = ambiguous(load_checkpoint(path, timesteps=2))
    assert text.startswith("residual connections: neither the file nor its name tells")
    assert ambiguous(load_checkpoint(path, timesteps=2, skip=False)) == []


def test_marks_that_mean_nothing_are_named(tmp_path):
    path = written(tmp_path, Architecture((6, 4, 3), "ultratplif"), "ultratplif_wide_T3_seed1")
    (finding,) = load_checkpoint(path).assumptions.findings
    assert finding.kind == "file-name"
    assert "wide in the name means nothing" in finding.text


STATELESS = ("lif", "plif", "adalif", "ultratlif", "ultratplif", "ultradlif", "ultratlif_ds")


@pytest.mark.parametrize("kind", STATELESS)
def test_stateless_networks_are_exact(kind):
    architecture = Architecture(
        (48, 3), kind, channels=(3, 4, 3), side=4, theta=0.1, stateless=True
    )

    def check(seed):
        rng = np.random.default_rng(seed)
        network = SoftNetwork(architecture, seed).double().eval()
        with torch.no_grad():
            for stage in network.stages():
                if hasattr(stage.neuron, "_log_tau"):
                    stage.neuron._log_tau.fill_(rng.choice([-0.3, 0.05, 0.3]))
        encoder = Encoder("constant", 3)
        values = np.array(rng.integers(0, 256, (3, 5, 48)), dtype=np.uint8)  # changes with time
        with torch.no_grad():
            soft = network(real_inputs(encoder, values, torch.float64), 0.0)
            once = [network(real_inputs(encoder, v[None], torch.float64), 0.0) for v in values]
        hard = harden(network, encoder, 255)
        found = run_hard(hard, values)
        for name, spikes in soft.spikes.items():
            assert_array_equal(spikes.numpy(), np.concatenate([o.spikes[name] for o in once]))
            assert_array_equal(found.spikes[name], spikes.numpy() > 0.5, name)
        program = quantize(apply_passes(hard, skip=["collapse-constant"]), 8)
        trace = reference.load(program).run(values, record=True)
        for t, frame in enumerate(values):
            alone = reference.load(program).run(frame[None], record=True)
            for name, spikes in alone.spikes.items():
                assert_array_equal(trace.spikes[name][t], spikes[0], name)

    holds(check, seeds, examples=4)


def test_stateless_networks_come_back_stateless(tmp_path):
    architecture = Architecture((16, 3), "lif", channels=(1, 2, 3), side=4, stateless=True)
    assert released_key(architecture) == "lif_conv_sl"
    save(tmp_path / "net.pt", SoftNetwork(architecture), {}, {"timesteps": 3})
    read = load_checkpoint(tmp_path / "net.pt")
    assert read.network.architecture.stateless
    assert read.assumptions.as_dict()["stateless"] == {"value": True, "source": "checkpoint"}
    assert not load_checkpoint(tmp_path / "net.pt", stateless=False).network.architecture.stateless


def test_stateless_is_refused_where_it_does_not_exist(tmp_path):
    path = written(tmp_path, Architecture((6, 4, 3), "lif"), "lif_T3_seed1")
    with pytest.raises(UltralifError, match="--stateless: only ConvSNN and DeepConvSNN have that"):
        load_checkpoint(path, stateless=True)
    with pytest.raises(UltralifError, match="a stateless network has no membrane to keep"):
        SoftNetwork(
            Architecture(
                (16, 3), "ultratlif", channels=(1, 2, 3), side=4, membrane="soft", stateless=True
            )
        )
