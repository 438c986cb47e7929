/* The kernel harness: proves every tier of every operation, then times what it has proved.
 *
 * A case file X_kcheck.c exports `void X_kcheck(void)`, which the harness calls once a tier. It
 * walks its shapes; for each, kc_enter() says whether this tier brought a kernel of its own (else
 * there is nothing to prove) and sets everything up. The case takes buffers, fills them, computes
 * in double what is right and how far off float32 arithmetic may be, and hands that with a call to
 * kc_prove(). Nothing here shares code with kernels, and the truth is never another kernel.
 *
 * kc_prove() demands that the outputs are within the bound; that a second call, calls over any
 * split of the rows, and 1 or 3 threads give the same bits; that inputs are unchanged and nothing
 * beyond any buffer is written (an AddressSanitizer build also sees reads). kc_bench() times the
 * same call.
 */
#ifndef QGK_KCHECK_H
#define QGK_KCHECK_H

#include "kernels/qgk.h"

/* What the buffers hold. */
typedef enum kc_content {
    KC_NORMAL,   /* about normal, variance 1 */
    KC_ZEROS,    /* both signs */
    KC_LARGEST,  /* the largest half, 65504, both signs */
    KC_DENORMAL, /* denormal halves, denormal floats */
    KC_ONE_HOT,  /* one 1 among zeros */
    KC_N_CONTENTS
} kc_content;

/* What the elements of an output are. */
typedef enum kc_type {
    KC_FLOAT,
    KC_INT,
    KC_DOUBLE,
    KC_EXACT
} kc_type; /* exact: float32 in
                every tier */

typedef struct kc_proof {
    /* Computes rows row0 .. row0 + n_rows - 1 of the output with ctx->table. An operation in place
     * copies its input to the output first. */
    void (*call)(qgk_ctx *ctx, const void *args, int row0, int n_rows);
    const void *args;
    int rows, cols;      /* of the output; rows 1 where rows cannot be computed apart */
    void *out;           /* [rows][cols] of `type` */
    const double *truth; /* [rows][cols] */
    const double *bound; /* [rows][cols]: largest difference; NULL: none */
    kc_type type;
} kc_proof;

/* Offset of a slot of qgk_table, to ask for it. */
#define KC_SLOT(slot) offsetof(qgk_table, slot)

/* Whether this tier's slot is new and the case is asked for. Frees the last case's buffers, seeds
 * the random numbers with run seed and name. Start the name with the operation: "rmsnorm_%dx%d". */
__attribute__((format(printf, 2, 3))) int kc_enter(size_t slot, const char *name, ...);

/* Whether a shape that takes so many multiplications is asked for. Shapes of real models say so
 * before they enter: they are what is timed, while every tail and edge stands in small ones. */
int kc_affords(double multiplications);

/* The portable and the CUDA tier hold activations as halves. kc_fill() makes numbers that they
 * hold; what a case writes itself goes through kc_store() before the truth is taken from it, and
 * kc_stored() is a number as an activation holds it. Outputs may then be off by a rounding to a
 * half as well, and what halves cannot hold is infinite. In other tiers all of that changes
 * nothing. On CUDA rows computed apart need not give the same bits. */
void kc_store(float *x, size_t count);
double kc_stored(double value);
/* n roundings to a half within a kernel, relative, as CUDA's have them; 0 on the CPU. */
double kc_half_units(double n);

/* Buffers of this case, 64-byte aligned, between canaries. Inputs must not change. */
void *kc_input(size_t bytes);
void *kc_output(size_t bytes);
double *kc_doubles(size_t count); /* for truth and bound */

void kc_fill(float *x, size_t count, kc_content content);
void kc_fill_half(qgk_half *x, size_t count, kc_content content);
uint32_t kc_random(uint32_t below);
double kc_half_value(qgk_half h); /* by the definition of binary16 */

/* Rounding units, in 2^-24, of a chain of n float32 operations: the reference works in double and
 * rounds once. */
double kc_units(double n);

void kc_prove(const kc_proof *p, const char *what);
/* Times the last proof where timing is asked for; bytes and flops that one call needs. */
void kc_bench(const kc_proof *p, double bytes, double flops);

const qgk_table *kc_table(void); /* of the tier at hand: to prepare weights */

/* kcheck_cuda.cu: slots that run the CUDA kernels for the host's float32; 0: not built in. Opening
 * the device they run on; 0: there is none. */
int kc_cuda_slots(qgk_table *table, int is_portable);
int kc_cuda_is_new(size_t slot); /* beside the plain CUDA tier, if it is not that itself */
int kc_cuda_open(void);
extern double *kc_device_ns; /* where the time of a launch goes; NULL: nobody asks */

/* For kcheck_main.c. */
typedef struct kc_options {
    const char *only, *tier; /* glob of names, name of a tier; NULL: all */
    uint64_t seed;
    double most; /* multiplications of a shape, 0: any number */
    int list, bench, csv, n_threads;
    const char *fault; /* a fault to plant, to see that it is found; NULL: none */
} kc_options;
extern const char *const kc_faults[]; /* their names, ended by NULL */
typedef struct kc_counts {
    int passed, failed;
} kc_counts;
kc_counts kc_run(const kc_options *options);

#endif
