"""Which files of a directory a certificate covers: all that its run wrote, by their digests."""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ultralif_deploy.io.files import BYTECODE, sha256_file
from ultralif_deploy.io.parts import PART

REMOVED = "removed since; it was not compared with the program"
ADDED = "not written by the run that is certified"


@dataclass(frozen=True, slots=True)
class Coverage:
    """The files of a directory beside what its certificate lists.

    Attributes:
        failures: contradictions to the certificate, in words.
        not_covered: files and folders about which it says nothing, and why.
    """

    failures: tuple[str, ...]
    not_covered: dict[str, str]


def digests(directory: Path, without: str) -> dict[str, str]:
    """SHA-256 of every file below a directory by path, without the one that lists them."""
    return {
        path: sha256_file(file)
        for path, file in _below(directory, directory)
        if _is_file(file) and path != without
    }


def covered(directory: Path, listed: dict[str, str], seal: str) -> Coverage:
    """Compare a directory with a list of its files.

    A form that is no longer there, and what was added beside the results, misleads nobody and is
    named. A file added inside a form is refused, because what runs the form could run it.

    Args:
        directory: directory that holds the certificate.
        listed: digests by path.
        seal: the certificate's own name.
    """
    failures = []
    not_covered = {}
    own: dict[str, dict[str, str]] = {}
    for path, digest in listed.items():
        own.setdefault(path.partition("/")[0], {})[path] = digest
    for name, files in sorted(own.items()):
        if name in ("", ".", ".."):
            failures.append(f"{min(files)}: outside the directory")
        elif os.path.lexists(directory / name):
            failures += _differences(directory, directory / name, files)
        else:
            not_covered[name] = REMOVED
    for entry in sorted(os.listdir(directory)):
        if entry not in own and entry != seal and not entry.endswith(PART):
            not_covered[entry] = ADDED
    return Coverage(tuple(failures), not_covered)


def _differences(directory: Path, entry: Path, listed: dict[str, str]) -> Iterator[str]:
    """What differs between one result, a file or a folder, and the list."""
    found = dict(_below(directory, entry))
    for path in sorted({*found, *listed}):
        if path not in found:
            yield f"{path}: not there"
        elif path not in listed:
            is_bytecode = BYTECODE in Path(path).parts
            why = "; Python may run it in place of the source" if is_bytecode else ""
            yield f"{path}: not written by the run that is certified{why}"
        elif not _is_file(found[path]):
            yield f"{path}: not a regular file"
        elif sha256_file(found[path]) != listed[path]:
            yield f"{path}: changed"


def _below(directory: Path, entry: Path) -> Iterable[tuple[str, Path]]:
    """All that is no folder, by path below the directory; links are not followed."""
    if entry.is_symlink() or not entry.is_dir():
        yield entry.relative_to(directory).as_posix(), entry
        return
    for inner in sorted(os.listdir(entry)):
        yield from _below(directory, entry / inner)


def _is_file(path: Path) -> bool:
    return stat.S_ISREG(path.lstat().st_mode)
