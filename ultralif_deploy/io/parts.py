"""Files and folders in the making: locked by the run that writes them, removed if it died."""

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

PART = ".ultralif.part"
"""Ends the names of parts, which begin with a dot; only parts of ours are ever removed."""

SYNCED_AT_ONCE = 16
"""Files that are synced together: the disk takes them in one go."""


@contextmanager
def part(folder: Path, name: str, *, is_folder: bool = False) -> Iterator[Path]:
    """Yield a new file or folder in `folder`; what is still there at the end is removed.

    Args:
        folder: folder in which the part is made, on the file system of what it becomes.
        name: name of the file or folder that the part becomes.
        is_folder: whether it is a folder.

    Raises:
        OSError: it cannot be made.
    """
    remove_stale_parts(folder)
    path, lock = _new_part(folder, name, is_folder)
    try:
        yield path
    finally:
        os.close(lock)
        remove(path)


def remove_stale_parts(folder: Path) -> None:
    """Remove the parts of runs that died; those of runs that still write are locked."""
    for path in folder.glob(f".*{PART}"):
        with suppress(OSError):
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove(path)
            finally:
                os.close(handle)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Wait until no other run is in such a block of the same folder."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def sync(path: Path) -> None:
    """Wait until the disk holds a file, or the names in a folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Not every file system syncs folders; for files, the error says that data is lost.
        if not path.is_dir() or error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """Wait until the disk holds everything below a folder."""
    with ThreadPoolExecutor(SYNCED_AT_ONCE) as pool:
        for _ in pool.map(sync, [folder, *folder.rglob("*")]):
            pass


def remove(path: Path) -> None:
    """Remove a file, a link or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _new_part(folder: Path, name: str, is_folder: bool) -> tuple[Path, int]:
    """A part and the handle that locks it."""
    while True:
        if is_folder:
            made = tempfile.mkdtemp(dir=folder, prefix=f".{name}.", suffix=PART)
            lock = os.open(made, os.O_RDONLY)
        else:
            lock, made = tempfile.mkstemp(dir=folder, prefix=f".{name}.", suffix=PART)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # another run takes it for stale before it is locked
            os.close(lock)
            continue
        except OSError:  # a file system without locks, on which parts are never taken for stale
            return Path(made), lock
        if os.path.exists(made):
            return Path(made), lock
        os.close(lock)
