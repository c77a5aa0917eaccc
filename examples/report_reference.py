"""Write the keys of report.json and certificate.json into their page, from the JSON Schemas.

python examples/report_reference.py            # rewrites the page
python examples/report_reference.py --check    # exit 1 where it is out of date
"""

import json
from pathlib import Path
from typing import Any

from generated import with_reference, write_or_check

PACKAGE = Path(__file__).parent.parent / "ultralif_deploy"
PAGE = PACKAGE / "docs" / "report.md"
FILES = ("report", "certificate")


def reference() -> str:
    """As Markdown: kinds of values, the keys of each file, then those of their parts."""
    parts: list[str] = []
    values: dict[str, Any] = {}
    for name in FILES:
        schema = json.loads((PACKAGE / "schema" / f"{name}.schema.json").read_text("utf-8"))
        values |= {k: v for k, v in schema["$defs"].items() if "properties" not in v}
        parts.append(f"\n## {name}.json\n{schema['description']}\n\n{table(schema)}")
        for part, record in schema["$defs"].items():
            if "properties" in record:
                about = f"{part} in {name}.json\n{record['description']}"
                parts.append(f"\n### {about}\n\n{table(record)}")
    kinds = "".join(f"| {k} | {v['description']} |\n" for k, v in sorted(values.items()))
    missing = "\nKeys that are marked with ? can be missing.\n"
    return f"| kind | meaning |\n|---|---|\n{kinds}{missing}{''.join(parts)}"


def table(record: dict[str, Any]) -> str:
    """The keys of a record."""
    rows = ["| key | value | meaning |\n|---|---|---|\n"]
    for key, value in record["properties"].items():
        mark = "" if key in record["required"] else " ?"
        rows.append(f"| `{key}`{mark} | {kind_of(value)} | {value.get('description', '')} |\n")
    return "".join(rows)


def kind_of(value: dict[str, Any]) -> str:
    """What a value is, in words."""
    if "$ref" in value:
        return str(value["$ref"]).rpartition("/")[2]
    if "anyOf" in value:
        return " or ".join(map(kind_of, value["anyOf"]))
    if "enum" in value:
        return " or ".join(f"`{one}`" for one in value["enum"])
    if value["type"] == "array":
        return f"list of {kind_of(value['items'])}"
    if value["type"] == "object":
        return f"{kind_of(value['additionalProperties'])} by name"
    words = {"string": "text", "integer": "whole number", "boolean": "true or false"}
    return words.get(value["type"], value["type"])


def main() -> None:
    write_or_check(__doc__, {PAGE: with_reference(PAGE, reference())})


if __name__ == "__main__":
    main()
