/* Two runs side by side: see compare.h. For each metric of a case: both values, then how its change
 * is estimated, else why nothing is claimed; at the end all chances together decide what is called.
 */
#include "judge/compare.h"

#include "base/random.h"
#include "judge/busy.h"
#include "judge/decide.h"
#include "judge/rounds.h"
#include "record/value.h"
#include "stats/bootstrap.h"
#include "stats/multiple.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Places that a bootstrap of quantiles may draw: 10,000 draws of 2,000 samples. */
enum { MOST_PLACES = 20000000, LEAST_DRAWS = 1000, TAIL = 10 };

typedef struct comparing {
    qg_comparison *out;
    qg_arena *arena, *scratch;
    const qg_run *a, *b;
    const qg_compare_options *options;
    double alpha;                        /* of an end */
    const char *no_times, *no_reference; /* why nothing of the kind is claimed; NULL: it is */
    const qg_measurement *m, *n;         /* the case at hand, of A and B */
} comparing;

const char *qg_change_text(qg_change c)
{
    static const char *const texts[] = {"-", "same", "better", "unclear", "worse"};
    return texts[c];
}

static bool same(const char *x, const char *y)
{
    return strcmp(x ? x : "", y ? y : "") == 0;
}

static const char *or_none(const char *text)
{
    return text && text[0] ? text : "none";
}

/* ---- what differs besides the numbers ---- */

static qg_status note(comparing *c, const char *text, qg_err *err)
{
    qg_comparison *o = c->out;
    const char **more = QG_NEW_N(c->arena, const char *, o->n_notes + 1);

    QG_NEED(text && more, err);
    if (o->n_notes)
        memcpy(more, o->notes, o->n_notes * sizeof *more);
    more[o->n_notes++] = text;
    o->notes = more;
    return QG_OK;
}

static qg_status note_machines(comparing *c, qg_err *err)
{
    const qg_machine *a = &c->a->machine, *b = &c->b->machine;
    const char *x = or_none(a->gpu ? a->gpu : a->cpu), *y = or_none(b->gpu ? b->gpu : b->cpu);

    if (c->options->in_turns)
        return QG_OK;
    if (!a->fingerprint || !b->fingerprint) {
        c->no_times = "no machine";
        return note(c,
                    qg_arena_format(c->arena,
                                    "the machine of '%s' is not known: times do not "
                                    "compare",
                                    a->fingerprint ? c->options->name_b : c->options->name_a),
                    err);
    }
    if (strcmp(a->fingerprint, b->fingerprint) == 0)
        return QG_OK;
    c->no_times = "other machine";
    return note(c,
                qg_arena_format(c->arena,
                                "other machines, times do not compare: A %s, %s, %d threads, %s "
                                "(%.12s); B %s, %s, %d threads, %s (%.12s)",
                                x, or_none(a->tier), a->n_threads, or_none(a->compiler),
                                a->fingerprint, y, or_none(b->tier), b->n_threads,
                                or_none(b->compiler), b->fingerprint),
                err);
}

static const qg_model_info *model_of(const qg_run *run, const char *name)
{
    for (size_t i = 0; name && i < run->n_models; i++)
        if (strcmp(run->models[i].name, name) == 0)
            return &run->models[i];
    return NULL;
}

static qg_status note_models(comparing *c, qg_err *err)
{
    for (size_t i = 0; i < c->a->n_models; i++) {
        const qg_model_info *x = &c->a->models[i], *y = model_of(c->b, x->name);
        if (!y || !x->model_hash || !y->model_hash || strcmp(x->model_hash, y->model_hash) == 0)
            continue;
        if (same(x->name, c->a->reference))
            c->no_reference = "other model";
        QG_PASS(note(c,
                     qg_arena_format(c->arena, "model '%s' has other weights: A %.12s, B %.12s",
                                     x->name, x->model_hash, y->model_hash),
                     err));
    }
    if (!same(c->a->reference, c->b->reference))
        c->no_reference = "other model";
    return QG_OK;
}

static qg_status note_texts(comparing *c, qg_err *err)
{
    const qg_run *a = c->a, *b = c->b;
    const struct {
        const char *what, *a, *b;
    } texts[] = {{"suites", a->suite_hash, b->suite_hash},
                 {"versions", a->version, b->version},
                 {"commits", a->commit, b->commit},
                 {"references", a->reference, b->reference}};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!same(texts[i].a, texts[i].b))
            QG_PASS(note(c,
                         qg_arena_format(c->arena, "other %s: A %.20s, B %.20s", texts[i].what,
                                         or_none(texts[i].a), or_none(texts[i].b)),
                         err));
    for (int side = 0; side < 2; side++)
        if ((side ? b : a)->partial)
            QG_PASS(note(c,
                         qg_arena_format(c->arena, "'%s' is partial: cases are missing",
                                         side ? c->options->name_b : c->options->name_a),
                         err));
    return QG_OK;
}

