"""The JSON Schemas of the package, and what in a content breaks one."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator


@cache
def validator(name: str) -> Draft202012Validator:
    """The schema of a name, itself checked."""
    text = files("ultralif_deploy.schema").joinpath(f"{name}.schema.json").read_text("utf-8")
    schema = json.loads(text)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def errors(schema: Draft202012Validator, content: Any) -> list[str]:
    """Where a content is not what the schema says."""
    return [f"{e.json_path}: {e.message[:300]}" for e in schema.iter_errors(content)]
