/* Runs over time: a history is one SQLite file that holds every number that was judged or measured.
 *
 * What is kept of a run: when and from which commit and branch, suite and its hash, the machine,
 * the models, the verdict, the state of the checklist, and a *number* for every judgement and for
 * every metric that was measured without one: value, interval, n, limit, verdict. What is not kept:
 * raw samples, per-document sums and goldens, which are a thousand times as big and stay in
 * `run.json`, the file to judge again from; the machine's host name and the folders of models,
 * which name no kind of machine and no model, and do not belong on a page for all.
 *
 * A *trend* is the series of one (suite, case, metric, basis) over runs. On QG_BASIS_BUDGET value,
 * ends and limit are in the metric's unit, whether or not a budget judged it; on the other bases
 * they are changes from another run (record.h). Percentiles that would only be the greatest sample
 * (p95 of fewer than 20) are no numbers, unless a budget judged them.
 *
 * Append is one transaction in write-ahead mode, synced before it returns: what was acknowledged
 * survives a kill and a power cut, what was not is as if it had never been tried. Writers wait for
 * each other, readers for nobody; all must be on one machine, as locks of network folders are not
 * to be trusted. A run is told by what was measured (start, machine, samples): the same record
 * again is one row, and the same run judged again takes the place of its judgements.
 *
 * What goes wrong, and what it is:
 *
 *     QG_ENOTFOUND (2)  read-only, and there is no such file
 *     QG_EFORMAT (2)    the file is no history: another program's database, a text; or read-only,
 *                       and it is damaged
 *     QG_ENOSUP (2)     a newer program wrote it, with a schema that this one does not know
 *     QG_EIO (3)        locked for longer than the timeout, not writable, a read that failed
 *     QG_ENOSPACE (3)   disk full
 *
 * All leave the file as it was. A damaged history opened for writing is set aside with its log,
 * NAME.corrupt-20260131T235959Z, nothing of it overwritten, and a new one is begun;
 * qg_history_aside says where it went.
 *
 * Texts and arrays that a function hands out are on the arena that it was given.
 */
#ifndef QG_HISTORY_HISTORY_H
#define QG_HISTORY_HISTORY_H

#include "base/finding.h"
#include "record/noise.h"
#include "record/record.h"

enum { QG_HISTORY_SCHEMA = 2, QG_HISTORY_TIMEOUT_MS = 30000, QG_HISTORY_KEY = 33 };

typedef struct qg_history qg_history;

typedef struct qg_history_options {
    bool write; /* makes the file, and its folder, where there is none; migrates an old one */
    int64_t timeout_ms; /* longest wait for another writer; 0: QG_HISTORY_TIMEOUT_MS */
    int64_t max_pages; /* tests: the disk is full behind that many pages; 0: it never is          */
} qg_history_options;

/* `h` is on the arena and closed with it. Not for two threads at once. */
qg_status qg_history_open(qg_history **out, qg_arena *arena, const char *path,
                          const qg_history_options *options, qg_err *err);
/* Where a damaged file was moved to since this history was opened; NULL: nowhere. */
const char *qg_history_aside(const qg_history *h);

/* ---- append ---- */

/* What a record does not say of itself. NULL: not known; then what an earlier append of the same
 * run said stays. */
typedef struct qg_history_source {
    const char *branch, *commit; /* of what was tested */
    const char *repository;      /* "https://github.com/owner/name": commits are at /commit/HASH */
    const qg_noise *noise;       /* floors of the machine; NULL: not calibrated */
    bool pinned;                 /* prune keeps it */
} qg_history_source;

typedef enum qg_history_added {
    QG_HISTORY_ADDED,
    QG_HISTORY_KNOWN,    /* it was there; nothing changed                         */
    QG_HISTORY_REPLACED, /* it was there with other judgements, or another source */
} qg_history_added;

/* QG_EFORMAT: the record does not say its suite or when it started. QG_EREFUSED: it is a part of a
 * suite (`run --shard`), which belongs into a history once `merge` has made it whole. */
qg_status qg_history_append(qg_history_added *out, qg_history *h, const qg_run *run,
                            const qg_history_source *source, qg_err *err);

/* ---- query ---- */

typedef struct qg_history_filter {
    const char *suite;       /* glob on its name (str.h); NULL here and below: all */
    const char *case_id;     /* glob; of numbers only                              */
    const char *metric;      /* glob; of numbers only                              */
    const char *fingerprint; /* of the machine                                     */
    const char *branch;
    const char *commit;   /* its first digits                            */
    int64_t since, until; /* started from..before, seconds; 0: unbounded */
    int64_t last;         /* the newest N of each suite; 0: all          */
    int64_t id;           /* one run; 0: any                             */
} qg_history_filter;

