/* A suite: one YAML file (and what it includes) that says what is measured and what is demanded.
 *
 * qg_suite_read() checks all of it: every mistake is a finding, and only a suite without errors is
 * handed out, so its users need no checks of their own. Everything lives on the arena given.
 *
 * Paths are looked for beside the file that names them (the suite or an included one), then in the
 * current directory; what is handed out is the one that exists. Folders that
 * `bless` will make, and files that later commands write, need not exist yet: then they are taken
 * from the current directory.
 */
#ifndef QG_SUITE_SUITE_H
#define QG_SUITE_SUITE_H

#include "base/hash.h"
#include "record/checkitem.h"
#include "suite/expect.h"
#include "suite/texts.h"

/* The orders of these enumerations are those of the choices in schema.c. */
typedef enum qg_dtype_choice {
    QG_CHOOSE_AUTO,
    QG_CHOOSE_FLOAT16,
    QG_CHOOSE_BFLOAT16,
    QG_CHOOSE_FLOAT32
} qg_dtype_choice;
typedef enum qg_inconclusive {
    QG_INCONCLUSIVE_WARN,
    QG_INCONCLUSIVE_FAIL,
    QG_INCONCLUSIVE_RERUN
} qg_inconclusive;

/* How a checkpoint is made from another model (`quantize:`). */
typedef struct qg_suite_recipe {
    const char *method;       /* "int8", "gptq", "awq", "rtn" */
    const char *format;       /* "gptq", "awq", ...; NULL: the method's */
    const char *activations;  /* "float", "int8" */
    int64_t bits, group_size; /* group_size 0: the format's default */
    int sym;                  /* 0 the format's default, 1 yes, 2 no */
    bool act_order, natural_order;
    double damp;             /* 0: the default */
    double strength;         /* of SmoothQuant; below 0: searched */
    const char *calibration; /* file; NULL: none */
    int64_t samples, window; /* of the calibration; 0: the defaults */
    const char *tier;        /* highest kernel tier of the calibration; "auto": the best */
} qg_suite_recipe;

/* A seeded random model of a real one's shape (`synth:`): for what does not depend on weights. */
typedef struct qg_suite_synth {
    const char *preset;      /* "llama2-7b"; NULL: the model is none               */
    int64_t bits;            /* of its linears; 0: plain                           */
    int64_t group_size;      /* 0: the format's default                            */
    const char *format;      /* "gptq", "awq", ...; NULL: as of qg_suite_recipe    */
    const char *activations; /* "float", "int8" */
    int64_t seed;
} qg_suite_synth;

typedef struct qg_suite_model {
    const char *name;  /* key in the suite: "fp16"                                       */
    const char *model; /* a folder that exists; NULL where `from` or `synth` is set      */
    const char *revision;
    int dtype;                 /* qg_dtype_choice                                           */
    const char *method;        /* that it runs as: "fp16", "int8", "gptq", "awq" */
    const char *activations;   /* of int8 made while loading: "int8", "float"               */
    const char *calibration;   /* file: int8 is made before, as by `quantize`; NULL: none   */
    const char *from;          /* name of the model that it is made from; NULL: none        */
    qg_suite_recipe quantize;  /* where `from` is set                                       */
    qg_suite_synth synth;      /* where `synth` is set                                      */
    const char *device, *tier; /* where it runs, whatever others do; NULL: as all          */
    const char *reference_name;
    const struct qg_suite_model *reference; /* of its own; NULL: the suite's               */
    bool is_reference;                      /* the suite's */
    qg_place place;         /* of its key                                                */
    qg_place method_place;  /* of what names its method                                  */
    bool has_quality;       /* budgets of quality are written, if none: no defaults      */
    qg_expects quality;     /* budgets, in the order written                             */
    qg_expects performance; /* of all batches                                           */
} qg_suite_model;

