"""The Free Spoken Digit Dataset: recordings DIGIT_SPEAKER_NUMBER.wav, mono, 16 bits, 8 kHz.

Source: Z. Jackson, C. Souza, J. Flaks, Y. Pan, H. Nicolas, A. Thite, Free Spoken Digit Dataset
(doi:10.5281/zenodo.1342401). Its authors name recordings 0 to 4 of every speaker and digit as test
samples. `cochlea.py` beside this module turns the sound into spikes.
"""

import re
import struct
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ultralif_deploy.data.binning import Binning, Events, Recordings, sensor_size
from ultralif_deploy.data.known.cochlea import CHANNELS, filter_bank, spikes_of_sound
from ultralif_deploy.data.objects import dataset_of_recordings
from ultralif_deploy.data.splits import Dataset
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.files import readable_file
from ultralif_deploy.io.memory import check_memory

RATE_HZ, SAMPLE_BYTES = 8000, 2
TEST_NUMBERS = 5
"""Recordings with a smaller number are test samples."""

WORKING_BYTES = 400
"""Memory for each sample of sound while one recording becomes spikes: its windows and spectra."""

_NAME = re.compile(r"(\d)_([^_]+)_(\d{1,9})")
_WAY_OUT = f"ffmpeg -i IN.wav -ar {RATE_HZ} -ac 1 -c:a pcm_s16le OUT.wav makes that of any sound"


def recordings_folder(folder: Path) -> Path | None:
    """The folder of recordings: the given one, or `recordings` in it; None without any."""
    for place in (folder / "recordings", folder):
        if place.is_dir() and any(_NAME.fullmatch(file.stem) for file in _files(place)):
            return place
    return None


def holds_spoken(folder: Path) -> bool:
    """Whether a folder holds such recordings."""
    return recordings_folder(folder) is not None


def dataset_of_spoken(folder: Path, how: Binning, speaker: str | None = None) -> Dataset:
    """Spoken digits as counts of spikes [sample, frame, channel].

    Args:
        folder: clone of the data set, or its folder `recordings`.
        how: binning of the spikes into frames. Its sensor is the number of channels, 40 if it is
            not told. Time 0 is the start of the recording; shorter ones get empty frames at the
            end, and longer ones are cut off, as for all recordings.
        speaker: speaker whose recordings are the test samples; None is the authors' split.

    Raises:
        UltralifError: no such speaker, files of other names, or sound that cannot be read.
    """
    place = recordings_folder(folder)
    if place is None:
        raise UltralifError(f"{folder}: no recordings; expected files such as 7_jackson_32.wav")
    parts: dict[str, list[tuple[Path, int]]] = {"train": [], "test": []}
    order: dict[Path, tuple[int, str]] = {}
    speakers = set()
    for file in sorted(_files(place)):
        match = _NAME.fullmatch(file.stem)
        if match is None:
            raise UltralifError(
                f"{file}: expected a name such as 7_jackson_32.wav: digit, speaker, number"
            )
        digit, who, number = match.groups()
        speakers.add(who)
        order[file] = int(number), who
        test = int(number) < TEST_NUMBERS if speaker is None else who == speaker
        parts["test" if test else "train"].append((file, int(digit)))
    if speaker is not None and speaker not in speakers:
        raise UltralifError(
            f"{place}: no speaker {speaker!r}; expected one of {', '.join(sorted(speakers))}"
        )
    # Names begin with the digit. Number by number, the first test samples are of all digits.
    parts["test"].sort(key=lambda found: order[found[0]])
    channels, height = sensor_size(how.sensor or str(CHANNELS))
    if height > 1:
        raise UltralifError(f"--sensor {how.sensor}: sound has no rows; expected a number alone")
    bank = filter_bank(channels, RATE_HZ)
    recorded = {
        name: Recordings(
            str(place),
            tuple(file.name for file, _ in files),
            _reader(files, bank),
            str(channels),
            from_zero=True,
            polarities=False,
        )
        for name, files in parts.items()
        if files
    }
    return dataset_of_recordings(str(folder), recorded, how)


def _files(place: Path) -> list[Path]:
    return [file for file in place.glob("*.wav") if not file.name.startswith(".")]


def _reader(files: list[tuple[Path, int]], bank: np.ndarray) -> Callable[[int], Events]:
    """The spikes and the digit of a recording, by its number."""

    def read(number: int) -> Events:
        file, digit = files[number]
        times, channels = spikes_of_sound(read_sound(file), RATE_HZ, bank)
        return Events(times, channels, label=digit)

    return read


def read_sound(path: Path) -> np.ndarray:
    """The samples int16 [sample] of a .wav file.

    Raises:
        UltralifError: a damaged file, no samples, or other than mono with 16 bits at 8 kHz.
    """
    size = readable_file(path).stat().st_size
    try:
        with wave.open(str(path), "rb") as file:
            rate, channels, width = file.getframerate(), file.getnchannels(), file.getsampwidth()
            if (rate, channels, width) != (RATE_HZ, 1, SAMPLE_BYTES):
                raise UltralifError(
                    f"{path}: {channels} channels of {8 * width} bits at {rate} Hz; expected 1 of "
                    f"{8 * SAMPLE_BYTES} at {RATE_HZ}, as the Free Spoken Digit Dataset has; "
                    f"{_WAY_OUT}"
                )
            count = file.getnframes()
            if count * SAMPLE_BYTES > size:  # before memory is taken for what is declared
                raise UltralifError(f"{path}: declares {count:,} samples, more than it holds")
            check_memory(f"{path}: {count:,} samples of sound", WORKING_BYTES * count)
            raw = file.readframes(count)
    except (wave.Error, EOFError, OSError, RuntimeError, ValueError, struct.error) as error:
        reason = str(error) or "it ends too early"
        raise UltralifError(f"{path}: not a readable .wav file ({reason}); {_WAY_OUT}") from error
    if len(raw) != count * SAMPLE_BYTES or not count:
        raise UltralifError(
            f"{path}: {len(raw):,} bytes of sound; expected "
            f"{f'{count * SAMPLE_BYTES:,}' if count else 'some'}"
        )
    return np.frombuffer(raw, "<i2")
