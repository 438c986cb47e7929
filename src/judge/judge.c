/* Judging a run: see judge.h.
 *
 * For each case: where a value comes from (a golden or the measurement) is decided by the metric;
 * how it is judged, by the budget; and every error on the way becomes a judgement of its own, so
 * that one broken golden costs no other verdict. Only running out of memory ends the whole.
 */
#include "judge/judge.h"

#include "judge/budget.h"
#include "judge/decide.h"
#include "judge/golden.h"
#include "judge/known.h"
#include "judge/regression.h"
#include "judge/sentence.h"
#include "judge/verdict.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A golden as far as a case needs it: read at most once. */
typedef struct golden_slot {
    bool tried;
    qg_status status; /* and the error, where it is no QG_OK */
    qg_err err;
    const char *path;
    bool other_weights;
    qg_golden_diff diff;
} golden_slot;

typedef struct judging {
    qg_run *run;
    const qg_suite *suite;
    const qg_judge_options *options;
    double alpha;      /* of each end of an interval            */
    size_t n_family;   /* judgements that are adjusted together */
    qg_arena *arena;   /* judgements and their texts */
    qg_arena *scratch; /* ends with the call         */
    const qg_measurement *m, *reference;
    const qg_expects *expects;
    golden_slot fp16, drift; /* of the case at hand */
} judging;

/* What the model of the case is compared with; NULL: nothing. */
static const qg_suite_model *reference_model(const judging *j)
{
    const qg_suite_model *m = qg_suite_model_of(j->suite, qg_str_from(j->m->id.model));

    return m ? qg_suite_reference_of(j->suite, m) : j->suite->reference;
}

/* The same kind of case of that model. */
static const qg_measurement *reference_of(const judging *j)
{
    const qg_measurement *m = j->m;
    const qg_suite_model *reference = reference_model(j);

    if (!reference)
        return NULL;
    for (size_t i = 0; i < j->run->n_measurements; i++) {
        const qg_measurement *r = &j->run->measurements[i];
        if (qg_str_is(qg_str_from(r->id.model), reference->name) &&
            qg_str_eq(qg_str_from(r->id.kind), qg_str_from(m->id.kind)) &&
            r->id.batch == m->id.batch)
            return r;
    }
    return NULL;
}

static const qg_model_info *model_of(const qg_run *run, const char *name)
{
    for (size_t i = 0; i < run->n_models; i++)
        if (strcmp(run->models[i].name, name) == 0)
            return &run->models[i];
    return NULL;
}

/* Margin below which greedy choices are near-ties: what log-probabilities may differ by. */
static double tolerance_of(const qg_expects *expects)
{
    for (size_t i = 0; i < expects->n; i++)
        if (expects->at[i].metric == QG_METRIC_GOLDEN_LOGPROB_MAX)
            return expects->at[i].limit;
    return QG_GOLD_MARGIN;
}

/* What is said to `bless` for a golden of the case: the suite, and a device that it does not name.
 */
static const char *bless_arguments(const judging *j)
{
    const qg_suite_model *m = qg_suite_model_of(j->suite, qg_str_from(j->m->id.model));
    const char *named = m && m->device ? m->device : j->suite->engine.device;
    qg_device device;

    if (!named || !qg_device_find(&device, qg_str_from(named)) || device == QG_DEVICE_AUTO ||
        strcmp(qg_device_name(device), j->m->id.device) == 0)
        return j->suite->path;
    return qg_arena_format(j->arena, "%s --device %s", j->suite->path, j->m->id.device);
}

