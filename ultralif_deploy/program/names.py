"""Names of populations: what every target can hold, and what others become.

A name stands in files of every target: as an entry of an archive, which may be unpacked as a file,
as an identifier, in a comment of C, a cell of a table, a line on a terminal. So a name begins with
a letter, a digit or `_`, holds printable characters only, neither `/` nor `->`, and takes at most
`MOST_BYTES` in UTF-8. Two names also differ where letter case, compatibility forms of Unicode and
marks between words do not count, as on file systems without letter case and in identifiers.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.printable import shortened

MOST_BYTES = 200
"""A file name takes 255 bytes on most file systems, and archives add what an array holds."""

UNNAMED = "neurons"
"""Name of a population that was read without any name."""

EXPECTED = (
    "expected printable characters, the first a letter, digit or _, no / and no ->, at most "
    f"{MOST_BYTES} bytes"
)


def check_names(names: Iterable[str], reserved: Collection[str]) -> None:
    """Refuse names that some target cannot hold, or that it may take for one.

    Args:
        names: names of populations.
        reserved: names that stand for something else.

    Raises:
        UltralifError: naming the population, and what was expected.
    """
    found: dict[str, str] = {}
    seen: set[str] = set()
    for name in names:
        if name in reserved or name in seen:
            raise UltralifError(f"population name {shown(name)}: taken; expected another name")
        if _as_held(name) != name:
            raise UltralifError(f"population name {shown(name)}: {EXPECTED}")
        seen.add(name)
        other = found.setdefault(_identifier(name), name)
        if other != name:
            raise UltralifError(
                f"population names {shown(other)} and {shown(name)}: one name where letter case "
                "and marks do not count, as in file names and identifiers; rename one"
            )


class HeldNames:
    """Gives populations names that every target can hold, each another one.

    Args:
        reserved: names that stand for something else.
        taken: names of populations that have one already.
    """

    def __init__(self, reserved: Collection[str], taken: Iterable[str] = ()) -> None:
        self._reserved = reserved
        self._numbers = {_identifier(name): 1 for name in taken}

    def of(self, name: str) -> str:
        """The name that a further population gets: its own, where every target can hold it.

        Args:
            name: name as it was read.
        """
        held = candidate = _as_held(name)
        first = _identifier(held)
        while candidate in self._reserved or _identifier(candidate) in self._numbers:
            self._numbers[first] = number = self._numbers.get(first, 1) + 1
            candidate = _cut(held, f"_{number}")
        self._numbers[_identifier(candidate)] = 1
        return candidate


def shown(name: str) -> str:
    """A name in quotes for a message, its beginning and end, without characters of no shape."""
    return repr(shortened(name, 60))


def _as_held(name: str) -> str:
    """A name that every target can hold, made of another; the same where it can be held."""
    printable = "".join(c if c.isprintable() else "_" for c in name)
    plain = printable.replace("/", ".").replace("->", "-").strip() or UNNAMED
    return _cut(plain if re.match(r"\w", plain) else f"_{plain}", "")


def _cut(name: str, end: str) -> str:
    """A name with an end, of at most `MOST_BYTES` in UTF-8."""
    kept = name.encode()[: MOST_BYTES - len(end)].decode(errors="ignore")
    return f"{kept if kept == name else kept.rstrip()}{end}"


def _identifier(name: str) -> str:
    """What is left of a name where letter case, compatibility forms and marks do not count."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    return re.sub(r"\W", "_", unicodedata.normalize("NFKC", plain))
