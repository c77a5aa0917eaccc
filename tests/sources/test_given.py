"""Networks and torch modules that are deployed from Python."""

import sys

import numpy as np
import pytest
import snntorch as snn
import torch
from numpy.testing import assert_array_equal
from torch import nn

import ultralif_deploy as ul
from support.networks.snntorch_modules import FRAMES, Net, looped
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.network import Input
from ultralif_deploy.pipeline import quantize_checkpoint
from ultralif_deploy.sources.opening import open_source


def leaky():
    return snn.Leaky(0.8, 0.3, init_hidden=True)


def flat(inputs=64):
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(inputs, 12), leaky(), nn.Linear(12, 10), leaky())


def pictured(channels=1, side=8):
    torch.manual_seed(1)
    conv = nn.Conv2d(channels, 2, 3)
    return nn.Sequential(conv, leaky(), nn.Flatten(), nn.Linear(2 * (side - 2) ** 2, 10), leaky())


def digits(**options):
    return ul.Settings(data="digits", limit=20, **options)


def events(frames=7, shape=(2, 5, 5), samples=6):
    rng = np.random.default_rng(0)
    x = (rng.random((samples, frames, *shape)) < 0.4).astype(np.uint8)
    return x, rng.integers(0, 10, samples)


def chosen(source):
    return {
        name: (one["value"], one["source"]) for name, one in source.assumptions.as_dict().items()
    }


def test_a_module_gets_the_whole_report(tmp_path):
    report = ul.deploy(flat(), tmp_path, digits(timesteps=4), back_ends=("fast",))
    assert report["source"] == {"file": "Sequential", "architecture": None}
    assert (tmp_path / "program.nir").exists()
    assert (tmp_path / "certificate.json").exists()
    assert report["energy"]


def test_a_network_gives_the_program_of_its_module(tmp_path):
    module = flat()
    network = ul.from_snntorch(module, timesteps=4)
    for name, given in (("module", module), ("network", network)):
        quantize_checkpoint(given, tmp_path / name, digits(timesteps=4))
    first, second = (ul.read_nir(tmp_path / name / "program.nir") for name in ("module", "network"))
    x = np.random.default_rng(0).integers(0, 2, (4, 9, 64), dtype=np.uint8)
    spikes, others = (ul.load_on("fast", p).run(x, record=True).spikes for p in (first, second))
    assert list(spikes) == list(others) == ["1", "3"]
    for name, meant in spikes.items():
        assert meant.any()
        assert_array_equal(others[name], meant)


def test_data_beside_no_settings(tmp_path):
    x, y = events(shape=(64,))
    report = ul.deploy(flat(), tmp_path, data=(x, y), back_ends=("fast",))
    assert report["assumed"]["timesteps"] == {"value": 7, "source": "data"}
    assert report["assumed"]["encoding"]["value"] == "events"
    with pytest.raises(UltralifError, match="the settings name a data set too"):
        ul.deploy(flat(), tmp_path, digits(), data="digits")


@pytest.mark.parametrize(
    ("shape", "frames", "channels"), [((2, 5, 5), 7, 2), ((5, 5), 7, 1), ((5, 5, 2), 7, 2)]
)
def test_convolutions_take_the_shape_of_events(shape, frames, channels):
    x, y = events(frames, shape)
    source = open_source(pictured(channels, 5), ul.Settings(data=(x, y), encoding="events"))
    assert source.network.input.size == channels * 25
    assert source.network.timesteps == source.encoder.timesteps == frames


def test_images_are_read_as_they_are_encoded():
    source = open_source(pictured(), digits(encoding="constant", timesteps=3))
    read = source.network.input
    assert (read.size, read.maximum, read.scale, read.constant) == (64, 255, 1 / 255, True)


