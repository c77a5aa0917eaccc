"""Write the page of commands from the commands' own help.

python examples/command_reference.py            # rewrites the page
python examples/command_reference.py --check    # exit 1 where it is out of date
"""

from pathlib import Path
from typing import Any

import click
from generated import with_reference, write_or_check

from ultralif_deploy.cli.commands import main as ultralif
from ultralif_deploy.cli.grouped_help import ALL

PAGE = Path(__file__).parent.parent / "ultralif_deploy" / "docs" / "commands.md"


def reference() -> str:
    """Help of the group and of every command, as Markdown."""
    shape: dict[str, Any] = {"terminal_width": 100, "max_content_width": 100}
    shape.update(ultralif.context_settings)
    parent = click.Context(ultralif, info_name="ultralif", **shape)
    sections = [f"```\n{ultralif.get_help(parent)}\n```\n"]
    for name, command in sorted(ultralif.commands.items()):
        context = click.Context(command, parent, info_name=name, **shape)
        context.meta[ALL] = True
        sections.append(f"## ultralif {name}\n```\n{command.get_help(context)}\n```\n")
    return "".join(sections)


def main() -> None:
    write_or_check(__doc__, {PAGE: with_reference(PAGE, reference())})


if __name__ == "__main__":
    main()
