"""The Free Spoken Digit Dataset: sound in .wav files, and the spikes that it becomes."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from support.commands import refused
from support.foreign.sound import tone, write
from ultralif_deploy.data import load_dataset
from ultralif_deploy.data.binning import Binning
from ultralif_deploy.data.known import cochlea
from ultralif_deploy.data.known import names as module
from ultralif_deploy.data.known.spoken import RATE_HZ, read_sound
from ultralif_deploy.errors import UltralifError

HOW = Binning(bin_ms=10, timesteps=30)
BANK = cochlea.filter_bank(cochlea.CHANNELS, RATE_HZ)


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone of the data set: two speakers, digits 3 and 7, numbers 0, 4, 5 and 11."""
    place = tmp_path / "free-spoken-digit-dataset" / "recordings"
    place.mkdir(parents=True)
    for speaker, loud in (("theo", 0.5), ("george", 0.05)):
        for digit, hertz in ((3, 300), (7, 2000)):
            for number in (0, 4, 5, 11):
                sound = tone(hertz, 0.1 + 0.02 * number, loud)
                write(place / f"{digit}_{speaker}_{number}.wav", sound)
    (place / "._7_theo_0.wav").write_bytes(b"left by another system")
    monkeypatch.setattr(module, "EVERYWHERE", ())
    monkeypatch.setenv(module.FOLDERS, str(tmp_path))
    return place


def test_the_authors_split_and_a_held_out_speaker(clone: Path) -> None:
    for source in ("fsdd", clone, clone.parent):
        found = load_dataset(source, HOW)
        assert found.train is not None
        assert found.train.x.shape == found.test.x.shape == (8, 30, 40)
        assert_array_equal(found.train.y, [3, 3, 3, 3, 7, 7, 7, 7])
        assert_array_equal(found.test.y, [3, 7] * 4)  # so that --limit takes all digits
        # Numbers 11 and 5 last 320 and 200 ms, 0 and 4 last 100 and 180: george, then theo.
        longest = [int(np.flatnonzero(x.any(1)).max()) + 1 for x in (*found.train.x, *found.test.x)]
        assert [10 * round(n / 2) for n in longest] == [150, 100] * 4 + [50] * 4 + [90] * 4
    assert load_dataset("fsdd", HOW).binning == Binning(30, 10, "40", "merged")
    held_out = load_dataset("fsdd:theo", HOW)
    assert held_out.name == "fsdd:theo"
    assert held_out.train is not None
    assert_array_equal(held_out.train.y, [3, 3, 3, 3, 7, 7, 7, 7])
    assert_array_equal(held_out.test.y, [3, 7] * 4)
    # The encoder takes levels below the loudest, so that the quiet speaker gives like spikes.
    george = held_out.train.x[[0, 4]].astype(int)  # number 0 of both digits
    assert np.abs(george - held_out.test.x[:2]).mean() < 0.02


def test_a_tone_drives_its_own_channel_most() -> None:
    lowest, highest = 2595 * np.log10(1 + np.array([100, 4000]) / 700)
    middle = 700 * (10 ** (np.linspace(lowest, highest, 42) / 2595) - 1)
    for channel in (3, 20, 39):
        times, channels = cochlea.spikes_of_sound(tone(middle[channel + 1], 0.3), RATE_HZ, BANK)
        counts = np.bincount(channels, minlength=40)
        assert counts.argmax() == channel
        assert 58 <= counts[channel] <= 60  # at most one in each of 60 steps of 5 ms
        assert counts.sum() < 60 * 20
        assert_array_equal(times % 5000, 0)
        assert (np.diff(times) >= 0).all()


def test_spikes_are_those_of_integrate_and_fire_neurons() -> None:
    """The equation of the module's docstring, one window and one step at a time."""
    rng = np.random.default_rng(0)
    sound = (tone(500, 0.06) // 2 + rng.integers(-800, 800, 480)).astype("<i2")
    energy = np.zeros((12, 40))
    for n in range(12):
        window = np.zeros(200)
        for i in range(200):
            place = 40 * n + i - 100
            if 0 <= place < len(sound):
                window[i] = sound[place] * (0.5 - 0.5 * np.cos(2 * np.pi * i / 200))
        energy[n] = BANK @ np.abs(np.fft.rfft(window, 512)) ** 2
    u, expected = np.zeros(40), []
    for n in range(12):
        level = 10 * np.log10(energy[n] / energy.max())
        u += np.rint(1024 * np.maximum(0, 1 + level / 50)) / 1024
        expected += [(5000 * n, c) for c in range(40) if u[c] >= 1]
        u[u >= 1] -= 1
    times, channels = cochlea.spikes_of_sound(sound, RATE_HZ, BANK)
    assert list(zip(times.tolist(), channels.tolist(), strict=True)) == expected
    assert expected


def test_silence_has_no_spikes_and_channels_can_be_chosen(clone: Path) -> None:
    write(clone / "3_theo_1.wav", np.zeros(800, "<i2"))
    found = load_dataset("fsdd", Binning(bin_ms=10, timesteps=30, sensor="16"))
    assert found.test.x.shape == (9, 30, 16)
    assert (found.test.x.reshape(9, -1).sum(1) == 0).sum() == 1
    for sensor, line in (("8x8", "sound has no rows"), ("400", "holds no line of the spectrum")):
        with pytest.raises(UltralifError, match=line):
            load_dataset("fsdd", Binning(bin_ms=10, sensor=sensor))
    with pytest.raises(UltralifError, match=r"no speaker 'bob'; expected one of george, theo"):
        load_dataset("fsdd:bob", HOW)


def test_a_missing_clone_and_a_strange_name_are_one_line(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (clone / "seven.wav").write_bytes(b"")
    line = refused("data", "fsdd", "--bin", 10, "-o", tmp_path / "out.npz")
    assert "seven.wav: expected a name such as 7_jackson_32.wav" in line
    monkeypatch.setenv(module.FOLDERS, "")
    assert "git clone" in refused("data", "fsdd", "--bin", 10, "-o", tmp_path / "out.npz")
    assert not (tmp_path / "out.npz").exists()


def test_other_sound_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "0_theo_0.wav"
    for form in ({"channels": 2}, {"width": 1}, {"rate": 16000}):
        write(path, tone(300, 0.1), **form)
        with pytest.raises(UltralifError, match=r"expected 1 of 16 at 8000.* ffmpeg"):
            read_sound(path)
    write(path, tone(300, 0.1))
    whole = path.read_bytes()
    assert_array_equal(read_sound(path), tone(300, 0.1))
    huge = whole[:40] + (0xFFFFFFF0).to_bytes(4, "little") + whole[44:]
    floats = whole[:20] + b"\3\0" + whole[22:]
    damaged = {
        b"": "it ends too early",
        b"RIFF": "not a readable .wav file",
        whole[:30]: "not a readable .wav file",
        whole[:-100]: "declares 800 samples, more than it holds",
        whole[:-10]: "1,590 bytes of sound; expected 1,600",
        huge: "declares 2,147,483,640 samples, more than it holds",
        floats: "unknown format: 3",
        bytes(500): "not a readable .wav file",
    }
    for content, line in damaged.items():
        path.write_bytes(content)
        with pytest.raises(UltralifError) as caught:
            read_sound(path)
        assert line in str(caught.value)


def test_a_long_recording_is_refused_before_memory_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "0_theo_0.wav"
    write(path, tone(300, 2))
    monkeypatch.setenv("ULTRALIF_MAX_MEMORY", "1M")
    with pytest.raises(UltralifError, match=r"16,000 samples of sound: 6,400,000 bytes"):
        read_sound(path)
