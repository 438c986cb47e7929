/* The items of the checklist that a run proves by itself: see checklist.h. Each function walks the
 * cases of the models that it is about; what was measured becomes a proof, and every case that is
 * not there, was skipped or failed a lack that says so. */
#include "judge/items.h"

#include "record/value.h"

#include <stdio.h>
#include <string.h>

static bool is_kind(const qg_measurement *m, const char *kind)
{
    return strcmp(m->id.kind, kind) == 0;
}

static bool is_of(const qg_measurement *m, const char *model)
{
    return strcmp(m->id.model, model) == 0;
}

static qg_place place_of(const qg_measurement *m)
{
    return (qg_place){m->file, m->line, m->column};
}

/* What a proof from a case says beside its text. */
static qg_proof proof_of(const qg_checking *c, const qg_measurement *m, int64_t n)
{
    return (qg_proof){.subject = m->id.id,
                      .n = n,
                      .age_days = c->run_age_days,
                      .hash = qg_checkitem_hash(c, m->id.model)};
}

/* Values, known where they were measured; not known where memory ran out, which is noted. */
static qg_value value_of(qg_checking *c, const qg_measurement *m, qg_metric metric)
{
    qg_value v = {0};

    if (qg_value_of(&v, c->arena, m, metric, NULL) == QG_ENOMEM)
        c->out_of_memory = true;
    return v;
}

/* The same where the text is all that counts: "12 MiB", "-". */
static const char *print_of(qg_checking *c, char text[QG_UNIT_TEXT], const qg_measurement *m,
                            qg_metric metric)
{
    qg_value v = value_of(c, m, metric);

    if (!v.known)
        snprintf(text, QG_UNIT_TEXT, "-");
    else
        qg_metric_print(text, metric, v.value);
    return text;
}

static void lack_of_case(qg_checking *c, const qg_measurement *m)
{
    qg_checkitem_lack(c, QG_CHECKITEM_IS_MISSING, place_of(m), c->run_command,
                      "case '%s' was %s%s%s", m->id.id,
                      m->state == QG_CASE_SKIPPED ? "skipped" : "not measured",
                      m->message ? ": " : "", m->message ? m->message : "");
}

/* Whether there is a model to ship; else that is what is lacking. */
static bool has_models(qg_checking *c)
{
    const qg_suite *s = c->suite;

    if (s->checklist.n_models > 0)
        return true;
    qg_checkitem_lack(c, QG_CHECKITEM_IS_MISSING, s->checklist.place,
                      "add a model with 'quantization', or 'from' with 'quantize'",
                      "the suite has no quantized model");
    return false;
}

/* What is lacking where a model has no case of the kind. */
static void lack_of_kind(qg_checking *c, const char *model, const char *kind, bool is_asked)
{
    const char *fix =
        is_asked ? c->run_command : qg_checkitem_format(c, "add '%s' to %s", kind, c->suite->path);

    qg_checkitem_lack(c, QG_CHECKITEM_IS_MISSING, c->suite->checklist.place, fix,
                      "the run has no %s case of '%s'", kind, model);
}

/* ---- baseline ---- */

static bool prove_baseline(qg_checking *c, const qg_measurement *m)
{
    char ttft[QG_UNIT_TEXT], tpot[QG_UNIT_TEXT], speed[QG_UNIT_TEXT], peak[QG_UNIT_TEXT];
    qg_value latency = value_of(c, m, QG_METRIC_TTFT_P50);

    if (!latency.known || !value_of(c, m, QG_METRIC_THROUGHPUT).known ||
        !value_of(c, m, QG_METRIC_MEMORY_PEAK).known)
        return false;
    qg_checkitem_prove(
        c, proof_of(c, m, latency.n), "ttft_p50 %s, tpot_p50 %s, %s, peak %s",
        print_of(c, ttft, m, QG_METRIC_TTFT_P50), print_of(c, tpot, m, QG_METRIC_TPOT_P50),
        print_of(c, speed, m, QG_METRIC_THROUGHPUT), print_of(c, peak, m, QG_METRIC_MEMORY_PEAK));
    return true;
}