/* Reads the golden of a suite's model and compares; sets everything of the slot but the status. */
static qg_status fill_slot(judging *j, golden_slot *slot, const qg_suite_model *owner, qg_err *err)
{
    const qg_measurement *m = j->m;
    const char *dir = j->suite->quality.golden;
    const char *bless = bless_arguments(j);
    const qg_model_info *info;
    qg_gold *golden;

    if (!dir)
        return qg_fail(err, QG_ENOTFOUND,
                       "the suite names no folder of goldens: add 'golden:' "
                       "under 'quality'");
    if (!owner)
        return qg_fail(err, QG_ENOTFOUND, "model '%s' is not in suite '%s'", m->id.model,
                       j->suite->path);
    if (!m->gold)
        return qg_fail(err, QG_ENOTFOUND, "case '%s' measured no prompts", m->id.id);
    slot->path = qg_gold_path(j->arena, dir, owner->method, m->id.device, owner->name);
    QG_NEED(slot->path && bless, err);
    qg_status s = qg_gold_read(&golden, j->scratch, slot->path, err);
    if (s == QG_ENOTFOUND) {
        qg_err_clear(err);
        return qg_fail(err, s, "there is no golden '%s': write it with 'quantgate bless %s'",
                       slot->path, bless);
    }
    QG_PASS(s);
    QG_TRY(qg_golden_fits(golden, m->gold, bless, err), err, "golden '%s'", slot->path);
    info = model_of(j->run, owner->name);
    slot->other_weights = info && info->model_hash && strcmp(info->model_hash, golden->model_hash);
    return qg_golden_compare(&slot->diff, j->scratch, golden, m->gold, tolerance_of(j->expects),
                             err);
}

static qg_status golden_value(judging *j, qg_metric metric, qg_value *value, golden_slot **used,
                              qg_err *err)
{
    golden_slot *slot = qg_golden_is_drift(metric) ? &j->drift : &j->fp16;

    if (!slot->tried) {
        const qg_suite_model *owner = qg_golden_is_drift(metric)
                                          ? qg_suite_model_of(j->suite, qg_str_from(j->m->id.model))
                                          : reference_model(j);
        slot->status = fill_slot(j, slot, owner, &slot->err);
        slot->tried = true;
    }
    if (slot->status != QG_OK) {
        *err = slot->err;
        return slot->status;
    }
    *value = qg_golden_value(&slot->diff, metric);
    *used = slot;
    return value->known ? QG_OK
                        : qg_fail(err, QG_ENOTFOUND, "golden '%s' holds nothing to compare for %s",
                                  slot->path, qg_metric_info_of(metric)->name);
}

/* What is known of a metric, from wherever it is judged; *used stays NULL where that is no golden.
 */
static qg_status find_value(judging *j, const qg_expect *budget, qg_estimate *out,
                            golden_slot **used, qg_err *err)
{
    qg_metric metric = budget->metric;
    qg_asked asked = {metric, budget->limit, j->alpha, QG_FAIL_ALPHA / (double)j->n_family,
                      qg_estimate_draws(j->n_family)};

    *out = (qg_estimate){0};
    if (qg_golden_has(metric))
        return golden_value(j, metric, &out->value, used, err);
    if (metric == QG_METRIC_SAME_TOP) { /* a live reference is better than its golden */
        QG_PASS(qg_value_of(&out->value, j->scratch, j->m, metric, err));
        if (!out->value.known)
            return golden_value(j, metric, &out->value, used, err);
    }
    return qg_estimate_make(out, j->scratch, j->m, j->reference, &asked, err);
}

static void take_place(qg_judgement *out, const judging *j, qg_place place)
{
    out->case_id = j->m->id.id;
    out->file = place.file;
    out->line = place.line;
    out->column = place.column;
}

/* An error on the way to a verdict, as a judgement. */
static qg_status judge_error(qg_judgement *out, judging *j, qg_metric metric, const qg_err *why,
                             qg_err *err)
{
    char text[QG_ERR_TEXT * 2 + QG_ERR_PATH];

    out->metric = metric;
    out->verdict = QG_VERDICT_ERROR;
    out->exit_class = qg_status_exit(why->code);
    out->message = qg_str_dup(j->arena, qg_str_from(qg_err_format(why, text, sizeof text)));
    QG_NEED(out->message, err);
    return QG_OK;
}

/* What a golden adds to the sentence of a failure: where to look, and whether weights changed. */
static qg_status explain(qg_judgement *out, judging *j, const golden_slot *slot, qg_err *err)
{
    const qg_golden_diff *d = &slot->diff;
    const char *bless = bless_arguments(j);
    char where[256] = "";

    if (out->metric == QG_METRIC_GREEDY_MATCH && d->greedy_prompt)
        snprintf(where, sizeof where, "; prompt '%.80s' differs first", d->greedy_prompt);
    else if (out->metric == QG_METRIC_GOLDEN_LOGPROB_MAX ||
             out->metric == QG_METRIC_DRIFT_LOGPROB_MAX)
        snprintf(where, sizeof where, "; the greatest is at token %zu of prompt '%.80s'",
                 d->worst_position, d->worst_prompt);
    out->message =
        qg_arena_format(j->arena, "%s%s%s", out->message, where,
                        slot->other_weights ? "; the weights are not those that were blessed" : "");
    QG_NEED(out->message && bless, err);
    out->fix = qg_arena_format(j->arena,
                               "if the change is meant, renew the golden with "
                               "'quantgate bless %s'",
                               bless);
    QG_NEED(out->fix, err);
    return QG_OK;
}

