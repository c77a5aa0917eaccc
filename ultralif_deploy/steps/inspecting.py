"""Describe the content of a file, and how its parameters would be stored in a program."""

from dataclasses import fields
from pathlib import Path
from typing import cast

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.exporters.nir.programs import read_nir
from ultralif_deploy.findings.findings import FAILURE, Finding
from ultralif_deploy.program.description import describe_program
from ultralif_deploy.program.weight_format import Bits
from ultralif_deploy.quantization.rounding import Row
from ultralif_deploy.readers.nir.graph import Kind, kind_of
from ultralif_deploy.schema.commands import (
    InspectedCheckpoint,
    InspectedNetwork,
    InspectedProgram,
    WouldStore,
)
from ultralif_deploy.schema.report import Setting
from ultralif_deploy.sources.deployable import Deployable
from ultralif_deploy.sources.opening import open_source
from ultralif_deploy.sources.programs import program_of
from ultralif_deploy.sources.settings import Settings, refuse_settings
from ultralif_deploy.verify.judging import rounding_findings

Inspected = InspectedCheckpoint | InspectedNetwork | InspectedProgram


def describe(path: str | Path, settings: Settings, bits: Bits = 8) -> Inspected:
    """The content of a checkpoint, a NIR file or a program, as plain values.

    For a network, this includes how each parameter would be stored with weights of `bits` bits.

    Args:
        path: path of the file.
        settings: data, encoding and values that are missing in the file.
        bits: bits of the weights, 2 to 8 or `ternary`.

    Raises:
        UltralifError: bad input, or settings for a program, which has its own.
    """
    if kind_of(path) is Kind.PROGRAM:
        given = tuple(field.name for field in fields(Settings))
        refuse_settings(settings, given, "a program has its settings in it")
        program = read_nir(path)
        stored: dict[str, Setting] = {
            k: {"value": v, "source": "program"} for k, v in program.encoding.items()
        }
        described = describe_program(program)
        return {"file": Path(path).name, "program": described, "assumed": stored}
    source = open_source(path, settings)
    # Type checkers cannot merge a union of TypedDicts with another; tests check the schema.
    return cast(Inspected, {**source.description, **would_store(source, bits)})


def would_store(source: Deployable, bits: Bits) -> WouldStore:
    """Settings, the table of parameters and all findings, as plain values.

    If no program can hold the network, the findings give the reason, and there is no table.
    """
    findings = list(source.assumptions.findings)
    rows: tuple[Row, ...] = ()
    try:
        made = program_of(source, source.network, bits)
        rows, more = rounding_findings(*made, source.delays)
        findings += more
    except UltralifError as error:
        findings.append(Finding("refused", str(error), severity=FAILURE))
    return {
        "assumed": source.assumptions.as_dict(),
        "bits": str(bits),
        "parameters_stored": [row.as_dict() for row in rows],
        "findings": [finding.as_dict() for finding in findings],
    }
