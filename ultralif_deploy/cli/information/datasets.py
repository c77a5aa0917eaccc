"""The command `data`."""

from pathlib import Path
from typing import Any

import click

from ultralif_deploy.cli import options, running
from ultralif_deploy.cli.choices import POLARITIES
from ultralif_deploy.cli.grouped_help import GroupedCommand
from ultralif_deploy.errors import UltralifError

DIGITS = "UCI optical recognition of handwritten digits, 1797 of 8×8 pixels (CC BY 4.0)"
FRAMES = {"timesteps": "timesteps", "bin": "bin_ms", "sensor": "sensor", "polarity": "polarity"}
"""Options of recordings, and what `Binning` calls them."""


@click.command(cls=GroupedCommand)
@options.memory_option
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.npz",
    help="Write the one named data set, or file or folder, with x_train, y_train, x_test, y_test.",
)
@click.option("--timesteps", type=int, help="Number of frames of each recording.")
@click.option("--bin", type=options.FINITE, metavar="MS", help="Milliseconds of a frame.")
@click.option("--sensor", metavar="WxH", help="Width and height of the sensor, or channels.")
@click.option("--polarity", type=click.Choice(POLARITIES), help="Polarities of events.")
@click.option(
    "--limit",
    type=int,
    metavar="N",
    help="Write at most N samples of each split, drawn at random, and always the same ones.",
)
@click.option(
    "--split",
    type=click.Choice(("train", "val", "test")),
    help="Write this split alone. Of a file with training samples alone, other commands hold the "
    "last sixth out.",
)
@options.json_option
def data(names: tuple[str, ...], output: Path | None, as_json: bool, **given: Any) -> None:
    """List data sets that have a name, or write one to a file.

    --data takes their names. They are found where torchvision, tonic, Keras and Debian's packages
    keep them. Nothing is downloaded; what was not found comes with the line that gets it.

    Example: ultralif data nmnist --bin 15 --timesteps 20 --limit 1000 -o nmnist_sample.npz
    """
    from ultralif_deploy.report.summaries.datasets import datasets_summary, written_summary

    if output is not None:
        running.show(_written(names, output, given), as_json, written_summary)
        return
    for name, value in given.items():
        if value is not None:
            raise UltralifError(f"--{name} {value}: it is for -o FILE.npz, which is not given")
    running.show(_listed(names), as_json, datasets_summary)


def _written(names: tuple[str, ...], output: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Write one data set."""
    from ultralif_deploy.data.binning import Binning
    from ultralif_deploy.data.writing import write_dataset

    if len(names) != 1:
        raise UltralifError(f"-o {output}: {len(names)} data sets are named; expected one")
    how = Binning(**{FRAMES[n]: given[n] for n in FRAMES}, most=given["limit"])
    splits = write_dataset(names[0], output, how, given["split"])
    sizes = {f"x_{name}": list(split.x.shape) for name, split in splits.items()}
    return {"file": str(output), "samples": sizes}


def _listed(names: tuple[str, ...]) -> dict[str, Any]:
    """Data sets that have a name, and where they lie."""
    from ultralif_deploy.data.known.names import KNOWN, place_of, searched
    from ultralif_deploy.data.loading import EMBEDDED

    found: dict[str, dict[str, str | None]] = {
        name: {"what": DIGITS, "place": str(path), "how": "comes with this package"}
        for name, path in EMBEDDED.items()
    }
    for name, known in KNOWN.items():
        place = place_of(name)
        where = None if place is None else str(place)
        found[name] = {"what": known.what, "place": where, "how": known.how}
    unknown = [name for name in names if name not in found]
    if unknown:
        raise UltralifError(f"no data set {unknown[0]!r}; expected one of {', '.join(found)}")
    return {
        "searched": [str(folder) for folder in searched()],
        "datasets": {name: found[name] for name in names or found},
    }
