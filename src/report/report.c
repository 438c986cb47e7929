/* Reports: see report.h.
 *
 * Writing is in three passes, so that nothing partial is left: all forms are rendered, all are
 * written to temporary files beside their targets, all are renamed. A failure in the first two
 * changes nothing.
 */
#include "report/report.h"

#include "base/file.h"
#include "report/place.h"
#include "report/rows.h"

#include <stdio.h>

const qg_sink *const qg_report_sinks[] = {
#define X(name) &qg_report_##name,
#include "report/sinks.def"
#undef X
    NULL,
};

enum { MAX_SINKS = sizeof qg_report_sinks / sizeof *qg_report_sinks - 1 };

const qg_sink *qg_report_find(qg_str name)
{
    for (size_t i = 0; i < MAX_SINKS; i++)
        if (qg_str_is(name, qg_report_sinks[i]->name))
            return qg_report_sinks[i];
    return NULL;
}

const char *qg_report_place(qg_sink_out *o, const char *file)
{
    const char *place = qg_place_in(o->scratch, o->options.root, o->options.here, file);

    o->out->failed = o->out->failed || !place;
    return place ? place : file;
}

static qg_status render(const qg_sink *sink, qg_sink_out *o, qg_err *err)
{
    QG_PASS(sink->begin(o, err));
    for (size_t i = 0; sink->case_done && i < o->run->n_measurements; i++)
        QG_PASS(sink->case_done(o, &o->run->measurements[i], err));
    if (sink->end)
        QG_PASS(sink->end(o, err));
    if (o->out->failed)
        return qg_fail(err, QG_ENOMEM, "out of memory");
    return QG_OK;
}

qg_status qg_report_render(qg_buf *out, const qg_sink *sink, const qg_run *run,
                           const qg_report_options *options, qg_err *err)
{
    qg_sink_out o = {.run = run, .out = out, .scratch = qg_arena_create()};
    qg_rows_index index;

    QG_NEED(o.scratch, err);
    o.index = &index;
    if (options)
        o.options = *options;
    if (o.options.width <= 0)
        o.options.width = QG_REPORT_WIDTH;
    qg_status s = qg_rows_index_make(&index, o.scratch, run, err);
    if (s == QG_OK)
        s = render(sink, &o, err);
    qg_arena_free(o.scratch);
    if (s != QG_OK)
        qg_note(err, "making report '%s'", sink->name);
    return s;
}

static qg_status unknown_sink(qg_str name, qg_err *err)
{
    const char *nearest = NULL;
    size_t best = 3; /* as far as a typing error goes */
    char all[256] = "";

    for (size_t i = 0; i < MAX_SINKS; i++) {
        const char *candidate = qg_report_sinks[i]->name;
        size_t d = qg_str_distance(name, qg_str_from(candidate));
        size_t n = strlen(all);
        if (d < best && 2 * d <= strlen(candidate)) {
            best = d;
            nearest = candidate;
        }
        if (i > 0 && strcmp(candidate, qg_report_sinks[i - 1]->name) == 0)
            continue; /* the second file of a form */
        snprintf(all + n, sizeof all - n, "%s%s", i ? ", " : "", candidate);
    }
    if (nearest)
        return qg_fail(err, QG_EARG, "unknown report '" QG_STR_PRI "', did you mean '%s'?",
                       QG_STR_ARG(qg_str_sub(name, 0, 60)), nearest);
    return qg_fail(err, QG_EARG, "unknown report '" QG_STR_PRI "'; there are %s",
                   QG_STR_ARG(qg_str_sub(name, 0, 60)), all);
}

/* Marks the sinks that a list names; blanks around names are fine. */
static qg_status choose(bool chosen[MAX_SINKS], qg_str sinks, qg_err *err)
{
    qg_str name;

    sinks = qg_str_trim(sinks);
    bool all = sinks.len == 0;
    for (size_t i = 0; i < MAX_SINKS; i++)
        chosen[i] = all;
    while (!all && qg_str_split(&sinks, ',', &name)) {
        name = qg_str_trim(name);
        if (!qg_report_find(name))
            return unknown_sink(name, err);
        for (size_t i = 0; i < MAX_SINKS; i++)
            chosen[i] = chosen[i] || qg_str_is(name, qg_report_sinks[i]->name);
    }
    return QG_OK;
}

/* Renders and writes one form beside its target; not yet renamed. */
static qg_status stage(qg_file_out **file, qg_arena *arena, const qg_sink *sink, const qg_run *run,
                       const qg_report_options *options, qg_err *err)
{
    qg_report_options plain = *options;
    qg_buf text;
    const char *path = qg_path_join(arena, options->dir, sink->file);

    QG_NEED(path, err);
    plain.colour = false;
    qg_buf_init(&text, arena);
    QG_PASS(qg_report_render(&text, sink, run, &plain, err));
    QG_PASS(qg_file_out_open(file, arena, path, err));
    return qg_file_out_write(*file, text.ptr, text.len, err);
}

static qg_status write_chosen(const bool chosen[MAX_SINKS], qg_arena *arena, const qg_run *run,
                              const qg_report_options *options, qg_err *err)
{
    qg_file_out *files[MAX_SINKS] = {0};

    for (size_t i = 0; i < MAX_SINKS; i++)
        if (chosen[i])
            QG_PASS(stage(&files[i], arena, qg_report_sinks[i], run, options, err));
    for (size_t i = 0; i < MAX_SINKS; i++)
        if (files[i])
            QG_PASS(qg_file_out_commit(files[i], err));
    return QG_OK;
}

qg_status qg_report_write(const qg_run *run, qg_str sinks, const qg_report_options *options,
                          qg_err *err)
{
    bool chosen[MAX_SINKS];
    qg_err why;

    QG_PASS(choose(chosen, sinks, err));
    qg_arena *arena = qg_arena_create();
    QG_NEED(arena, err);
    qg_err_clear(&why);
    qg_status s = write_chosen(chosen, arena, run, options, &why);
    qg_arena_free(arena); /* drops what was staged and not committed */
    if (s == QG_OK)
        return QG_OK;
    /* The judged program is not at fault when its report cannot be written. */
    if (qg_status_exit(s) == 2 && s != QG_ENONFINITE)
        s = why.code = QG_EIO;
    if (err && err->code == QG_OK)
        *err = why;
    qg_note(err, "writing the reports into '%s'", options->dir);
    return s;
}
