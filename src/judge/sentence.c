/* Sentences: see sentence.h. Value and limit are shown with so many digits that the reader sees
 * which is greater. */
#include "judge/sentence.h"

#include "judge/busy.h"
#include "judge/decide.h"
#include "record/value.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What n counts. */
static const char *counted(const qg_judgement *j)
{
    switch (j->metric) {
    case QG_METRIC_GOLDEN_LOGPROB_MAX:
    case QG_METRIC_GOLDEN_LOGPROB_P99:
    case QG_METRIC_DRIFT_LOGPROB_MAX:
        return "log-probabilities";
    case QG_METRIC_SAME_TOP:
    case QG_METRIC_DRIFT_SAME_TOP:
    case QG_METRIC_KLD_TOPK:
    case QG_METRIC_DRIFT_KLD_TOPK:
        return "positions";
    case QG_METRIC_GREEDY_MATCH:
        return "choices";
    case QG_METRIC_GREEDY_SAME:
        return "prompts";
    case QG_METRIC_ACCURACY:
    case QG_METRIC_ACCURACY_DROP:
        return "questions";
    default:
        break;
    }
    if (qg_metric_info_of(j->metric)->section == QG_QUALITY)
        return "tokens";
    if (j->test && strstr(j->test, "rounds"))
        return "rounds";
    return j->test && strstr(j->test, "runs") ? "runs" : "samples";
}

/* Value and limit as texts that differ where the numbers differ. */
static void print_pair(char value[QG_UNIT_TEXT], char limit[QG_UNIT_TEXT], const qg_judgement *j)
{
    qg_unit unit = j->is_share ? QG_UNIT_SHARE : qg_metric_info_of(j->metric)->unit;

    qg_value_print(value, j, j->value);
    qg_value_print(limit, j, j->limit);
    if (j->value != j->limit && strcmp(value, limit) == 0) {
        qg_unit_print_exact(value, unit, j->value);
        qg_unit_print_exact(limit, unit, j->limit);
    }
}

/* " (95 %: 2.9 ms to 3.4 ms)" */
static void add_interval(qg_buf *b, const qg_judgement *j)
{
    char low[QG_UNIT_TEXT], high[QG_UNIT_TEXT], percent[QG_UNIT_TEXT];

    if (!j->test)
        return;
    qg_value_print(low, j, j->low);
    qg_value_print(high, j, j->high);
    qg_unit_print(percent, QG_UNIT_SHARE, j->confidence);
    if (j->has_low && j->has_high)
        qg_buf_format(b, " (%s: %s to %s)", percent, low, high);
    else if (j->has_low)
        qg_buf_format(b, " (%s: at least %s)", percent, low);
    else if (j->has_high)
        qg_buf_format(b, " (%s: at most %s)", percent, high);
    else
        qg_buf_format(b, " (too few for an interval)");
}

static void add_against(qg_buf *b, const qg_judgement *j)
{
    char base[QG_UNIT_TEXT], value[QG_UNIT_TEXT];
    const char *what = j->basis == QG_BASIS_BASELINE ? "the baseline"
                       : j->basis == QG_BASIS_ANCHOR ? "the anchor"
                                                     : "the other program";

    qg_buf_format(b, " than %s", what);
    if (!j->has_base)
        return;
    qg_metric_print(base, j->metric, j->base);
    qg_metric_print(value, j->metric, j->is_share ? j->base * (1 + j->value) : j->base + j->value);
    qg_buf_format(b, ", %s after %s", value, base);
}

/* "tpot_p50 is 5.2 % more than the baseline, 3.26 ms after 3.1 ms" */
static void add_change(qg_buf *b, const qg_judgement *j)
{
    const char *name = qg_metric_info_of(j->metric)->name;
    char by[QG_UNIT_TEXT];

    if (j->value == 0) {
        qg_buf_format(b, "%s is no more", name);
    } else {
        qg_value_print(by, j, fabs(j->value));
        qg_buf_format(b, "%s is %s %s", name, by + 1, j->value > 0 ? "more" : "less");
    }
    add_against(b, j);
}

static void add_value(qg_buf *b, const qg_judgement *j)
{
    char v[QG_UNIT_TEXT], l[QG_UNIT_TEXT];

    print_pair(v, l, j);
    if (j->basis == QG_BASIS_BUDGET)
        qg_buf_format(b, "%s is %s", qg_metric_info_of(j->metric)->name, v);
    else
        add_change(b, j);
    if (j->n > 1)
        qg_buf_format(b, " over %lld %s", (long long)j->n, counted(j));
    add_interval(b, j);
    if (j->basis == QG_BASIS_BUDGET)
        qg_buf_format(b, ", the budget is at %s %s", j->at_least ? "least" : "most", l);
    else
        qg_buf_format(b, ", allowed is %s %s", j->at_least ? "a loss of" : "up to",
                      l + (l[0] == '-' || l[0] == '+'));
}

/* Why nothing was decided. */
static void add_doubt(qg_buf *b, const qg_judgement *j, const qg_run *run)
{
    const qg_measurement *m = qg_run_case(run, j->case_id);
    char beyond[QG_UNIT_TEXT];

    if (j->p_holm <= QG_FAIL_ALPHA && m) {
        qg_buf_format(b, "; not judged, the machine was busy: %s",
                      qg_busy_text(b->arena, m, &run->machine));
    } else if (j->softened) {
        qg_buf_format(
            b, "; alone it would fail (p %.2g), among all judgements it may be chance (%.2g)", j->p,
            j->p_holm);
    } else if (j->has_detectable && j->detectable > 0) {
        qg_buf_format(b, "; not decided, %s beyond it would be seen",
                      qg_value_print(beyond, j, j->detectable) + (j->basis != QG_BASIS_BUDGET));
    } else {
        qg_buf_format(b, "; not decided");
    }
}

static const char *next_step(const qg_judgement *j, qg_arena *arena)
{
    if (j->verdict == QG_VERDICT_FAIL)
        return j->file ? qg_arena_format(arena, "if the change is meant, move the %s at %s:%d",
                                         j->basis == QG_BASIS_BUDGET ? "budget" : "allowance",
                                         j->file, j->line)
                       : NULL;
    if (j->verdict != QG_VERDICT_INCONCLUSIVE)
        return NULL;
    if (qg_metric_info_of(j->metric)->section == QG_QUALITY)
        return "more documents in 'text' decide";
    if (j->basis == QG_BASIS_BASELINE || j->basis == QG_BASIS_ANCHOR)
        return "a baseline of more runs, on a quiet machine, or --against decides";
    return j->p_holm <= QG_FAIL_ALPHA ? "run again on a quiet machine"
                                      : "more samples decide: raise 'max' of 'samples'";
}

qg_status qg_sentence_write(qg_judgement *j, qg_arena *arena, const qg_run *run, qg_err *err)
{
    qg_buf b;

    qg_buf_init(&b, arena);
    add_value(&b, j);
    if (j->verdict == QG_VERDICT_INCONCLUSIVE)
        add_doubt(&b, j, run);
    j->message = b.failed ? NULL : qg_str_dup(arena, qg_buf_view(&b));
    QG_NEED(j->message, err);
    j->fix = next_step(j, arena);
    if (j->verdict == QG_VERDICT_FAIL && j->file)
        QG_NEED(j->fix, err);
    return QG_OK;
}