static bool is_wanted(const comparing *c, const qg_measurement *m)
{
    return m->state == QG_CASE_MEASURED &&
           (!c->options->only || qg_str_glob(qg_str_from(c->options->only), qg_str_from(m->id.id)));
}

/* Cases that only one side has measured. */
static qg_status note_lonely(comparing *c, const qg_run *run, const qg_run *other, const char *side,
                             qg_err *err)
{
    size_t n = 0;
    qg_buf b;

    qg_buf_init(&b, c->arena);
    for (size_t i = 0; i < run->n_measurements; i++) {
        const qg_measurement *m = &run->measurements[i];
        const qg_measurement *twin = qg_run_case(other, m->id.id);
        if (is_wanted(c, m) && (!twin || twin->state != QG_CASE_MEASURED) && n++ < 10)
            qg_buf_format(&b, "%s%s", b.len ? ", " : "", m->id.id);
    }
    QG_NEED(!b.failed, err);
    return n == 0 ? QG_OK
                  : note(c,
                         qg_arena_format(c->arena, "only in %s: %s%s", side, b.ptr,
                                         n > 10 ? ", ..." : ""),
                         err);
}

/* ---- how a change is estimated ---- */

static void claim(qg_comparison_row *r, const char *test, qg_interval ends, double p)
{
    r->test = test;
    r->has_low = isfinite(ends.low);
    r->has_high = isfinite(ends.high);
    r->low = r->has_low ? ends.low : 0;
    r->high = r->has_high ? ends.high : 0;
    r->has_p = true;
    r->p = p;
    r->verdict = QG_CHANGE_UNCLEAR; /* until all chances are known */
}

/* Ends on the scale of logarithms to shares. */
static qg_interval to_shares(qg_interval i)
{
    return (qg_interval){expm1(i.low), expm1(i.high)};
}

static qg_status compare_centres(qg_comparison_row *r, comparing *c, qg_err *err)
{
    qg_measurement a = *c->m, b = *c->n;
    qg_rounds shift;

    if (!c->options->in_turns) /* groups of two runs have the same names, no more */
        a.group = b.group = NULL;
    QG_PASS(qg_rounds_compare(&shift, c->scratch, &b, &a, qg_value_series(r->metric), 0, c->alpha,
                              c->alpha, err));
    r->change = expm1(shift.estimate);
    claim(r, shift.test, to_shares(shift.interval), shift.p.both);
    return QG_OK;
}

static uint64_t seed_of(const qg_comparison_row *r)
{
    uint64_t seed = (uint64_t)r->metric + 1;

    for (const char *p = r->case_id; *p; p++)
        seed = qg_random_mix(seed + QG_RANDOM_STEP + (unsigned char)*p);
    return seed;
}

static bool is_positive(const qg_series *s)
{
    for (size_t i = 0; i < s->n_samples; i++)
        if (!(s->samples[i] > 0))
            return false;
    return true;
}

/* Far percentiles: blocks keep neighbours together, which depend on each other. */
static qg_status compare_tails(qg_comparison_row *r, comparing *c, qg_err *err)
{
    double q = qg_metric_info_of(r->metric)->percentile / 100.0;
    const qg_series *a = qg_measurement_series(c->m, qg_value_series(r->metric));
    const qg_series *b = qg_measurement_series(c->n, qg_value_series(r->metric));
    size_t n_a = a->n_samples, n_b = b->n_samples, less = n_a < n_b ? n_a : n_b;
    size_t a_run = qg_samples_a_run(c->n, b);
    size_t block = a_run * qg_bootstrap_block_of(less / a_run ? less / a_run : 1);
    size_t draws = MOST_PLACES / (n_a + n_b);
    qg_bootstrap boot;

    if ((double)(less / a_run) * (1 - q) < TAIL || block > less || !is_positive(a) ||
        !is_positive(b)) {
        r->why = "few samples";
        return QG_OK;
    }
    draws = draws < LEAST_DRAWS          ? LEAST_DRAWS
            : draws > QG_BOOTSTRAP_DRAWS ? QG_BOOTSTRAP_DRAWS
                                         : draws;
    QG_PASS(qg_bootstrap_quantile_ratio(&boot, c->scratch, (qg_bootstrap_series){b->samples, n_b},
                                        (qg_bootstrap_series){a->samples, n_a},
                                        c->options->in_turns && n_a == n_b, q, block, draws,
                                        seed_of(r), err));
    qg_interval ends = qg_bootstrap_percentile(&boot, c->alpha);
    r->change = boot.estimate - 1;
    claim(r, "block bootstrap", (qg_interval){ends.low - 1, ends.high - 1},
          qg_bootstrap_percentile_test(&boot, 1).both);
    return QG_OK;
}

