"""Changes of files that are no Python, templates and C for example, by their text."""

from pathlib import Path

from support.planting import NotPlantedError


def change_text(path: Path, old: str, new: str) -> None:
    """Replace a text in a file, which must be there exactly once."""
    text = path.read_text("utf-8")
    if text.count(old) != 1:
        raise NotPlantedError(f"{path.name}: {old!r} is found {text.count(old)} times")
    path.write_text(text.replace(old, new), "utf-8")