static qg_status add_notice(judging *j, const char *text, qg_err *err)
{
    return qg_run_notice(j->run, j->arena, text, err);
}

static qg_status judge_budget(qg_judgement *out, judging *j, const qg_expect *budget, qg_err *err)
{
    qg_estimate estimate;
    golden_slot *used = NULL;
    qg_err why;

    qg_err_clear(&why);
    take_place(out, j, budget->place);
    qg_status s = find_value(j, budget, &estimate, &used, &why);
    if (s == QG_OK && !isfinite(estimate.value.value))
        s = qg_fail(&why, QG_ENONFINITE, "%s is not a finite number",
                    qg_metric_info_of(budget->metric)->name);
    if (s == QG_ENOMEM)
        return qg_fail(err, QG_ENOMEM, "out of memory");
    if (s == QG_ENOTFOUND && budget->is_default) { /* not asked for, and nothing is there */
        out->metric = QG_METRIC_NONE;
        return add_notice(
            j,
            qg_arena_format(j->arena, "drift of '%s' is not judged: %s", j->m->id.id, why.message),
            err);
    }
    if (s != QG_OK)
        return judge_error(out, j, budget->metric, &why, err);
    qg_budget_judge(out, budget, &estimate, j->alpha);
    if (estimate.test) /* decided among all, and said then */
        return QG_OK;
    QG_PASS(qg_sentence_write(out, j->arena, j->run, err));
    return out->verdict == QG_VERDICT_FAIL && used ? explain(out, j, used, err) : QG_OK;
}

/* ---- regression ---- */

/* One allowance on one case against others. */
static qg_status judge_allow(judging *j, const qg_allow *allow, const qg_others *others,
                             qg_err *err)
{
    qg_run *run = j->run;
    qg_judgement *out = &run->judgements[run->n_judgements];
    qg_allowed allowed = {.allow = allow,
                          .floor = qg_noise_floor(j->options->noise, j->m->id.id, allow->metric),
                          .alpha = j->alpha,
                          .fail_alpha = QG_FAIL_ALPHA / (double)j->n_family,
                          .n_draws = qg_estimate_draws(j->n_family)};
    bool applies;
    qg_err why = {0};

    *out = (qg_judgement){0};
    take_place(out, j, allow->place);
    qg_status s = qg_regression_judge(out, &applies, j->scratch, j->m, others, &allowed, &why);
    if (s == QG_ENOMEM)
        return qg_fail(err, QG_ENOMEM, "out of memory");
    if (s != QG_OK) {
        out->basis = others->basis;
        run->n_judgements++;
        return judge_error(out, j, allow->metric, &why, err);
    }
    run->n_judgements += applies;
    return applies && !out->test ? qg_sentence_write(out, j->arena, run, err) : QG_OK;
}

static qg_status judge_others(judging *j, const qg_others *others, qg_err *err)
{
    const qg_suite_regression *r = &j->suite->regression;

    for (size_t i = 0; others->n > 0 && i < r->n_allow; i++)
        QG_PASS(judge_allow(j, &r->allow[i], others, err));
    return QG_OK;
}

/* The other program's case. Where it failed there, nothing is known of a change: an error. */
static qg_status judge_against(judging *j, qg_err *err)
{
    const qg_measurement *theirs =
        j->run->against ? qg_run_case(j->run->against, j->m->id.id) : NULL;
    qg_others others = {QG_BASIS_AGAINST, &theirs, 1};

    if (!theirs || j->suite->regression.n_allow == 0)
        return QG_OK;
    if (theirs->state == QG_CASE_MEASURED)
        return judge_others(j, &others, err);
    qg_judgement *out = &j->run->judgements[j->run->n_judgements++];
    *out = (qg_judgement){.metric = QG_METRIC_NONE,
                          .basis = QG_BASIS_AGAINST,
                          .verdict = QG_VERDICT_ERROR,
                          .exit_class = theirs->exit_class == 2 ? 2 : 3};
    take_place(out, j, (qg_place){j->m->file, j->m->line, j->m->column});
    out->message = qg_arena_format(j->arena, "the other program: %s",
                                   theirs->message ? theirs->message : "the case failed");
    QG_NEED(out->message, err);
    return QG_OK;
}

