"""The command `ultralif`; heavy modules are imported by the command that needs them."""

import io
import json
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ultralif_deploy import cli_options as options
from ultralif_deploy.errors import Interrupted, UltralifError
from ultralif_deploy.printable import printable, printable_values

if TYPE_CHECKING:
    from ultralif_deploy.anneal import AnnealOptions
    from ultralif_deploy.settings import Settings


ALLOCATION = "can't allocate memory"
"""What torch says, in a RuntimeError, where others raise MemoryError."""

COMMAND = "ultralif.command"
"""Key of the command line among what a context carries."""


class Refusal(click.ClickException):
    """One line on stderr and an exit code."""

    def __init__(self, error: UltralifError) -> None:
        super().__init__(printable(" ".join(str(error).split())))
        setattr(self, "exit_code", error.exit_code)  # noqa: B010 - a class variable in click


class Commands(click.Group):
    """A group that ends in one line and an exit code, whatever ends it."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Write `?` for what the terminal's encoding does not have."""
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")
        try:
            return super().main(*args, **extra)
        except OSError as error:  # click itself ends where whoever reads has read enough
            if error.filename is None:
                # What is still buffered cannot be written either; it must not fail at the end too.
                sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
            where = error.filename or "output"
            refusal = Refusal(UltralifError(f"{where}: {error.strerror or error}"))
            refusal.show()
            sys.exit(refusal.exit_code)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the command line as it was typed, for the reports."""
        ctx.meta[COMMAND] = shlex.join(("ultralif", *args))
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except UltralifError as error:
            raise Refusal(error) from error
        except KeyboardInterrupt as stop:
            raise Refusal(
                Interrupted(f"interrupted; {stop}" if stop.args else "interrupted")
            ) from stop
        except (MemoryError, RuntimeError) as error:
            if not isinstance(error, MemoryError) and ALLOCATION not in str(error):
                raise
            raise Refusal(
                UltralifError(f"not enough memory ({error}); use fewer timesteps or samples")
            ) from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ultralif-deploy")
def main() -> None:
    """Turn a trained UltraLIF network into a proved integer spiking program.

    Example: ultralif deploy checkpoint.pt --data digits --anneal -o out
    """


@main.command()
@options.output_option("ultralif-demo")
@options.json_option
@options.bits_option
def demo(output: Path, as_json: bool, bits: str) -> None:
    """Deploy the embedded network on the embedded digits.

    Example: ultralif demo
    """
    from ultralif_deploy.data import loading
    from ultralif_deploy.settings import Settings

    checkpoint = Path(loading.__file__).parent / "digits_ultraplif.pt"
    annealing = _annealing(bits=bits)
    _deploy(checkpoint, output, Settings(data="digits"), as_json, bits=bits, anneal=annealing)


@main.command()
@options.checkpoint_argument
@options.data_options
@options.model_options
@options.nir_options
@options.bits_option
@click.option("--anneal", is_flag=True, help="Anneal first, with the data's training samples.")
@options.anneal_options
@options.gap_option
@options.certify_option
@options.back_ends_option
@options.lava_option
@options.device_option
@options.skip_pass_option
@options.output_option("ultralif-out")
@options.json_option
def deploy(
    checkpoint: Path,
    bits: str,
    anneal: bool,
    epochs: int,
    learning_rate: float,
    sparsity: float,
    max_gap: float | None,
    certify: int,
    back_ends: str | None,
    device: str,
    skip_passes: tuple[str, ...],
    output: Path,
    as_json: bool,
    **given: Any,
) -> None:
    """Checkpoint to integer program, proved, measured and exported.

    Example: ultralif deploy ultratplif_T10_seed0.pt --data digits --anneal -o out
    """
    _deploy(
        checkpoint,
        output,
        _settings(given),
        as_json,
        bits=bits,
        anneal=_annealing(epochs, learning_rate, sparsity, bits) if anneal else None,
        max_gap=max_gap,
        certified_samples=certify,
        back_ends=options.BACK_ENDS if back_ends is None else _names(back_ends),
        devices=_names(device),
        skip_passes=skip_passes,
    )


@main.command()
@options.checkpoint_argument
@options.data_options
@options.model_options
@options.nir_options
@options.json_option
def inspect(checkpoint: Path, as_json: bool, **given: Any) -> None:
    """Show what a checkpoint, a NIR file or a program holds, and what has to be assumed.

    Examples: ultralif inspect ultratplif2_bn_T6_seed11.pt --theta 0;
    ultralif inspect model.nir --dt 0.001
    """
    from ultralif_deploy.report.inspection import inspection_summary, program_summary
    from ultralif_deploy.report.network_summary import network_inspection
    from ultralif_deploy.sources import describe

    found = describe(checkpoint, _settings(given))
    summaries = {
        "program": program_summary,
        "architecture": inspection_summary,
        "populations": network_inspection,
    }
    summary = next(summary for key, summary in summaries.items() if key in found)
    _show(found, as_json, summary)


@main.command()
@options.checkpoint_argument
@options.data_options
@options.model_options
@options.nir_options
@options.anneal_options
@click.option("--bits", type=click.Choice(options.BITS), help="Quantize in the loop to this.")
@click.option("--unlabelled", is_flag=True, help="Leave labels unused: imitate the soft network.")
@options.output_option("ultralif-out")
@options.json_option
def anneal(
    checkpoint: Path,
    epochs: int,
    learning_rate: float,
    sparsity: float,
    bits: str | None,
    unlabelled: bool,
    output: Path,
    as_json: bool,
    **given: Any,
) -> None:
    """Anneal ε to 0 and write annealed.pt; an interrupted run goes on where it stopped.

    Example: ultralif anneal checkpoint.pt --data digits --epochs 20 --bits 4 -o out
    """
    from ultralif_deploy.pipeline import anneal_checkpoint
    from ultralif_deploy.report.inspection import anneal_summary

    annealing = _annealing(epochs, learning_rate, sparsity, bits)
    settings = _settings(given)
    result = anneal_checkpoint(
        checkpoint, output, settings, annealing, _progress(), use_labels=not unlabelled
    )
    _show(result, as_json, anneal_summary)


@main.command()
@options.checkpoint_argument
@options.data_options
@options.model_options
@options.nir_options
@options.bits_option
@options.skip_pass_option
@options.output_option("ultralif-out")
@options.json_option
def quantize(
    checkpoint: Path,
    bits: str,
    skip_passes: tuple[str, ...],
    output: Path,
    as_json: bool,
    **given: Any,
) -> None:
    """Quantize a checkpoint's hard limit, or another tool's NIR file, and write program.nir.

    With --data the clipping of the weights is chosen on its training samples.

    Examples: ultralif quantize annealed.pt --data digits --bits 4 -o out;
    ultralif quantize model.nir --timesteps 100 -o out
    """
    from ultralif_deploy.pipeline import quantize_checkpoint
    from ultralif_deploy.report.inspection import program_summary

    result = quantize_checkpoint(checkpoint, output, _settings(given), bits, skip_passes)
    _show(result, as_json, program_summary)


@main.command()
@options.program_argument
@click.option(
    "--to",
    "targets",
    default="nir",
    show_default=True,
    metavar="NAME[,NAME]",
    help=f"Forms to write: {', '.join(('nir', *options.EXPORTERS))}.",
)
@click.option(
    "--flavour",
    type=click.Choice(options.FLAVOURS),
    default="lif",
    show_default=True,
    help="How NIR says a threshold unit.",
)
@options.output_option("ultralif-out")
@options.json_option
def export(program: Path, targets: str, flavour: str, output: Path, as_json: bool) -> None:
    """Write a program in the form that other tools read.

    Example: ultralif export out/program.nir --to nir --flavour cubalif -o exported
    """
    from ultralif_deploy.pipeline import export_program
    from ultralif_deploy.report.inspection import exports_summary

    result = export_program(program, _names(targets), output, flavour)
    _show(result, as_json, exports_summary)


@main.command()
@options.program_argument
@options.data_options
@options.nir_options
@options.foreign_bits_option
@click.option(
    "--on",
    "back_end",
    type=click.Choice(options.BACK_ENDS),
    default="fast",
    show_default=True,
    help="Simulator, or what runs an exported form.",
)
@options.lava_option
@options.json_option
def simulate(program: Path, bits: str | None, back_end: str, as_json: bool, **given: Any) -> None:
    """Run a program on data and print logits, predictions, accuracy and event counts.

    Another tool's NIR file is quantized first.

    Example: ultralif simulate out/program.nir --data digits --on reference --limit 20 --json
    """
    from ultralif_deploy.pipeline import simulate_program
    from ultralif_deploy.report.inspection import simulation_summary

    result = simulate_program(program, back_end, _settings(given), _progress(), bits)
    _show(result, as_json, simulation_summary, indent=None)


@main.command()
@click.argument("checkpoint", type=click.Path(path_type=Path), required=False)
@click.option(
    "--certificate",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Check a certificate again instead.",
)
@options.data_options
@options.model_options
@options.nir_options
@options.bits_option
@options.gap_option
@options.certify_option
@options.back_ends_option
@options.lava_option
@options.skip_pass_option
@options.output_option("ultralif-out")
@options.json_option
def verify(
    checkpoint: Path | None,
    certificate: Path | None,
    bits: str,
    max_gap: float | None,
    certify: int,
    back_ends: str | None,
    skip_passes: tuple[str, ...],
    output: Path,
    as_json: bool,
    **given: Any,
) -> None:
    """Measure soft against hard against integer, and prove the back ends equal.

    A NIR file of another tool is measured float against integer. Leaves program.nir,
    certificate.json, vectors.npz, report.html, report.json and energy.csv. With --certificate,
    runs everything that a certificate claims again.

    Examples: ultralif verify annealed.pt --data digits --max-gap 0.5 -o out;
    ultralif verify model.nir --data spikes.npz -o out;
    ultralif verify --certificate out/certificate.json
    """
    if (checkpoint is None) == (certificate is None):
        raise click.UsageError("give a CHECKPOINT or --certificate FILE")
    if certificate is not None:
        from ultralif_deploy.pipeline import recheck
        from ultralif_deploy.report.inspection import certificate_summary

        result = recheck(certificate, _progress())
        _show(result, as_json, certificate_summary)
        return
    assert checkpoint is not None
    _deploy(
        checkpoint,
        output,
        _settings(given),
        as_json,
        bits=bits,
        max_gap=max_gap,
        certified_samples=certify,
        back_ends=options.BACK_ENDS if back_ends is None else _names(back_ends),
        skip_passes=skip_passes,
    )


@main.command()
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@options.json_option
def compare(first: Path, second: Path, as_json: bool) -> None:
    """Put two deployments side by side: accuracy, spike rates, operations, energy, sizes.

    FIRST and SECOND are report.json files; differences are second minus first.

    Example: ultralif compare eight-bits/report.json four-bits/report.json
    """
    from ultralif_deploy.comparison import compare_reports
    from ultralif_deploy.report.comparison_summary import comparison_summary

    compared = compare_reports(first, second)
    _show(compared, as_json, comparison_summary)


@main.command()
@options.lava_option
@options.json_option
def doctor(as_json: bool) -> None:
    """Say which back ends can run here, and the line that installs what is missing.

    Example: ultralif doctor
    """
    from ultralif_deploy.doctor import diagnosis
    from ultralif_deploy.report.inspection import diagnosis_summary

    found = diagnosis()
    _show(found, as_json, diagnosis_summary)


@main.command()
@options.program_argument
@options.data_options
@options.nir_options
@options.foreign_bits_option
@options.device_option
@options.json_option
def energy(program: Path, bits: str | None, device: str, as_json: bool, **given: Any) -> None:
    """Count a program's events on data and estimate joules from published constants.

    Another tool's NIR file is quantized first.

    Example: ultralif energy out/program.nir --data digits --device loihi1,cmos45
    """
    from ultralif_deploy.pipeline import program_energy
    from ultralif_deploy.report.terminal import energy_tables

    result = program_energy(program, _names(device), _settings(given), _progress(), bits)
    _show(result, as_json, energy_tables)


def _deploy(
    checkpoint: Path, output: Path, settings: "Settings", as_json: bool, **how: Any
) -> None:
    from ultralif_deploy.pipeline import deploy as run
    from ultralif_deploy.report.network_summary import network_summary
    from ultralif_deploy.report.terminal import deployment_summary

    typed = click.get_current_context().meta[COMMAND]
    report = run(checkpoint, output, settings, progress=_progress(), command=typed, **how)
    summary = deployment_summary if "checkpoint" in report else network_summary
    _show(report, as_json, lambda found: summary(found, str(output)))


def _names(names: str) -> tuple[str, ...]:
    """Names between commas, with or without spaces."""
    return tuple(name.strip() for name in names.split(","))


def _settings(given: dict[str, Any]) -> "Settings":
    from ultralif_deploy.settings import Settings

    return Settings(**given)


def _annealing(
    epochs: int = 20,
    learning_rate: float = 1e-3,
    sparsity: float = 0.0,
    bits: str | None = "8",
) -> "AnnealOptions":
    from ultralif_deploy.anneal import AnnealOptions

    return AnnealOptions(epochs, learning_rate, sparsity=sparsity, bits=bits)


def _progress() -> Any:
    from ultralif_deploy.progress import TerminalProgress

    return TerminalProgress()


def _show(result: Any, as_json: bool, summary: Any, indent: int | None = 2) -> None:
    if as_json:
        click.echo(json.dumps(result, indent=indent, sort_keys=True, allow_nan=False))
        return
    from ultralif_deploy.report.terminal import console

    console().print(summary(printable_values(result)), crop=False)  # lines to copy stay whole
