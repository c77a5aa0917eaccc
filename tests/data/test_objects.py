"""Image folders and data set objects, made by torchvision, Pillow and torch."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

import ultralif_deploy as ul
from support.commands import DEMO, ultralif
from support.foreign.datasets import tonic, torchvision
from support.requirements import import_or_skip
from ultralif_deploy.data import load_dataset
from ultralif_deploy.data.binning import Binning
from ultralif_deploy.errors import UltralifError


def refused(source: Any) -> str:
    with pytest.raises(UltralifError) as caught:
        load_dataset(source)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def pictures(folder: Path, colours: int, seed: int = 0, side: int = 6) -> Path:
    """Two images of each of 11 classes, which torchvision writes."""
    rng = torch.Generator().manual_seed(seed)
    for label in range(11):
        (folder / str(label)).mkdir(parents=True)
        for i in range(2):
            pixels = torch.randint(0, 256, (colours, side, side + 1), generator=rng)
            image = torchvision().transforms.functional.to_pil_image(pixels.to(torch.uint8))
            image.save(folder / str(label) / f"{i}.png")
    return folder


@pytest.mark.parametrize("colours", [1, 3])
def test_folders_of_images_are_read_as_torchvision_reads_them(tmp_path: Path, colours: int) -> None:
    read = load_dataset(pictures(tmp_path / "a", colours)).test
    theirs = torchvision().datasets.ImageFolder(tmp_path / "a")
    assert_array_equal(read.y, theirs.targets)  # in the order of names, where 10 follows 1
    for x, (image, _) in zip(read.x, theirs, strict=True):
        expected = np.moveaxis(np.asarray(image), -1, 0)
        assert_array_equal(x, expected if colours == 3 else expected[0], strict=True)
    held = load_dataset(theirs).test
    assert_array_equal(held.y, read.y)
    assert_array_equal(held.x, read.x if colours == 3 else read.x[:, None].repeat(3, axis=1))


def test_folders_of_both_splits(tmp_path: Path) -> None:
    pictures(tmp_path / "train", 1, 1)
    pictures(tmp_path / "Test", 1, 2)
    read = load_dataset(tmp_path)
    assert read.train is not None
    alone = [load_dataset(tmp_path / name).test for name in ("train", "Test")]
    for split, expected in zip((read.train, read.test), alone, strict=True):
        assert_array_equal(split.x, expected.x, strict=True)
        assert_array_equal(split.y, expected.y, strict=True)
    (tmp_path / "Test").rename(tmp_path / "val")
    assert_array_equal(load_dataset(tmp_path).test.x, read.test.x)
    pictures(tmp_path / "valid", 1, 3)
    assert refused(tmp_path) == (
        f"{tmp_path}: val and valid are both the validation samples; expected one of them"
    )
    for name in ("val", "valid"):
        (tmp_path / name).rename(tmp_path / f"other-{name}")
    held = load_dataset(tmp_path)
    assert held.train is not None
    assert (len(held.train.x), len(held.test.x)) == (19, 3)
    assert len(set(np.asarray(held.test.y))) > 1


def test_one_image(tmp_path: Path) -> None:
    folder = pictures(tmp_path, 1)
    read = load_dataset(folder / "0" / "0.png").test
    assert_array_equal(read.x, load_dataset(folder).test.x[:1], strict=True)
    assert read.y is None


def test_images_that_cannot_be_used(tmp_path: Path) -> None:
    image = import_or_skip("PIL.Image", "pip install pillow")
    pictures(tmp_path, 1)
    odd = tmp_path / "3" / "9.png"
    image.fromarray(np.zeros((4, 5), np.uint8)).save(odd)
    assert refused(tmp_path) == (
        f"{odd}: 5x4 pixels, 0.png has 7x6; expected one size: crop or resize them"
    )
    image.fromarray(np.zeros((6, 7), np.uint16)).save(odd)
    assert "9.png: pixels of mode I;16; expected 8-bit grey or coloured ones" in refused(tmp_path)
    odd.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n")
    assert "9.png: not a readable image (" in refused(tmp_path)
    odd.write_bytes((tmp_path / "0" / "0.png").read_bytes()[:60])
    assert "9.png: not a readable image (" in refused(tmp_path)


def test_without_pillow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures(tmp_path, 1)
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert refused(tmp_path).endswith("is not installed; to install it: pip install pillow")


def test_folders_without_samples(tmp_path: Path) -> None:
    assert "no files that can be read; expected images (.png, " in refused(tmp_path)
    pictures(tmp_path / "train", 1)
    (tmp_path / "test").mkdir()
    assert f"{tmp_path / 'test'}: no files that can be read" in refused(tmp_path)


def test_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures(tmp_path, 3)
    monkeypatch.setenv("ULTRALIF_MAX_MEMORY", "2000")
    assert "22 images: 2,772 bytes; at most 2,000" in refused(tmp_path)
    made = torchvision().datasets.FakeData(30, (3, 6, 7), 4)
    assert "FakeData: 30 samples of shape (3, 6, 7): 3,780 bytes" in refused(made)


def test_tensors_of_a_transform(tmp_path: Path) -> None:
    to_tensor = torchvision().transforms.ToTensor()
    made = torchvision().datasets.FakeData(9, (3, 5, 5), 4, transform=to_tensor)
    read = load_dataset(made).test
    assert read.x.shape == (9, 3, 5, 5)
    assert_array_equal(read.x, np.stack([np.asarray(x) for x, _ in made]))
    assert_array_equal(read.y, [int(y) for _, y in made])


def test_arrays_tensors_and_dictionaries() -> None:
    digits = load_dataset("digits")
    x, y = digits.test.x, digits.test.y
    assert y is not None
    tensors = torch.as_tensor(x), torch.as_tensor(y)
    for source in ((x, y), list(tensors), torch.utils.data.TensorDataset(*tensors)):
        read = load_dataset(source).test
        assert_array_equal(read.x, x, strict=True)
        assert_array_equal(read.y, y, strict=True)
    assert_array_equal(load_dataset(tensors[0]).test.x, x, strict=True)
    both = load_dataset({"train": (x, y), "test": torch.utils.data.TensorDataset(*tensors)})
    assert both.train is not None
    assert_array_equal(both.train.y, y, strict=True)
    assert load_dataset(digits) is digits


def test_objects_are_deployed_like_files(tmp_path: Path) -> None:
    digits = load_dataset("digits")
    source = {"train": digits.train, "test": digits.test}
    pairs = {k: (split.x, split.y) for k, split in source.items() if split is not None}
    report = ul.deploy(DEMO, tmp_path / "a", ul.Settings(data=pairs, timesteps=2, limit=60))
    again = ul.deploy(DEMO, tmp_path / "b", ul.Settings(data="digits", timesteps=2, limit=60))
    assert report["accuracy"] == again["accuracy"]
    assert ultralif("verify", "--certificate", tmp_path / "a" / "certificate.json").code == 0


class Recorded:
    """Two recordings, as a data set of tonic holds them."""

    sensor_size = (9, 7, 2)

    def __init__(self, transform: Any = np.copy) -> None:
        rng = np.random.default_rng(0)
        self.transform = transform
        self.events = np.zeros(200, [("x", int), ("y", int), ("t", int), ("p", int)])
        self.events["t"] = np.sort(rng.integers(0, 50_000, 200))
        for name, most in (("x", 9), ("y", 7), ("p", 2)):
            self.events[name] = rng.integers(0, most, 200)

    def __len__(self) -> int:
        return 2

    def __getitem__(self, i: int) -> tuple[Any, int]:
        return self.transform(self.events[: 100 * (i + 1)].copy()), i


def test_frames_that_tonic_made() -> None:
    to_frame = tonic().transforms.ToFrame((9, 7, 2), n_time_bins=5)
    framed = load_dataset(Recorded(to_frame))
    assert not framed.recorded
    recorded = load_dataset(torch.utils.data.Subset(Recorded(), [0, 1]), Binning(5))
    assert_array_equal(framed.test.x, recorded.test.x, strict=True)
    assert_array_equal(recorded.test.y, [0, 1])
    windows = tonic().transforms.ToFrame((9, 7, 2), time_window=5000)
    assert "bin events into as many frames" in refused(Recorded(windows))


@pytest.mark.parametrize("first", [True, False], ids=["written", "read back"])
def test_caches_of_tonic(first: bool, tmp_path: Path) -> None:
    plain = load_dataset(Recorded(), Binning(5)).test
    to_frame = tonic().transforms.ToFrame((9, 7, 2), n_time_bins=5)
    for name, transform in (("events", np.copy), ("frames", to_frame)):
        cached = tonic().DiskCachedDataset(Recorded(transform), str(tmp_path / name))
        assert first or [cached[i][1] for i in range(2)] == [0, 1]
        for source in (cached, tonic().MemoryCachedDataset(Recorded(transform))):
            read = load_dataset(source, Binning(5))
            assert_array_equal(read.test.x, plain.x, strict=True)
            assert_array_equal(read.test.y, plain.y)
            assert read.recorded == (name == "events")
    later = tonic().DiskCachedDataset(Recorded(), str(tmp_path / "events"), transform=to_frame)
    assert_array_equal(load_dataset(later).test.x, plain.x, strict=True)


def test_chains_of_data_sets() -> None:
    plain = load_dataset(Recorded(), Binning(5)).test
    chain = torch.utils.data.ConcatDataset([Recorded(), Recorded()])  # type: ignore[list-item]
    assert_array_equal(load_dataset(chain, Binning(5)).test.x, np.concatenate([plain.x] * 2))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (7, "data of type int; expected a path, arrays, or a data set with len() and [i]"),
        ({"train": np.zeros((9, 2)), "valid": 1}, "data with keys train, valid; expected train"),
        ([], "list: no samples; expected at least one"),
        ([(np.zeros(3), "cat")], "list: a label 'cat'; expected whole numbers"),
        (
            [(np.zeros(3), 1, 2)],
            "list: items of 3 parts; expected samples, or pairs",
        ),
        (
            (np.zeros((4, 2)), np.eye(4)),
            "labels has shape (4, 4); expected (4,), so give y",
        ),
        ([("text", 1)], "list: its samples has shape (1,); expected [sample, …]"),
    ],
)
def test_objects_that_are_no_data(source: Any, expected: str) -> None:
    assert expected in refused(source)
