"""A core with an image in Unicorn: calls functions, counts instructions, and sees the stack."""

from typing import Any

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.simulators.runners.firmware.cores import Core
from ultralif_deploy.simulators.runners.firmware.image import RAM, Image

PAGE = 0x1000
RETURN = PAGE
"""Where a called function returns to; nothing runs there."""

STACK, STACK_BYTES = 0x30000000, 0x10000
UNTOUCHED = 0xA5
"""Fills the stack, so that the deepest write shows."""


class Machine:
    """One core with its memory."""

    def __init__(self, core: Core, image: Image) -> None:
        import unicorn
        from unicorn import arm_const, riscv_const

        self.image = image
        self.thumb = core.family == "thumb"
        if self.thumb:
            mode = unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS
            self.engine = unicorn.Uc(unicorn.UC_ARCH_ARM, mode)
            self.engine.ctl_set_cpu_model(getattr(arm_const, core.model or ""))
            names = ("R0", "R1", "LR", "SP")
            registers = [getattr(arm_const, f"UC_ARM_REG_{name}") for name in names]
        else:
            self.engine = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV32)
            names = ("A0", "A1", "RA", "SP")
            registers = [getattr(riscv_const, f"UC_RISCV_REG_{name}") for name in names]
        *self.arguments, self.link, self.stack = registers
        self.failed: type[Exception] = unicorn.UcError
        self.block_hook = unicorn.UC_HOOK_BLOCK
        last = max((at + size for at, size in image.symbols.values() if at >= RAM), default=RAM)
        self._map(RETURN, PAGE)
        self._map(STACK, STACK_BYTES)
        self._map(RAM, last - RAM)
        flash = [(at, content) for at, content in image.segments.items() if at < RAM]
        first, end = min(at for at, _ in flash), max(at + len(c) for at, c in flash)
        self._map(first, end - first)
        for at, content in flash:
            self.engine.mem_write(at, content)
        self.engine.mem_write(STACK, bytes([UNTOUCHED]) * STACK_BYTES)
        self.instructions = 0
        self.lengths: dict[tuple[int, int], int] = {}
        self.hook: int | None = None

    def _map(self, at: int, size: int) -> None:
        first = at // PAGE * PAGE
        self.engine.mem_map(first, -(-(at + size - first) // PAGE) * PAGE or PAGE)

    def count(self, on: bool) -> None:
        """Begin or stop to count instructions, which makes the run slower."""
        if on and self.hook is None:
            self.hook = self.engine.hook_add(self.block_hook, self._block)
        elif not on and self.hook is not None:
            self.engine.hook_del(self.hook)
            self.hook = None

    def _block(self, engine: Any, at: int, size: int, data: object) -> None:
        """Add the instructions of a block; one block runs from its first to its last."""
        del data
        known = self.lengths.get((at, size))
        if known is None:
            known = self.lengths[at, size] = self._instructions(engine.mem_read(at, size))
        self.instructions += known

    def _instructions(self, code: bytes | bytearray) -> int:
        """Number of instructions in a block, each of two or of four bytes."""
        at = count = 0
        while at < len(code):
            half = int.from_bytes(code[at : at + 2], "little")
            long = half >> 11 >= 0b11101 if self.thumb else half & 3 == 3
            at += 4 if long else 2
            count += 1
        return count

    def call(self, name: str, *arguments: int) -> None:
        """Call a function with addresses as arguments.

        Raises:
            UltralifError: the core stopped, for example at an address without memory.
        """
        start = self.image.symbols[name][0]
        for register, value in zip(self.arguments, arguments, strict=False):
            self.engine.reg_write(register, value)
        self.engine.reg_write(self.link, RETURN | self.thumb)
        self.engine.reg_write(self.stack, STACK + STACK_BYTES)
        try:
            self.engine.emu_start(start | self.thumb, RETURN)
        except self.failed as error:
            raise UltralifError(f"{name} stopped in the emulator ({error})") from error

    def stack_bytes(self) -> int:
        """Bytes of stack down to the deepest write so far."""
        held = self.engine.mem_read(STACK, STACK_BYTES)
        return len(held) - next((i for i, b in enumerate(held) if b != UNTOUCHED), len(held))
