/* Known failures and skips of a suite: see exceptions.h.
 *
 * Entries are read by the table of keys, like every map; the checks then walk the ids that a plan
 * of the suite would have.
 */
#include "suite/exceptions.h"

#include "base/clock.h"
#include "suite/budgets.h"
#include "suite/defaults.h"

enum { DAY_S = 86400 };

/* ---- reading ---- */

static void read_link(const qg_schema_reader *r, const qg_exception *e, const qg_yaml *map)
{
    qg_str issue = qg_str_from(e->issue);

    if (e->issue && !qg_str_starts(issue, QG_STR("https://")) &&
        !qg_str_starts(issue, QG_STR("http://")))
        qg_finding_error(
            r->findings, qg_yaml_get(map, "issue")->place, NULL,
            "'issue' wants a link like https://github.com/org/repo/issues/12, not '%s'", e->issue);
}

static void read_entry(const qg_schema_reader *r, qg_exception *e, const qg_key *keys,
                       const qg_yaml *map)
{
    e->place = map->place;
    e->metric = QG_METRIC_N;
    e->end_s = INT64_MAX;
    qg_schema_read(r, keys, map, e);
    read_link(r, e, map);
    if (e->metric_name)
        qg_budgets_read_metric(r, qg_yaml_get(map, "metric"), &e->metric);
    if (e->expires && qg_clock_read(&e->end_s, qg_str_from(e->expires)))
        e->end_s += DAY_S;
}

static void read_list(const qg_schema_reader *r, qg_exceptions *out, const char *name,
                      const qg_yaml *root)
{
    const qg_yaml *list = qg_yaml_get(root, name);

    if (!list || !qg_schema_is(r, name, list, QG_YAML_LIST))
        return;
    qg_exception *at = QG_NEW_N(r->arena, qg_exception, list->n);
    if (!at) {
        r->findings->out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < list->n; i++)
        if (qg_schema_is(r, name, list->items[i], QG_YAML_MAP))
            read_entry(r, &at[out->n++], qg_key_in(qg_suite_keys, name)->keys, list->items[i]);
    out->at = at;
}

void qg_exceptions_read(const qg_schema_reader *r, qg_suite *s, const qg_yaml *root)
{
    read_list(r, &s->known_failures, "known_failures", root);
    read_list(r, &s->skips, "skip", root);
}

/* ---- use ---- */

const qg_exception *qg_exceptions_skip(const qg_suite *s, const char *case_id)
{
    for (size_t i = 0; i < s->skips.n; i++)
        if (qg_exception_is_of(&s->skips.at[i], case_id, QG_METRIC_N) &&
            !qg_exception_has_expired(&s->skips.at[i]))
            return &s->skips.at[i];
    return NULL;
}

/* ---- checks ---- */

/* A case as a plan would have it. */
typedef struct known_case {
    const char *id;
    const qg_suite_model *model;
    int batch;
} known_case;

typedef struct known_cases {
    known_case *at;
    const char **ids; /* the same, for suggestions */
    size_t n;
} known_cases;

static bool add_case(known_cases *k, const qg_schema_reader *r, const qg_suite_model *m, int batch)
{
    const char *id = qg_suite_case_id(r->arena, m->name, batch);

    r->findings->out_of_memory |= !id;
    k->ids[k->n] = id;
    k->at[k->n++] = (known_case){id, m, batch};
    return id != NULL;
}

static bool list_cases(known_cases *k, const qg_schema_reader *r, const qg_suite *s)
{
    size_t n_batch = s->performance.present ? s->performance.n_batch : 0;
    size_t most = s->n_models * (n_batch + 1);

    *k = (known_cases){QG_NEW_N(r->arena, known_case, most), QG_NEW_N(r->arena, const char *, most),
                       0};
    r->findings->out_of_memory |= !k->at || !k->ids;
    if (!k->at || !k->ids)
        return false;
    for (size_t m = 0; m < s->n_models; m++) {
        if (s->quality.present && !add_case(k, r, &s->models[m], 0))
            return false;
        for (size_t b = 0; b < n_batch; b++)
            if (!add_case(k, r, &s->models[m], (int)s->performance.batch[b]))
                return false;
    }
    return true;
}

