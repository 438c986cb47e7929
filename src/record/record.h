/* The record of one run: plain data, the narrow waist of the program.
 *
 * What measures fills a qg_run; what judges and reports reads it and nothing else, so a stored run
 * can be judged and reported again on any machine (record_json.h). Everything hangs on one arena,
 * texts included; nothing here has behaviour beyond the names of its enumerations.
 *
 * Conventions: times in nanoseconds, sizes in bytes, fractions as fractions (0.96), points as
 * points, logarithms natural: the canonical unit of each metric (metric.h). Texts may be NULL where
 * nothing is known, and may hold any bytes.
 */
#ifndef QG_RECORD_RECORD_H
#define QG_RECORD_RECORD_H

#include "base/arena.h"
#include "base/err.h"
#include "record/blame.h"
#include "record/checkitem.h"
#include "record/gold.h"
#include "record/metric.h"
#include "record/quantized.h"
#include "record/sketch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { QG_RUN_SCHEMA = 2, QG_RUN_SCHEMA_LEAST = 1 }; /* written; the oldest that is read */
#define QG_METRIC_NONE QG_METRIC_N                   /* of a judgement on the case itself */

/* name, text, rank (worst first when sorted by falling rank) */
#define QG_VERDICT_LIST(X)                                                                         \
    X(PASS, "pass", 0)                                                                             \
    X(FAIL, "fail", 4)                                                                             \
    X(INCONCLUSIVE, "inconclusive", 3)                                                             \
    X(SKIP, "skip", 1)                                                                             \
    X(KNOWN_FAIL, "known-fail", 2)                                                                 \
    X(ERROR, "error", 5) /* not judged: the input or the machine is at fault, see exit_class */

typedef enum qg_verdict {
#define X(name, text, rank) QG_VERDICT_##name,
    QG_VERDICT_LIST(X)
#undef X
        QG_N_VERDICTS
} qg_verdict;

const char *qg_verdict_text(qg_verdict v); /* "known-fail" */
int qg_verdict_rank(qg_verdict v);
bool qg_verdict_find(qg_str text, qg_verdict *out);

/* What a judgement holds the value against: a limit of the suite, or the same case of another run
 * (the stored baseline, the anchor that it must not drift away from, another program beside this
 * one). */
#define QG_BASIS_LIST(X)                                                                           \
    X(BUDGET, "budget")                                                                            \
    X(BASELINE, "baseline")                                                                        \
    X(ANCHOR, "anchor")                                                                            \
    X(AGAINST, "against")

typedef enum qg_basis {
#define X(name, text) QG_BASIS_##name,
    QG_BASIS_LIST(X)
#undef X
        QG_N_BASES
} qg_basis;

const char *qg_basis_text(qg_basis b);
bool qg_basis_find(qg_str text, qg_basis *out);

/* The machine and the build that measured. */
typedef struct qg_machine {
    const char *host, *os, *cpu;
    int n_cpus;
    int64_t memory_bytes;
    const char *device; /* backend class: "cpu", "cuda"; of a suite over both "cpu+cuda" */
    const char *gpu;    /* model, driver; NULL on a cpu */
    const char *tier;   /* kernels in use: "avx2"; "avx512+cuda" */
    int n_threads;
    const char *compiler, *flags;
    const char *fingerprint; /* hash of what numbers depend on, the commit excluded */
} qg_machine;

/* A model of the suite: name there, folder, what it is. */
typedef struct qg_model_info {
    const char *name, *path, *family, *method;
    const char *model_hash, *tokenizer_hash;
    int64_t n_params, bytes;       /* bytes: of the weights on disk */
    int bits, group_size;          /* of its codes; 0: plain, not known, one scale an output */
    const qg_quantized *quantized; /* how it was made, or NULL      */
    const char *reference; /* what it is compared with, where that is not the run's; else NULL */
} qg_model_info;

