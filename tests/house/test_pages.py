"""Every command of README and pages runs, on small files of the names that the pages use.

`tests/house/test_tutorials.py` runs the tutorials. Commands that take long are in `ELSEWHERE`, with
the test that runs the same command on something small.
"""

import re
import shlex
import shutil
from itertools import groupby
from pathlib import Path

import minisign
import numpy as np
import pytest
import torch

import ultralif_deploy as ul
from support.commands import DEMO, ultralif
from support.networks import readings
from support.paths import ROOT
from ultralif_deploy.cli.information.pages import pages
from ultralif_deploy.readers.nir.neurons import Conventions
from ultralif_deploy.soft import checkpoint_file
from ultralif_deploy.soft.architectures import Architecture
from ultralif_deploy.soft.network import SoftNetwork

ELSEWHERE = {
    "ultralif demo": "tests/cli/test_cli.py",
    "--lava-python": "tests/exporters/test_lava.py",
    "--part": "tests/steps/hardware/test_deploying.py",
    "--architecture convsnn": "tests/exporters/test_verilog.py",
    "conv/trained.pt": "tests/exporters/test_verilog.py",
    "--on c-cortex": "tests/steps/hardware/test_firmware.py",
    "--backbone": "tests/sources/test_backbones.py",
    "ultralif sweep": "tests/sweeps/test_sweep.py",
    "silif.pth": "tests/readers/test_second_order_checkpoint.py",
    "ultralif data nmnist": "tests/data/test_known.py",
    "ultralif data fsdd": "tests/data/test_spoken.py",
    "ultralif data mnist": "tests/data/test_known.py",
}
"""What commands that are not run here have in them, and where the same is tested."""

SMALLER = (
    (r"--on \S+", ""),
    (r"--epochs \d+", "--epochs 1"),
    (r"--hidden \d+", "--hidden 8"),
    (r"--limit \d+", "--limit 20"),
    (r"--anneal\b", "--anneal --epochs 1"),
    (
        r"^ultralif (deploy|verify(?! --cert)) (.*)",
        r"ultralif \1 \2 --limit 20 --certify 2 --on fast",
    ),
)
"""What the test makes of commands."""

NET = """
import snntorch as snn
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.lif = nn.Linear(64, 10), snn.Leaky(0.9, init_hidden=True)

    def forward(self, x):
        return self.lif(self.fc(x.flatten(1)))


def build():
    return Net()
"""
PAGES = {name: page for name, page in pages().items() if name != "tutorials"}
PAGES["front"] = ROOT / "README.md"


def lines(page: Path) -> list[str]:
    """The commands of a page, `ultralif` and what follows."""
    found = []
    for block in re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            parts = (list(one) for chained, one in groupby(words, ("&&").__eq__) if not chained)
            found += [shlex.join(one) for one in parts if one[0] == "ultralif"]
    return found


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small files of the names that the pages use."""
    folder = tmp_path_factory.mktemp("pages")
    for name in (
        "mine.pt",
        "net.pt",
        "ultratplif_T10_seed0.pt",
        "results/back-ends/T10/annealed-4.pt",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(DEMO, folder / name)
    network = SoftNetwork(Architecture((64, 8, 8, 10), "ultratplif", batch_norm=True))
    released = folder / "ultratplif2_bn_T4_seed0.pt"
    checkpoint_file.save(released, network, {"epoch": 1}, {})
    digits = ul.load_dataset("digits")
    assert digits.train is not None
    train, test = digits.train.cut(60)[0], digits.test.cut(20)[0]
    arrays = {"x_train": train.x, "y_train": train.y, "x_test": test.x, "y_test": test.y}
    for name in ("mine", "mnist", "mnist_train"):
        np.savez(folder / f"{name}.npz", **arrays)  # type: ignore[arg-type]
    frames = np.random.default_rng(0).random((12, 10, 64)) < 0.2
    np.savez(folder / "mydata.npz", x=frames.astype(np.uint8), y=np.arange(12) % 10)
    (folder / "mynet.py").write_text(NET, "utf-8")
    scope: dict[str, type[torch.nn.Module]] = {}
    exec(NET, scope)
    torch.save(scope["Net"]().state_dict(), folder / "weights.pt")
    model = readings.written(folder / "model.nir", "LIF", 0)
    inputs = readings.data(folder / "inputs.npz", 0)
    spikes = readings.meant(model, Conventions(dt=1e-3), inputs).spikes["hidden"]
    np.savez(folder / "spikes.npz", hidden=spikes)
    run = ("deploy", DEMO, "--data", "digits", "--limit", 20, "--certify", 2, "--on", "fast")
    assert ultralif(*run, "-o", folder / "out").code == 0
    for name in ("eight-bits", "four-bits"):
        shutil.copytree(folder / "out", folder / name)
    pair = minisign.KeyPair.generate()
    (folder / "minisign.pub").write_bytes(bytes(pair.public_key))
    certificate = folder / "out" / "certificate.json"
    signature = pair.secret_key.sign(certificate.read_bytes(), trusted_comment="mine")
    (folder / "out" / "certificate.json.minisig").write_bytes(bytes(signature))
    return folder


@pytest.mark.parametrize("name", [name for name, page in PAGES.items() if lines(page)])
def test_commands_run(
    name: str, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(files, tmp_path / "pages")
    monkeypatch.chdir(tmp_path / "pages")
    monkeypatch.syspath_prepend(ROOT)
    for line in lines(PAGES[name]):
        if any(part in line for part in ELSEWHERE):
            continue
        for old, new in SMALLER:
            line = re.sub(old, new, line)
        line = line.replace("ultralif_deploy/data/digits_ultraplif.pt", str(DEMO))
        outcome = ultralif(*shlex.split(line)[1:])
        assert outcome.code == 0, f"{line}: {outcome}"


def test_what_is_run_elsewhere_is_in_a_page() -> None:
    every = [line for page in PAGES.values() for line in lines(page)]
    for part, test in ELSEWHERE.items():
        assert any(part in line for line in every), part
        assert (ROOT / test).is_file()
