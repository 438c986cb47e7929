/* Finding what is at fault: see culprit.h. Contrasts live on an arena of their own, one at a time;
 * what is kept of them is copied. What is said of a suspicion is in culprit_text.c. */
#include "measure/culprit.h"

#include "base/file.h"
#include "engine/engine.h"
#include "measure/culprit_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REPORT_BYTES_MAX ((size_t)64 << 20)
#define TIERS_SHARE      0.3 /* of the progress */

static const qg_field task_list[] = {
    QG_FIELD_NEEDED(qg_culprit_task, TEXT, case_id),
    QG_FIELD_NEEDED(qg_culprit_task, METRIC, metric),
    QG_FIELD(qg_culprit_task, TEXT, prompt),
    QG_FIELD_NEEDED(qg_culprit_task, TEXT, folder),
    QG_FIELD(qg_culprit_task, TEXT, method),
    QG_FIELD(qg_culprit_task, TEXT, activations),
    QG_FIELD(qg_culprit_task, TEXT, tier),
    QG_FIELD(qg_culprit_task, COUNT, threads),
    QG_FIELD(qg_culprit_task, TEXT, reference),
    QG_FIELD(qg_culprit_task, TEXT, reference_method),
    QG_FIELD(qg_culprit_task, TEXT, reference_activations),
    QG_FIELD_NEEDED(qg_culprit_task, TEXT, text),
    QG_FIELD_NEEDED(qg_culprit_task, COUNT, window),
    QG_FIELD(qg_culprit_task, TEXT, blessed_hash),
};
static const qg_fields task_fields = QG_FIELDS(task_list, qg_culprit_task);

void qg_culprit_task_write(qg_json_writer *w, const qg_culprit_task *t)
{
    qg_json_write_object(w);
    qg_fields_write(w, &task_fields, t);
    qg_json_write_close(w);
}

qg_status qg_culprit_task_read(qg_culprit_task *out, qg_arena *arena, const qg_json *object,
                               qg_err *err)
{
    qg_fields_reader r = {.arena = arena, .name = "request", .where = "task", .err = err};

    *out = (qg_culprit_task){0};
    return qg_fields_read(&r, object, &task_fields, out);
}

typedef struct finder {
    qg_blame *out;
    qg_arena *arena, *scratch; /* scratch: of the contrast at hand */
    const qg_culprit_task *task;
    qg_ids ids;
    void (*on_progress)(void *user, double done);
    void *user;
    double from, share; /* of the progress, of the contrast at hand */
    const qg_contrast_entry *entries;
    size_t n_entries;
    qg_suspicion *suspects;
    size_t n_suspects;
} finder;

static void tell(void *user, double done)
{
    const finder *f = user;

    if (f->on_progress)
        f->on_progress(f->user, f->from + f->share * done);
}

/* ---- what is kept ---- */

static double bounded(double error)
{
    return error < QG_BLAME_ERROR_MAX ? error : QG_BLAME_ERROR_MAX;
}

static qg_status keep_parts(finder *f, qg_err *err)
{
    qg_blame *b = f->out;

    b->parts = QG_NEW_N(f->arena, qg_blame_part, f->n_entries);
    QG_NEED(b->parts, err);
    b->n_parts = f->n_entries;
    for (size_t i = 0; i < f->n_entries; i++)
        b->parts[i] = (qg_blame_part){f->entries[i].layer, qg_part_name(f->entries[i].part),
                                      bounded(f->entries[i].error)};
    return QG_OK;
}

static int by_error(const void *a, const void *b)
{
    const qg_blame_row *x = a, *y = b;

    if (x->error != y->error)
        return x->error < y->error ? 1 : -1;
    return (x->row > y->row) - (x->row < y->row);
}

/* Errors by falling size, as rows. */
static qg_blame_row *sorted(qg_arena *arena, const double *errors, int n)
{
    qg_blame_row *rows = QG_NEW_N(arena, qg_blame_row, (size_t)n + 1);

    for (int i = 0; rows && i < n; i++)
        rows[i] = (qg_blame_row){i, bounded(errors[i])};
    if (rows)
        qsort(rows, (size_t)n, sizeof *rows, by_error);
    return rows;
}