typedef struct qg_history_model {
    const char *name, *family, *method, *model_hash, *tokenizer_hash;
    int64_t n_params, bytes; /* bytes: of the weights on disk */
    int bits, group_size;
} qg_history_model;

typedef struct qg_history_run {
    int64_t id;               /* in this file */
    char key[QG_HISTORY_KEY]; /* in any file: 32 hex digits */
    const char *suite, *suite_file, *suite_hash, *reference;
    const char *version, *build; /* of quantgate: "0.1.0", its commit */
    const char *branch, *commit, *repository;
    int64_t started; /* seconds since 1970 */
    int64_t wall_ns, seed;
    bool partial, pinned;
    qg_machine machine; /* without its host */
    qg_verdict verdict;
    int exit_code;
    int64_t n_cases, n_numbers;
    int64_t n_verdicts[QG_N_VERDICTS]; /* judgements of each verdict */
    bool has_checklist;
    const char *gate; /* "pr", "release", NULL */
    qg_checkitem_state checklist[QG_N_CHECKITEMS];
    qg_history_model *models;
    size_t n_models;
} qg_history_run;

typedef struct qg_history_runs {
    qg_history_run *at; /* suite by suite, oldest first */
    size_t n;
} qg_history_runs;

qg_status qg_history_runs_find(qg_history_runs *out, qg_arena *arena, qg_history *h,
                               const qg_history_filter *filter, qg_err *err);

/* How many runs of the suite of that name there are; `branch` NULL: on any. */
qg_status qg_history_count(int64_t *out, qg_history *h, const char *suite, const char *branch,
                           qg_err *err);

typedef struct qg_history_number {
    size_t run;  /* index in the runs asked for */
    bool judged; /* `verdict` is known */
    bool has_value, has_low, has_high, has_limit, at_least, has_base, is_share;
    qg_verdict verdict;
    double value, low, high, limit, base;
    int64_t n;
    double floor; /* noise of that machine by its calibration, a share; 0: not known */
    const char *message, *issue, *expires; /* of what did not pass; else NULL */
} qg_history_number;

typedef struct qg_history_trend {
    const char *suite;
    qg_caseid id;     /* as the newest run tells it; id "": the run as a whole, "checklist/...": an
                         item, else a case; what is not known is "" */
    qg_metric metric; /* QG_METRIC_NONE: the case itself */
    qg_basis basis;
    qg_history_number *numbers; /* one a run at most, in the order of the runs */
    size_t n_numbers;
} qg_history_trend;

typedef struct qg_history_trends {
    qg_history_trend *at; /* by suite, case in the order of the plan, metric, basis */
    size_t n;
} qg_history_trends;

/* The numbers of the runs given, those that `case_id` and `metric` of the filter name (NULL: all).
 * Metrics that this program does not know are left out. */
qg_status qg_history_trends_find(qg_history_trends *out, qg_arena *arena, qg_history *h,
                                 const qg_history_runs *runs, const qg_history_filter *filter,
                                 qg_err *err);

/* ---- upkeep ---- */

/* A run is removed that is older or beyond the count, unless it is pinned or the newest of its
 * suite. */
typedef struct qg_history_limits {
    const char *suite; /* glob; NULL: all                         */
    int64_t before;    /* started earlier, seconds; 0: no limit   */
    int64_t most;      /* runs of a suite; 0: no limit            */
    bool dry_run;      /* count only                              */
} qg_history_limits;

typedef struct qg_history_pruned {
    int64_t n_runs, n_left, n_pinned; /* n_pinned: of those left, by their pin alone */
    int64_t bytes_before, bytes_after;
} qg_history_pruned;

qg_status qg_history_prune(qg_history_pruned *out, qg_history *h, const qg_history_limits *limits,
                           qg_err *err);

/* QG_ENOTFOUND: no such run. */
qg_status qg_history_pin(qg_history *h, int64_t id, bool pinned, qg_err *err);

typedef struct qg_history_state {
    int schema;
    int64_t n_suites, n_runs, n_numbers, bytes;
} qg_history_state;

/* Reads the whole file: pages, references, schema, and that every run has the numbers that were
 * appended with it. What is wrong becomes findings, also a file that cannot be opened as a history;
 * moves and changes nothing. Fails where the machine does. */
qg_status qg_history_check(qg_findings *findings, qg_history_state *out, const char *path,
                           qg_err *err);

#endif
