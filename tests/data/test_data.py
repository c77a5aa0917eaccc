"""Data sets: the embedded digits, .npz files as they should be, and those that are refused."""

import pickle
import zipfile

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ultralif_deploy.data import Split, load_dataset
from ultralif_deploy.data.loading import check_labels
from ultralif_deploy.errors import UltralifError


@pytest.fixture
def npz(tmp_path):
    """Write named arrays and return the file."""

    def write(**arrays):
        np.savez(tmp_path / "data.npz", **arrays)
        return tmp_path / "data.npz"

    return write


@pytest.fixture
def raw(tmp_path):
    """Write a .npz whose x_test.npy has a given header and body."""

    def write(header, body=bytes(64)):
        text = header.encode() + b"\n"
        magic = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little")
        with zipfile.ZipFile(tmp_path / "data.npz", "w") as archive:
            archive.writestr("x_test.npy", magic + text + body)
        return tmp_path / "data.npz"

    return write


def refused(path):
    with pytest.raises(UltralifError) as caught:
        load_dataset(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


IMAGES = np.arange(48, dtype=np.uint8).reshape(12, 2, 2)
LABELS = np.arange(12) % 3


# What is read


def test_embedded_digits():
    digits = load_dataset("digits")
    assert digits.train is not None
    assert digits.train.x.shape[1:] == digits.test.x.shape[1:] == (8, 8)
    assert len(digits.train.x) + len(digits.test.x) == 1797
    for split in (digits.train, digits.test):
        assert split.x.dtype == np.uint8
        assert split.x.max() == 255
        assert set(split.y) == set(range(10))
        assert split.y.dtype == np.int64
        assert len(split.y) == len(split.x)


def test_both_splits(npz):
    path = npz(x_train=IMAGES, y_train=LABELS, x_test=IMAGES[:5], y_test=LABELS[:5].astype(np.int8))
    read = load_dataset(path)
    assert (read.name, read.test_from) == ("data.npz", "x_test")
    assert_array_equal(read.train.x, IMAGES, strict=True)
    assert_array_equal(read.train.y, LABELS, strict=True)
    assert_array_equal(read.test.y, LABELS[:5], strict=True)


def test_test_split_alone_without_labels(npz):
    read = load_dataset(npz(x_test=IMAGES))
    assert read.train is None
    assert read.test.y is None


def test_last_sixth_is_held_out(npz):
    read = load_dataset(npz(x_train=IMAGES, y_train=LABELS))
    assert read.test_from == "last 2 of x_train"
    assert_array_equal(read.train.x, IMAGES[:10])
    assert_array_equal(read.test.x, IMAGES[10:])
    assert_array_equal(read.test.y, LABELS[10:])


def test_samples_in_the_order_of_their_classes_are_held_out_mixed(npz):
    labels = np.repeat([2, 0, 1], 4)
    read = load_dataset(npz(x_train=IMAGES, y_train=labels, x_test=IMAGES, y_test=labels))
    assert_array_equal(read.train.x, IMAGES)
    rest, held = read.train.held_out(4)
    assert len(set(held.y)) > 1
    for split in (rest, held):
        found = [int(np.flatnonzero((x == IMAGES).all(axis=(1, 2)))[0]) for x in split.x]
        assert_array_equal(split.y, labels[found])
    together = np.concatenate([rest.x, held.x])
    assert_array_equal(np.sort(together, axis=0), IMAGES)
    assert load_dataset(npz(x_train=IMAGES, y_train=labels)).test_from == "last 2 of x_train, mixed"


def test_cut_keeps_labels_beside_samples():
    for labels in (LABELS, None):
        first, rest = Split(IMAGES, labels).cut(4)
        assert_array_equal(first.x, IMAGES[:4])
        assert_array_equal(rest.x, IMAGES[4:])
        assert (first.y is None, rest.y is None) == (labels is None,) * 2
        if labels is not None:
            assert_array_equal(np.concatenate([first.y, rest.y]), labels)


@pytest.mark.parametrize(
    ("given", "expected"), [(bool, bool), (np.int64, np.uint8), (np.float64, np.float32)]
)
def test_kinds_of_values(npz, given, expected):
    x = (IMAGES % 2).astype(given)
    read = load_dataset(npz(x_test=x)).test.x
    assert_array_equal(read, x.astype(expected), strict=True)


def test_splits_of_different_shapes_are_refused(npz):
    message = refused(npz(x_train=IMAGES[:, :1], x_test=IMAGES))
    assert message == "samples of x_train have shape (1, 2), of x_test (2, 2); expected one shape"


def test_other_arrays_are_left_alone(npz):
    path = npz(x_test=IMAGES, names=np.array([{"a": 1}], dtype=object))
    assert_array_equal(load_dataset(path).test.x, IMAGES)


# What is refused


def test_unknown_name():
    with pytest.raises(
        UltralifError, match=r"imagenet: unknown data; expected a .*\.npz.* or digits"
    ):
        load_dataset("imagenet")


def test_missing_file(tmp_path):
    assert refused(tmp_path / "none.npz") == "no such file"


def test_directory(tmp_path):
    (tmp_path / "data.npz").mkdir()
    assert refused(tmp_path / "data.npz") == "not a regular file"


@pytest.mark.parametrize("share", [0.0, 0.5, 0.95])
def test_truncated_file(npz, share):
    path = npz(x_test=IMAGES)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    assert refused(path).startswith("not a .npz file (truncated or damaged: ")


def test_missing_arrays(npz):
    message = refused(npz(weights=IMAGES, bias=LABELS))
    assert message.startswith("no array of samples; it holds bias, weights; expected x_train, ")


def test_too_few_samples_to_hold_out(npz):
    assert refused(npz(x_train=IMAGES[:5])).startswith("5 training samples and no x_test; at least")


def test_pickled_objects_are_not_unpickled(npz, tmp_path):
    class Attack:
        def __reduce__(self):
            return type(tmp_path).touch, (tmp_path / "ran",)

    path = npz(x_test=np.array([[Attack()]], dtype=object))
    with zipfile.ZipFile(path) as archive:  # the attack is real: unpickling would run it
        stored = archive.read("x_test.npy")
    pickle.loads(stored[stored.index(b"\n") + 1 :])
    (tmp_path / "ran").unlink()
    assert refused(path) == "x_test.npy holds Python objects; expected numbers"
    assert not (tmp_path / "ran").exists()


def header(shape, descr="|u1"):
    return f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}"


