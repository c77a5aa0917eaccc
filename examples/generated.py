"""What scripts share that write files of the package: with --check they only compare."""

import argparse
import difflib
import sys
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

LINES = 20
"""Lines of a page's changes that are shown."""

START, END = "<!-- reference -->\n", "<!-- /reference -->\n"


def with_reference(page: Path, reference: str) -> str:
    """The text of a page with what stands between its marks replaced.

    Args:
        page: page that has both marks.
        reference: text between them.
    """
    before, rest = page.read_text(encoding="utf-8").split(START)
    return before + START + reference + END + rest.split(END)[1]


def write_or_check(description: str | None, wanted: Mapping[Path, str]) -> None:
    """Write files, or end with exit code 1 where `--check` is given and one is out of date.

    Args:
        description: of the script, for `--help`.
        wanted: content of every file.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true", help="Write nothing; compare.")
    check = parser.parse_args().check
    for path, text in wanted.items():
        if not check:
            path.write_text(text, encoding="utf-8")
        elif (found := path.read_text(encoding="utf-8") if path.is_file() else "") != text:
            changes = difflib.unified_diff(found.splitlines(), text.splitlines(), n=0, lineterm="")
            shown = "\n".join(islice(changes, LINES))
            sys.exit(f"{path.name} is out of date; python {sys.argv[0]} makes it anew:\n{shown}")
