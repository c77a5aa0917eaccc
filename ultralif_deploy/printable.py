"""Text from untrusted files, made fit for a terminal, a line or a label."""


def printable(text: str) -> str:
    """Text without control characters, so that it cannot steer the terminal."""
    return "".join(c if c.isprintable() else "�" for c in text)


def shortened(text: str, most: int = 30) -> str:
    """Text of at most `most` characters: the beginning and the end of a longer one."""
    kept = most - 1
    return text if len(text) <= most else f"{text[: kept // 2]}…{text[kept // 2 - kept :]}"
