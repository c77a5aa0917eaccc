"""Write the JSON Schemas of the JSON files and of --json from the types in the package.

python examples/report_schema.py            # rewrites the files
python examples/report_schema.py --check    # exit 1 where one is out of date
"""

import json
import types
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints

from generated import write_or_check

from ultralif_deploy import schema
from ultralif_deploy.schema.certificate import Certificate
from ultralif_deploy.schema.commands import Commands
from ultralif_deploy.schema.report import Report
from ultralif_deploy.schema.studies.stress import Stress
from ultralif_deploy.schema.studies.sweep import Sweep
from ultralif_deploy.schema.values import Value

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FILES = {
    "report": (Report, 2, "report.json"),
    "certificate": (Certificate, 2, "certificate.json"),
    "stress": (Stress, 1, "stress.json"),
    "sweep": (Sweep, 1, "sweep.json"),
    "commands": (Commands, 1, "what commands print with --json"),
}
FOLDER = Path(schema.__file__).parent
PLAIN: dict[Any, str] = {
    **{str: "string", int: "integer", float: "number"},
    **{bool: "boolean", type(None): "null"},
}


def document(name: str) -> dict[str, Any]:
    """The JSON Schema of a file of `FILES`."""
    kind, version, what = FILES[name]
    definitions: dict[str, Any] = {}
    root = described(kind, definitions)
    return {
        "$schema": DIALECT,
        "$id": f"urn:ultralif-deploy:{name}:{version}",
        "title": f"{what}, version {version}",
        **definitions.pop(root["$ref"].rpartition("/")[2]),
        "$defs": dict(sorted(definitions.items())),
    }


def described(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema of a type; named ones go to the definitions."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in PLAIN:
        return {"type": PLAIN[kind]}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in (Union, types.UnionType):
        return {"anyOf": [described(one, definitions) for one in arguments]}
    if origin is tuple:
        places = [described(one, definitions) for one in arguments]
        return {"type": "array", "prefixItems": places, "minItems": len(places), "items": False}
    if origin is list:
        return {"type": "array", "items": described(arguments[0], definitions)}
    if origin is dict:
        return {"type": "object", "additionalProperties": described(arguments[1], definitions)}
    if origin is Annotated:
        return annotated(arguments[0], arguments[1:], definitions)
    return record(kind, definitions)


def annotated(kind: Any, notes: tuple[Any, ...], definitions: dict[str, Any]) -> dict[str, Any]:
    """A value of the package under its name; a text is a key's description."""
    found = described(kind, definitions)
    for note in notes:
        if isinstance(note, Value):
            definitions[note.name] = found | limits(note)
            found = reference(note.name)
        else:
            found = found | {"description": note}
    return found


def limits(value: Value) -> dict[str, Any]:
    """What a value may be."""
    named = {
        **{"description": value.description, "minimum": value.minimum, "maximum": value.maximum},
        **{"minItems": value.length, "maxItems": value.length, "pattern": value.pattern},
    }
    return {name: limit for name, limit in named.items() if limit is not None}


def record(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """A closed set of keys, under the name of its class."""
    if kind.__name__ not in definitions:
        definitions[kind.__name__] = {}  # its place, should it hold itself
        hints = get_type_hints(kind, include_extras=True)
        definitions[kind.__name__] = {
            "description": kind.__doc__,
            "type": "object",
            "properties": {k: described(required(h), definitions) for k, h in hints.items()},
            "required": [key for key in hints if key in kind.__required_keys__],
            "additionalProperties": False,
        }
    return reference(kind.__name__)


def required(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is NotRequired else hint


def reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}"}


def main() -> None:
    texts = {
        FOLDER / f"{name}.schema.json": json.dumps(document(name), indent=1, ensure_ascii=False)
        for name in FILES
    }
    write_or_check(__doc__, {path: f"{text}\n" for path, text in texts.items()})


if __name__ == "__main__":
    main()