/* Which case: one model x method x batch x device. */
typedef struct qg_caseid {
    const char *id;     /* unique in the run and stable over runs: "fp16/perf/b4" */
    const char *model;  /* its name in the suite: "fp16"                          */
    const char *method; /* "fp16"                                                 */
    const char *device; /* backend class: "cpu"                                   */
    const char *kind;   /* "quality", "performance"                               */
    int64_t batch, input_len, output_len; /* 0 where it has none                  */
} qg_caseid;

/* What the machine did while the samples of a case were taken; 0 where it does not say. */
typedef struct qg_pressure {
    int64_t sampled_ns;    /* wall time of the samples                                            */
    int64_t delay_ns;      /* of it: ready to run, but waiting for a CPU (mean of the threads)    */
    int64_t steal_ns;      /* of it: taken by the hypervisor (mean of the CPUs)                   */
    int64_t others_ns;     /* CPU time that other processes took meanwhile, on all CPUs           */
    int64_t neighbours_ns; /* of it: on the cores in use, their other threads included         */
    int64_t throttles;     /* times that the processor or the device slowed down to stay cool     */
    int64_t power_caps;    /* times that the device was held back to stay within its power */
    int64_t khz_least, khz_greatest; /* clock of the processor or the device                   */
    int64_t timer_ns; /* of reading the clock once, taken out of every sample                */
    int64_t n_warmup; /* runs before the samples, until they were stable                     */
    bool unstable;    /* they were not, when the warm-up was given up                        */
} qg_pressure;

/* Raw samples, in the order measured: what percentiles and other metrics are taken from (value.h).
 */
typedef struct qg_series {
    const char *name; /* "ttft", "tpot", "itl", "e2e" (ns); "throughput" (tok/s) */
    double *samples;  /* >= 0 */
    size_t n_samples;
} qg_series;

/* One number of a case; n says over how many observations (tokens, steps; 1 for a size). */
typedef struct qg_scalar {
    qg_metric metric;
    double value;
    int64_t n;
} qg_scalar;

/* Sums over the scored tokens of one document, so that a stored run can be judged again. Without a
 * live reference has_reference is false and what is relative to it 0. */
typedef struct qg_doc {
    int64_t n_scored;
    double sum_nll;
    bool has_reference;
    double sum_dnll; /* variant minus reference */
    double sum_kl;   /* KL(reference || variant), nats */
    double sum_dp2;  /* square of the change of the token's probability */
    int64_t flips;   /* tokens whose best prediction differs from the reference's */
    int64_t hits;    /* tokens that were the best prediction */
} qg_doc;

typedef enum qg_case_state { QG_CASE_MEASURED, QG_CASE_SKIPPED, QG_CASE_FAILED } qg_case_state;

/* All numbers of a case. */
typedef struct qg_measurement {
    qg_caseid id;
    qg_case_state state;
    int exit_class;      /* of a failed case: 2 its input is wrong, 3 the machine failed */
    const char *message; /* why skipped or failed, one sentence      */
    const char *log;     /* last lines of a dead worker's log        */
    const char *file;    /* where the suite asks for the case        */
    int line, column;
    const char *protocol; /* id of the perplexity protocol            */
    int64_t wall_ns;
    int64_t load_bytes,
        load_ns; /* of the model's tensors, until kernels could read them; 0: not known */
    /* Cases of one group were measured in turns, two samples each a round, there and back (ABBA):
     * samples 2 i and 2 i + 1 of each belong to round i. NULL: alone. */
    const char *group;
    int n_looks; /* planned looks at the growing samples, each with its share of alpha; 0: one */
    qg_pressure pressure;
    qg_series *series;
    size_t n_series;
    qg_scalar *scalars;
    size_t n_scalars;
    qg_doc *docs;
    size_t n_docs;
    /* Of all tokens, NULL without a reference: KL(reference || variant), and the change of the
     * token's log-probability, either way. */
    qg_sketch *kld, *dlogprob;
    int64_t n_continued, n_same; /* prompts that the reference continued, too; as the variant did */
    qg_gold *gold;               /* what it said about the pinned prompts, or NULL */
} qg_measurement;