void qg_checkitem_baseline(qg_checking *c)
{
    const qg_suite_model *reference = c->suite->reference;
    bool any = false;

    if (strcmp(reference->method, "fp16") != 0) {
        qg_checkitem_lack(c, QG_CHECKITEM_IS_MISSING, reference->method_place,
                          "name a model that runs as fp16 as 'reference'",
                          "the reference '%s' runs as %s: nothing is measured in FP16",
                          reference->name, reference->method);
        return;
    }
    for (size_t i = 0; i < c->run->n_measurements; i++) {
        const qg_measurement *m = &c->run->measurements[i];
        if (is_kind(m, "performance") && is_of(m, reference->name) && m->state == QG_CASE_MEASURED)
            any = prove_baseline(c, m) || any;
    }
    for (size_t i = 0; !any && i < c->run->n_measurements; i++) {
        const qg_measurement *m = &c->run->measurements[i];
        if (!is_kind(m, "performance") || !is_of(m, reference->name))
            continue;
        if (m->state != QG_CASE_MEASURED)
            lack_of_case(c, m);
        else
            qg_checkitem_lack(c, QG_CHECKITEM_IS_MISSING, place_of(m), c->run_command,
                              "case '%s' does not hold latency, throughput and memory", m->id.id);
    }
    if (!any && c->item->n_lacks == 0)
        lack_of_kind(c, reference->name, "performance", c->suite->performance.present);
}

/* ---- variant ---- */

typedef struct tested {
    size_t n_cases, n_judged, n_bad;
} tested;

static tested count_tests(const qg_run *run, const char *model)
{
    tested t = {0};

    for (size_t i = 0; i < run->n_measurements; i++)
        t.n_cases += is_of(&run->measurements[i], model);
    for (size_t i = 0; i < run->n_judgements; i++) {
        const qg_judgement *j = &run->judgements[i];
        const qg_measurement *m = qg_run_case(run, j->case_id);
        if (!m || !is_of(m, model) || m->state != QG_CASE_MEASURED)
            continue;
        t.n_judged++;
        t.n_bad += j->exit_class != 0;
    }
    return t;
}

static void judge_variant(qg_checking *c, const qg_suite_model *model)
{
    tested t = count_tests(c->run, model->name);
    bool complete = t.n_cases > 0;

    for (size_t i = 0; i < c->run->n_measurements; i++) {
        const qg_measurement *m = &c->run->measurements[i];
        if (!is_of(m, model->name) || m->state == QG_CASE_MEASURED)
            continue;
        lack_of_case(c, m);
        complete = false;
    }
    if (t.n_cases == 0)
        qg_checkitem_lack(c, QG_CHECKITEM_IS_MISSING, model->place, c->run_command,
                          "the run has no case of '%s'", model->name);
    else if (complete && t.n_judged == 0)
        qg_checkitem_lack(c, QG_CHECKITEM_IS_MISSING, model->place,
                          qg_checkitem_format(c,
                                              "give '%s' budgets under 'quality' and 'performance'",
                                              model->name),
                          "nothing judges '%s'", model->name);
    else if (t.n_bad > 0)
        qg_checkitem_lack(c, QG_CHECKITEM_IS_FAILED, model->place,
                          "mend what fails, or say in the suite that it is meant, and run again",
                          "'%s' does not pass %zu of its %zu judgements", model->name, t.n_bad,
                          t.n_judged);
    else if (complete)
        qg_checkitem_prove(c,
                           (qg_proof){.subject = model->name,
                                      .n = (int64_t)t.n_judged,
                                      .age_days = c->run_age_days,
                                      .hash = qg_checkitem_hash(c, model->name)},
                           "%s, %zu cases measured, %zu judgements pass", model->method, t.n_cases,
                           t.n_judged);
}

void qg_checkitem_variant(qg_checking *c)
{
    for (size_t i = 0; has_models(c) && i < c->suite->checklist.n_models; i++)
        judge_variant(c, c->suite->checklist.models[i]);
}

/* ---- quality ---- */

static void prove_quality(qg_checking *c, const qg_measurement *m)
{
    const qg_suite_model *own = qg_suite_model_of(c->suite, qg_str_from(m->id.model));
    const qg_suite_model *reference = c->suite->reference;
    bool beside_other = own && qg_suite_reference_of(c->suite, own) != reference;
    char ppl[QG_UNIT_TEXT], kld[QG_UNIT_TEXT], top[QG_UNIT_TEXT];
    int64_t n = 0;
    size_t n_docs = 0;

    for (size_t i = 0; i < m->n_docs && !beside_other; i++) {
        n_docs += m->docs[i].has_reference;
        n += m->docs[i].has_reference ? m->docs[i].n_scored : 0;
    }
    if (n == 0)
        qg_checkitem_lack(
            c, QG_CHECKITEM_IS_MISSING, place_of(m),
            c->suite->quality.text
                ? c->run_command
                : qg_checkitem_format(c, "add 'text' with a validation set to 'quality' in %s",
                                      c->suite->path),
            "case '%s' read no text beside '%s'", m->id.id, reference->name);
    else
        qg_checkitem_prove(
            c, proof_of(c, m, n), "ppl_increase %s, kld_mean %s, same_top %s over %zu documents",
            print_of(c, ppl, m, QG_METRIC_PPL_INCREASE), print_of(c, kld, m, QG_METRIC_KLD_MEAN),
            print_of(c, top, m, QG_METRIC_SAME_TOP), n_docs);
}

