"""Text from untrusted files, made fit for a terminal."""


def printable(text: str) -> str:
    """Text without control characters, so that it cannot steer the terminal."""
    return "".join(c if c.isprintable() else "�" for c in text)
