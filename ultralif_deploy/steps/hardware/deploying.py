"""A deployment on an FPGA: what the report says of the part that --part names."""

from pathlib import Path

import numpy as np

from ultralif_deploy.errors import CheckFailed, Refused
from ultralif_deploy.io.progress import Progress
from ultralif_deploy.program.program import Program
from ultralif_deploy.schema.hardware.synthesis import OnHardware, OnPart
from ultralif_deploy.schema.report import Report
from ultralif_deploy.simulators.runners.verilog import tools
from ultralif_deploy.steps.hardware.bounds import refuse_what_cannot_fit
from ultralif_deploy.steps.hardware.parts import PARTS
from ultralif_deploy.steps.hardware.synthesis import check_part, synthesized


def require_part(part: str | None) -> None:
    """End a run before its work where the part is unknown or a tool is missing.

    Args:
        part: key of `PARTS`; None for a run without one.

    Raises:
        UltralifError: unknown part.
        Missing: yosys, nextpnr or a simulator of Verilog is not installed.
    """
    if part is None:
        return
    check_part(part)
    if (absent := tools.missing()) is not None:
        raise absent


def on_part(
    program: Program,
    directory: Path,
    part: str | None,
    lanes: int | None,
    inputs: np.ndarray,
    progress: Progress,
) -> OnHardware:
    """Synthesize the exported Verilog of a deployment; a refusal is a result too.

    Args:
        program: program that was deployed.
        directory: directory of the results, with the exported Verilog.
        part: key of `PARTS`; None synthesizes nothing.
        lanes: lanes of the exported Verilog.
        inputs: certified samples, uint8 [time, sample, input], whose cycles are counted.
        progress: progress display.

    Raises:
        UltralifError: a tool fails.
    """
    if part is None:
        return {}
    found: OnPart = {
        "part": part,
        "device": PARTS[part].device,
        "refused": None,
        "synthesized": None,
    }
    try:
        refuse_what_cannot_fit(program, part, lanes)
        found["synthesized"] = synthesized(program, directory / "verilog", part, inputs, progress)
    except (CheckFailed, Refused) as refusal:
        found["refused"] = str(refusal)
    return {"hardware": found}


def refuse_part(report: Report) -> None:
    """Refuse a deployment that its part cannot hold.

    Raises:
        CheckFailed: with the reason.
    """
    found = report.get("hardware")
    if found is not None and found["refused"] is not None:
        raise CheckFailed(found["refused"])
