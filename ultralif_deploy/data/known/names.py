"""Well-known data sets by name, found where other tools keep them; nothing is downloaded."""

import os
from dataclasses import dataclass
from pathlib import Path

from ultralif_deploy.data.known.idx import holds_idx
from ultralif_deploy.data.known.spoken import holds_spoken
from ultralif_deploy.errors import UltralifError

SPOKEN = "fsdd"
"""The data set whose speakers can be held out: `fsdd:theo`."""

FOLDERS = "ULTRALIF_DATA"
"""Environment variable with folders that are searched first, separated as in PATH."""

EVERYWHERE = (
    *(".", "data", "~/data", "~/datasets", "~/.keras/datasets", "~/scikit_learn_data"),
    *("/usr/share/datasets", "/usr/local/share/datasets"),
)
"""Where torchvision, tonic, Keras and Debian's packages keep data sets, or are told to."""


@dataclass(frozen=True, slots=True)
class Known:
    """A data set that has a name.

    Attributes:
        what: description with its licence.
        places: files and folders below the searched folders; the first that exists is taken.
        how: line that gets it.
    """

    what: str
    places: tuple[str, ...]
    how: str


def _torchvision(name: str) -> str:
    return (
        'pip install torchvision && python -c "import torchvision.datasets as d; d.'
        f"{name}('data', download=True); d.{name}('data', train=False, download=True)\""
    )


def _tonic(name: str) -> str:
    return (
        f"pip install tonic && python -c \"import tonic.datasets as d; d.{name}('data'); "
        f"d.{name}('data', train=False)\""
    )


KNOWN = {
    "mnist": Known(
        "MNIST, 70 000 handwritten digits of 28×28 pixels (CC BY-SA 3.0)",
        ("MNIST/raw", "mnist", "mnist.npz"),
        _torchvision("MNIST"),
    ),
    "fashion": Known(
        "Fashion-MNIST, 70 000 articles of clothing of 28×28 pixels (MIT)",
        ("FashionMNIST/raw", "fashion-mnist", "fashion_mnist.npz"),
        "apt-get install dataset-fashion-mnist",
    ),
    "kmnist": Known(
        "Kuzushiji-MNIST, 70 000 cursive Japanese characters of 28×28 pixels (CC BY-SA 4.0)",
        ("KMNIST/raw", "kmnist"),
        _torchvision("KMNIST"),
    ),
    "nmnist": Known(
        "N-MNIST, MNIST before an event camera of 34×34 pixels (CC BY-SA 4.0); give --timesteps",
        ("NMNIST", "N-MNIST"),
        _tonic("NMNIST"),
    ),
    "nmnist-sample": Known(
        "1000 recordings of N-MNIST in 20 frames of 15 ms, and 1000 test recordings (CC BY-SA 4.0)",
        ("nmnist_sample.npz", "nmnist_train_frames_T20.npz"),
        "ultralif data nmnist --bin 15 --timesteps 20 --limit 1000 -o nmnist_sample.npz",
    ),
    "shd": Known(
        "Spiking Heidelberg Digits, spoken digits on 700 channels (CC BY 4.0); give --timesteps",
        ("SHD/shd_train.h5", "shd_train.h5"),
        _tonic("SHD"),
    ),
    SPOKEN: Known(
        "Free Spoken Digit Dataset, spikes on 40 channels (CC BY-SA 4.0); give --bin 10 "
        f"--timesteps 100; {SPOKEN}:theo holds out that speaker",
        (*(f"free-spoken-digit-dataset{mark}" for mark in ("", "-master")), "fsdd", "recordings"),
        "git clone --depth 1 https://github.com/Jakobovski/free-spoken-digit-dataset",
    ),
}
"""By the name that --data takes."""


def searched() -> tuple[Path, ...]:
    """The folders that are searched, in order."""
    given = [f for f in os.environ.get(FOLDERS, "").split(os.pathsep) if f]
    return tuple(Path(folder).expanduser() for folder in (*given, *EVERYWHERE))


def place_of(name: str) -> Path | None:
    """Where a data set of `KNOWN` lies on this machine; None if it was not found."""
    candidates = (folder / place for folder in searched() for place in KNOWN[name].places)
    return next((path for path in candidates if path.exists() and _complete(path)), None)


def found_place(name: str) -> Path:
    """The same, which must be there.

    Raises:
        UltralifError: it is not; the message says where was looked, and what gets it.
    """
    place = place_of(name)
    if place is None:
        folders = ", ".join(str(folder) for folder in searched())
        raise UltralifError(
            f"{name}: not on this machine; looked for {' or '.join(KNOWN[name].places)} below "
            f"{folders}. Get it with: {KNOWN[name].how}; or name its folder in ${FOLDERS}"
        )
    return place


def _complete(path: Path) -> bool:
    """A file, or a folder with IDX files or of recordings."""
    folders = any((path / split).is_dir() for split in ("Train", "train"))
    return path.is_file() or folders or holds_idx(path) or holds_spoken(path)
