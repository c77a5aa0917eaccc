"""Untrusted JSON compared with the types of this room: every key, no other, and every value."""

import re
import types
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from ultralif_deploy.schema.values import Value


def fault(value: Any, kind: Any, where: str = "") -> str | None:
    """What is wrong with a value, in words; None where it is as its type says.

    Args:
        value: of a JSON file.
        kind: a type of this room.
        where: names the value.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return fault(value, arguments[0], where) or _beyond(value, arguments[1:], where)
    if origin is NotRequired:
        return fault(value, arguments[0], where)
    if origin is Literal:
        same = any(type(value) is type(one) and value == one for one in arguments)
        expected = " or ".join(map(str, arguments))
        return None if same else f"{where} is {value!r}; expected {expected}"
    if origin in (Union, types.UnionType):
        faults = [fault(value, one, where) for one in arguments]
        return None if None in faults else faults[0]
    if is_typeddict(kind):
        return _of_another_kind(value, dict, where) or _entries(value, kind, where)
    if origin in (dict, list):
        return _of_another_kind(value, origin, where) or _items(value, arguments[-1], where)
    return _of_another_kind(value, kind, where)


def _of_another_kind(value: Any, kind: type, where: str) -> str | None:
    if type(value) is kind:  # True is no number here
        return None
    return f"{where or 'it'} is {type(value).__name__}; expected {kind.__name__}"


def _entries(value: dict[str, Any], kind: Any, where: str) -> str | None:
    """Faults of an object with a closed set of keys."""
    hints = get_type_hints(kind, include_extras=True)
    if missing := sorted(kind.__required_keys__ - value.keys()):
        return f"no entry {missing[0]!r}{_of(where)}"
    if spare := sorted(value.keys() - hints.keys()):
        return f"unknown entry {spare[0]!r}{_of(where)}"
    found = (fault(item, hints[key], f"{key}{_of(where)}") for key, item in value.items())
    return next(filter(None, found), None)


def _items(value: dict[str, Any] | list[Any], kind: Any, where: str) -> str | None:
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    found = (fault(item, kind, f"{key}{_of(where)}") for key, item in pairs)
    return next(filter(None, found), None)


def _of(where: str) -> str:
    """The nearest name alone: `samples of fast`."""
    return f" of {where.partition(' of ')[0]}" if where else ""


def _beyond(value: Any, notes: tuple[Any, ...], where: str) -> str | None:
    """Whether a value is outside its range, or not of its pattern."""
    for note in notes:
        if not isinstance(note, Value):
            continue
        if note.pattern is not None and re.fullmatch(note.pattern, value) is None:
            return f"{where} is {value!r}; expected {note.description.rstrip('.')}"
        if note.minimum is not None and value < note.minimum:
            return f"{where} is {value}; expected at least {note.minimum}"
    return None