typedef struct qg_suite_engine {
    const char *device;    /* "auto", "cpu", "cuda", "cuda:1" */
    int64_t max_model_len; /* 0: what the model allows */
    double gpu_memory_utilization;
    int64_t seed;
    int64_t threads;  /* 0: all that the machine has */
    const char *tier; /* highest of the kernels; "auto": the best */
} qg_suite_engine;

typedef struct qg_suite_quality {
    bool present;
    qg_texts prompts;
    qg_texts documents;
    const char *text;   /* file of the documents; NULL: none                 */
    const char *golden; /* folder of blessed outputs; NULL: none             */
    int64_t max_tokens; /* greedy tokens a prompt                            */
    int64_t window;     /* tokens a window of perplexity                     */
    qg_texts tasks;     /* files                                             */
    qg_place tasks_place;
} qg_suite_quality;

typedef struct qg_suite_performance {
    bool present;
    int64_t input_len, output_len; /* tokens a sequence */
    const int64_t *batch;          /* ascending, no duplicates */
    size_t n_batch;
    int64_t samples_min, samples_max, samples_warmup;
} qg_suite_performance;

typedef struct qg_suite_regression {
    bool present;
    const char *baseline; /* folder */
    const qg_allow *allow;
    size_t n_allow;
    double confidence;
    int inconclusive, inconclusive_final; /* qg_inconclusive */
} qg_suite_regression;

/* A file that need not exist yet, and where the suite names it. */
typedef struct qg_suite_file {
    const char *path;
    qg_place place;
} qg_suite_file;

typedef struct qg_suite_waiver {
    qg_checkitem item;
    const char *reason, *expires; /* the last day that it holds: 2026-01-31 */
    qg_place place;
} qg_suite_waiver;

/* Filled with its defaults also where the suite has no such section. */
typedef struct qg_suite_checklist {
    bool present;
    qg_place place;            /* of the section; of the file where there is none */
    const qg_suite_file *ab;   /* evidence of A/B tests                            */
    const qg_suite_file *card; /* model cards                                      */
    size_t n_ab, n_card;
    const char *base_model; /* that cards must name; NULL: as the reference's folder */
    double max_age_days;
    const qg_suite_model **models; /* that are to be shipped: quantized ones */
    size_t n_models;
    bool required[QG_N_CHECKITEMS];
    bool p95, p99;                  /* that item "percentiles" wants */
    const qg_suite_waiver *waivers; /* one an item at most */
    size_t n_waivers;
} qg_suite_checklist;

typedef struct qg_suite {
    const char *path; /* as given; of a folder its file */
    int64_t version;
    const char *name;
    char hash[QG_HASH_HEX]; /* of the file and all that it includes */
    const qg_suite_model *models;
    size_t n_models;
    const char *reference_name;
    const qg_suite_model *reference; /* never NULL */
    qg_suite_engine engine;
    qg_suite_quality quality;
    qg_suite_performance performance;
    qg_suite_regression regression;
    qg_suite_checklist checklist;
    qg_exceptions known_failures, skips;
} qg_suite;

/* Of a folder that is given as a suite. */
#define QG_SUITE_FILE "suite.yaml"

/* Reads and checks; the file, or that of a folder. `findings` (begun by this call on `run`) gets
 * everything there is to say, also warnings and notes of a good suite. QG_EFORMAT when any finding
 * is an error; err then holds the first with its place. Other codes: the file cannot be read. */
qg_status qg_suite_read(qg_suite **out, qg_findings *findings, qg_arena *run, const char *path,
                        qg_err *err);

const qg_suite_model *qg_suite_model_of(const qg_suite *s, qg_str name); /* NULL: none */
/* What a model is compared with: its own reference, else the suite's, which is its own. */
const qg_suite_model *qg_suite_reference_of(const qg_suite *s, const qg_suite_model *m);
/* The id of a case: "fp16/quality" for batch 0, "fp16/perf/b4". NULL when out of memory. */
char *qg_suite_case_id(qg_arena *arena, const char *model, int batch);

#endif
