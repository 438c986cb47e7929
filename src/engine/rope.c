/* Angles of rotation, see rope.h. Every intermediate that transformers keeps in float32 is a float
 * here; powers, sines and cosines are taken in double and rounded once. */
#include "engine/rope.h"

#include <math.h>

/* Frequencies whose wavelength exceeds the original context are divided, short ones kept. */
static float llama3(float freq, const qg_rope_config *r)
{
    double original = (double)r->original_max_positions;
    float wavelength = (float)(2 * M_PI) / freq;

    if (wavelength < (float)(original / r->high_freq_factor))
        return freq;
    float divided = freq / (float)r->factor;
    if (wavelength > (float)(original / r->low_freq_factor))
        return divided;
    float smooth = ((float)original / wavelength - (float)r->low_freq_factor) /
                   (float)(r->high_freq_factor - r->low_freq_factor);
    return (1 - smooth) * divided + smooth * freq;
}

void qg_rope_frequencies(float *inv_freq, const qg_rope_config *rope, int head_dim)
{
    for (int i = 0; i < head_dim / 2; i++) {
        float exponent = (float)(2 * i) / (float)head_dim;
        float freq = 1 / (float)pow(rope->theta, exponent);

        if (rope->type == QG_ROPE_LINEAR)
            freq /= (float)rope->factor;
        inv_freq[i] = rope->type == QG_ROPE_LLAMA3 ? llama3(freq, rope) : freq;
    }
}

void qg_rope_angles(float *cos_sin, const float *inv_freq, int head_dim, int position)
{
    for (int i = 0; i < head_dim / 2; i++) {
        float angle = (float)position * inv_freq[i];
        cos_sin[i] = (float)cos(angle);
        cos_sin[head_dim / 2 + i] = (float)sin(angle);
    }
}
