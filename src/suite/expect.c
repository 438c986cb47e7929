/* What metrics ask of a measurement: see expect.h. */
#include "suite/expect.h"

#include "base/clock.h"

bool qg_exception_is_of(const qg_exception *e, const char *case_id, qg_metric metric)
{
    return (e->metric == QG_METRIC_N || e->metric == metric) &&
           qg_str_glob(qg_str_from(e->cases), qg_str_from(case_id));
}

bool qg_exception_has_expired(const qg_exception *e)
{
    return qg_clock_seconds() >= e->end_s;
}

qg_expect_needs qg_metric_needs(qg_metric m)
{
    switch (m) {
    case QG_METRIC_PPL:
    case QG_METRIC_NLL:
        return (qg_expect_needs){.text = true};
    case QG_METRIC_PPL_INCREASE:
    case QG_METRIC_KLD_MEAN:
    case QG_METRIC_KLD_P99:
    case QG_METRIC_KLD_MAX:
    case QG_METRIC_DP_RMS:
    case QG_METRIC_DLOGPROB_P99:
        return (qg_expect_needs){.text = true, .reference = true};
    case QG_METRIC_KLD_TOPK:
    case QG_METRIC_GOLDEN_LOGPROB_MAX:
    case QG_METRIC_GOLDEN_LOGPROB_P99:
    case QG_METRIC_SAME_TOP:
    case QG_METRIC_GREEDY_MATCH:
        return (qg_expect_needs){.golden = true};
    case QG_METRIC_DRIFT_LOGPROB_MAX:
    case QG_METRIC_DRIFT_SAME_TOP:
    case QG_METRIC_DRIFT_KLD_TOPK:
        return (qg_expect_needs){.drift = true};
    case QG_METRIC_GREEDY_SAME:
        return (qg_expect_needs){.prompts = true, .reference = true};
    case QG_METRIC_ACCURACY:
        return (qg_expect_needs){.tasks = true};
    case QG_METRIC_ACCURACY_DROP:
        return (qg_expect_needs){.tasks = true, .reference = true};
    default:
        return (qg_expect_needs){.reference = qg_metric_info_of(m)->unit == QG_UNIT_RATIO};
    }
}

/* 1 - q^n >= 0.95 at n = 5 (0.5), 59 (0.95), 299 (0.99). */
int qg_percentile_least_samples(int percentile)
{
    switch (percentile) {
    case 50:
        return 5;
    case 95:
        return 59;
    case 99:
        return 299;
    default:
        return 0;
    }
}