/* Whether the suite judges the metric of the case: by a budget, one by default, against a baseline,
 * or drift, which needs no budget. */
static bool is_judged(const qg_suite *s, const known_case *c, qg_metric metric)
{
    const qg_expects *e = c->batch ? &c->model->performance : &c->model->quality;

    for (size_t i = 0; i < e->n; i++)
        if (e->at[i].batch == c->batch && e->at[i].metric == metric)
            return true;
    const qg_default_budget *defaults = c->batch ? NULL : qg_default_budgets_of(s, c->model);
    for (int i = 0; defaults && i < QG_DEFAULT_BUDGETS; i++)
        if (defaults[i].metric == metric)
            return true;
    for (size_t i = 0; i < s->regression.n_allow; i++)
        if (s->regression.allow[i].metric == metric)
            return true;
    return !c->batch && s->quality.golden &&
           (metric == QG_METRIC_DRIFT_LOGPROB_MAX || metric == QG_METRIC_DRIFT_KLD_TOPK);
}

static void check_matches(const qg_schema_reader *r, const qg_suite *s, const qg_exception *e,
                          const known_cases *k)
{
    size_t n_matched = 0, n_judged = 0;
    const char *hint;

    for (size_t i = 0; i < k->n; i++) {
        if (!qg_str_glob(qg_str_from(e->cases), qg_str_from(k->ids[i])))
            continue;
        n_matched++;
        n_judged += e->metric == QG_METRIC_N || is_judged(s, &k->at[i], e->metric);
    }
    if (n_matched == 0) {
        hint = qg_schema_nearest(r, qg_str_from(e->cases), k->ids, k->n);
        qg_finding_error(r->findings, e->place, hint ? hint : "'quantgate plan' lists the cases",
                         "no case matches '%s'", e->cases);
    } else if (n_judged == 0)
        qg_finding_add(r->findings, QG_SEVERITY_WARNING, e->place, NULL,
                       "'%s' of '%s' is not judged: the entry forgives nothing", e->metric_name,
                       e->cases);
}

static void check_end(const qg_schema_reader *r, const qg_exception *e, const char *then)
{
    int64_t left_s = e->end_s - qg_clock_seconds();

    if (!e->expires)
        return;
    if (left_s <= 0)
        qg_finding_add(r->findings, QG_SEVERITY_WARNING, e->place, "mend it or set a later day",
                       "the entry for '%s' expired on %s: %s again", e->cases, e->expires, then);
    else if (left_s <= (int64_t)QG_EXCEPTION_WARN_DAYS * DAY_S)
        qg_finding_add(r->findings, QG_SEVERITY_WARNING, e->place, "mend it or set a later day",
                       "the entry for '%s' holds up to %s, %lld days from now: then %s again",
                       e->cases, e->expires, (long long)(left_s / DAY_S), then);
}

void qg_exceptions_check(const qg_schema_reader *r, const qg_suite *s)
{
    known_cases k;

    if (s->known_failures.n + s->skips.n == 0 || !list_cases(&k, r, s))
        return;
    for (size_t i = 0; i < s->known_failures.n; i++) {
        const qg_exception *e = &s->known_failures.at[i];
        if (e->cases)
            check_matches(r, s, e, &k);
        if (e->cases)
            check_end(r, e, "what it forgives fails");
    }
    for (size_t i = 0; i < s->skips.n; i++) {
        const qg_exception *e = &s->skips.at[i];
        if (e->cases)
            check_matches(r, s, e, &k);
        if (e->cases)
            check_end(r, e, "its cases are measured");
    }
}