def test_more_declared_than_the_file_holds(raw):
    message = refused(raw(header((1000, 1000))))
    assert message == "x_test.npy declares shape (1000, 1000), more than the file holds"


def test_more_declared_than_is_ever_read(raw):
    message = refused(raw(header((10**6, 10**6))))
    assert message.startswith("x_test.npy: declared contents: 1,000,000,000,000 bytes; at most")


@pytest.mark.parametrize(
    "text",
    [
        header((0, 10**30)),
        header((-1, 5)),
        header((-2, -3)),
        header((True, 5)),
        header((2, 2), "|u0"),
        "{'descr': (",
        "-" * 5000 + "1",
        "(" * 9000,
        "",
    ],
    ids=["huge", "negative", "negatives", "bool", "dtype", "open", "deep", "nested", "empty"],
)
def test_headers_that_make_no_array(raw, text):
    assert refused(raw(text)).startswith("not a readable .npz file (")


def test_zip_bomb(npz, monkeypatch):
    path = npz(x_test=IMAGES)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("padding", bytes(4 << 20))
    assert path.stat().st_size < 20_000
    assert load_dataset(path).train is None
    monkeypatch.setenv("ULTRALIF_MAX_MEMORY", "1M")
    assert "bytes; at most 1,048,576; allow more with --max-memory" in refused(path)


def test_damaged_files_are_refused_or_read(tmp_path):
    path = tmp_path / "data.npz"
    rng = np.random.default_rng(0)
    outcomes, messages = [], []
    for save in (np.savez, np.savez_compressed):
        save(path, x_test=IMAGES, y_test=LABELS)
        whole = path.read_bytes()
        for _ in range(1000):
            data = bytearray(whole)
            for _ in range(rng.integers(1, 6)):
                data[rng.integers(len(data))] = rng.integers(256)
            path.write_bytes(data)
            try:
                load_dataset(path)
                outcomes.append("read")
            except UltralifError as error:  # and nothing else
                outcomes.append("refused")
                messages.append(str(error))
    assert not [m for m in messages if "\n" in m]
    assert outcomes.count("refused") > 500
    assert outcomes.count("read") > 20


@pytest.mark.parametrize("shape", [(5,), (0, 4), (5, 0)])
def test_samples_without_values(npz, shape):
    message = refused(npz(x_test=np.zeros(shape, np.uint8)))
    assert message == f"x_test has shape {shape}; expected [sample, …]"


@pytest.mark.parametrize(
    "dtype", [np.complex64, "<U3", "<M8[s]", [("a", "u1"), ("b", "f4")]], ids=str
)
def test_values_of_another_kind(npz, dtype):
    message = refused(npz(x_test=np.zeros((3, 2), dtype=dtype)))
    assert message.endswith("; expected uint8, integers or floats")


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_values_that_are_not_finite(npz, bad):
    x = np.zeros((3, 2))
    x[1, 1] = bad
    assert refused(npz(x_train=x, x_test=x)) == "x_train has values that are NaN or infinite"


@pytest.mark.parametrize(("low", "high"), [(-1, 3), (0, 65_536)])
def test_integers_that_are_no_counts(npz, low, high):
    x = np.array([[low, high]] * 3)
    message = f"x_test runs from {low} to {high}; expected 0 to 255 for images, and at most 65535 "
    assert refused(npz(x_test=x)) == message + "for counts of events"


def test_counts_beyond_a_byte_are_kept(npz):
    x = np.array([[0, 256]] * 3)
    assert load_dataset(npz(x_test=x)).test.x.dtype == np.uint16


def test_labels_of_another_shape(npz):
    message = refused(npz(x_test=IMAGES, y_test=LABELS[:11]))
    assert message == "y_test has shape (11,); expected (12,)"
    message = refused(npz(x_test=IMAGES, y_test=np.stack([LABELS] * 2, axis=1)))
    assert message == (
        "y_test has shape (12, 2); expected (12,), so give y.argmax(axis=1) of one-hot rows"
    )


@pytest.mark.parametrize("dtype", [np.float64, bool])
def test_labels_that_are_no_integers(npz, dtype):
    message = refused(npz(x_test=IMAGES, y_test=LABELS.astype(dtype)))
    assert message == f"y_test is {np.dtype(dtype)}; expected integer labels"


@pytest.mark.parametrize("bad", [-1, 3])
def test_labels_beyond_the_classes(bad):
    labels = LABELS.copy()
    assert check_labels(labels, 3, "test") is labels
    labels[4] = bad
    message = f"test: label {bad} at sample 4; the network has 3 classes, expected 0 to 2"
    with pytest.raises(UltralifError, match=message):
        check_labels(labels, 3, "test")
