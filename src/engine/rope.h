/* Rotary position embedding (Su et al. 2021): the angles, as Hugging Face transformers computes
 * them.
 *
 * Frequencies follow transformers' ROPE_INIT_FUNCTIONS "default", "linear" (Chen et al. 2023,
 * positions divided by a factor), "dynamic" (below), "yarn" (Peng et al. 2023: low frequencies
 * divided, high ones kept, a ramp between, cosines and sines scaled) and "llama3" (the Llama 3.1
 * report: the same idea by wavelength), step by step in float32 as there, so that angles of far
 * positions agree.
 *
 * Dynamic (NTK-aware): theta grows with the length of the sequence once that exceeds
 * max_position_embeddings. transformers takes the length of each forward pass, so keys that were
 * cached at one length meet queries rotated at another, and what a token means depends on how the
 * text was cut into passes. Here, as in vLLM, one engine has one table: theta is that of the
 * longest sequence it was opened for (max_model_len). Up to max_position_embeddings this is plain
 * rotation, as in transformers; beyond, it is what transformers computes in one pass over a text of
 * max_model_len tokens. So nothing depends on chunks or batches, and who wants short texts without
 * stretching opens the model for short texts. (vLLM always stretches for factor *
 * max_position_embeddings, short texts too.)
 */
#ifndef QG_ENGINE_ROPE_H
#define QG_ENGINE_ROPE_H

#include "checkpoint/config.h"

/* inv_freq [head_dim / 2] of element i: radians a position. max_len: the longest sequence, which
 * dynamic looks at. */
void qg_rope_frequencies(float *inv_freq, const qg_rope_config *rope, int head_dim, int max_len);
/* What cosines and sines are multiplied with: 1 but for yarn. */
float qg_rope_scale(const qg_rope_config *rope);

/* cos_sin [head_dim]: the cosines, then the sines, of one position, both times scale. */
void qg_rope_angles(float *cos_sin, const float *inv_freq, int head_dim, int position, float scale);

#endif
