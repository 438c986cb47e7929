/* The factor of an inverse without the inverse, see factor.h.
 *
 * With P the matrix that reverses an order, A = P H P is the flat array of H read from its end. Let
 * A = L L^T (dpotrf) and X = L^-1 (dtrtri). Then H^-1 = P A^-1 P = P X^T X P = U^T U with U = P X
 * P, which is upper triangular as X is lower: the flat array of X read from its end. Two thirds k^3
 * multiplications, in place.
 *
 * LAPACK's header is not used: all that it would give are two prototypes and two constants, and
 * without it the program builds where only the libraries are installed. A lower triangle row by row
 * is an upper one column by column, which LAPACKE takes as it is.
 *
 * The result is tried on a vector, see try_factor(): the work of a few products with a vector.
 */
#include "quantize/factor.h"

#include "base/random.h"

#include <assert.h>
#include <dlfcn.h>
#include <float.h>
#include <math.h>

enum { COLUMN_MAJOR = 102 }; /* LAPACK_COL_MAJOR of lapacke.h */

#define LIBRARY  "liblapacke.so.3"
#define PACKAGES "apt-get install liblapacke libopenblas0-pthread"

/* ISO C has no cast from an object's pointer to a function's; POSIX says that it works. */
static bool find(void *library, const char *name, void *function)
{
    void *symbol = dlsym(library, name);

    *(void **)function = symbol;
    return symbol != NULL;
}

qg_status qg_lapack_open(qg_lapack *out, const char *name, qg_err *err)
{
    const char *missing = NULL;

    name = name ? name : LIBRARY;
    *out = (qg_lapack){0};
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL); /* never closed: OpenBLAS has threads */
    if (!library)
        return qg_fail(err, QG_EDEVICE, "cannot open '%s': %s; install LAPACK: %s", name, dlerror(),
                       PACKAGES);
    if (!find(library, "LAPACKE_dpotrf", &out->potrf))
        missing = "LAPACKE_dpotrf";
    else if (!find(library, "LAPACKE_dtrtri", &out->trtri))
        missing = "LAPACKE_dtrtri";
    if (missing)
        return qg_fail(err, QG_EDEVICE, "'%s' has no function '%s'; install LAPACK: %s", name,
                       missing, PACKAGES);
    find(library, "openblas_set_num_threads", &out->set_threads);
    return QG_OK;
}

/* ---- products with a vector ---- */

/* out = t x of the lower triangle of t, or |t| x. */
static void multiply(double *out, const double *t, size_t k, const double *x, bool absolute)
{
    for (size_t i = 0; i < k; i++) {
        double sum = 0;
        for (size_t j = 0; j <= i; j++)
            sum += (absolute ? fabs(t[i * k + j]) : t[i * k + j]) * x[j];
        out[i] = sum;
    }
}

/* out = t^T x, likewise. */
static void multiply_transposed(double *out, const double *t, size_t k, const double *x,
                                bool absolute)
{
    for (size_t j = 0; j < k; j++)
        out[j] = 0;
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j <= i; j++)
            out[j] += (absolute ? fabs(t[i * k + j]) : t[i * k + j]) * x[i];
}

static void multiply_symmetric(double *out, const double *a, size_t k, const double *x)
{
    for (size_t i = 0; i < k; i++) {
        double sum = 0;
        for (size_t j = 0; j < k; j++)
            sum += a[i * k + j] * x[j];
        out[i] = sum;
    }
}

/* ---- the trial ---- */

typedef struct trial {
    double *x;      /* of +-[1, 2), what must come back */
    double *image;  /* A x                              */
    double *weight; /* |L| |L^T| |x|                    */
    double *a, *b;  /* scratch                          */
} trial;

static qg_status trial_make(trial *t, const double *a, size_t k, qg_arena *arena, qg_err *err)
{
    double *room = QG_NEW_N(arena, double, 5 * k);
    uint64_t state = 1;

    QG_NEED(room, err);
    *t = (trial){room, room + k, room + 2 * k, room + 3 * k, room + 4 * k};
    for (size_t i = 0; i < k; i++) {
        uint64_t bits = qg_random_next(&state);
        double size = 1 + (double)(bits >> 12) * 0x1p-52;
        t->x[i] = bits & 1 ? size : -size;
    }
    multiply_symmetric(t->image, a, k, t->x);
    return QG_OK;
}

