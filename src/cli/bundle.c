/* Bundles: see bundle.h. Everything is written into a folder beside the target, which takes its
 * place when it is complete. A budget over an extreme of prompts is reproduced by the worst of them
 * alone; one over a mean needs all that the mean is of. */
#include "cli/bundle.h"

#include "base/file.h"
#include "record/record_json.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

typedef struct bundle {
    const qg_bundle_subject *of;
    qg_arena *arena;
    const char *dir; /* that is filled */
    const qg_judgement *judgement;
    const qg_expect *budget;
    bool has_text, has_golden;
    bool is_cut; /* prompts: the worst alone */
} bundle;

static qg_status write_file(const bundle *b, const char *name, const qg_buf *text, qg_err *err)
{
    const char *path = qg_path_join(b->arena, b->dir, name);

    QG_NEED(path && !text->failed, err);
    return qg_file_write(path, qg_buf_view(text), err);
}

/* ---- the suite ---- */

/* In double quotes, as YAML and suites read them: "${" would be a variable. */
static void put_quoted(qg_buf *out, qg_str s)
{
    qg_buf_char(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c == '"' || c == '\\')
            qg_buf_format(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            qg_buf_format(out, "\\x%02x", c);
        else if (c == '$' && i + 1 < s.len && s.ptr[i + 1] == '{')
            qg_buf_text(out, "$$");
        else
            qg_buf_char(out, (char)c);
    }
    qg_buf_char(out, '"');
}

static const char *hash_of(const qg_run *run, const qg_suite_model *m)
{
    for (size_t i = 0; i < run->n_models; i++)
        if (strcmp(run->models[i].name, m->name) == 0 && run->models[i].model_hash)
            return run->models[i].model_hash;
    return NULL;
}

static qg_status put_model(qg_buf *out, const bundle *b, const qg_suite_model *m,
                           const char *folder, qg_err *err)
{
    static const char *const dtypes[] = {NULL, "float16", "bfloat16", "float32"};
    const char *hash = hash_of(b->of->run, m);
    char full[PATH_MAX];

    if (!folder || !realpath(folder, full))
        return qg_fail(err, QG_ENOTFOUND, "the folder of model '%s' is not there any more",
                       m->name);
    qg_buf_text(out, "  ");
    put_quoted(out, qg_str_from(m->name));
    qg_buf_text(out, ": {model: ");
    put_quoted(out, qg_str_from(full));
    qg_buf_format(out, ", quantization: %s", m->method);
    if (m->device)
        qg_buf_format(out, ", device: %s", m->device);
    if (m->tier)
        qg_buf_format(out, ", tier: %s", m->tier);
    if (!m->from && !m->calibration && strcmp(m->method, "int8") == 0 && m->activations)
        qg_buf_format(out, ", activations: %s", m->activations);
    if (dtypes[m->dtype])
        qg_buf_format(out, ", dtype: %s", dtypes[m->dtype]);
    qg_buf_format(out, "}%s%s\n", hash ? "  # SHA-256 " : "", hash ? hash : "");
    return QG_OK;
}

static void put_prompts(qg_buf *out, const bundle *b)
{
    qg_texts all = b->of->plan->suite->quality.prompts;

    qg_buf_text(out, "  prompts:\n");
    for (size_t i = 0; i < all.n; i++) {
        if (b->is_cut && i != b->of->worst->index)
            continue;
        qg_buf_text(out, "    - ");
        put_quoted(out, all.at[i]);
        qg_buf_char(out, '\n');
    }
}

static void put_engine(qg_buf *out, const bundle *b)
{
    const qg_suite_engine *e = &b->of->plan->suite->engine;
    const qg_machine *m = &b->of->run->machine;

    qg_buf_format(out, "engine: {device: %s, max_model_len: %lld, threads: %d, seed: %lld",
                  b->of->c->device_name, (long long)e->max_model_len, m->n_threads,
                  (long long)b->of->run->seed);
    if (m->tier && !strchr(m->tier, '+') && b->of->c->device == QG_DEVICE_CPU)
        qg_buf_format(out, ", tier: %s", m->tier);
    qg_buf_text(out, "}\n");
}

