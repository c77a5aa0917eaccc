"""Files that appear whole or not at all, and checks of untrusted ones before they are read."""

import errno
import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.memory import check_contents
from ultralif_deploy.io.parts import part, remove, remove_stale_parts, sync
from ultralif_deploy.io.swap import entries_written_whole, finish_swap

UNWRITABLE = (
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EEXIST),
    errno.ENAMETOOLONG,
)
"""Errors that say that a place takes no files at all."""

JSON_EXPANSION = 32
"""Bytes that values may take in memory for each byte of JSON: `[[],[],…` is the worst."""

BYTECODE = "__pycache__"
"""Folder in which Python keeps what it compiled."""


def readable_file(path: str | Path) -> Path:
    """Return the path when it names a regular file that can be opened.

    Raises:
        UltralifError: the file is missing, is not a regular file, or cannot be opened.
    """
    path = Path(path)
    try:
        if not path.exists():
            raise UltralifError(f"{path}: no such file")
        if not path.is_file():
            raise UltralifError(f"{path}: not a regular file")
        with path.open("rb") as file:
            file.read(1)  # files of the system may open and not be read, as /proc/self/mem
    except OSError as error:
        raise UltralifError(f"{path}: cannot be read ({error.strerror})") from error
    return path


def check_zip_archive(path: Path, what: str) -> None:
    """Refuse a file that is not a whole zip archive, or that unpacks to too much.

    Raises:
        UltralifError: naming the file and what it was expected to be.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
            largest = max(sizes, key=sizes.__getitem__, default="")
            every = sum(entry.file_size for entry in archive.infolist())
        check_contents(f"{path}: {largest!r} with all other entries", every)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise UltralifError(f"{path}: not {what} (truncated or damaged: {error})") from error


def output_directory(path: str | Path) -> Path:
    """Create a directory for outputs, prove that it can be written, and clear up after dead runs.

    Raises:
        UltralifError: the path is a file, or nothing can be written there.
    """
    path = Path(path)
    try:
        if os.path.lexists(path) and not path.is_dir():
            raise UltralifError(f"{path}: a file, no directory; expected a directory for results")
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
        remove_stale_parts(path)
        finish_swap(path)
    except OSError as error:
        raise UltralifError(f"{path}: cannot write there ({error.strerror})") from error
    return path


CHECKSUMS_FILE = "checksums.sha256"
"""In every directory that was written whole; `sha256sum -c` reads it."""


@contextmanager
def directory_written_whole(path: str | Path) -> Iterator[Path]:
    """Yield a temporary directory that takes the place of `path` when the block ends well.

    Only a directory that was written so before, or an empty one, is replaced.

    Raises:
        UltralifError: `path` holds other files, or nothing can be written there.
    """
    path = Path(path)
    with _written_there(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        finish_swap(path.parent)
        refuse_strangers(path)
        with entries_written_whole(path.parent) as new:
            temporary = new / path.name
            temporary.mkdir()
            yield temporary
            _write_checksums(temporary)


@contextmanager
def together(path: Path, replaced: tuple[str, ...], seal: str) -> Iterator[Path]:
    """Yield a temporary directory whose entries appear together in an output directory.

    Args:
        path: path of the output directory, which exists.
        replaced: names of older entries that go, besides those that the new ones replace.
        seal: name of the entry that goes first and comes last.

    Raises:
        UltralifError: nothing can be written there.
    """
    new = path
    try:
        with entries_written_whole(path, replaced, seal) as new:
            yield new
    except OSError as error:  # of any file that was written meanwhile
        where = str(error.filename or path).replace(str(new), str(path))
        raise UltralifError(f"{where}: cannot be written ({error.strerror or error})") from error
    except UltralifError as error:  # names files where they were to appear, not in the making
        error.args = (str(error).replace(str(new), str(path)), *error.args[1:])
        raise


def refuse_strangers(path: Path) -> None:
    """Refuse to replace a directory that holds more than `directory_written_whole` wrote there.

    Raises:
        UltralifError: naming a file that it did not write.
    """
    if not os.path.lexists(path):
        return
    strangers = _strangers(path)
    if strangers:
        raise UltralifError(
            f"{path}: holds files that ultralif did not write ({strangers[0]}); move them away"
        )


def _strangers(path: Path) -> list[str]:
    """Files below a directory that its checksums do not list, bytecode of Python aside."""
    if not path.is_dir():
        return [path.name]
    checksums = path / CHECKSUMS_FILE
    listed = {CHECKSUMS_FILE}
    if checksums.is_file():
        lines = checksums.read_text(encoding="utf-8", errors="replace").splitlines()
        listed |= {line.partition("  ")[2] for line in lines}
    found = (f.relative_to(path) for f in sorted(path.rglob("*")) if f.is_symlink() or f.is_file())
    return [f.as_posix() for f in found if f.as_posix() not in listed and BYTECODE not in f.parts]


@contextmanager
def _written_there(path: Path) -> Iterator[None]:
    """Turn the disk's errors into one line about a path."""
    try:
        yield
    except OSError as error:
        what = "cannot write there" if error.errno in UNWRITABLE else "cannot be written"
        raise UltralifError(f"{path}: {what} ({error.strerror or error})") from error


def copy_modules(source: Path, target: Path) -> None:
    """Copy every Python file below a directory, without its permissions: it may be read-only."""
    for file in source.rglob("*.py"):
        copy = target / file.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())


def remove_written_directory(path: Path) -> None:
    """Remove a directory that `directory_written_whole` wrote; any other is left alone."""
    if (path / CHECKSUMS_FILE).is_file() and not _strangers(path):
        remove(path)


def _write_checksums(directory: Path) -> None:
    files = sorted(file for file in directory.rglob("*") if file.is_file())
    lines = [f"{sha256_file(f)}  {f.relative_to(directory).as_posix()}\n" for f in files]
    (directory / CHECKSUMS_FILE).write_text("".join(lines), encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write JSON with sorted keys, whole or not at all; NaN and infinity are an error."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text, whole or not at all."""
    write_bytes(path, text.encode())


def write_bytes(path: str | Path, content: bytes | memoryview) -> None:
    """Write bytes, whole or not at all.

    Raises:
        UltralifError: the disk is full, or takes no files there.
    """
    path = Path(path)
    with _written_there(path), part(path.parent, path.name) as temporary:
        temporary.write_bytes(content)
        temporary.chmod(0o666 & ~_umask())
        sync(temporary)
        temporary.replace(path)
        sync(path.parent)


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises:
        UltralifError: the file is missing, too large or not JSON.
    """
    path = readable_file(path)
    check_contents(str(path), JSON_EXPANSION * path.stat().st_size)
    try:
        return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as error:
        raise UltralifError(f"{path}: not JSON ({error})") from error


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON; a key that stands twice is an error, as readers differ on what counts."""
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("an object holds a key twice")
    return value


def sha256_file(path: str | Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