/* With l in hand, which dtrtri overwrites. */
static void trial_weigh(trial *t, const double *l, size_t k)
{
    for (size_t i = 0; i < k; i++)
        t->a[i] = fabs(t->x[i]);
    multiply_transposed(t->b, l, k, t->a, true);
    multiply(t->weight, l, k, t->b, true);
}

/* How far X^T X A x may be from x: every step is stable (Higham, Accuracy and Stability of
 * Numerical Algorithms, 2nd edition: theorem 10.3 for L L^T - A, section 14.2 for X L - I, 3.5 for
 * the three products), with errors in the size of |L| |L^T|, |X| |L| and the factors; together some
 * eps |X^T| |X| |L| |L^T| |x|, times k if all roundings conspire, times the root of k if they do
 * not (Higham and Mary 2019, A new approach to probabilistic rounding error analysis). What
 * OpenBLAS computes is off by a fortieth of that at most, for k up to 4096.
 */
enum { SLACK = 16 };
#define LEAST_DIGITS 0x1p-7 /* of x, that is 1 or more: by less U is a matter of luck */

static qg_status try_factor(const trial *t, const double *x, size_t k, bool *is_definite,
                            qg_err *err)
{
    double *back = t->image, *allowed = t->weight;
    double scale = SLACK * sqrt((double)k) * DBL_EPSILON, worst = 0;

    multiply(t->a, x, k, t->image, false);
    multiply_transposed(back, x, k, t->a, false);
    multiply(t->b, x, k, t->weight, true);
    multiply_transposed(allowed, x, k, t->b, true);
    for (size_t i = 0; i < k; i++)
        worst = fmax(worst, scale * allowed[i]);
    *is_definite = worst < LEAST_DIGITS;
    for (size_t i = 0; i < k; i++) {
        double off = fabs(back[i] - t->x[i]);
        bool is_fine = *is_definite ? off <= scale * allowed[i] : isfinite(off);
        if (!is_fine)
            return qg_fail(err, QG_EDEVICE,
                           "LAPACK computes wrong numbers: off by %g, rounding explains %g; an old "
                           "OpenBLAS may not know this CPU: set OPENBLAS_CORETYPE=Haswell",
                           off, scale * allowed[i]);
    }
    return QG_OK;
}

/* ---- the factor ---- */

static void reverse(double *a, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        double last = a[n - 1 - i];
        a[n - 1 - i] = a[i];
        a[i] = last;
    }
}

static void clear_below(double *u, size_t k)
{
    for (size_t i = 1; i < k; i++)
        for (size_t j = 0; j < i; j++)
            u[i * k + j] = 0;
}

/* info: 0, at which pivot the matrix is not definite, or the argument that is refused, negative */
static qg_status check_info(int info, const char *function, bool *is_definite, qg_err *err)
{
    *is_definite = info == 0;
    if (info < 0)
        return qg_fail(err, QG_EDEVICE, "%s refuses its argument %d", function, -info);
    return QG_OK;
}

static qg_status factor(double *a, int k, bool *is_definite, const qg_lapack *lapack, trial *t,
                        qg_err *err)
{
    QG_PASS(
        check_info(lapack->potrf(COLUMN_MAJOR, 'U', k, a, k), "LAPACKE_dpotrf", is_definite, err));
    if (!*is_definite)
        return QG_OK;
    trial_weigh(t, a, (size_t)k);
    QG_PASS(check_info(lapack->trtri(COLUMN_MAJOR, 'U', 'N', k, a, k), "LAPACKE_dtrtri",
                       is_definite, err));
    return *is_definite ? try_factor(t, a, (size_t)k, is_definite, err) : QG_OK;
}

qg_status qg_factor_inverse(double *h, int n, bool *is_definite, const qg_lapack *lapack,
                            int n_threads, qg_arena *arena, qg_err *err)
{
    qg_arena_mark mark = qg_arena_here(arena);
    size_t k = (size_t)n;
    trial t = {0};

    assert(n > 0 && n_threads > 0);
    *is_definite = false;
    if (lapack->set_threads)
        lapack->set_threads(n_threads);
    reverse(h, k * k);
    QG_PASS(trial_make(&t, h, k, arena, err));
    QG_PASS(factor(h, n, is_definite, lapack, &t, err));
    reverse(h, k * k);
    clear_below(h, k);
    qg_arena_rewind(arena, mark);
    return QG_OK;
}
