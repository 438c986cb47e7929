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

/* Where in [0, head_dim / 2) a wave turns `turns` times in the original context. */
static double yarn_dim(const qg_rope_config *r, double turns, int head_dim)
{
    return head_dim * log((double)r->original_max_positions / (turns * 2 * M_PI)) /
           (2 * log(r->theta));
}

static void yarn(float *inv_freq, const qg_rope_config *r, int head_dim)
{
    double low = yarn_dim(r, r->beta_fast, head_dim), high = yarn_dim(r, r->beta_slow, head_dim);

    if (r->truncate) {
        low = floor(low);
        high = ceil(high);
    }
    low = fmax(low, 0);
    high = fmin(high, head_dim - 1);
    if (low == high)
        high += 0.001;
    for (int i = 0; i < head_dim / 2; i++) {
        float power = (float)pow(r->theta, (float)(2 * i) / (float)head_dim);
        float ramp = ((float)i - (float)low) / (float)(high - low);
        float keep = 1 - fminf(fmaxf(ramp, 0), 1);
        inv_freq[i] = 1 / ((float)r->factor * power) * (1 - keep) + 1 / power * keep;
    }
}

static double dynamic_theta(const qg_rope_config *r, int head_dim, int max_len)
{
    if (max_len <= r->original_max_positions)
        return r->theta;
    float stretch = (float)r->factor * (float)max_len / (float)r->original_max_positions -
                    (float)(r->factor - 1);
    return (double)((float)r->theta * (float)pow(stretch, head_dim / (head_dim - 2.0)));
}

void qg_rope_frequencies(float *inv_freq, const qg_rope_config *rope, int head_dim, int max_len)
{
    double theta = rope->theta;

    if (rope->type == QG_ROPE_YARN) {
        yarn(inv_freq, rope, head_dim);
        return;
    }
    if (rope->type == QG_ROPE_DYNAMIC)
        theta = dynamic_theta(rope, head_dim, max_len);
    for (int i = 0; i < head_dim / 2; i++) {
        float exponent = (float)(2 * i) / (float)head_dim;
        float freq = 1 / (float)pow(theta, exponent);

        if (rope->type == QG_ROPE_LINEAR)
            freq /= (float)rope->factor;
        inv_freq[i] = rope->type == QG_ROPE_LLAMA3 ? llama3(freq, rope) : freq;
    }
}

static double yarn_mscale(double factor, double mscale)
{
    return factor <= 1 ? 1 : 0.1 * mscale * log(factor) + 1;
}

float qg_rope_scale(const qg_rope_config *r)
{
    if (r->type != QG_ROPE_YARN)
        return 1;
    if (r->attention_factor != 0)
        return (float)r->attention_factor;
    if (r->mscale != 0 && r->mscale_all_dim != 0)
        return (float)(yarn_mscale(r->factor, r->mscale) /
                       yarn_mscale(r->factor, r->mscale_all_dim));
    return (float)yarn_mscale(r->factor, 1);
}

void qg_rope_angles(float *cos_sin, const float *inv_freq, int head_dim, int position, float scale)
{
    for (int i = 0; i < head_dim / 2; i++) {
        float angle = (float)position * inv_freq[i];
        cos_sin[i] = (float)cos(angle) * scale;
        cos_sin[head_dim / 2 + i] = (float)sin(angle) * scale;
    }
}