static qg_status judge_stored(judging *j, qg_basis basis, const qg_accepted *accepted, qg_err *err)
{
    const qg_measurement **at = QG_NEW_N(j->scratch, const qg_measurement *, accepted->n_runs);
    qg_others others = {basis, at, 0};

    QG_NEED(at, err);
    for (size_t i = 0; i < accepted->n_runs; i++) {
        const qg_measurement *m = qg_run_case(accepted->runs[i], j->m->id.id);
        if (m && m->id.input_len == j->m->id.input_len && m->id.output_len == j->m->id.output_len)
            at[others.n++] = m;
    }
    return judge_others(j, &others, err);
}

/* Whether the anchor is the baseline itself: one judgement says both. */
static bool is_same(const qg_accepted *a, const qg_accepted *b)
{
    return a->n_runs == b->n_runs && a->started && b->started &&
           strcmp(a->started, b->started) == 0;
}

static qg_status judge_regressions(judging *j, qg_err *err)
{
    const qg_baseline *b = j->options->baseline;

    QG_PASS(judge_against(j, err));
    if (!b)
        return QG_OK;
    QG_PASS(judge_stored(j, QG_BASIS_BASELINE, &b->current, err));
    return is_same(&b->current, &b->anchor) ? QG_OK
                                            : judge_stored(j, QG_BASIS_ANCHOR, &b->anchor, err);
}

/* A judgement against another run whose interval lies beyond the allowance on the good side. */
static bool is_better(const qg_judgement *j)
{
    if (j->basis != QG_BASIS_BASELINE || j->verdict != QG_VERDICT_PASS)
        return false;
    if (!j->test)
        return j->at_least ? j->value > -j->limit : j->value < -j->limit;
    return j->at_least ? j->has_low && j->low > -j->limit : j->has_high && j->high < -j->limit;
}

static qg_status notice_improvements(judging *j, qg_err *err)
{
    for (size_t i = 0; i < j->run->n_judgements; i++) {
        const qg_judgement *at = &j->run->judgements[i];
        char share[QG_UNIT_TEXT];
        if (!is_better(at))
            continue;
        if (at->is_share)
            qg_unit_print(share, QG_UNIT_SHARE, fabs(at->value));
        else
            qg_metric_print(share, at->metric, fabs(at->value));
        QG_PASS(add_notice(
            j,
            qg_arena_format(j->arena,
                            "baseline is stale: %s of '%s' is better by %s; renew it with "
                            "'quantgate baseline update %s --why \"...\"'",
                            qg_metric_info_of(at->metric)->name, at->case_id, share,
                            j->suite->path),
            err));
    }
    return QG_OK;
}

/* A case that was not measured: one judgement on the case itself. */
static void judge_absence(qg_judgement *out, const judging *j)
{
    const qg_measurement *m = j->m;
    bool skipped = m->state == QG_CASE_SKIPPED;

    take_place(out, j, (qg_place){m->file, m->line, m->column});
    out->metric = QG_METRIC_NONE;
    out->verdict = skipped ? QG_VERDICT_SKIP : QG_VERDICT_ERROR;
    out->exit_class = skipped ? 0 : m->exit_class == 2 ? 2 : 3;
    out->message = m->message ? m->message : skipped ? "skipped" : "the case failed";
}

static qg_status notice_weights(judging *j, const golden_slot *slot, qg_err *err)
{
    if (!slot->tried || slot->status != QG_OK || !slot->other_weights)
        return QG_OK;
    const char *bless = bless_arguments(j);
    QG_NEED(bless, err);
    return add_notice(j,
                      qg_arena_format(j->arena,
                                      "golden '%s' was blessed for other weights: renew it with "
                                      "'quantgate bless %s' once the change is accepted",
                                      slot->path, bless),
                      err);
}

