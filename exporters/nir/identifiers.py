"""Names of NIR nodes: readers based on torch make every node an attribute of a module."""

import keyword
import re

_ATTRIBUTES = """
T_destination add_module apply bfloat16 buffers call_super_init children code compile cpu cuda
double dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter
get_submodule graph half ipu load_state_dict modules mtia named_buffers named_children
named_modules named_parameters parameters print_readable recompile register_backward_hook
register_buffer register_forward_hook register_forward_pre_hook register_full_backward_hook
register_full_backward_pre_hook register_load_state_dict_post_hook
register_load_state_dict_pre_hook register_module register_parameter
register_state_dict_post_hook register_state_dict_pre_hook requires_grad_ set_extra_state
set_submodule share_memory state_dict stateful_modules to to_empty train training type xpu
zero_grad
"""

ATTRIBUTES = frozenset(_ATTRIBUTES.split())
"""Public attributes that such modules have already."""

LENGTH = 60


def identifier(name: str, taken: set[str]) -> str:
    """The name of a new node, which `taken` gets.

    Args:
        name: name of a population, or made of names of nodes.
        taken: names of the other nodes.
    """
    plain = re.sub(r"\W", "_", name, flags=re.A)
    if plain.startswith("_") or keyword.iskeyword(plain):  # private attributes; words of Python
        plain = f"n{plain}" if plain.startswith("_") else f"{plain}_"
    base = candidate = plain[:LENGTH]
    number = 1
    while candidate in taken or candidate in ATTRIBUTES:
        number += 1
        candidate = f"{base}_{number}"
    taken.add(candidate)
    return candidate