def test_a_module_that_shows_one_input_at_all_timesteps():
    module = Net(looped(FRAMES["one input"], lambda spikes, membranes: torch.stack(spikes)))
    x = np.random.default_rng(0).integers(0, 256, (6, 5), dtype=np.uint8)
    source = open_source(module, ul.Settings(data=x, encoding="constant"))
    assert source.network.input.constant
    assert chosen(source)["timesteps"] == (8, "forward of the module")
    with pytest.raises(UltralifError, match="reads the same values at all timesteps of at most 1"):
        open_source(module, ul.Settings(data=x, encoding="rate"))


def test_guessed_timesteps_are_a_doubt():
    source = open_source(flat(), digits())
    assert chosen(source)["timesteps"] == (100, "default")
    with pytest.raises(UltralifError, match=r"^Sequential: --strict: the timesteps T"):
        open_source(flat(), digits(strict=True))


def test_a_network_says_its_own_timesteps():
    network = ul.from_snntorch(flat(), timesteps=5)
    assert chosen(open_source(network, digits()))["timesteps"] == (5, "network")
    with pytest.raises(UltralifError, match=r"^network: timesteps = 6; the network was read"):
        open_source(network, digits(timesteps=6))


def test_a_network_reads_its_inputs_in_one_way():
    spikes = ul.from_snntorch(flat(), timesteps=5)
    with pytest.raises(UltralifError, match="at most 1, and constant encoding gives others, up to"):
        open_source(spikes, digits(encoding="constant"))
    bytes_ = ul.from_snntorch(flat(), timesteps=5, read=Input(64, 255, 1 / 255))
    assert chosen(open_source(bytes_, digits()))["encoding"] == ("constant", "default")
    with pytest.raises(UltralifError, match="at most 255, scaled, and rate encoding"):
        open_source(bytes_, digits(encoding="rate"))


def test_without_data():
    source = open_source(ul.from_snntorch(flat(), timesteps=5), ul.Settings())
    assert source.dataset is None
    with pytest.raises(UltralifError, match="first layer takes any shape; give data"):
        open_source(pictured(), ul.Settings())


@pytest.mark.parametrize(
    ("package", "tool", "extra"),
    [
        ("snntorch", "snnTorch", "snntorch"),
        ("norse.torch", "Norse", "norse"),
        ("spikingjelly.activation_based", "SpikingJelly", "spikingjelly"),
    ],
)
def test_a_framework_that_is_not_installed(package, tool, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)  # its import fails
    monkeypatch.delitem(sys.modules, f"ultralif_deploy.readers.{extra}.neurons", raising=False)
    message = rf"^{tool} is not installed; to install it: pip install 'ultralif-deploy\[{extra}\]'$"
    with pytest.raises(ul.Missing, match=message):
        getattr(ul, f"from_{extra}")(flat())


def test_what_is_refused(tmp_path):
    with pytest.raises(UltralifError, match="Linear: holds no neurons that a reader knows"):
        open_source(nn.Linear(64, 10), digits())
    with pytest.raises(UltralifError, match="a dict; expected the path of a file, a Network"):
        open_source({}, digits())
    with pytest.raises(UltralifError, match=r"--dt 0\.1: a network from Python has none"):
        open_source(flat(), digits(dt=0.1))
    with pytest.raises(UltralifError, match="--spike-bits 1: a network from Python has none"):
        ul.deploy(flat(), tmp_path, digits(spike_bits="auto"))
    with pytest.raises(UltralifError, match="has hard spikes already"):
        ul.deploy(flat(), tmp_path, digits(), anneal=ul.AnnealOptions(1))
    quantize_checkpoint(flat(), tmp_path, digits(timesteps=2))
    with pytest.raises(UltralifError, match="a Program: an integer program already"):
        open_source(ul.read_nir(tmp_path / "program.nir"), digits())
    x, y = events(shape=(64,))
    with pytest.raises(UltralifError, match="12"):
        open_source(flat(), ul.Settings(data=(x, np.full_like(y, 12))))