/* The row that groups are told of: -1: of all. */
static int row_of(const qg_suspicion *s, const double **groups)
{
    const qg_misfit *m = &s->entry->misfit;
    bool by_output = s->kind == QG_SUSPECTED_BY_OUTPUT && s->entry->excess_row == m->cell.row;

    *groups = m->group_error;
    if (s->kind == QG_SUSPECTED_BY_SHIFT) {
        *groups = m->shift.groups;
        return m->shift.row;
    }
    if (s->kind != QG_SUSPECTED_BY_CELL && !by_output)
        return -1;
    *groups = m->cell.groups;
    return m->cell.row;
}

static qg_status keep_groups(finder *f, const qg_suspicion *s, int n_rows, qg_err *err)
{
    const qg_contrast_entry *e = s->entry;
    qg_blame *b = f->out;
    int n = e->misfit.n_groups;
    const double *errors;

    b->row = row_of(s, &errors);
    qg_blame_row *groups = sorted(f->arena, errors, n);
    b->rows = sorted(f->arena, e->misfit.row_error, n_rows);
    b->groups = QG_NEW_N(f->arena, qg_blame_group, QG_BLAME_SHOWN);
    QG_NEED(groups && b->rows && b->groups, err);
    b->n_groups = n;
    b->group_median = groups[n / 2].error;
    b->row_median = b->rows[n_rows / 2].error;
    b->n_rows_shown = n_rows < QG_BLAME_SHOWN ? (size_t)n_rows : QG_BLAME_SHOWN;
    b->n_groups_shown = n < QG_BLAME_SHOWN ? (size_t)n : QG_BLAME_SHOWN;
    for (size_t i = 0; i < b->n_groups_shown; i++) {
        int g = groups[i].row, end = (g + 1) * e->group;
        b->groups[i] =
            (qg_blame_group){g, e->has_order ? -1 : g * e->group,
                             e->has_order ? -1 : (end < e->k ? end : e->k) - 1, groups[i].error};
    }
    return QG_OK;
}

/* The first suspicion is the one that is told of. */
static qg_status accuse(finder *f, const char *cause, qg_err *err)
{
    const qg_suspicion *s = &f->suspects[0];
    const qg_contrast_entry *e = s->entry;
    qg_blame *b = f->out;

    b->cause = cause;
    b->layer = e->layer;
    b->part = qg_part_name(e->part);
    b->tensor = e->name ? qg_str_dup(f->arena, qg_str_from(e->name)) : NULL;
    QG_NEED(!e->name || b->tensor, err);
    b->error = bounded(e->error);
    b->n_more = (int64_t)f->n_suspects - 1;
    QG_PASS(qg_suspect_usual(&b->usual, f->scratch, f->entries, f->n_entries, e, err));
    b->usual = bounded(b->usual);
    QG_PASS(keep_parts(f, err));
    if (e->has_weights)
        QG_PASS(keep_groups(f, s, e->n, err));
    return qg_culprit_tell(b, f->arena, s, f->task->folder, err);
}

/* ---- the questions ---- */

static qg_status contrast(finder *f, const qg_contrast_model *truth, int most, qg_err *err)
{
    const qg_culprit_task *t = f->task;
    int n = f->ids.n < (size_t)most ? (int)f->ids.n : most;
    qg_contrast_model other = {t->folder, t->method, t->activations, t->tier};
    qg_contrast *c;

    n = t->window < n ? (int)t->window : n;
    QG_PASS(qg_contrast_open(&c, f->scratch, truth, &other, (int)t->threads, n, err));
    if (!f->out->tier) {
        const char *tier = qg_layerwise_tier(qg_contrast_other(c));
        f->out->tier = qg_str_dup(f->arena, qg_str_from(tier));
        QG_NEED(f->out->tier, err);
    }
    f->out->n_tokens = n;
    return qg_contrast_run(&f->entries, &f->n_entries, c, f->ids.id, tell, f, err);
}

static qg_status ask_kernels(finder *f, qg_err *err)
{
    const qg_culprit_task *t = f->task;
    qg_contrast_model truth = {t->folder, t->method, t->activations, "ref"};

    if (t->tier && strcmp(t->tier, "ref") == 0) {
        f->out->tier = "ref";
        return QG_OK;
    }
    f->share = TIERS_SHARE;
    f->out->beside = "ref";
    QG_TRY(contrast(f, &truth, QG_CULPRIT_TIER_TOKENS, err), err, "comparing kernels");
    return qg_suspects_of_tiers(&f->suspects, &f->n_suspects, f->scratch, f->entries, f->n_entries,
                                err);
}

