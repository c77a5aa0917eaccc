"""Export a stored program to the file formats of other tools."""

from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path

from ultralif_deploy.errors import Refused, UltralifError
from ultralif_deploy.exporters.nir.programs import read_nir, write_nir
from ultralif_deploy.exporters.unary import to_unary
from ultralif_deploy.io.files import output_directory, sha256_file
from ultralif_deploy.io.progress import Progress, ShownProgress
from ultralif_deploy.program.exits import ExitRule, check_sums, exact_rule
from ultralif_deploy.program.program import Program
from ultralif_deploy.schema.commands import Export, Exported
from ultralif_deploy.schema.exits import Rule
from ultralif_deploy.sources.inputs import open_inputs
from ultralif_deploy.sources.settings import Settings, refuse_settings
from ultralif_deploy.steps.exiting import Case, check_exits, confident
from ultralif_deploy.verify.backends import EXPORTERS, OPTIONS, write_form


def export_program(
    program: str | Path,
    targets: Iterable[str],
    output: str | Path,
    flavour: str = "lif",
    exit_rule: Rule | None = None,
    prefix: str | None = None,
    package: str | None = None,
    lanes: int | None = None,
    unary: bool = False,
    *,
    confidence: float | None = None,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> Exported:
    """Write a program in other forms.

    Args:
        program: a program, as `quantize_checkpoint` writes it.
        targets: `nir` or keys of `EXPORTERS`; each is written once.
        output: directory for the exported files.
        flavour: key of `exporters.nir.nodes.FLAVOURS`; used only for the target `nir`.
        exit_rule: `exact` lets the form stop samples once no remaining timestep of the program can
            change their prediction, `confidence` once they are confident enough; None runs all
            timesteps.
        prefix: what the names of the C form begin with; None means `ultralif`.
        package: build system whose library the C form becomes; None writes the C files alone.
        lanes: neurons of a population that hardware computes at once; None chooses them.
        unary: graded spikes become several threshold units of one bit each (`to_unary`).
        confidence: 1 − the accepted fall of accuracy on training samples, for the rule
            `confidence`; None is 0.99.
        settings: the data set on whose training samples the rule `confidence` is chosen.
        progress: how long work is shown; None: on stderr, `Progress()`: not at all.

    Raises:
        UltralifError: unknown target, flavour, rule or package, a prefix that cannot begin a
            name, data, settings or a confidence that nothing asks for, or no training samples
            where the rule needs them.
        Refused: a rule, a prefix, a package or lanes for a target that takes none, or a program
            that a target cannot express exactly.
    """
    targets = list(dict.fromkeys(targets))
    available = ("nir", *EXPORTERS)
    unknown = [target for target in targets if target not in available]
    if unknown:
        raise UltralifError(f"export target {unknown[0]!r}; available: {', '.join(available)}")
    settings, progress = settings or Settings(), progress or ShownProgress()
    check_exits(exit_rule, confidence, {})
    if exit_rule != "confidence":
        every = tuple(field.name for field in fields(Settings))
        refuse_settings(settings, every, "an export reads data for --exit confidence alone")
    asked = {
        "rule": (exit_rule, "holds no exit rule"),
        "prefix": (prefix, "takes no prefix"),
        "package": (package, "is no library"),
        "lanes": (lanes, "has no lanes"),
    }
    for option, (value, reason) in asked.items():
        able = [target for target in EXPORTERS if option in OPTIONS.get(target, ())]
        for target in targets:
            if value is not None and target not in able:
                do = "does" if len(able) == 1 else "do"
                raise Refused(f"{target}: {reason}; {' and '.join(able)} {do}")
    loaded = read_nir(program)
    if unary:
        loaded = to_unary(loaded)
    rule = None if exit_rule is None else _rule(exit_rule, loaded, confidence, settings, progress)
    directory = output_directory(output)
    exports: list[Export] = []
    for target in targets:
        if target == "nir":
            code = "-unary" if unary else ""
            path = directory / f"{Path(program).stem}-{flavour}{code}.nir"
            write_nir(loaded, path, flavour)
            written: tuple[Path, ...] = (path,)
        else:
            written = write_form(
                target,
                loaded,
                directory / target,
                rule,
                prefix=prefix,
                package=package,
                lanes=lanes,
            )
        exports += [{"target": target, "file": str(p), "sha256": sha256_file(p)} for p in written]
    return {"exports": exports}


def _rule(
    name: Rule, program: Program, confidence: float | None, settings: Settings, progress: Progress
) -> ExitRule:
    """An exit rule of a program, for all of its timesteps or those of its data."""
    if name == "exact":
        return exact_rule(program, program.timesteps)
    check_sums(program)
    with progress.reading():
        dataset, encoder, _ = open_inputs(program, settings)
    rule, _ = confident(Case(program, dataset, encoder, confidence, progress))
    return rule
