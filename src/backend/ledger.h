/* Who holds how many bytes of a backend's memory: exact, deterministic, the thing that memory
 * budgets gate.
 *
 * `weights` includes weights used in place from a mapped file (`mapped` says how many of them).
 * `peak` is the largest total since the last qg_ledger_reset_peak(), so that a window can be gated
 * without what came before.
 */
#ifndef QG_BACKEND_LEDGER_H
#define QG_BACKEND_LEDGER_H

#include <stdint.h>

#define QG_PURPOSE_LIST(X)                                                                         \
    X(WEIGHTS, weights) X(KV_CACHE, kv_cache) X(ACTIVATIONS, activations) X(WORKSPACE, workspace)

typedef enum qg_purpose {
#define X(name, text) QG_PURPOSE_##name,
    QG_PURPOSE_LIST(X)
#undef X
        QG_N_PURPOSES,
} qg_purpose;

typedef struct qg_ledger {
    int64_t bytes[QG_N_PURPOSES];
    int64_t mapped; /* part of weights */
    int64_t peak;
} qg_ledger;

const char *qg_purpose_name(qg_purpose p); /* "kv_cache" */
void qg_ledger_add(qg_ledger *l, qg_purpose p, int64_t bytes);
int64_t qg_ledger_total(const qg_ledger *l);
void qg_ledger_reset_peak(qg_ledger *l);

#endif
