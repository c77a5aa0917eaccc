"""Copies of product modules with a bug in them.

A bug is a textual substitution; it must really apply, and to one place alone.
"""

import importlib
import itertools
import sys
from pathlib import Path
from types import ModuleType

numbers = itertools.count()

PLAIN = ("from ultralif_deploy.simulators.native.compiled import jit", "jit = lambda f: f")
"""The change that makes a module's kernels plain Python."""


def copy_of(name: str, *changes: tuple[str, str], **replaced: object) -> ModuleType:
    """A copy of a module with text changed and then names replaced."""
    original = importlib.import_module(name)
    source = Path(original.__file__).read_text("utf-8")
    for old, new in changes:
        assert source.count(old) == 1, f"{name}: {old!r} occurs {source.count(old)} times"
        source = source.replace(old, new)
    made = ModuleType(f"planted_{next(numbers)}")
    sys.modules[made.__name__] = made  # dataclasses look their module up
    exec(compile(source, f"<planted {name}>", "exec"), vars(made))
    for key, value in replaced.items():
        assert hasattr(made, key)
        setattr(made, key, value)
    return made