/* ---- quality, document by document ---- */

static bool is_of_reference(qg_metric metric)
{
    return metric != QG_METRIC_PPL;
}

static double part_of(const qg_doc *d, qg_metric metric)
{
    switch (metric) {
    case QG_METRIC_PPL:
        return d->sum_nll;
    case QG_METRIC_KLD_MEAN:
        return d->sum_kl;
    case QG_METRIC_DP_RMS:
        return d->sum_dp2;
    default:
        return (double)d->flips; /* same_top */
    }
}

/* Why the documents of the case at hand cannot be paired; NULL: they can. */
static const char *no_pairs(const comparing *c, qg_metric metric)
{
    const qg_measurement *a = c->m, *b = c->n;

    if (a->n_docs == 0 || b->n_docs == 0)
        return "no documents";
    if (!same(a->protocol, b->protocol) || a->n_docs != b->n_docs)
        return "other protocol";
    if (is_of_reference(metric) && c->no_reference)
        return c->no_reference;
    for (size_t i = 0; i < a->n_docs; i++) {
        if (a->docs[i].n_scored != b->docs[i].n_scored)
            return "other tokens";
        if (is_of_reference(metric) && !(a->docs[i].has_reference && b->docs[i].has_reference))
            return "no reference";
    }
    return NULL;
}

/* Sums by document, so that sum x / sum w is the change: B minus A over tokens, or B over A. */
static size_t pair_documents(double *x, double *w, const comparing *c, qg_metric metric,
                             bool is_ratio)
{
    size_t n = 0;

    for (size_t i = 0; i < c->m->n_docs; i++) {
        double a = part_of(&c->m->docs[i], metric), b = part_of(&c->n->docs[i], metric);
        double tokens = (double)c->m->docs[i].n_scored;
        if (tokens == 0)
            continue;
        x[n] = is_ratio ? b : b - a;
        w[n++] = is_ratio ? a : tokens;
    }
    return n;
}

/* The change that a mean over tokens, or a ratio of two, stands for. */
static double change_of(qg_metric metric, double estimate)
{
    switch (metric) {
    case QG_METRIC_PPL:
        return expm1(estimate);
    case QG_METRIC_KLD_MEAN:
        return estimate - 1;
    case QG_METRIC_DP_RMS:
        return sqrt(estimate > 0 ? estimate : 0) - 1;
    default:
        return -estimate;
    }
}

static qg_status compare_documents(qg_comparison_row *r, comparing *c, qg_err *err)
{
    bool is_ratio = r->metric == QG_METRIC_KLD_MEAN || r->metric == QG_METRIC_DP_RMS;
    double *x = QG_NEW_N(c->scratch, double, c->m->n_docs);
    double *w = QG_NEW_N(c->scratch, double, c->m->n_docs);
    qg_bootstrap boot;

    r->why = no_pairs(c, r->metric);
    if (r->why)
        return QG_OK;
    QG_NEED(x && w, err);
    size_t n = pair_documents(x, w, c, r->metric, is_ratio);
    for (size_t i = 0; i < n; i++)
        if (!(w[i] > 0))
            r->why = "divides by 0";
    if (n < QG_BOOTSTRAP_LEAST)
        r->why = "few documents";
    if (r->why)
        return QG_OK;
    QG_PASS(qg_bootstrap_ratio(&boot, c->scratch, x, w, n, QG_BOOTSTRAP_DRAWS, seed_of(r), err));
    qg_interval ends = qg_bootstrap_studentized(&boot, c->alpha);
    double low = change_of(r->metric, ends.low), high = change_of(r->metric, ends.high);
    r->is_share = r->metric != QG_METRIC_SAME_TOP;
    r->change = change_of(r->metric, boot.estimate);
    claim(r, "cluster bootstrap",
          r->metric == QG_METRIC_SAME_TOP ? (qg_interval){high, low} : (qg_interval){low, high},
          qg_bootstrap_studentized_test(&boot, is_ratio ? 1 : 0).both);
    return QG_OK;
}

