/* The ledger: plain sums, see ledger.h. The total only grows through qg_ledger_add, which is where
 * the peak is kept. */
#include "backend/ledger.h"

const char *qg_purpose_name(qg_purpose p)
{
    static const char *const names[] = {
#define X(name, text) #text,
        QG_PURPOSE_LIST(X)
#undef X
    };
    return names[p];
}

void qg_ledger_add(qg_ledger *l, qg_purpose p, int64_t bytes)
{
    l->bytes[p] += bytes;
    if (qg_ledger_total(l) > l->peak)
        l->peak = qg_ledger_total(l);
}

int64_t qg_ledger_total(const qg_ledger *l)
{
    int64_t total = 0;

    for (int p = 0; p < QG_N_PURPOSES; p++)
        total += l->bytes[p];
    return total;
}

void qg_ledger_reset_peak(qg_ledger *l)
{
    l->peak = qg_ledger_total(l);
}
