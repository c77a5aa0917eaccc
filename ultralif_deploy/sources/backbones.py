"""The float network in front of a spiking one: an ONNX file, or a part of a torch module."""

import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ultralif_deploy.data import Dataset
from ultralif_deploy.data.backbone.features import featured
from ultralif_deploy.data.backbone.model_file import Model, read_model
from ultralif_deploy.data.backbone.running import BATCH, Runner
from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.data.samples import channels_come_last
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.findings.assumptions import DEFAULT, Chosen
from ultralif_deploy.findings.findings import Finding
from ultralif_deploy.io.printable import first_line
from ultralif_deploy.sources.settings import Settings

if TYPE_CHECKING:
    import torch
    from torch import nn

SUFFIX = ".onnx"

PIXELS = "pixels of the backbone"
"""Name under which their normalization is recorded."""

TOLERANCE = 1e-3
"""Largest difference of an exported part from the module, as a share of the largest feature."""


def behind_backbone(dataset: Dataset, settings: Settings, stored: Mapping[str, Any]) -> Dataset:
    """The data set as features of the backbone that the settings name; without one, as it is.

    Args:
        dataset: data set as loaded.
        settings: options as given.
        stored: settings that the network's file holds, by name.

    Raises:
        UltralifError: the network's file was made with a backbone, and none or another is given;
            the backbone is bad, or does not take the data.
    """
    made_with = stored.get("backbone")
    if settings.backbone is None:
        if made_with is not None:
            raise UltralifError(
                f"the inputs are features of a backbone (SHA-256 {str(made_with)[:12]}…); give "
                "--backbone FILE.onnx (a deployment keeps it as backbone.onnx)"
            )
        return dataset
    model = _model(settings.backbone, dataset)
    if made_with not in (None, model.sha256):
        raise UltralifError(
            f"{model.name}: SHA-256 {model.sha256[:12]}…; the network's file was made with the "
            f"backbone {str(made_with)[:12]}…"
        )
    reading = None if made_with is None else str(stored.get("normalize"))
    pixels = settings.normalize or str(stored.get("pixels") or "none")
    return featured(dataset, model, pixels, reading, settings.limit)


def reads_features(
    encoder: Encoder, settings: Settings, stored: Mapping[str, Any], dataset: Dataset | None
) -> tuple[Encoder, list[Chosen[str]], list[Finding]]:
    """The encoder with what it must know about a backbone, and where that came from.

    Args:
        encoder: encoder without it.
        settings: options as given.
        stored: settings that the network's file holds, by name.
        dataset: the samples; None without data, where what is stored stays as it is.
    """
    if dataset is None and stored.get("backbone") is not None:
        made, pixels = str(stored["backbone"]), str(stored.get("pixels") or "none")
        known = Chosen("backbone", made, "checkpoint"), Chosen(PIXELS, pixels, "checkpoint")
        return replace(encoder, backbone=made, pixels=pixels), [*known], []
    if dataset is None or dataset.features is None:
        return encoder, [], []
    features, held = dataset.features, stored.get("pixels") is not None
    origin = "option" if settings.normalize else "checkpoint" if held else DEFAULT
    chosen = [
        Chosen("backbone", features.model.sha256, "option"),
        Chosen(PIXELS, features.pixels, origin),
        Chosen("normalize", features.reading, "features of the backbone"),
    ]
    encoder = replace(
        encoder,
        normalize=features.reading,
        backbone=features.model.sha256,
        pixels=features.pixels,
    )
    return encoder, chosen, list(_clipped(dataset))


def _clipped(dataset: Dataset) -> Iterator[Finding]:
    """A warning where features lie beyond those that the network was made with."""
    assert dataset.features is not None
    figures = dataset.features.figures
    if figures["clipped"]:
        yield Finding(
            "clipped-features",
            f"{dataset.name}: {figures['clipped']:,} of {dataset.test.x.size:,} features are not "
            f"between {figures['smallest']:.4g} and {figures['largest']:.4g}, and are moved to "
            "the nearer one",
            "give training samples that span the features of the test samples",
        )


