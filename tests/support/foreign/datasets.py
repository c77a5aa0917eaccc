"""The libraries that own the formats of data sets."""

import importlib
from typing import Any
from unittest.mock import patch

from support.requirements import import_or_skip


def torchvision() -> Any:
    """torchvision, or a skip.

    One that was built for CUDA does not register its operators beside a torch without it, and its
    import then fails on their descriptions. Data sets use no operator.
    """
    with patch("torch.library.register_fake", lambda *_, **__: lambda function: function):
        return import_or_skip("torchvision", "pip install --no-deps -r .ci/readers.txt")


def tonic() -> Any:
    """Tonic with its data sets, or a skip."""
    found = import_or_skip("tonic", "pip install --no-deps -r .ci/readers.txt")
    importlib.import_module("tonic.datasets")
    return found
