"""The command `ultralif`; heavy modules are imported by the command that needs them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ultralif_deploy.cli import comparing, matching, options, running, simulating
from ultralif_deploy.cli.budgets import budget_options
from ultralif_deploy.cli.device_options import (
    compute_device_option,
    energy_device_option,
)
from ultralif_deploy.cli.forms.compiling import firmware
from ultralif_deploy.cli.forms.exporting import export
from ultralif_deploy.cli.forms.synthesizing import part_option, synthesize
from ultralif_deploy.cli.information.datasets import data
from ultralif_deploy.cli.information.devices import devices
from ultralif_deploy.cli.information.documentation import docs
from ultralif_deploy.cli.learning_options import anneal_options
from ultralif_deploy.cli.option_types import Bits, BitsType
from ultralif_deploy.cli.studies.stressing import stress
from ultralif_deploy.cli.studies.sweeping import sweep
from ultralif_deploy.cli.training import train

if TYPE_CHECKING:
    from ultralif_deploy.sources.settings import Settings


@click.group(cls=running.Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ultralif-deploy")
def main() -> None:
    """Turn a trained spiking network into an integer program that every back end runs alike.

    Example: ultralif deploy checkpoint.pt --data digits --anneal -o out
    """


main.add_command(train)
main.add_command(export)
main.add_command(firmware)
main.add_command(synthesize)
main.add_command(docs)
main.add_command(devices)
main.add_command(data)
main.add_command(comparing.compare)


@main.command()
@options.output_option("ultralif-demo")
@options.verbose_option
@options.json_option
@options.bits_option
def demo(output: Path, as_json: bool, bits: Bits) -> None:
    """Deploy the embedded network on the embedded digits.

    Example: ultralif demo
    """
    from ultralif_deploy.data import loading
    from ultralif_deploy.sources.settings import Settings

    checkpoint = Path(loading.__file__).parent / "digits_ultraplif.pt"
    annealing = running.annealing(bits=bits)
    _deploy(checkpoint, output, Settings(data="digits"), as_json, bits=bits, anneal=annealing)


@main.command()
@options.network_argument
@options.weights_option
@options.data_options
@options.model_options
@options.nir_options
@options.expect_option
@options.chosen_bits_option
@options.decay_bits_option
@options.strict_option
@click.option("--anneal", is_flag=True, help="Anneal first, on the training samples of the data.")
@anneal_options
@options.gap_option
@budget_options
@options.certify_option
@options.back_ends_option
@options.lava_option
@compute_device_option
@energy_device_option
@part_option
@options.lanes_option
@options.skip_pass_option
@options.scheduler_option("measure the test samples")
@options.output_option("ultralif-out")
@options.verbose_option
@options.json_option
def deploy(
    checkpoint: Path,
    weights: Path | None,
    bits: Bits,
    anneal: bool,
    schedule: dict[str, Any],
    max_gap: float | None,
    weight_memory: int | None,
    max_energy: float | None,
    max_cores: dict[str, int] | None,
    certify: int,
    back_ends: str | None,
    energy_device: str,
    part: str | None,
    lanes: int | None,
    skip_passes: tuple[str, ...],
    scheduler: str | None,
    output: Path,
    as_json: bool,
    **given: Any,
) -> None:
    """Make a proved and measured integer program.

    Takes a checkpoint, a NIR file, or a function, FILE.py:NAME or package.module:name, which is
    run and returns a torch module. Writes program.nir, report.html, report.json, energy.csv,
    predictions.npz, certificate.json, vectors.npz, the exported formats, and with --anneal also
    annealed.pt.

    Example: ultralif deploy ultratplif_T10_seed0.pt --data digits --anneal -o out
    """
    _deploy(
        running.network(checkpoint, weights),
        output,
        running.settings(given),
        as_json,
        bits=bits,
        anneal=running.annealing(bits=bits, **schedule) if anneal else None,
        max_gap=max_gap,
        weight_memory=weight_memory,
        max_energy=max_energy,
        max_cores=max_cores,
        certified_samples=certify,
        back_ends=running.back_ends(back_ends),
        energy_devices=running.names(energy_device),
        skip_passes=skip_passes,
        part=part,
        lanes=lanes,
        scheduler=scheduler,
    )


@main.command()
@options.checkpoint_argument
@options.data_options
@options.model_options
@options.nir_options
@options.bits_option
@options.decay_bits_option
@options.strict_option
@options.json_option
def inspect(checkpoint: Path, bits: Bits, as_json: bool, **given: Any) -> None:
    """Show what a checkpoint, a NIR file or a program holds.

    Settings that the file does not hold are marked with their source: option, file name or
    default. For each parameter, a table compares the intended value with the value that would be
    stored with --bits.

    Examples: ultralif inspect ultratplif2_bn_T6_seed11.pt --theta 0;
    ultralif inspect model.nir --dt 0.001
    """
    from ultralif_deploy.report.inspection import (
        checkpoint_inspection,
        network_inspection,
        program_inspection,
    )
    from ultralif_deploy.steps.inspecting import describe

    found = describe(checkpoint, running.settings(given), bits)
    summaries = {
        "program": program_inspection,
        "architecture": checkpoint_inspection,
        "populations": network_inspection,
    }
    summary = next(summary for key, summary in summaries.items() if key in found)
    running.show(found, as_json, summary)


@main.command()
@options.checkpoint_argument
@options.data_options
@options.model_options
@options.nir_options
@anneal_options
@click.option(
    "--bits",
    type=BitsType(automatic=False),
    metavar="N",
    help="Train with weights of so many bits.",
)
@click.option(
    "--unlabelled", is_flag=True, help="Ignore the labels and imitate the soft network instead."
)
@compute_device_option
@options.output_option("ultralif-out")
@options.json_option
def anneal(
    checkpoint: Path,
    schedule: dict[str, Any],
    bits: Bits | None,
    unlabelled: bool,
    output: Path,
    as_json: bool,
    **given: Any,
) -> None:
    """Anneal ε to 0 and write annealed.pt.

    After an interruption, the same command continues where it stopped.

    Example: ultralif anneal checkpoint.pt --data digits --epochs 20 --bits 4 -o out
    """
    from ultralif_deploy.report.inspection import anneal_summary
    from ultralif_deploy.steps.annealing import anneal_checkpoint

    annealing = running.annealing(bits=bits, **schedule)
    settings = running.settings(given)
    result = anneal_checkpoint(
        checkpoint, output, settings, annealing, running.progress(), use_labels=not unlabelled
    )
    running.show(result, as_json, anneal_summary)


@main.command()
@options.checkpoint_argument
@options.data_options
@options.model_options
@options.nir_options
@options.chosen_bits_option
@options.decay_bits_option
@options.strict_option
@options.gap_option
@budget_options
@energy_device_option
@options.skip_pass_option
@options.output_option("ultralif-out")
@options.json_option
def quantize(
    checkpoint: Path,
    bits: Bits,
    max_gap: float | None,
    weight_memory: int | None,
    max_energy: float | None,
    max_cores: dict[str, int] | None,
    energy_device: str,
    skip_passes: tuple[str, ...],
    output: Path,
    as_json: bool,
    **given: Any,
) -> None:
    """Quantize a checkpoint or a NIR file and write program.nir.

    A checkpoint is hardened without annealing. With --data, the training samples decide how the
    weights are scaled.

    Examples: ultralif quantize annealed.pt --data digits --bits 4 -o out;
    ultralif quantize model.nir --timesteps 100 -o out
    """
    from ultralif_deploy.pipeline import quantize_checkpoint
    from ultralif_deploy.report.inspection import quantization_summary

    result = quantize_checkpoint(
        checkpoint,
        output,
        running.settings(given),
        bits,
        skip_passes,
        max_gap=max_gap,
        weight_memory=weight_memory,
        max_energy=max_energy,
        max_cores=max_cores,
        energy_devices=running.names(energy_device),
        progress=running.progress(),
    )
    running.show(result, as_json, quantization_summary)


@main.command()
@click.argument("checkpoint", type=click.Path(path_type=Path), required=False)
@click.option(
    "--certificate",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Check this certificate again, instead of a CHECKPOINT.",
)
@click.option(
    "--signed-by",
    metavar="KEY",
    help="With --certificate: minisign's public key, or its file, by which it must be signed.",
)
@options.data_options
@options.model_options
@options.nir_options
@options.expect_option
@options.bits_option
@options.decay_bits_option
@options.strict_option
@options.gap_option
@options.certify_option
@options.back_ends_option
@options.lava_option
@part_option
@options.lanes_option
@compute_device_option
@options.skip_pass_option
@options.scheduler_option("measure the test samples")
@options.output_option("ultralif-out")
@options.verbose_option
@options.json_option
def verify(
    checkpoint: Path | None,
    certificate: Path | None,
    signed_by: str | None,
    bits: Bits,
    max_gap: float | None,
    certify: int,
    back_ends: str | None,
    part: str | None,
    lanes: int | None,
    skip_passes: tuple[str, ...],
    scheduler: str | None,
    output: Path,
    as_json: bool,
    **given: Any,
) -> None:
    """Measure what was lost, and prove that back ends agree.

    Compares the soft network, the hard network and the integer program on the same spikes; of a
    NIR file of another tool, the float network and the integer program. Writes program.nir,
    certificate.json, vectors.npz, predictions.npz, report.html, report.json and energy.csv. With
    --certificate, it runs again everything that a certificate claims.

    Examples: ultralif verify annealed.pt --data digits --max-gap 0.5 -o out;
    ultralif verify model.nir --data spikes.npz -o out;
    ultralif verify --certificate out/certificate.json
    """
    if (checkpoint is None) == (certificate is None):
        raise click.UsageError("give a CHECKPOINT or --certificate FILE")
    if certificate is not None:
        if scheduler is not None:
            raise click.UsageError("--scheduler: it is for a CHECKPOINT, whose samples it measures")
        from ultralif_deploy.report.inspection import certificate_summary
        from ultralif_deploy.steps.rechecking import recheck

        result = recheck(certificate, running.progress(), signed_by)
        running.show(result, as_json, certificate_summary)
        return
    assert checkpoint is not None
    if signed_by is not None:
        raise click.UsageError("--signed-by: it is for --certificate FILE")
    _deploy(
        checkpoint,
        output,
        running.settings(given),
        as_json,
        bits=bits,
        max_gap=max_gap,
        certified_samples=certify,
        back_ends=running.back_ends(back_ends),
        skip_passes=skip_passes,
        part=part,
        lanes=lanes,
        scheduler=scheduler,
    )


@main.command()
@options.lava_option
@options.json_option
def doctor(as_json: bool) -> None:
    """Show what can run on this machine, and what is missing.

    Lists back ends, tools and optional packages. For each that is missing, it prints the command
    that installs it.

    Example: ultralif doctor
    """
    from ultralif_deploy.cli.information.doctor import diagnosis
    from ultralif_deploy.report.inspection import diagnosis_summary

    found = diagnosis()
    running.show(found, as_json, diagnosis_summary)


main.add_command(matching.match)
main.add_command(simulating.simulate)
main.add_command(simulating.energy)
main.add_command(stress)
main.add_command(sweep)


def _deploy(checkpoint: Any, output: Path, settings: "Settings", as_json: bool, **how: Any) -> None:
    from ultralif_deploy.pipeline import deploy as run
    from ultralif_deploy.report.terminal import deployment_summary, short_summary

    meta = click.get_current_context().meta
    typed, summary = meta[running.COMMAND], short_summary
    if meta[options.VERBOSE]:
        summary = deployment_summary
    report = run(checkpoint, output, settings, progress=running.progress(), command=typed, **how)
    running.show(report, as_json, lambda found: summary(found, str(output)))