static qg_status judge_case(judging *j, qg_err *err)
{
    qg_run *run = j->run;

    if (j->m->state != QG_CASE_MEASURED) {
        judge_absence(&run->judgements[run->n_judgements++], j);
        return QG_OK;
    }
    j->reference = reference_of(j);
    j->fp16 = j->drift = (golden_slot){0};
    for (size_t i = 0; i < j->expects->n; i++) {
        qg_judgement *out = &run->judgements[run->n_judgements];
        *out = (qg_judgement){0};
        QG_PASS(judge_budget(out, j, &j->expects->at[i], err));
        run->n_judgements += out->metric != QG_METRIC_NONE;
    }
    QG_PASS(judge_regressions(j, err));
    QG_PASS(notice_weights(j, &j->fp16, err));
    return notice_weights(j, &j->drift, err);
}

static qg_status decide(judging *j, qg_err *err)
{
    const qg_suite_regression *r = &j->suite->regression;
    qg_run *run = j->run;
    int final = r->inconclusive == QG_INCONCLUSIVE_RERUN ? r->inconclusive_final : r->inconclusive;
    qg_policy policy = {.fail_inconclusive = final == QG_INCONCLUSIVE_FAIL,
                        .family = j->options->family};

    QG_PASS(qg_decide(run, j->scratch, &policy, err));
    for (size_t i = 0; i < run->n_judgements; i++)
        if (run->judgements[i].test)
            QG_PASS(qg_sentence_write(&run->judgements[i], j->arena, run, err));
    return notice_improvements(j, err);
}

size_t qg_judge_family(const qg_suite *suite, const qg_expects *expects, bool is_performance,
                       size_t n_others)
{
    const qg_suite_regression *r = &suite->regression;
    size_t n = 0;

    for (size_t k = 0; k < expects->n; k++)
        n += qg_estimate_varies(expects->at[k].metric);
    for (size_t k = 0; is_performance && k < r->n_allow; k++)
        n += n_others * qg_estimate_varies(r->allow[k].metric);
    return n;
}

/* Judgements that there can be, and those of them that chance can turn. */
static void count_judgements(const judging *j, const qg_expects *expects, size_t *most,
                             size_t *family)
{
    const qg_baseline *b = j->options->baseline;
    const qg_suite_regression *r = &j->suite->regression;
    size_t others =
        (j->run->against != NULL) + (b && b->current.n_runs > 0) + (b && b->anchor.n_runs > 0);

    *most = *family = 0;
    for (size_t i = 0; i < j->run->n_measurements; i++) {
        *most += expects[i].n + others * r->n_allow + 2;
        *family +=
            qg_judge_family(j->suite, &expects[i], j->run->measurements[i].id.batch > 0, others);
    }
}

static qg_status judge_all(judging *j, const qg_expects *expects, qg_err *err)
{
    qg_run *run = j->run;
    size_t most, family;

    count_judgements(j, expects, &most, &family);
    family = family > j->options->family ? family : j->options->family;
    j->n_family = family + !family;
    run->n_judgements = 0;
    run->judgements = QG_NEW_N(j->arena, qg_judgement, most);
    QG_NEED(run->judgements, err);
    for (size_t i = 0; i < run->n_measurements; i++) {
        qg_arena_mark mark = qg_arena_here(j->scratch);
        j->m = &run->measurements[i];
        j->expects = &expects[i];
        QG_PASS(judge_case(j, err));
        qg_arena_rewind(j->scratch, mark);
    }
    QG_PASS(decide(j, err));
    QG_PASS(qg_known_apply(run, j->arena, j->suite, err));
    qg_verdict_fold(run);
    if (run->n_judgements == 0)
        return add_notice(j, "nothing was judged: the suite has no budgets for these cases", err);
    if (run->verdict == QG_VERDICT_SKIP)
        return add_notice(j, "every case was skipped", err);
    return QG_OK;
}

qg_status qg_judge_run(qg_run *run, qg_arena *arena, const qg_suite *suite,
                       const qg_expects *expects, const qg_judge_options *options, qg_err *err)
{
    static const qg_judge_options none;
    judging j = {.run = run,
                 .suite = suite,
                 .arena = arena,
                 .scratch = qg_arena_create(),
                 .options = options ? options : &none};

    j.alpha = 1 - suite->regression.confidence;
    QG_NEED(j.scratch, err);
    qg_status s = judge_all(&j, expects, err);
    qg_arena_free(j.scratch);
    return s;
}