void qg_checkitem_quality(qg_checking *c)
{
    for (size_t k = 0; has_models(c) && k < c->suite->checklist.n_models; k++) {
        const char *model = c->suite->checklist.models[k]->name;
        bool any = false;
        for (size_t i = 0; i < c->run->n_measurements; i++) {
            const qg_measurement *m = &c->run->measurements[i];
            if (!is_kind(m, "quality") || !is_of(m, model))
                continue;
            any = true;
            if (m->state == QG_CASE_MEASURED)
                prove_quality(c, m);
            else
                lack_of_case(c, m);
        }
        if (!any)
            lack_of_kind(c, model, "quality", c->suite->quality.present);
    }
}

/* ---- memory ---- */

/* The case of the reference that a case is compared with. */
static const qg_measurement *counterpart(const qg_checking *c, const qg_measurement *m)
{
    for (size_t i = 0; i < c->run->n_measurements; i++) {
        const qg_measurement *r = &c->run->measurements[i];
        if (is_kind(r, "performance") && is_of(r, c->suite->reference->name) &&
            r->state == QG_CASE_MEASURED && r->id.batch == m->id.batch &&
            strcmp(r->id.device, m->id.device) == 0)
            return r;
    }
    return NULL;
}

/* Whether memory could be compared. */
static bool judge_memory(qg_checking *c, const qg_measurement *m)
{
    const qg_measurement *r = counterpart(c, m);
    char weights[QG_UNIT_TEXT], peak[QG_UNIT_TEXT], ratio[QG_UNIT_TEXT];
    const char *reference = c->suite->reference->name;

    if (!r)
        return false;
    qg_value own = value_of(c, m, QG_METRIC_MEMORY_PEAK);
    qg_value theirs = value_of(c, r, QG_METRIC_MEMORY_PEAK);
    if (!own.known || !theirs.known || theirs.value <= 0)
        return false;
    qg_unit_print(ratio, QG_UNIT_RATIO, own.value / theirs.value);
    print_of(c, peak, m, QG_METRIC_MEMORY_PEAK);
    if (own.value >= theirs.value)
        qg_checkitem_lack(
            c, QG_CHECKITEM_IS_FAILED, place_of(m), NULL,
            "memory_peak of case '%s' is %s, %s of that of '%s': that is no reduction", m->id.id,
            peak, ratio, reference);
    else
        qg_checkitem_prove(c, proof_of(c, m, 0), "memory_peak %s, %s of '%s' (weights %s)", peak,
                           ratio, reference, print_of(c, weights, m, QG_METRIC_WEIGHTS));
    return true;
}

void qg_checkitem_memory(qg_checking *c)
{
    for (size_t k = 0; has_models(c) && k < c->suite->checklist.n_models; k++) {
        const char *model = c->suite->checklist.models[k]->name;
        bool any = false, compared = false;
        for (size_t i = 0; i < c->run->n_measurements; i++) {
            const qg_measurement *m = &c->run->measurements[i];
            if (!is_kind(m, "performance") || !is_of(m, model))
                continue;
            any = true;
            compared = (m->state == QG_CASE_MEASURED && judge_memory(c, m)) || compared;
        }
        if (!any)
            lack_of_kind(c, model, "performance", c->suite->performance.present);
        else if (!compared)
            qg_checkitem_lack(c, QG_CHECKITEM_IS_MISSING, c->suite->checklist.place, c->run_command,
                              "'%s' and '%s' have no batch at which memory of both was measured",
                              model, c->suite->reference->name);
    }
}

/* ---- batches ---- */

/* The case of a model at a batch of `production`; NULL: the run has none. */
static const qg_measurement *case_at(const qg_checking *c, const char *model, int64_t batch)
{
    const qg_suite_performance *p = &c->suite->performance;

    for (size_t i = 0; i < c->run->n_measurements; i++) {
        const qg_measurement *m = &c->run->measurements[i];
        if (is_kind(m, "performance") && is_of(m, model) && m->id.batch == batch &&
            (m->state != QG_CASE_MEASURED ||
             (m->id.input_len == p->input_len && m->id.output_len == p->output_len)))
            return m;
    }
    return NULL;
}

