"""Text from untrusted files, made fit for a terminal, a line or a label."""

from typing import Any


def printable(text: str) -> str:
    """Text without control characters, so that it cannot steer the terminal."""
    return "".join(c if c.isprintable() else "�" for c in text)


def shortened(text: str, most: int = 30) -> str:
    """Text of at most `most` characters: the beginning and the end of a longer one."""
    kept = most - 1
    return text if len(text) <= most else f"{text[: kept // 2]}…{text[kept // 2 - kept :]}"


def first_line(error: Exception) -> str:
    """The beginning of what a library says about an error; its kind where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def printable_values(value: Any) -> Any:
    """Plain values whose texts, keys too, are `printable` line by line."""
    if isinstance(value, str):
        return "\n".join(map(printable, value.split("\n")))
    if isinstance(value, dict):
        return {printable_values(k): printable_values(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(printable_values(entry) for entry in value)
    return value
