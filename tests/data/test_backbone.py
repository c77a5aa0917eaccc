"""Backbones: their files are checked, and their features are those of torch, in 8 bits."""

import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from onnx import TensorProto, helper, numpy_helper

from support.networks.backbones import FEATURES, backbone
from ultralif_deploy.data import Dataset, Split
from ultralif_deploy.data.backbone.features import featured, scale_and_offset
from ultralif_deploy.data.backbone.model_file import read_model
from ultralif_deploy.data.backbone.running import Runner
from ultralif_deploy.data.binning import Binning
from ultralif_deploy.errors import UltralifError

SIDE = 6
rng = np.random.default_rng(0)


def exported(path: Path, channels: int = 1, **how: object) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        images = torch.zeros(2, channels, SIDE, SIDE)
        torch.onnx.export(backbone(channels), (images,), path, dynamo=False, **how)
    return path


@pytest.fixture(scope="module")
def coloured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    axes = {"x": {0: "sample"}}
    folder = tmp_path_factory.mktemp("backbone")
    return exported(folder / "net.onnx", 3, input_names=["x"], dynamic_axes=axes)


def images(count: int, *shape: int) -> np.ndarray:
    return rng.integers(0, 256, (count, *shape), dtype=np.uint8)


def theirs(x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return backbone(x.shape[1])(torch.as_tensor(x, dtype=torch.float32) / 255).numpy()


@pytest.mark.parametrize("count", [1, 16, 37])
def test_features_are_those_of_torch(coloured: Path, count: int) -> None:
    x = images(count, 3, SIDE, SIDE)
    model = read_model(coloured)
    made = featured(Dataset("d", None, Split(x, None)), model, "none", None, None)
    assert made.features is not None
    scale, offset = scale_and_offset(made.features.reading)
    expected, figures = theirs(x), made.features.figures
    assert made.test.x.dtype == np.uint8
    assert made.test.x.shape == (count, FEATURES)
    assert_allclose(scale * made.test.x + offset, expected, atol=0.51 * scale)
    assert 0 < figures["rounding"] <= scale / 2
    assert (figures["smallest"], figures["clipped"]) == (0, 0)
    assert figures["largest"] == pytest.approx(expected.max())
    alone = Runner(model, (3, SIDE, SIDE)).run(x[-1:].astype(np.float32))
    among = Runner(model, (3, SIDE, SIDE)).run(x.astype(np.float32))
    assert_array_equal(alone[0], among[-1])


def test_what_a_sample_takes_is_counted(coloured: Path) -> None:
    runner = Runner(read_model(coloured), (3, SIDE, SIDE))
    stem, half = 4 * SIDE**2 * 3 * 9, (SIDE // 2) ** 2
    assert runner.multiply_accumulates == stem + 8 * half * (4 * 9 + 8 * 9 + 4)
    held = onnx.load(coloured).graph.initializer
    assert runner.model.parameters == sum(numpy_helper.to_array(t).size for t in held)


def test_axes_and_normalization(coloured: Path) -> None:
    x, model = images(5, 3, SIDE, SIDE), read_model(coloured)
    y = np.arange(5)
    plain = featured(Dataset("d", None, Split(x, y)), model, "none", None, 4).test
    last = featured(Dataset("d", None, Split(np.moveaxis(x, 1, -1), y)), model, "none", None, 4)
    assert_array_equal(last.test.x, plain.x)
    assert_array_equal(last.test.y, y[:4])
    single = featured(Dataset("d", None, Split(x[0], None)), model, "none", None, None).test.x
    assert single.shape == (1, FEATURES)
    means, deviations = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    given = (x / 255 - means[:, None, None]) / deviations[:, None, None]
    floats = Dataset("d", None, Split(given.astype(np.float32), y))
    told = featured(Dataset("d", None, Split(x, y)), model, "imagenet", None, None)
    done = featured(floats, model, "none", None, None)
    assert np.abs(told.test.x.astype(int) - done.test.x).max() <= 1


def test_the_range_is_that_of_training_samples_and_what_lies_beyond_is_counted(
    coloured: Path,
) -> None:
    dark, bright = images(20, 3, SIDE, SIDE) // 4, images(6, 3, SIDE, SIDE)
    given = Dataset("d", Split(dark, None), Split(bright, None))
    model = read_model(coloured)
    found = featured(given, model, "none", None, None)
    assert found.features is not None
    assert found.train is not None
    assert found.train.x.max() == 255
    beyond = np.count_nonzero(theirs(bright) > theirs(dark).max() * (1 + 0.5 / 255))
    assert found.features.figures["clipped"] == beyond > 0
    again = featured(Dataset("e", None, given.test), model, "none", found.features.reading, None)
    assert_array_equal(again.test.x, found.test.x)


def test_negative_features_have_an_offset(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        part = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3)).eval()
        torch.onnx.export(part, (torch.zeros(1, 1, 2, 2),), tmp_path / "f.onnx", dynamo=False)
    x = images(30, 4)
    made = featured(Dataset("d", None, Split(x, None)), read_model(tmp_path / "f.onnx"), *HOW)
    assert made.features is not None
    scale, offset = scale_and_offset(made.features.reading)
    expected = part(torch.as_tensor(x, dtype=torch.float32).reshape(-1, 1, 2, 2) / 255)
    assert offset < 0
    assert_allclose(scale * made.test.x + offset, expected.detach(), atol=0.51 * scale)


HOW = ("none", None, None)


def graph(*nodes: onnx.NodeProto, out: tuple[object, ...] = ("n", 4), **more: object) -> bytes:
    """A model of nodes from `x` to `y`."""
    ends = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ("n", 1, 2, 2))]
    made = helper.make_tensor_value_info("y", TensorProto.FLOAT, out)
    proto = helper.make_graph(list(nodes), "g", ends, [made], **more)
    opsets = [helper.make_opsetid("", 17)]
    return helper.make_model(proto, opset_imports=opsets, ir_version=9).SerializeToString()


