"""Simulators with bugs: the reference and the fast one on copies of their modules.

Numba kernels run as plain Python.
"""

from collections.abc import Sequence
from types import ModuleType, SimpleNamespace

from hypothesis import strategies as st

from support.planted.vectors import plain_updates
from support.planting import PLAIN, Change, applies, copy_of
from support.strategies.programs import programs
from support.strategies.shapes import KINDS
from ultralif_deploy.program.program import Program

BY_POPULATION = SimpleNamespace(runs=lambda program: False)
"""In place of the compiled loop over whole programs, so that populations run one by one."""

REFERENCE_AT = "ultralif_deploy.simulators.reference"
FAST_AT = "ultralif_deploy.simulators.fast"


def planted_reference(*changes: Change, **replaced: object) -> ModuleType:
    """The reference with bugs in its loop or in its updates, wherever they apply."""
    updates = f"{REFERENCE_AT}.updates"
    inside = [change for change in changes if applies(updates, change)]
    others = [change for change in changes if change not in inside]
    made = copy_of(updates, *inside, **replaced)
    planted = copy_of(f"{REFERENCE_AT}.simulator", *others, UPDATES=made.UPDATES)
    planted.step = made.step
    return planted


def planted_fixed(change: Change) -> ModuleType:
    """The reference on top of a changed `fixed`."""
    fixed = copy_of("ultralif_deploy.program.fixed", change)
    return planted_reference(
        leak=fixed.leak,
        saturate=fixed.saturate,
        clip=fixed.clip,
        spike_count=fixed.spike_count,
        saturate_readout=fixed.saturate_readout,
        FRACTION_BITS=fixed.FRACTION_BITS,
    )


def planted_fast(*changes: Change) -> ModuleType:
    """The fast simulator on top of changed kernels and updates, all in plain Python."""
    kernels = copy_of(f"{FAST_AT}.kernels", PLAIN, *bugs_in("kernels", changes))
    bugs = bugs_in("whole.models", changes)
    models = copy_of(f"{FAST_AT}.whole.models", *bugs, **planted_updates(changes))
    updates = copy_of(f"{FAST_AT}.updates", kernels=kernels, models=models)
    return copy_of(f"{FAST_AT}.simulator", UPDATES=updates.UPDATES, whole=BY_POPULATION)


def planted_updates(changes: Sequence[Change]) -> dict[str, ModuleType]:
    """The modules of updates and read-outs with their bugs, in plain Python, by the last name."""
    return {
        name.split(".")[-1]: plain_updates(name, *bugs_in(name, changes))
        for name in ("membranes", "second_order", "whole.read_outs")
    }


def bugs_in(module: str, changes: Sequence[Change]) -> list[Change]:
    """Those that apply in a module of the fast simulator."""
    return [change for change in changes if applies(f"{FAST_AT}.{module}", change)]


def drawn_for(bug: str) -> st.SearchStrategy[Program]:
    """Programs of the neuron kinds that a bug names, or of all."""
    names = {
        "leaky": ("lif", "cubalif"),
        "ring": ("released", "paper"),
        "soft": ("logmax",),
        **{kind: (kind,) for kind in KINDS},
    }
    kinds = next((kinds for name, kinds in names.items() if name in bug), KINDS)
    return programs(kinds=kinds)
