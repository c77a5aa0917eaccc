"""Exported folders that Lava runs, compared with the judge on drawn programs."""

import contextlib
import os
import sys
from pathlib import Path

from hypothesis import strategies as st

from support.comparisons import assert_same_trace, holds
from support.foreign.warm import warm_python
from support.strategies.shapes import inputs_for
from ultralif_deploy import exporters
from ultralif_deploy.errors import Refused
from ultralif_deploy.program.program import Program, executed_arrays, weights_digest
from ultralif_deploy.simulators.reference import simulator as reference
from ultralif_deploy.verify.backends import load_on

LAVA_PYTHON = os.environ.get("ULTRALIF_TESTS_LAVA_PYTHON")
"""Lava's own environment; a few tests alone use it, since every start takes two seconds."""
EXPORTED = Path(exporters.__file__).parent
IMPORTED = (
    "lava_compat",
    *(f"lava.proc.{name}.models" for name in ("conv", "dense", "lif", "sparse")),
    *("lava.proc.io.sink", "lava.proc.io.source", "lava.magma.compiler.compiler"),
    *("lava.magma.core.run_configs", "lava_dl"),
)
"""What runs of exported folders import, beside the modules in the folders."""


def warm_lava_python() -> contextlib.AbstractContextManager[str]:
    """Lava's Python, whose runs need not import Lava; the folder's own modules they do import."""
    folders = (EXPORTED / name / "runtime" for name in ("lava", "netx"))
    return warm_python(LAVA_PYTHON or sys.executable, IMPORTED, *folders)


def equal_where_not_refused(
    drawn: st.SearchStrategy[Program], examples: int, names: tuple[str, ...]
) -> dict[str, int]:
    """Compare the back ends of some names with the judge; how many programs each expressed."""
    expressed = dict.fromkeys(names, 0)

    def check(data: st.DataObject) -> None:
        program = data.draw(drawn)
        inputs = data.draw(inputs_for(program, program.timesteps, 3))
        for name in names:
            try:
                loaded = load_on(name, program)
            except Refused:
                continue
            expected = reference.load(program).run(inputs, record=True)
            assert_same_trace(loaded.run(inputs, record=True), expected)
            arrays = executed_arrays(program)
            assert weights_digest(loaded.executed()) == weights_digest(arrays)
            expressed[name] += 1

    holds(check, st.data(), examples=examples, planted=True)
    return expressed