/* ---- rows ---- */

static bool is_time(qg_metric metric)
{
    qg_unit unit = qg_metric_info_of(metric)->unit;
    return unit == QG_UNIT_DURATION || unit == QG_UNIT_SPEED;
}

/* What the kernel or the driver tells is not exact. */
static bool is_exact(qg_metric metric)
{
    return qg_metric_info_of(metric)->unit == QG_UNIT_BYTES && metric != QG_METRIC_HOST_PEAK &&
           metric != QG_METRIC_DEVICE_PEAK;
}

/* Whether one of the two had to wait for its machine; in turns both did. */
static bool is_busy(const comparing *c)
{
    return !c->options->in_turns &&
           (qg_is_busy(c->m, &c->a->machine) || qg_is_busy(c->n, &c->b->machine));
}

static bool is_left_out(qg_metric metric)
{
    return qg_metric_info_of(metric)->unit == QG_UNIT_RATIO || metric == QG_METRIC_NLL ||
           metric == QG_METRIC_PPL_INCREASE || metric == QG_METRIC_ACCURACY_DROP;
}

static qg_status estimate(qg_comparison_row *r, comparing *c, qg_err *err)
{
    const qg_metric_info *info = qg_metric_info_of(r->metric);

    switch (r->metric) {
    case QG_METRIC_PPL:
    case QG_METRIC_KLD_MEAN:
    case QG_METRIC_DP_RMS:
    case QG_METRIC_SAME_TOP:
        return compare_documents(r, c, err);
    default:
        break;
    }
    if (!is_time(r->metric)) {
        if (!is_exact(r->metric))
            r->why = "a point";
        else
            r->verdict = r->worsening > 0 ? QG_CHANGE_WORSE : QG_CHANGE_BETTER;
        return QG_OK;
    }
    r->why = c->no_times ? c->no_times : is_busy(c) ? "busy machine" : NULL;
    if (r->why)
        return QG_OK;
    return info->percentile > 50 ? compare_tails(r, c, err) : compare_centres(r, c, err);
}

static double worsening_of(const qg_comparison_row *r)
{
    bool cost = qg_metric_info_of(r->metric)->direction == QG_COST;
    double share = r->is_share ? r->change : r->a != 0 ? r->b / r->a - 1 : r->b > 0 ? 1 : 0;

    return cost ? share : -share;
}

/* Why two cases of one id are not the same case; NULL: they are. */
static const char *other_shape(const comparing *c)
{
    const qg_caseid *a = &c->m->id, *b = &c->n->id;

    if (a->batch != b->batch || a->input_len != b->input_len || a->output_len != b->output_len)
        return "other shape";
    return same(a->device, b->device) ? NULL : "other device";
}

/* A percentile that could only be the greatest sample says little of its own. */
static bool is_told(const qg_value *v, qg_metric metric)
{
    int percent = qg_metric_info_of(metric)->percentile;

    return v->known && (!is_time(metric) || percent <= 50 || v->n * (100 - percent) >= 100);
}

static qg_status add_row(comparing *c, qg_metric metric, qg_err *err)
{
    qg_comparison_row *r = &c->out->rows[c->out->n_rows];
    qg_value a, b;

    QG_PASS(qg_value_of(&a, c->scratch, c->m, metric, err));
    QG_PASS(qg_value_of(&b, c->scratch, c->n, metric, err));
    if (!is_told(&a, metric) || !is_told(&b, metric))
        return QG_OK;
    *r = (qg_comparison_row){.case_id = c->n->id.id,
                             .metric = metric,
                             .a = a.value,
                             .b = b.value,
                             .n_a = a.n,
                             .n_b = b.n,
                             .is_share = is_time(metric) && a.value != 0};
    r->change = r->is_share ? r->b / r->a - 1 : r->b - r->a;
    r->worsening = worsening_of(r);
    r->why = other_shape(c);
    if (r->why)
        r->verdict = QG_CHANGE_NONE;
    else if (r->a == r->b && !is_time(metric))
        r->verdict = QG_CHANGE_SAME;
    else
        QG_PASS(estimate(r, c, err));
    r->worsening = worsening_of(r);
    c->out->n_rows++;
    return QG_OK;
}