static void put_quality(qg_buf *out, const bundle *b)
{
    const qg_suite_quality *q = &b->of->plan->suite->quality;
    const qg_expect *e = b->budget;

    qg_buf_text(out, "quality:\n");
    if (b->has_golden) {
        put_prompts(out, b);
        qg_buf_format(out, "  golden: golden\n  max_tokens: %lld\n", (long long)q->max_tokens);
    }
    if (b->has_text)
        qg_buf_text(out, "  text: text.txt\n");
    qg_buf_format(out, "  window: %lld\n  budgets:\n    ", (long long)q->window);
    put_quoted(out, qg_str_from(b->of->c->model->name));
    qg_buf_format(out, ": {%s: ", qg_metric_info_of(e->metric)->name);
    if (e->is_default || !e->written)
        qg_buf_format(out, "%.17g}\n", e->limit);
    else
        qg_buf_format(out, "%s}\n", e->written);
}

static qg_status write_suite(const bundle *b, qg_err *err)
{
    const qg_suite *s = b->of->plan->suite;
    const qg_suite_model *model = b->of->c->model, *reference = qg_suite_reference_of(s, model);
    qg_buf out;

    qg_buf_init(&out, b->arena);
    qg_buf_format(&out,
                  "# %s of '%s': a failure to be shown again by 'quantgate run' of this "
                  "folder.\nversion: 1\nname: ",
                  qg_metric_info_of(b->judgement->metric)->name, b->of->c->id);
    put_quoted(&out, qg_str_from(s->name));
    qg_buf_text(&out, "\nmodels:\n");
    if (model != reference)
        QG_PASS(put_model(&out, b, reference, b->of->c->reference_folder, err));
    QG_PASS(put_model(&out, b, model, b->of->c->folder, err));
    qg_buf_text(&out, "reference: ");
    put_quoted(&out, qg_str_from(reference->name));
    qg_buf_char(&out, '\n');
    put_engine(&out, b);
    put_quality(&out, b);
    return write_file(b, QG_SUITE_FILE, &out, err);
}

/* ---- what it names ---- */

/* The worst prompt alone, which is the first then. */
static qg_status cut(qg_gold *g, const bundle *b, qg_err *err)
{
    char hash[QG_HASH_HEX];

    if (b->of->worst->index >= g->n_prompts)
        return qg_fail(err, QG_EFORMAT, "a golden has no %s", b->of->worst->name);
    g->prompts += b->of->worst->index;
    g->n_prompts = 1;
    g->prompts[0].name = "p01";
    QG_PASS(qg_gold_hash_prompts(hash, b->arena, g, err));
    g->prompts_hash = qg_str_dup(b->arena, qg_str_from(hash));
    QG_NEED(g->prompts_hash, err);
    return QG_OK;
}

/* The golden of a model, where the suite has one. */
static qg_status write_golden(const bundle *b, const qg_suite_model *m, qg_err *err)
{
    const qg_suite *s = b->of->plan->suite;
    const char *device = qg_device_name(b->of->c->device);
    const char *dir = qg_path_join(b->arena, b->dir, "golden");
    const char *from = qg_gold_path(b->arena, s->quality.golden, m->method, device, m->name);
    const char *to = dir ? qg_gold_path(b->arena, dir, m->method, device, m->name) : NULL;
    qg_gold *g;

    QG_NEED(from && to, err);
    if (!qg_file_exists(from))
        return QG_OK;
    QG_PASS(qg_gold_read(&g, b->arena, from, err));
    if (b->is_cut)
        QG_PASS(cut(g, b, err));
    return qg_gold_write(to, g, err);
}

static qg_status write_goldens(const bundle *b, qg_err *err)
{
    const qg_suite_model *reference = qg_suite_reference_of(b->of->plan->suite, b->of->c->model);

    QG_PASS(write_golden(b, b->of->c->model, err));
    return b->of->c->model == reference ? QG_OK : write_golden(b, reference, err);
}

static qg_status write_text(const bundle *b, qg_err *err)
{
    const char *path = qg_path_join(b->arena, b->dir, "text.txt");
    qg_str text;

    QG_NEED(path, err);
    QG_PASS(qg_file_map(&text, b->arena, b->of->plan->suite->quality.text, err));
    return qg_file_write(path, text, err);
}

