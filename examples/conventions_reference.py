"""Write the table of conventions of frameworks into its page, from what `--like` takes.

python examples/conventions_reference.py            # rewrites the page
python examples/conventions_reference.py --check    # exit 1 where it is out of date
"""

from pathlib import Path

import nir
import numpy as np
from generated import with_reference, write_or_check

from ultralif_deploy.readers.nir.frameworks import FRAMEWORKS, framework_reading
from ultralif_deploy.readers.nir.readings import OPTIONS, Answer

PAGE = Path(__file__).parent.parent / "ultralif_deploy" / "docs" / "conventions.md"


def reference() -> str:
    """A row for each question, and a column for each framework."""
    one = np.ones(1)
    graph = nir.NIRGraph(
        {
            "input": nir.Input(one.shape),
            "lif": nir.LIF(tau=20e-3 * one, r=one, v_leak=0 * one, v_threshold=one),
            "output": nir.Output(one.shape),
        },
        [("input", "lif"), ("lif", "output")],
    )
    readings = {name: framework_reading(name, graph) for name in FRAMEWORKS}
    lines = [f"| option | {' | '.join(readings)} |\n|---|{'---|' * len(readings)}\n"]
    for question in readings["lava"]:
        option = f"--{OPTIONS.get(question, question).replace('_', '-')}"
        answers = (said(reading[question]) for reading in readings.values())
        lines.append(f"| `{option}` | {' | '.join(answers)} |\n")
    return "".join(lines)


def said(answer: Answer) -> str:
    return f"{answer:g}" if isinstance(answer, float) else str(answer)


def main() -> None:
    write_or_check(__doc__, {PAGE: with_reference(PAGE, reference())})


if __name__ == "__main__":
    main()
