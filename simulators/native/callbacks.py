"""Functions that kernels call by their address, each compiled and cached on its own (Numba).

A kernel that calls another has the machine code of both, and compiles both. A kernel that calls an
address knows nothing of what is there. So a function is compiled when the first program needs it,
and the kernel stays as it is.
"""

import contextlib
import ctypes
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import ccallback, types
from numpy.ctypeslib import ndpointer

from ultralif_deploy.simulators.native.compiled import KernelCache
from ultralif_deploy.simulators.native.vectors import pointers

CompilesCallbacks: Any = vars(ccallback)["_CFuncCompiler"]
"""What `numba.cfunc` compiles with."""

ARRAYS = {"i8": types.int64, "i4": types.int32, "u1": types.uint8}
"""Kinds of arrays by their types in NumPy."""


class _Compiler(CompilesCallbacks):
    """Compiles for arrays that do not overlap, so that loops become vectors without checks."""

    def _customize_flags(self, flags: Any) -> Any:
        flags = super()._customize_flags(flags)
        flags.noalias = True
        return flags


class Callback:
    """A function of arrays and whole numbers that returns nothing.

    Compiled code gets pointers to the first elements of the arrays, which must not overlap.

    Args:
        function: what to compile.
        kinds: for each argument a key of `ARRAYS`, or an empty string for int64.
    """

    def __init__(self, function: Callable[..., None], kinds: tuple[str, ...]) -> None:
        functools.update_wrapper(self, function)
        self.function, self.kinds = function, kinds

    @functools.cached_property
    def compiled(self) -> Any:
        """The machine code, which is compiled or loaded when it is first asked for."""
        arguments = tuple(types.CPointer(ARRAYS[k]) if k else types.int64 for k in self.kinds)
        options = {"nopython": True, "boundscheck": False}
        made: Any = ccallback.CFunc(self.function, (arguments, types.void), {}, options)
        made._compiler = _Compiler(
            self.function, made._targetdescr, options, {}, made._compiler.pipeline_class
        )
        with contextlib.suppress(RuntimeError):  # Numba found no place for the cache
            made._cache = KernelCache(self.function)
        made.compile()
        return made

    @property
    def address(self) -> int:
        """Where the machine code begins."""
        address: int = self.compiled.address
        return address

    def __call__(self, *arguments: Any) -> None:
        """Run it without the interpreter's lock."""
        at_address(self.address, self.kinds)(*arguments)


@functools.cache
def at_address(address: int, kinds: tuple[str, ...]) -> Callable[..., None]:
    """A function of arrays and whole numbers that runs machine code.

    Args:
        address: where the machine code begins.
        kinds: as for `Callback`.
    """
    arguments = [ndpointer(np.dtype(k), flags="C") if k else ctypes.c_int64 for k in kinds]
    return ctypes.CFUNCTYPE(None, *arguments)(address)


def calling(kinds: tuple[str, ...]) -> Callable[..., Any]:
    """LLVM code of an intrinsic whose first argument is an address, to call what is there.

    Args:
        kinds: as for `Callback`, those of the other arguments.
    """
    which = [k for k, kind in enumerate(kinds, 1) if kind]

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        given = list(arguments)
        starts = pointers(context, builder, signature, arguments, *which)
        for k, start in zip(which, starts, strict=True):
            given[k] = start
        kind = ir.FunctionType(ir.VoidType(), [one.type for one in given[1:]])
        builder.call(builder.inttoptr(given[0], kind.as_pointer()), given[1:])
        return context.get_dummy_value()

    return generate
