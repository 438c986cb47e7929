/* For the tests of this room: the cases of golden/vectors/stats/NAME.jsonl, which
 * scripts/make-vectors/stats_vectors.py wrote. null is an infinite end. Arenas and errors are those
 * of base/scratch_check.h. */
#ifndef QG_STATS_UPSTREAM_CHECK_H
#define QG_STATS_UPSTREAM_CHECK_H

#include "base/file.h"
#include "base/json.h"
#include "base/scratch_check.h"
#include "stats/stats.h"

#include <math.h>
#include <stdlib.h>

/* The lines after the head. */
static inline qg_str upstream_open(const char *name)
{
    const char *root = getenv("QG_ROOT");
    const char *path =
        qg_arena_format(arena, "%s/golden/vectors/stats/%s.jsonl", root ? root : ".", name);
    qg_str text, head;

    ck_assert_msg(qg_file_read(&text, arena, path, 1 << 20, &err) == QG_OK, "%s", err.message);
    ck_assert(qg_str_split(&text, '\n', &head));
    return text;
}

/* The next case, or NULL. */
static inline const qg_json *upstream_next(qg_str *text)
{
    const qg_json *row;
    qg_str line;

    if (!qg_str_split(text, '\n', &line) || line.len == 0)
        return NULL;
    ck_assert_msg(qg_json_parse(&row, arena, line, "case", &err) == QG_OK, "%s", err.message);
    return row;
}

static inline bool upstream_is(const qg_json *row, const char *key, const char *text)
{
    qg_str s;

    return qg_json_str(qg_json_get(row, key), &s) && qg_str_is(s, text);
}

/* A number; null is `infinite`. */
static inline double upstream_number(const qg_json *node, double infinite)
{
    double v = infinite;

    ck_assert(node && (qg_json_is_null(node) || qg_json_real(node, &v)));
    return v;
}

static inline double upstream_real(const qg_json *row, const char *key)
{
    return upstream_number(qg_json_get(row, key), NAN);
}

static inline int64_t upstream_int(const qg_json *row, const char *key)
{
    int64_t v = 0;

    ck_assert_msg(qg_json_int(qg_json_get(row, key), &v), "%s", key);
    return v;
}

static inline bool upstream_bool(const qg_json *row, const char *key)
{
    bool v = false;

    ck_assert_msg(qg_json_bool(qg_json_get(row, key), &v), "%s", key);
    return v;
}

/* An array of numbers; its length to *n. */
static inline double *upstream_reals(const qg_json *row, const char *key, size_t *n)
{
    const qg_json *array = qg_json_get(row, key);
    double *v = QG_NEW_N(arena, double, qg_json_len(array));

    ck_assert_msg(array != NULL, "%s", key);
    *n = qg_json_len(array);
    for (size_t i = 0; i < *n; i++)
        v[i] = upstream_number(qg_json_at(array, i), NAN);
    return v;
}

/* Equal infinities, or within `tol` of the greater of 1e-100 and |want|. */
#define ck_near(got, want, tol)                                                                    \
    do {                                                                                           \
        double got_ = (got), want_ = (want);                                                       \
        double room_ = (tol) * (fabs(want_) > 1e-100 ? fabs(want_) : 1e-100);                      \
        ck_assert_msg(got_ == want_ || fabs(got_ - want_) <= room_, "%s: %.17g, not %.17g", #got,  \
                      got_, want_);                                                                \
    } while (0)

#define ck_near_pvalues(got, row, tol)                                                             \
    do {                                                                                           \
        qg_pvalues p_ = (got);                                                                     \
        ck_near(p_.less, upstream_real(row, "less"), tol);                                         \
        ck_near(p_.greater, upstream_real(row, "greater"), tol);                                   \
        ck_near(p_.both, upstream_real(row, "both"), tol);                                         \
    } while (0)

/* `low` and `high` are nodes. */
#define ck_near_interval(got, low_node, high_node, tol)                                            \
    do {                                                                                           \
        qg_interval i_ = (got);                                                                    \
        ck_near(i_.low, upstream_number(low_node, -INFINITY), tol);                                \
        ck_near(i_.high, upstream_number(high_node, INFINITY), tol);                               \
    } while (0)

/* A call that must succeed. */
#define ck_ok(call) ck_assert_msg((call) == QG_OK, "%s", err.message)
/* A call that must be refused with `status` and a message that holds `text`. */
#define ck_refused(call, status, text)                                                             \
    do {                                                                                           \
        qg_err_clear(&err);                                                                        \
        ck_assert_int_eq((call), (status));                                                        \
        ck_assert_msg(strstr(err.message, (text)) != NULL, "%s", err.message);                     \
    } while (0)

/* Fails the first allocation of `call`, then the second, ... until it succeeds; it must meet at
 * least `least` of them. It allocates from `fresh`, an arena of its own each time. */
#define ck_out_of_memory(least, call)                                                              \
    do {                                                                                           \
        for (long n_ = 1, waiting_ = 0; !waiting_; n_++) {                                         \
            qg_arena *fresh = qg_arena_create();                                                   \
            qg_err_clear(&err);                                                                    \
            qg_arena_fail_after(n_);                                                               \
            qg_status status_ = (call);                                                            \
            waiting_ = qg_arena_fail_after(0);                                                     \
            ck_assert_int_eq(status_, waiting_ ? QG_OK : QG_ENOMEM);                               \
            ck_assert(!waiting_ || n_ > (least));                                                  \
            qg_arena_free(fresh);                                                                  \
        }                                                                                          \
    } while (0)

#endif