static void judge_batches(qg_checking *c, const qg_suite_model *model)
{
    const qg_suite_performance *p = &c->suite->performance;
    size_t n = 0;
    qg_buf list;

    qg_buf_init(&list, c->arena);
    for (size_t i = 0; i < p->n_batch; i++) {
        const qg_measurement *m = case_at(c, model->name, p->batch[i]);
        if (m && m->state == QG_CASE_MEASURED)
            qg_buf_format(&list, "%s%lld", n++ ? ", " : "", (long long)p->batch[i]);
        else if (m)
            lack_of_case(c, m);
        else
            qg_checkitem_lack(
                c, QG_CHECKITEM_IS_MISSING, model->place, c->run_command,
                "'%s' was not measured at batch %lld with %lld tokens in and %lld out", model->name,
                (long long)p->batch[i], (long long)p->input_len, (long long)p->output_len);
    }
    c->out_of_memory = c->out_of_memory || list.failed;
    if (n > 0 && !list.failed)
        qg_checkitem_prove(c,
                           (qg_proof){.subject = model->name,
                                      .n = (int64_t)n,
                                      .age_days = c->run_age_days,
                                      .hash = qg_checkitem_hash(c, model->name)},
                           "batch %s; %lld tokens in, %lld out", list.ptr, (long long)p->input_len,
                           (long long)p->output_len);
}

void qg_checkitem_batches(qg_checking *c)
{
    const qg_suite *s = c->suite;

    if (!s->performance.present) {
        lack_of_kind(c, s->reference->name, "performance", false);
        return;
    }
    judge_batches(c, s->reference);
    for (size_t i = 0; has_models(c) && i < s->checklist.n_models; i++)
        judge_batches(c, s->checklist.models[i]);
}

/* ---- percentiles ---- */

/* Samples of time to first token, and of time per token where there is one. */
static int64_t samples_of(const qg_measurement *m)
{
    const qg_series *ttft = qg_measurement_series(m, QG_STR("ttft"));
    const qg_series *tpot = qg_measurement_series(m, QG_STR("tpot"));
    size_t n = ttft ? ttft->n_samples : 0;

    if (tpot && tpot->n_samples < n)
        n = tpot->n_samples;
    return (int64_t)n;
}

static void judge_percentiles(qg_checking *c, const qg_measurement *m)
{
    const qg_suite_checklist *k = &c->suite->checklist;
    int percentile = k->p99 ? 99 : 95;
    int64_t n = samples_of(m), least = qg_percentile_least_samples(percentile);
    int64_t even = least + least % 2; /* samples come in rounds of two */
    char a[QG_UNIT_TEXT], b[QG_UNIT_TEXT], d[QG_UNIT_TEXT], e[QG_UNIT_TEXT];

    if (n < least) {
        qg_checkitem_lack(
            c, QG_CHECKITEM_IS_MISSING, place_of(m),
            qg_checkitem_format(c,
                                "set 'samples: {min: %lld, max: %lld}' under 'performance' in "
                                "%s and run again",
                                (long long)even, (long long)even, c->suite->path),
            "case '%s' has %lld samples, a bound of P%d needs %lld", m->id.id, (long long)n,
            percentile, (long long)least);
        return;
    }
    if (k->p95 && k->p99)
        qg_checkitem_prove(
            c, proof_of(c, m, n), "ttft P95 %s, P99 %s; tpot P95 %s, P99 %s",
            print_of(c, a, m, QG_METRIC_TTFT_P95), print_of(c, b, m, QG_METRIC_TTFT_P99),
            print_of(c, d, m, QG_METRIC_TPOT_P95), print_of(c, e, m, QG_METRIC_TPOT_P99));
    else
        qg_checkitem_prove(c, proof_of(c, m, n), "ttft P%d %s, tpot P%d %s", percentile,
                           print_of(c, a, m, k->p99 ? QG_METRIC_TTFT_P99 : QG_METRIC_TTFT_P95),
                           percentile,
                           print_of(c, b, m, k->p99 ? QG_METRIC_TPOT_P99 : QG_METRIC_TPOT_P95));
}

void qg_checkitem_percentiles(qg_checking *c)
{
    for (size_t k = 0; has_models(c) && k < c->suite->checklist.n_models; k++) {
        const char *model = c->suite->checklist.models[k]->name;
        bool any = false;
        for (size_t i = 0; i < c->run->n_measurements; i++) {
            const qg_measurement *m = &c->run->measurements[i];
            if (!is_kind(m, "performance") || !is_of(m, model))
                continue;
            any = true;
            if (m->state == QG_CASE_MEASURED)
                judge_percentiles(c, m);
            else
                lack_of_case(c, m);
        }
        if (!any)
            lack_of_kind(c, model, "performance", c->suite->performance.present);
    }
}