def node(kind: str, *inputs: str, output: str = "y", **attributes: object) -> onnx.NodeProto:
    return helper.make_node(kind, list(inputs) or ["x"], [output], **attributes)


def stored(name: str, *values: float, kind: type = np.int64) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(values, kind), name)


LARGE = stored("s", 1, 1 << 30, 2, 2)
ZERO = stored("zero", 0, kind=np.float32)
FLAT = stored("flat", -1)
BODY = helper.make_graph([], "body", [], [])
HOSTILE = {
    "not a readable ONNX file": b"\x00\x01 no protobuf",
    "operator Loop; a backbone may hold Abs": graph(node("Loop", "", "x", body=BODY)),
    "operator NonZero": graph(node("NonZero")),
    "operator com.other.Run": graph(node("Run", domain="com.other")),
    "bytes; at most": graph(node("Expand", "x", "s"), initializer=[LARGE], out=("a", "b", 2, 2)),
    "the shape of y does not follow": graph(
        node("Cast", "x", output="c", to=TensorProto.INT64),
        node("Reshape", "c", "flat", output="l"),
        node("Expand", "x", "l"),
        out=("a", "b", "c", "d"),
        initializer=[FLAT],
    ),
    "its output has shape": graph(node("Reshape", "x", "flat"), out=("a",), initializer=[FLAT]),
    "features that are NaN or infinite": graph(
        node("Div", "x", "zero", output="d"),
        node("Flatten", "d"),
        initializer=[ZERO],
    ),
    "every feature is 0": graph(
        node("Mul", "x", "zero", output="d"),
        node("Flatten", "d"),
        initializer=[ZERO],
    ),
}


@pytest.mark.parametrize("expected", HOSTILE)
def test_files_that_are_no_backbones(expected: str, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(HOSTILE[expected])
    with pytest.raises(UltralifError) as caught:
        featured(Dataset("d", None, Split(images(3, 1, 2, 2), None)), read_model(path), *HOW)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("expected", ["takes samples of shape (3, 6, 6), the data have (3, 5, 6)"])
def test_samples_of_another_shape(expected: str, coloured: Path) -> None:
    with pytest.raises(UltralifError) as caught:
        featured(Dataset("d", None, Split(images(2, 3, 5, 6), None)), read_model(coloured), *HOW)
    assert expected in str(caught.value)


def test_recordings_and_counts_are_no_images(coloured: Path) -> None:
    model, x = read_model(coloured), images(2, 3, SIDE, SIDE)
    with pytest.raises(UltralifError, match="recordings of events; a backbone takes images"):
        featured(Dataset("d", None, Split(x, None), binning=Binning(3)), model, *HOW)
    plain = Dataset("d", None, Split(x, None))
    counts = Dataset("d", None, Split(np.full(x.shape, 300, np.uint16), None))
    with pytest.raises(UltralifError, match="values up to 300; expected images of 0 to 255"):
        featured(counts, model, *HOW)
    with pytest.raises(UltralifError, match="normalization 1,2,1,1 is for 2 channels"):
        featured(plain, model, "1,2,1,1", None, None)


def test_weights_beside_the_file_and_nowhere_else(coloured: Path, tmp_path: Path) -> None:
    inside, x = tmp_path / "in" / "net.onnx", images(3, 3, SIDE, SIDE).astype(np.float32)
    inside.parent.mkdir()
    how = {"save_as_external_data": True, "location": "w.bin", "size_threshold": 0}
    onnx.save_model(onnx.load(coloured), inside, **how)
    whole, split = (Runner(read_model(path), (3, SIDE, SIDE)) for path in (coloured, inside))
    assert_array_equal(split.run(x), whole.run(x))
    assert split.model.sha256 == Runner(read_model(inside), (3, SIDE, SIDE)).model.sha256
    proto = onnx.load(inside, load_external_data=False)
    for tensor in proto.graph.initializer:
        tensor.external_data[0].value = "../secret.bin"
    (tmp_path / "secret.bin").write_bytes((tmp_path / "in" / "w.bin").read_bytes())
    (inside.parent / "away.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(UltralifError, match=r"keeps weights in \.\./secret\.bin; expected a file"):
        read_model(inside.parent / "away.onnx")
    (inside.parent / "w.bin").unlink()
    with pytest.raises(UltralifError, match=r"w\.bin: no such file"):
        read_model(inside)


def test_the_same_images_run_once(coloured: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search over settings opens the same data for every candidate."""
    model, x = read_model(coloured), images(20, 3, SIDE, SIDE)
    dataset, ran = Dataset("d", None, Split(x, None)), []
    run = Runner.run
    monkeypatch.setattr(Runner, "run", lambda self, x: ran.append(len(x)) or run(self, x))
    first, again = (featured(dataset, model, "none", None, None) for _ in range(2))
    assert ran == [16, 4]
    assert_array_equal(first.test.x, again.test.x)
    featured(dataset, model, "0.5,0.5", None, None)
    featured(Dataset("d", None, Split(x + 1, None)), model, "none", None, None)
    assert len(ran) == 6