@contextmanager
def head_of(module: "nn.Module", settings: Settings) -> Iterator[Settings]:
    """Take the part that the settings name out of a module, until the block ends.

    Yields:
        The settings with the part itself as their backbone; unchanged where they name a file.

    Raises:
        UltralifError: the module has no such part.
    """
    name = settings.backbone
    if not isinstance(name, (str, Path)) or _is_file(name):
        yield settings
        return
    from torch import nn

    parts, name = dict(module.named_modules()), str(name)
    if not name or name not in parts:
        own = ", ".join(child for child, _ in module.named_children())
        raise UltralifError(
            f"--backbone {name}: no such file, and {type(module).__name__} has no such part; "
            f"expected FILE{SUFFIX} or one of {own}"
        )
    place, _, child = name.rpartition(".")
    setattr(parts[place], child, nn.Identity())
    try:
        yield replace(settings, backbone=parts[name])
    finally:
        setattr(parts[place], child, parts[name])


def _is_file(name: str | Path) -> bool:
    return str(name).lower().endswith(SUFFIX) or Path(name).exists()


def _model(given: Any, dataset: Dataset) -> Model:
    """The backbone as ONNX.

    Args:
        given: path of a file, or a torch module.
        dataset: data set whose images it takes.
    """
    if isinstance(given, (str, Path)):
        if not _is_file(given):
            raise UltralifError(
                f"--backbone {given}: no such file; expected FILE{SUFFIX}, or the name of a part "
                "of a module that FILE.py:NAME builds"
            )
        return read_model(given)
    from torch import nn

    if not isinstance(given, nn.Module):
        raise UltralifError(
            f"a backbone of type {type(given).__name__}; expected the path of an ONNX file, a "
            "torch module, or the name of a part of the module that is deployed"
        )
    return _exported(given, _sample_shape(dataset))


def _sample_shape(dataset: Dataset) -> tuple[int, ...]:
    """Shape of an image with its channels first."""
    x = dataset.test.x
    shape = tuple(x.shape[1:])
    if channels_come_last(x):
        return (shape[-1], *shape[:-1])
    return (1, *shape) if len(shape) == 2 else shape


def _exported(part: "nn.Module", sample_shape: tuple[int, ...]) -> Model:
    """A torch module as ONNX, compared with the module itself on one batch.

    Args:
        part: the module.
        sample_shape: shape of one sample.

    Raises:
        UltralifError: torch cannot export it, or the export computes something else.
    """
    import torch

    name, images = type(part).__name__, torch.rand(BATCH, *sample_shape)
    images = images.to(next(part.parameters(), images).device)
    was = part.training
    part.eval()
    try:
        with tempfile.TemporaryDirectory(prefix="ultralif-") as folder, torch.no_grad():
            expected = part(images).cpu().numpy()
            model = replace(_export(part, images, Path(folder)), name=name)
    except UltralifError:
        raise
    except Exception as error:  # torch and the user's module raise any kind
        raise UltralifError(
            f"{name}: cannot be exported to ONNX for samples of shape {sample_shape} "
            f"({type(error).__name__}: {first_line(error)}); export it yourself and give "
            f"--backbone FILE{SUFFIX}"
        ) from error
    finally:
        part.train(was)
    found = Runner(model, sample_shape).run(images.cpu().numpy())
    differ = np.abs(found - expected.reshape(found.shape)).max(initial=0.0)
    if differ > TOLERANCE * np.abs(expected).max(initial=0.0):
        raise UltralifError(
            f"{name}: its ONNX export gives other features, by up to {differ:.2g}; export it "
            f"yourself and give --backbone FILE{SUFFIX}"
        )
    return model


def _export(part: "nn.Module", images: "torch.Tensor", folder: Path) -> Model:
    """Write a module as ONNX for any number of such images, and read it back."""
    import torch

    path = folder / f"part{SUFFIX}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter, about itself
        torch.onnx.export(
            part,
            (images,),
            path,
            input_names=["images"],
            output_names=["features"],
            dynamic_axes={"images": {0: "sample"}, "features": {0: "sample"}},
            dynamo=False,
        )
    return read_model(path)
