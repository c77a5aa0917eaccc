"""Small changes: of bytes, of JSON, of TOML."""

import json
from random import Random
from typing import Any

from support.fuzzing import values


def change_bytes(content: bytes, random: Random) -> bytes:
    """Flip, cut, double, insert or blank some bytes."""
    if not content:
        return b"\x00"
    where = random.randrange(len(content))
    count = random.choice((1, 4, 64, 1024))
    change = random.randrange(6)
    if change == 0:
        return _flipped(content, where, 1 << random.randrange(8))
    if change == 1:
        return content[:where]
    if change == 2:
        return content[:where] + content[where : where + count] + content[where:]
    if change == 3:
        return content[:where] + random.randbytes(count) + content[where:]
    if change == 4:
        return content[:where] + bytes(count) + content[where + count :]
    return content[:where] + b"\xff" * min(count, 8) + content[where + min(count, 8) :]


def _flipped(content: bytes, where: int, bits: int) -> bytes:
    return content[:where] + bytes((content[where] ^ bits,)) + content[where + 1 :]


def change_json(content: bytes, random: Random) -> bytes:
    """Another value, key or entry somewhere in the tree, or changed bytes."""
    if random.random() < 0.2:
        return change_bytes(content, random)
    tree = json.loads(content)
    change_tree(tree, random)
    return json.dumps(tree).encode("utf-8", "surrogatepass")


def change_tree(tree: dict[str, Any], random: Random) -> None:
    """Change one place of nested dictionaries and lists.

    Args:
        tree: changed in place.
        random: chooses the place and the change.
    """
    holder, key = random.choice(list(_places(tree)))
    change = random.randrange(4)
    if change == 0:
        del holder[key]
    elif change == 1 and isinstance(holder, dict):
        holder[random.choice((f"{key} ", key.upper(), "", "\u202e", values.LONG_TEXT))] = holder[
            key
        ]
    elif change == 2 and isinstance(holder, list):
        holder.append(holder[key])
    else:
        holder[key] = values.scalar(random)


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Every dictionary and list with each of its keys."""
    found, waiting = [], [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict | list):
            keys = list(node) if isinstance(node, dict) else range(len(node))
            found += [(node, key) for key in keys]
            waiting += [node[key] for key in keys]
    return found


TOML_VALUES = (
    *("nan", "-inf", "-1", "0", "1e400", "1_000", "true", '""', "'x'", "[]", "[[1], 2]", "{}"),
    *("1979-05-27", "99999999999999999999999999", '"""\n"""', "[" * 500 + "]" * 500, ""),
)


def change_toml(content: bytes, random: Random) -> bytes:
    """Another value, key or line, or changed bytes."""
    if random.random() < 0.2:
        return change_bytes(content, random)
    lines = content.decode("utf-8").splitlines()
    at = random.randrange(len(lines))
    key, equals, _ = lines[at].partition("=")
    change = random.randrange(4)
    if change == 0:
        del lines[at]
    elif change == 1:
        lines.insert(at, lines[at])
    elif change == 2:
        lines[at] = f"{random.choice(('a.b', 'x', key.upper(), values.LONG_TEXT))} {equals} 1"
    else:
        lines[at] = f"{key}={random.choice(TOML_VALUES)}"
    return "\n".join(lines).encode("utf-8")
