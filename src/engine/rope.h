/* Rotary position embedding (Su et al. 2021): the angles, as Hugging Face transformers computes
 * them.
 *
 * Frequencies follow transformers' ROPE_INIT_FUNCTIONS "default", "linear" (Chen et al. 2023,
 * positions divided by a factor) and "llama3" (the Llama 3.1 report: low frequencies divided, high
 * ones kept, those between blended), step by step in float32 as there, so that angles of far
 * positions agree.
 */
#ifndef QG_ENGINE_ROPE_H
#define QG_ENGINE_ROPE_H

#include "checkpoint/config.h"

/* inv_freq [head_dim / 2] of element i: radians a position. */
void qg_rope_frequencies(float *inv_freq, const qg_rope_config *rope, int head_dim);

/* cos_sin [head_dim]: the cosines, then the sines, of one position. */
void qg_rope_angles(float *cos_sin, const float *inv_freq, int head_dim, int position);

#endif
