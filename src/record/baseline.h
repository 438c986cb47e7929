/* A stored baseline: runs of an accepted state of the suite on one kind of machine, with the reason
 * why it was accepted, and the anchor that may not be drifted away from.
 *
 * One file a suite and fingerprint (record.h): DIR/SUITE-FINGERPRINT.json, JSON with the schema
 * first. `current` is replaced by each update, `anchor` only when that is asked for, so that ten
 * updates of 1 % each are seen as the 10 % that they are. Of the runs is kept what regressions are
 * judged by: machine, models with their hashes, scalars, and raw samples, at most
 * QG_BASELINE_SAMPLES of a series and without the single gaps of itl where there are more.
 */
#ifndef QG_RECORD_BASELINE_H
#define QG_RECORD_BASELINE_H

#include "record/record.h"

enum { QG_BASELINE_SCHEMA = 1, QG_BASELINE_SAMPLES = 1000 };

/* What a reader looks for stands before the runs, which say it too. */
typedef struct qg_accepted {
    const char *why, *started, *version, *commit, *command;
    const char *device, *gpu; /* gpu: model and driver; NULL without one */
    qg_run *const *runs;      /* in the order measured */
    size_t n_runs;            /* 0: there is none      */
} qg_accepted;

typedef struct qg_baseline {
    const char *suite, *fingerprint;
    qg_accepted current, anchor;
} qg_baseline;

/* DIR/SUITE-FINGERPRINT.json; letters, digits, '-' and '_' of the name stay, the rest become '-'.
 * NULL when out of memory. */
const char *qg_baseline_path(qg_arena *arena, const char *dir, const char *suite,
                             const char *fingerprint);

/* QG_ENOTFOUND: no such file. QG_EFORMAT, with the place: not a baseline, another schema, runs of
 * another machine than the file says. */
qg_status qg_baseline_read(qg_baseline **out, qg_arena *arena, const char *path, qg_err *err);
/* Replaces the file as a whole or not at all. */
qg_status qg_baseline_write(const qg_baseline *b, qg_arena *scratch, const char *path, qg_err *err);

#endif