static qg_status add_case(comparing *c, qg_err *err)
{
    for (int metric = 0; metric < QG_METRIC_N; metric++) {
        qg_arena_mark mark = qg_arena_here(c->scratch);
        if (!is_left_out((qg_metric)metric))
            QG_TRY(add_row(c, (qg_metric)metric, err), err, "comparing %s of '%s'",
                   qg_metric_info_of((qg_metric)metric)->name, c->n->id.id);
        qg_arena_rewind(c->scratch, mark);
    }
    return QG_OK;
}

/* ---- all together ---- */

static qg_status call(comparing *c, qg_err *err)
{
    qg_comparison *o = c->out;
    double *p = QG_NEW_N(c->scratch, double, o->n_rows + 1);
    size_t n = 0;

    QG_NEED(p, err);
    for (size_t i = 0; i < o->n_rows; i++)
        if (o->rows[i].has_p)
            p[n++] = o->rows[i].p;
    QG_PASS(qg_multiple_bh(p, c->scratch, p, n, err));
    n = 0;
    bool apart = false;
    for (size_t i = 0; i < o->n_rows; i++) {
        qg_comparison_row *r = &o->rows[i];
        if (!r->has_p)
            continue;
        r->p = p[n++];
        if (r->p > 1 - o->confidence || r->worsening == 0)
            continue;
        r->verdict = r->worsening > 0 ? QG_CHANGE_WORSE : QG_CHANGE_BETTER;
        apart = apart || (is_time(r->metric) && !o->in_turns);
    }
    return apart ? note(c,
                        "times were measured apart: two runs of one program may differ by as much; "
                        "'run --against' measures in turns",
                        err)
                 : QG_OK;
}

static int rank_of(const qg_comparison_row *r)
{
    static const int ranks[] = {[QG_CHANGE_WORSE] = 3,
                                [QG_CHANGE_UNCLEAR] = 2,
                                [QG_CHANGE_NONE] = 2,
                                [QG_CHANGE_SAME] = 1,
                                [QG_CHANGE_BETTER] = 0};
    return ranks[r->verdict];
}

static int by_harm(const void *a, const void *b)
{
    const qg_comparison_row *x = a, *y = b;
    int c = rank_of(y) - rank_of(x);

    if (!c)
        c = (y->worsening > x->worsening) - (y->worsening < x->worsening);
    if (!c)
        c = strcmp(x->case_id, y->case_id);
    return c ? c : (int)x->metric - (int)y->metric;
}

static qg_status compare_cases(comparing *c, qg_err *err)
{
    size_t n = 0;

    for (size_t i = 0; i < c->b->n_measurements; i++) {
        c->n = &c->b->measurements[i];
        c->m = qg_run_case(c->a, c->n->id.id);
        if (!is_wanted(c, c->n) || !c->m || c->m->state != QG_CASE_MEASURED)
            continue;
        n++;
        QG_PASS(add_case(c, err));
    }
    if (n > 0)
        return QG_OK;
    if (c->options->only)
        return qg_fail(err, QG_EARG, "no case that both runs measured matches '%s'",
                       c->options->only);
    return qg_fail(err, QG_EARG, "'%s' and '%s' have measured no case in common",
                   c->options->name_a, c->options->name_b);
}

static qg_status compare(comparing *c, qg_err *err)
{
    c->out->rows = QG_NEW_N(c->arena, qg_comparison_row, c->b->n_measurements * QG_METRIC_N + 1);
    QG_NEED(c->out->rows, err);
    QG_PASS(note_texts(c, err));
    QG_PASS(note_machines(c, err));
    QG_PASS(note_models(c, err));
    QG_PASS(note_lonely(c, c->a, c->b, "A", err));
    QG_PASS(note_lonely(c, c->b, c->a, "B", err));
    QG_PASS(compare_cases(c, err));
    QG_PASS(call(c, err));
    qsort(c->out->rows, c->out->n_rows, sizeof *c->out->rows, by_harm);
    return QG_OK;
}

qg_status qg_compare_runs(qg_comparison *out, qg_arena *arena, const qg_run *a, const qg_run *b,
                          const qg_compare_options *options, qg_err *err)
{
    double confidence = options->confidence > 0 ? options->confidence : 0.95;
    comparing c = {.out = out,
                   .arena = arena,
                   .scratch = qg_arena_create(),
                   .a = a,
                   .b = b,
                   .options = options,
                   .alpha = (1 - confidence) / 2};

    *out = (qg_comparison){.confidence = confidence, .in_turns = options->in_turns};
    QG_NEED(c.scratch, err);
    qg_status s = compare(&c, err);
    qg_arena_free(c.scratch);
    return s;
}
