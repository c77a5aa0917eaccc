/* Runs a batch of samples through an exported program and keeps every spike. */
#include "ultralif_program.h"

#include <string.h>

uint32_t ultralif_ram_bytes(void);
uint32_t ultralif_ram_bytes(void)
{
    return sizeof(struct ultralif_state);
}

/* inputs [time, batch, input]; spikes: per population [time, batch, neuron]; timesteps: NULL, or
   [batch], and then samples stop early. The state is the caller's, so that threads may run at the
   same time. */
void ultralif_batch(struct ultralif_state *state, const uint8_t *inputs, uint32_t time,
                    uint32_t batch, int32_t *logits, uint32_t populations,
                    const uint32_t *offsets, const uint32_t *sizes,
                    uint8_t *const *spikes, uint32_t *timesteps);
void ultralif_batch(struct ultralif_state *state, const uint8_t *inputs, uint32_t time,
                    uint32_t batch, int32_t *logits, uint32_t populations,
                    const uint32_t *offsets, const uint32_t *sizes,
                    uint8_t *const *spikes, uint32_t *timesteps)
{
    uint32_t b, t, p;
#ifndef ULTRALIF_EXIT_TIMESTEPS
    (void)timesteps;
#endif
    for (b = 0; b < batch; b++) {
        ultralif_init(state);
        for (t = 0; t < time; t++) {
            const uint64_t row = (uint64_t)t * batch + b;
            ultralif_step(state, inputs + row * ULTRALIF_INPUTS);
            for (p = 0; p < populations; p++)
                memcpy(spikes[p] + row * sizes[p], (const uint8_t *)state + offsets[p], sizes[p]);
#ifdef ULTRALIF_EXIT_TIMESTEPS
            if (timesteps != NULL && ultralif_decided(state, t + 1)) {
                timesteps[b] = t + 1;
                break;
            }
#endif
        }
        memcpy(logits + (uint64_t)b * ULTRALIF_CLASSES, ultralif_logits(state),
               ULTRALIF_CLASSES * sizeof(int32_t));
    }
}