/* One measurement against one expectation.
 *
 * Against a budget, value, limit, ends and the detectable change are in the metric's canonical
 * unit. Against another run they are changes from `base`: shares of it where is_share, else in the
 * metric's unit; positive is more. */
typedef struct qg_judgement {
    const char *case_id; /* "" for the run as a whole */
    qg_metric metric;    /* QG_METRIC_NONE: the case itself (crashed, skipped, no golden) */
    qg_basis basis;
    qg_verdict verdict;
    int exit_class;                      /* what it asks of the exit code: 0, 1, 2, 3, 4 */
    bool has_value, has_limit, at_least; /* at_least: the limit is a lower bound */
    double value, limit;
    int64_t n; /* observations behind the value */
    bool has_base, is_share;
    double base; /* the other run's value, in the metric's unit */
    /* What is not exact has an interval, two one-sided ends of the confidence given; an end that
     * the samples do not support is absent. */
    const char *test; /* "order statistics", "cluster bootstrap", ...; NULL: exact, a point */
    bool has_low, has_high;
    double low, high, confidence;
    bool has_p, softened; /* softened: failed alone, but not among all judgements of the run */
    double p, p_holm;     /* that it is beyond the limit only by chance; adjusted for looks; Holm */
    bool has_detectable;
    double detectable;   /* how far beyond the limit it is seen four times of five; > 0 */
    const char *message; /* one sentence for a person            */
    const char *fix;     /* what to do next, or NULL             */
    const char *file;    /* the budget in the suite              */
    int line, column;
    const char *issue, *expires; /* of a known-fail: link and YYYY-MM-DD */
} qg_judgement;

typedef struct qg_run {
    const char *version, *commit;                /* of quantgate */
    const char *suite, *suite_file, *suite_hash; /* name, path as given, SHA-256 */
    const char *reference;                       /* model of the suite that others are held to */
    const char *command;                         /* as typed */
    const char *started;                         /* UTC, 2026-01-31T23:59:59Z */
    int64_t wall_ns;
    int64_t seed;
    bool partial;            /* ended by a signal: cases are missing */
    int64_t shard, n_shards; /* part of a suite; 0, 0: all of it     */
    const char *program;     /* of `against`: the file               */
    const struct qg_run
        *against; /* the other program's cases, measured in turns with these; or NULL */
    qg_machine machine;
    qg_model_info *models;
    size_t n_models;
    qg_measurement *measurements; /* one a case, in the order of the plan */
    size_t n_measurements;
    qg_judgement *judgements; /* in the order of their cases */
    size_t n_judgements;
    qg_blame *blames; /* of failed cases, one each at most */
    size_t n_blames;
    const char **notices; /* for the reader: "baseline is stale" */
    size_t n_notices;
    const qg_checklist *checklist; /* NULL: none was asked for */
    qg_verdict verdict;            /* of the whole run, set by qg_verdict_fold (judge) */
    int exit_code;
} qg_run;

/* The series of a name, the scalar of a metric: NULL where it was not measured. The case of an id:
 * NULL where the run has none. */
const qg_series *qg_measurement_series(const qg_measurement *m, qg_str name);
const qg_scalar *qg_measurement_scalar(const qg_measurement *m, qg_metric metric);
const qg_measurement *qg_run_case(const qg_run *run, const char *case_id);
/* Adds a notice, unless the run has the same; text NULL: QG_ENOMEM. */
qg_status qg_run_notice(qg_run *run, qg_arena *arena, const char *text, qg_err *err);
/* What was found out about a failed judgement; NULL: nothing, or another of its case was looked
 * into.
 */
const qg_blame *qg_run_blame(const qg_run *run, const qg_judgement *j);

#endif
