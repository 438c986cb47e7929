/* The plan: suite x models x batches x filters as an ordered list of cases.
 *
 * Order: models as written; of each the quality case, then performance by ascending batch. A case's
 * id does not depend on filters or shards: "fp16/quality", "fp16/perf/b4". What the suite's `skip`
 * names is in the plan with the entry's reason and place.
 *
 * A model runs on its own `device`, else where the options say, else where `engine` does. Where
 * CUDA is not to be had, cases that need it are skipped: those of its models, and those that are
 * compared live with one of them.
 *
 * A quality case with prompts and a folder of goldens is held to its own golden without being
 * asked, unless its budgets say so themselves: by drift_logprob_max, and where activations are
 * rounded to 8 bit by drift_kld_topk. There a last bit of float32 moves a code and the code a
 * log-probability: between kernel tiers of one CPU the tiny models differ by up to 0.69 nats in a
 * stored number (99th percentile 0.18), but by no more than 1.9e-4 in KL, while the scale of one
 * row in one linear, 1 % off, moves it by 5.9e-4.
 */
#ifndef QG_SUITE_PLAN_H
#define QG_SUITE_PLAN_H

#include "suite/suite.h"

/* Log-probabilities of the same case on the same backend differ by less. */
#define QG_DRIFT_CPU  2e-3
#define QG_DRIFT_CUDA 2e-2
/* Mean KL of a case with 8-bit activations against its own golden. */
#define QG_DRIFT_INT8 5e-4

typedef enum qg_case_kind { QG_CASE_QUALITY, QG_CASE_PERFORMANCE } qg_case_kind;

typedef struct qg_case {
    const char *id;
    qg_case_kind kind;
    const qg_suite_model *model;
    const char *folder;           /* of the checkpoint; NULL: made from another model first    */
    qg_device device;             /* CPU or CUDA, never AUTO                          */
    const char *device_name;      /* "cuda:1"                          */
    const char *reference_folder; /* of qg_suite_reference_of; NULL as for `folder` */
    const char *reference_device_name; /* where that runs                   */
    int batch;                         /* of a performance case; 0 for quality             */
    qg_expects expect;                 /* its budgets                                      */
    qg_place place;                    /* of the model, for what is no budget's fault      */
    const char *skip;                  /* why it cannot run here ("no CUDA device"); NULL  */
    int shard;                         /* that it belongs to, from 1; 0: there are none    */
    double cost; /* expected: ns where a run tells times, else 1; 0 where it is skipped */
} qg_case;

typedef struct qg_plan {
    const qg_suite *suite;
    qg_case *cases;
    size_t n_cases;
    size_t n_all;        /* before --only and --shard */
    size_t n_groups;     /* what can be told apart by shards, before --shard */
    int shard, n_shards; /* as asked for */
} qg_plan;

typedef struct qg_plan_options {
    const char *only;   /* glob over ids; NULL: all. What the cases that match are relative to
                         * comes with them, unjudged                                       */
    const char *device; /* "cpu", "cuda", "cuda:1", "auto": overrides the suite's `engine`, not
                         * a model's own; NULL: as the suite says                          */
    const struct qg_run *ran; /* a stored run that is judged again: its cases ran where it says;
                               * NULL: nothing was measured yet                              */
    int shard, n_shards;      /* 1 of n; 0, 0: all. Groups stay together: split.h                */
    bool every_shard;         /* of n_shards: all cases stay, and know their shards              */
    const struct qg_run *times; /* a stored run that tells what cases take; NULL: all the same  */
    bool has_cuda;       /* whether this program can run CUDA here                          */
    const char *no_cuda; /* why not ("cuda backend not built in"), for skip reasons; or NULL */
    bool require_cuda;   /* a CUDA case that cannot run fails the plan: QG_EDEVICE          */
} qg_plan_options;

/* Everything lives on `run`. QG_EARG: `only` matches nothing (the message lists the ids), or a
 * senseless shard or device. QG_ENOSUP, at the line in the suite: a case left after the filters
 * needs what is not built in (a method, `from`, tasks). */
qg_status qg_plan_make(qg_plan *out, qg_arena *run, const qg_suite *suite,
                       const qg_plan_options *options, qg_err *err);

/* Whether the case is measured beside its live reference: each quality case of a model that is not
 * the suite's reference, where there is a text to read or its continuations are compared; so also
 * where no case of its reference is in the plan. */
bool qg_case_has_reference(const qg_case *c, const qg_suite *s);
/* Whether its budgets want the prompts to be continued by the reference too. */
bool qg_case_compares_greedy(const qg_case *c);

#endif
