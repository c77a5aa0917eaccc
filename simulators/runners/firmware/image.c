/* What a firmware brings to an exported program: memory, and memset for loops of the compiler. */
#include "ultralif_program.h"

#include <stddef.h>

struct ultralif_state firmware_state;
uint8_t firmware_inputs[ULTRALIF_INPUTS];

void *memset(void *start, int value, size_t count);
void *memset(void *start, int value, size_t count)
{
    uint8_t *at = start;
    const uint32_t word = 0x01010101u * (uint8_t)value;
    for (; count > 0 && (uintptr_t)at % 4 != 0; count--)
        *at++ = (uint8_t)value;
    for (; count >= 4; count -= 4, at += 4)
        *(uint32_t *)(void *)at = word;
    for (; count > 0; count--)
        *at++ = (uint8_t)value;
    return start;
}