/* What `quantize` wrote of the folder, where it was made of this reference. A broken report is
 * none. */
static qg_status read_report(const qg_quantized **out, finder *f, qg_err *err)
{
    const char *path = qg_path_join(f->scratch, f->task->folder, QG_QUANTIZED_FILE);
    char hash[65];
    qg_quantized *q;
    qg_str text;

    *out = NULL;
    QG_NEED(path, err);
    if (!qg_file_exists(path) ||
        qg_file_read(&text, f->scratch, path, REPORT_BYTES_MAX, NULL) != QG_OK ||
        qg_quantized_from_json(&q, f->scratch, text, path, NULL) != QG_OK || !q->source_hash)
        return QG_OK;
    QG_PASS(qg_engine_hash_folder(hash, f->task->reference, err));
    *out = strcmp(hash, q->source_hash) == 0 ? q : NULL;
    return QG_OK;
}

static qg_status ask_checkpoint(finder *f, qg_err *err)
{
    const qg_culprit_task *t = f->task;
    qg_contrast_model truth = {t->reference, t->reference_method, t->reference_activations,
                               t->tier};
    const qg_quantized *report;

    f->from = f->share;
    f->share = 1 - f->from;
    QG_TRY(contrast(f, &truth, QG_CULPRIT_TOKENS, err), err, "comparing with the reference");
    QG_PASS(read_report(&report, f, err));
    return qg_suspects_of_checkpoint(&f->suspects, &f->n_suspects, f->scratch, f->entries,
                                     f->n_entries, report, err);
}

/* Whether the folder holds the weights that the golden was made of; unknown counts as yes. */
static qg_status ask_hash(bool *blessed, const finder *f, qg_err *err)
{
    char hash[65];

    *blessed = true;
    if (!f->task->blessed_hash)
        return QG_OK;
    QG_PASS(qg_engine_hash_folder(hash, f->task->folder, err));
    *blessed = strcmp(hash, f->task->blessed_hash) == 0;
    return QG_OK;
}

static qg_status next_question(finder *f, qg_err *err)
{
    qg_arena_free(f->scratch);
    f->scratch = qg_arena_create();
    QG_NEED(f->scratch, err);
    return QG_OK;
}

static qg_status ask(finder *f, qg_err *err)
{
    bool blessed;

    QG_PASS(ask_kernels(f, err));
    if (f->n_suspects)
        return accuse(f, QG_CAUSE_KERNEL, err);
    QG_PASS(ask_hash(&blessed, f, err));
    if (!f->task->reference)
        return qg_culprit_tell_reference(f->out, f->arena, f->task, blessed, err);
    QG_PASS(next_question(f, err));
    QG_PASS(ask_checkpoint(f, err));
    if (f->n_suspects)
        return accuse(f, QG_CAUSE_CHECKPOINT, err);
    QG_PASS(keep_parts(f, err));
    return qg_culprit_tell_method(f->out, f->arena, f->entries, f->n_entries, blessed, err);
}

static qg_status read_text(finder *f, qg_err *err)
{
    const qg_culprit_task *t = f->task;
    const qg_tokenizer *tokenizer;

    QG_TRY(qg_tokenizer_open(&tokenizer, f->arena, t->folder, err), err, "opening model '%s'",
           t->folder);
    QG_PASS(qg_tokenizer_encode(&f->ids, f->arena, tokenizer, qg_str_from(t->text), 0, err));
    if (f->ids.n == 0 || t->window < 1)
        return qg_fail(err, QG_EREFUSED, "the prompt has no tokens");
    return QG_OK;
}

qg_status qg_culprit_find(qg_blame *out, qg_arena *arena, const qg_culprit_task *t,
                          void (*on_progress)(void *user, double done), void *user, qg_err *err)
{
    finder f = {.out = out,
                .arena = arena,
                .scratch = qg_arena_create(),
                .task = t,
                .on_progress = on_progress,
                .user = user};

    QG_NEED(f.scratch, err);
    *out = (qg_blame){
        .case_id = t->case_id, .metric = t->metric, .prompt = t->prompt, .layer = -1, .row = -1};
    qg_status s = read_text(&f, err);
    if (s == QG_OK)
        s = ask(&f, err);
    qg_arena_free(f.scratch);
    return s;
}
