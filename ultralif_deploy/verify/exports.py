"""Every form of a program on disk, with what each target refused and why."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ultralif_deploy.errors import Refused
from ultralif_deploy.io.files import remove_written_directory, sha256_file
from ultralif_deploy.program.program import Program
from ultralif_deploy.schema import back_ends as schema
from ultralif_deploy.verify.backends import EXPORTERS, write_form


@dataclass(frozen=True, slots=True)
class Exports:
    """What was written below a directory.

    Attributes:
        directory: above the targets' own directories.
        files: files that were written, by target.
        refused: reason of each refusal, by target.
    """

    directory: Path
    files: dict[str, tuple[Path, ...]]
    refused: dict[str, str]

    def as_dict(self) -> schema.Exports:
        """For the report: written files with checksums and sizes, and refusals."""
        return {
            "written": {
                target: {
                    "sha256": checksums(self.directory, target),
                    "bytes": sum(file.stat().st_size for file in files),
                }
                for target, files in self.files.items()
            },
            "refused": self.refused,
        }


def checksums(directory: Path, target: str) -> dict[str, str]:
    """SHA-256 of a target's files as they are on disk, by path relative to the directory."""
    return {
        file.relative_to(directory).as_posix(): sha256_file(file)
        for file in sorted((directory / target).rglob("*"))
        if file.is_file() and "__pycache__" not in file.parts
    }


def write_exports(
    program: Program,
    directory: Path,
    targets: Iterable[str] = tuple(EXPORTERS),
    lanes: int | None = None,
) -> Exports:
    """Write a program in every form that can express it; an older refused form is removed.

    Args:
        program: program to be written.
        directory: below which every form gets a directory of its own.
        targets: keys of `EXPORTERS`.
        lanes: neurons of a population that hardware computes at once; None chooses them.

    Raises:
        UltralifError: a number of lanes that does not exist.
    """
    files: dict[str, tuple[Path, ...]] = {}
    refused: dict[str, str] = {}
    for target in targets:
        try:
            files[target] = write_form(target, program, directory / target, lanes=lanes)
        except Refused as refusal:
            refused[target] = str(refusal).removeprefix(f"{target}: ")
            remove_written_directory(directory / target)
    return Exports(directory, files, refused)
