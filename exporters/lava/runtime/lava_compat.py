"""Makes lava-nc 0.10 importable on Python 3.11 and later; import this module before Lava.

Lava declares one dataclass field with a mutable default, which Python refuses since 3.11. It also
sets the start method of multiprocessing, which fails if multiprocessing was used before.
"""

import dataclasses
import functools
import multiprocessing

_dataclass = dataclasses.dataclass
_set_start_method = multiprocessing.set_start_method


@functools.wraps(_dataclass)
def _patched(cls=None, /, **options):
    if cls is None:
        return lambda decorated: _patched(decorated, **options)
    if cls.__name__ == "ByteEncoder":
        options["unsafe_hash"] = True
    return _dataclass(cls, **options)


@functools.wraps(_set_start_method)
def _forced(method, force=True):
    del force
    _set_start_method(method, force=True)


dataclasses.dataclass = _patched
multiprocessing.set_start_method = _forced
