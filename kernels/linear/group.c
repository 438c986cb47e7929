/* Groups of inputs, see group.h. The scans run over every scale and index of a model before it is
 * loaded: they look at blocks without branching, and search only a block that has a fault.
 */
#include "kernels/linear/group.h"

enum { BLOCK = 256, COUNTERS = 4096 };

static int is_bad_scale(float f)
{
    uint32_t magnitude = qgk_bits_from_float(f) & 0x7fffffffu;

    return magnitude == 0 || magnitude >= 0x7f800000u;
}

/* Whether one of n numbers of 16 bits is zero or has the exponent of infinity. */
static int any_bad_16(const char *from, int n, uint16_t exponent)
{
    uint16_t h[BLOCK];
    int bad = 0;

    memcpy(h, from, (size_t)n * sizeof *h);
    for (int i = 0; i < n; i++)
        bad |= ((h[i] & 0x7fff) == 0) | ((h[i] & exponent) == exponent);
    return bad;
}

static int any_bad_32(const char *from, int n)
{
    float f[BLOCK];
    int bad = 0;

    memcpy(f, from, (size_t)n * sizeof *f);
    for (int i = 0; i < n; i++)
        bad |= is_bad_scale(f[i]);
    return bad;
}

static int fail_scale(qgk_fault *out, const qgk_stored *w, int part, int64_t at)
{
    for (; !is_bad_scale(qgk_float_at(w->part[part], w->dtype[part], (size_t)at)); at++)
        ;
    *out = (qgk_fault){.id = "scale-not-finite",
                       .part = part,
                       .at = at,
                       .what = "holds a scale that is infinite or NaN",
                       .fix = "quantize again from the original weights"};
    if (qgk_float_at(w->part[part], w->dtype[part], (size_t)at) == 0) {
        out->id = "scale-zero";
        out->what = "holds a scale of zero, which wipes out its group";
    }
    return 0;
}

int qgk_group_check_scales(qgk_fault *out, const qgk_stored *w, int part, int64_t count)
{
    qgk_dtype d = w->dtype[part];
    size_t width = qgk_dtype_bytes(d);

    for (int64_t at = 0; at < count; at += BLOCK) {
        const char *from = (const char *)w->part[part] + (size_t)at * width;
        int n = count - at < BLOCK ? (int)(count - at) : BLOCK;
        if (width == 4 ? any_bad_32(from, n) : any_bad_16(from, n, d == QGK_F16 ? 0x7c00 : 0x7f80))
            return fail_scale(out, w, part, at);
    }
    return 1;
}

static int32_t index_at(const qgk_stored *w, int part, int k)
{
    return (int32_t)qgk_word_at(w->part[part], (size_t)k);
}

static int fail_index(qgk_fault *out, const char *id, int part, int64_t at, const char *what)
{
    *out = (qgk_fault){.id = id,
                       .part = part,
                       .at = at,
                       .what = what,
                       .fix = "the file is damaged or of another model, copy it again"};
    return 0;
}

/* Whether each group has as many inputs as it should, a window of groups at a time. */
static int check_counts(qgk_fault *out, const qgk_stored *w, int part)
{
    qgk_shape s = w->shape;
    int groups = qgk_groups(s);

    for (int first = 0; first < groups; first += COUNTERS) {
        int counts[COUNTERS] = {0};
        for (int k = 0; k < s.k; k++) {
            int32_t g = index_at(w, part, k) - first;
            if (g >= 0 && g < COUNTERS && ++counts[g] > s.group)
                return fail_index(out, "g-idx-not-a-grouping", part, k,
                                  "gives some groups more inputs than group_size and others fewer");
        }
    }
    return 1;
}

int qgk_group_check_order(qgk_fault *out, const qgk_stored *w, int part)
{
    if (!w->part[part])
        return 1;
    for (int k = 0; k < w->shape.k; k++) {
        int32_t g = index_at(w, part, k);
        if (g < 0)
            return fail_index(out, "g-idx-negative", part, k, "names a group below 0");
        if (g >= qgk_groups(w->shape))
            return fail_index(out, "g-idx-range", part, k, "names a group behind the last");
    }
    return check_counts(out, w, part);
}

int qgk_group_order(int32_t *order, const qgk_stored *w, int part)
{
    qgk_shape s = w->shape;
    int sorted = 1;

    for (int k = 0; w->part[part] && k < s.k; k++)
        sorted &= index_at(w, part, k) == k / s.group;
    if (sorted)
        return 0;
    /* The last place of a group counts how many inputs it has until the last one comes. */
    for (int g = 0; g < qgk_groups(s); g++)
        order[(g + 1) * s.group - 1] = 0;
    for (int k = 0; k < s.k; k++) {
        int32_t *of_group = order + index_at(w, part, k) * s.group, *last = of_group + s.group - 1;
        int32_t n = *last;
        if (n < s.group - 1)
            *last = n + 1;
        of_group[n] = k;
    }
    return 1;
}

void qgk_group_encode_order(void *g_idx, const int32_t *order, qgk_shape s)
{
    for (int j = 0; j < s.k; j++)
        qgk_word_put(g_idx, (size_t)(order ? order[j] : j), (uint32_t)(j / s.group));
}