/* The run as if it had had this case alone. */
static qg_status write_record(const bundle *b, qg_blame *blame, qg_err *err)
{
    const qg_run *run = b->of->run;
    qg_run one = *run;
    qg_buf out;

    one.against = NULL;
    one.measurements = (qg_measurement *)qg_run_case(run, b->of->c->id);
    one.n_measurements = 1;
    one.judgements = QG_NEW_N(b->arena, qg_judgement, run->n_judgements + 1);
    QG_NEED(one.judgements, err);
    one.n_judgements = 0;
    for (size_t i = 0; i < run->n_judgements; i++)
        if (strcmp(run->judgements[i].case_id, b->of->c->id) == 0)
            one.judgements[one.n_judgements++] = run->judgements[i];
    one.blames = blame;
    one.n_blames = 1;
    qg_buf_init(&out, b->arena);
    QG_PASS(qg_run_to_json(&out, &one, err));
    return write_file(b, "run.json", &out, err);
}

static qg_status write_readme(const bundle *b, const qg_blame *blame, const char *target,
                              qg_err *err)
{
    const qg_judgement *j = b->judgement;
    const qg_run *run = b->of->run;
    char value[QG_UNIT_TEXT], limit[QG_UNIT_TEXT];
    qg_buf out;

    qg_buf_init(&out, b->arena);
    qg_buf_format(&out, "# %s of %s\n\n    quantgate run %s\n\n",
                  qg_metric_info_of(j->metric)->name, j->case_id, target);
    qg_buf_format(
        &out,
        "ends with exit code 1 and says that %s of `%s` is %s, where the budget is %s.\n\n"
        "%s\n\n",
        qg_metric_info_of(j->metric)->name, j->case_id, qg_metric_print(value, j->metric, j->value),
        qg_metric_print(limit, j->metric, j->limit), blame->message);
    if (b->is_cut)
        qg_buf_format(&out, "Prompt %s of the suite is the only one here, as p01. ",
                      b->of->worst->name);
    qg_buf_format(&out,
                  "Written by quantgate %s (%s) from `%s`. `run.json` is what it measured; the "
                  "models are where `suite.yaml` says.\n",
                  run->version ? run->version : "", run->commit ? run->commit : "no commit",
                  run->suite_file ? run->suite_file : "");
    return write_file(b, "README.md", &out, err);
}

/* ---- the whole ---- */

static bool is_extreme(qg_metric m)
{
    return m == QG_METRIC_GOLDEN_LOGPROB_MAX || m == QG_METRIC_DRIFT_LOGPROB_MAX ||
           m == QG_METRIC_GREEDY_MATCH;
}

static const qg_expect *budget_of(const qg_case *c, qg_metric metric)
{
    for (size_t i = 0; i < c->expect.n; i++)
        if (c->expect.at[i].metric == metric)
            return &c->expect.at[i];
    return NULL;
}

static qg_status fill(const bundle *b, qg_blame *blame, const char *target, qg_err *err)
{
    QG_PASS(write_suite(b, err));
    if (b->has_golden)
        QG_PASS(write_goldens(b, err));
    if (b->has_text)
        QG_PASS(write_text(b, err));
    QG_PASS(write_readme(b, blame, target, err));
    return write_record(b, blame, err);
}

static const char *target_of(qg_arena *arena, const char *out, const char *case_id)
{
    char *name = qg_str_dup(arena, qg_str_from(case_id));
    const char *bundles = qg_path_join(arena, out, "bundles");

    for (char *c = name; c && *c; c++)
        *c = *c == '/' ? '-' : *c;
    return name && bundles ? qg_path_join(arena, bundles, name) : NULL;
}

qg_status qg_bundle_write(qg_blame *blame, qg_arena *arena, const char *out,
                          const qg_bundle_subject *subject, qg_err *err)
{
    const qg_judgement *j = subject->worst->judgement;
    bundle b = {.of = subject,
                .arena = arena,
                .judgement = j,
                .budget = budget_of(subject->c, j->metric),
                .has_golden = !subject->worst->is_document,
                .has_text = subject->worst->is_document};
    const char *target = target_of(arena, out, subject->c->id);
    qg_dir_out *dir;

    QG_NEED(target, err);
    if (!b.budget)
        return qg_fail(err, QG_ENOTFOUND, "'%s' has no budget of its own",
                       qg_metric_info_of(j->metric)->name);
    b.is_cut = b.has_golden && is_extreme(j->metric);
    QG_PASS(qg_dir_out_open(&dir, arena, target, true, err));
    b.dir = qg_dir_out_path(dir);
    blame->bundle = target;
    qg_status s = fill(&b, blame, target, err);
    if (s == QG_OK)
        s = qg_dir_out_commit(dir, err);
    else
        qg_dir_out_abort(dir);
    if (s != QG_OK)
        blame->bundle = NULL;
    return s;
}
