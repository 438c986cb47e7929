/* The dashboard: see dashboard.h. Suites are written one at a time, each on an arena that ends with
 * it; what the overview wants of each goes into the data of the site meanwhile. */
#include "report/dashboard.h"

#include "base/clock.h"
#include "base/file.h"
#include "report/assets.h"
#include "report/board_json.h"
#include "report/evidence.h"

typedef struct site {
    qg_arena *arena; /* of the whole dashboard */
    qg_history *history;
    const qg_dashboard_options *options;
    const char *dir; /* that is written */
    qg_buf buf;
    qg_json_writer w; /* of data/site.js */
    qg_dashboard_written written;
} site;

void qg_dashboard_script(qg_buf *out, const char *name, qg_str json)
{
    qg_buf_format(out, "quantgateData(\"%s\", ", name);
    for (size_t i = 0; i < json.len; i++) {
        qg_str rest = qg_str_sub(json, i, 3);
        if (json.ptr[i] == '<')
            qg_buf_text(out, "\\u003c");
        else if (qg_str_is(rest, "\xe2\x80\xa8") || qg_str_is(rest, "\xe2\x80\xa9")) {
            qg_buf_text(out, rest.ptr[2] == '\xa8' ? "\\u2028" : "\\u2029");
            i += 2;
        } else
            qg_buf_char(out, json.ptr[i]);
    }
    qg_buf_text(out, ");\n");
}

static qg_status write_script(site *s, qg_arena *arena, const char *name, const qg_json_writer *w,
                              qg_err *err)
{
    const char *path = qg_arena_format(arena, "%s/data/%s.js", s->dir, name);
    qg_buf b;

    QG_PASS(qg_json_write_end(w, err));
    qg_buf_init(&b, arena);
    qg_dashboard_script(&b, name, qg_buf_view(w->buf));
    QG_NEED(path && !b.failed, err);
    return qg_file_write(path, qg_buf_view(&b), err);
}

/* ---- suites ---- */

/* What goes before a commit of these runs; "" where nobody said. */
static const char *commit_url(const site *s, qg_arena *arena, const qg_history_runs *runs)
{
    const char *repository = runs->at[runs->n - 1].repository;

    if (s->options->commit_url)
        return s->options->commit_url;
    return repository && repository[0] ? qg_arena_format(arena, "%s/commit/", repository) : "";
}

static qg_status write_suite(site *s, qg_arena *arena, const qg_history_runs *runs, qg_err *err)
{
    qg_board board;
    qg_buf b;
    qg_json_writer w;
    qg_board_place place = {qg_arena_format(arena, "suite-%zu", s->written.n_suites),
                            commit_url(s, arena, runs), 0};

    QG_NEED(place.data && place.commit_url, err);
    QG_PASS(qg_history_count(&place.n_recorded, s->history, runs->at[0].suite, s->options->branch,
                             err));
    QG_PASS(qg_board_read(&board, arena, s->history, runs, err));
    qg_board_put_entry(&s->w, &board, &place);
    qg_buf_init(&b, arena);
    qg_json_write_begin(&w, &b);
    qg_board_put_data(&w, &board, &place);
    s->written.n_suites++;
    s->written.n_runs += board.n_runs;
    s->written.n_lines += board.n_lines;
    return write_script(s, arena, place.data, &w, err);
}

/* Runs come suite by suite. */
static qg_status write_suites(site *s, qg_err *err)
{
    const qg_dashboard_options *o = s->options;
    qg_history_filter filter = {
        .suite = o->suite, .branch = o->branch, .last = o->last ? o->last : QG_DASHBOARD_LAST};
    qg_history_runs all;

    QG_PASS(qg_history_runs_find(&all, s->arena, s->history, &filter, err));
    qg_json_write_key(&s->w, "suites");
    qg_json_write_array(&s->w);
    for (size_t i = 0, n; i < all.n; i += n) {
        for (n = 1; i + n < all.n && strcmp(all.at[i + n].suite, all.at[i].suite) == 0; n++)
            ;
        qg_history_runs runs = {&all.at[i], n};
        qg_arena *scratch = qg_arena_create();
        QG_NEED(scratch, err);
        qg_status status = write_suite(s, scratch, &runs, err);
        qg_arena_free(scratch);
        if (status != QG_OK) {
            qg_note(err, "writing suite '%s'", all.at[i].suite);
            return status;
        }
    }
    qg_json_write_end_array(&s->w);
    return QG_OK;
}

/* ---- evidence ---- */

static void put_covered(qg_json_writer *w, const char *key, qg_covered c)
{
    qg_json_write_key(w, key);
    qg_json_write_array(w);
    qg_json_write_int(w, c.covered);
    qg_json_write_int(w, c.total);
    qg_json_write_end_array(w);
}

static void put_totals(qg_json_writer *w, qg_str name, qg_covered lines, qg_covered functions,
                       qg_covered branches)
{
    qg_json_put_str(w, "name", name);
    put_covered(w, "lines", lines);
    put_covered(w, "functions", functions);
    put_covered(w, "branches", branches);
}

/* Files of the last summary only: of the others the totals are shown. */
static void put_coverage(qg_json_writer *w, const qg_coverage *c, bool with_files)
{
    qg_json_write_object(w);
    put_totals(w, qg_str_from(c->name), c->lines, c->functions, c->branches);
    qg_json_write_key(w, "files");
    qg_json_write_array(w);
    for (size_t i = 0; with_files && i < c->n_files; i++) {
        const qg_coverage_file *f = &c->files[i];
        qg_json_write_object(w);
        put_totals(w, f->name, f->lines, f->functions, f->branches);
        qg_json_write_close(w);
    }
    qg_json_write_end_array(w);
    qg_json_write_close(w);
}

static qg_status write_coverage(site *s, qg_err *err)
{
    qg_json_write_key(&s->w, "coverage");
    qg_json_write_array(&s->w);
    for (size_t i = 0; i < s->options->n_coverage; i++) {
        qg_coverage c;
        QG_PASS(qg_coverage_read(&c, s->arena, s->options->coverage[i], err));
        put_coverage(&s->w, &c, i + 1 == s->options->n_coverage);
    }
    qg_json_write_end_array(&s->w);
    return QG_OK;
}

static void put_kernels(qg_json_writer *w, const qg_kernels *k)
{
    qg_json_write_object(w);
    qg_json_put_text(w, "name", k->name);
    qg_json_write_key(w, "tiers");
    qg_json_write_array(w);
    for (size_t t = 0; t < k->n_tiers; t++)
        qg_json_write_str(w, k->tiers[t]);
    qg_json_write_end_array(w);
    qg_json_write_key(w, "rows");
    qg_json_write_array(w);
    for (size_t i = 0; i < k->n_rows; i++) {
        qg_json_write_object(w);
        qg_json_put_str(w, "kernel", k->rows[i].kernel);
        qg_json_put_str(w, "shape", k->rows[i].shape);
        qg_json_put_int(w, "tiers", k->rows[i].tiers);
        qg_json_write_close(w);
    }
    qg_json_write_end_array(w);
    qg_json_write_close(w);
}

static qg_status write_kernels(site *s, qg_err *err)
{
    qg_kernels k;

    qg_json_write_key(&s->w, "kernels");
    if (!s->options->kernels) {
        qg_json_write_null(&s->w);
        return QG_OK;
    }
    QG_PASS(qg_kernels_read(&k, s->arena, s->options->kernels, err));
    put_kernels(&s->w, &k);
    return QG_OK;
}

/* ---- the folder ---- */

static qg_status write_assets(const site *s, qg_err *err)
{
    for (const qg_asset *a = qg_assets; a->name; a++) {
        const char *path = qg_path_join(s->arena, s->dir, a->name);
        QG_NEED(path, err);
        QG_PASS(qg_file_write(path, a->content, err));
    }
    return QG_OK;
}

static qg_status write_site(site *s, qg_err *err)
{
    const qg_dashboard_options *o = s->options;
    qg_json_writer *w = &s->w;

    qg_buf_init(&s->buf, s->arena);
    qg_json_write_begin(w, &s->buf);
    qg_json_write_object(w);
    qg_json_put_int(w, "schema", 1);
    qg_json_put_text(w, "title", o->title ? o->title : "quantgate");
    qg_json_put_text(w, "version", o->version ? o->version : "");
    qg_json_put_text(w, "history", o->history ? o->history : "");
    qg_json_put_int(w, "made", qg_clock_seconds());
    qg_json_write_key(w, "metrics");
    qg_board_put_metrics(w);
    qg_json_write_key(w, "checkitems");
    qg_board_put_checkitems(w);
    QG_PASS(write_suites(s, err));
    QG_PASS(write_coverage(s, err));
    QG_PASS(write_kernels(s, err));
    qg_json_write_close(w);
    return write_script(s, s->arena, "site", w, err);
}

/* A folder that may be replaced: absent, empty, or a dashboard. */
static qg_status check_target(qg_arena *arena, const char *dir, qg_err *err)
{
    char **names;
    size_t n;
    const char *site_js = qg_path_join(arena, dir, "data/site.js");

    QG_NEED(site_js, err);
    if (!qg_dir_exists(dir) || qg_file_exists(site_js))
        return QG_OK;
    QG_PASS(qg_dir_list(&names, &n, arena, dir, err));
    if (n > 0)
        return qg_fail(err, QG_EEXISTS,
                       "'%s' holds other files and no dashboard: name an empty or a new folder",
                       dir);
    return QG_OK;
}

static qg_status write_all(site *s, const char *dir, qg_err *err)
{
    qg_dir_out *folder;

    QG_PASS(check_target(s->arena, dir, err));
    QG_PASS(qg_dir_out_open(&folder, s->arena, dir, true, err));
    s->dir = qg_dir_out_path(folder);
    QG_PASS(write_site(s, err));
    QG_PASS(write_assets(s, err));
    return qg_dir_out_commit(folder, err);
}

qg_status qg_dashboard_write(qg_dashboard_written *out, qg_history *h, const char *dir,
                             const qg_dashboard_options *options, qg_err *err)
{
    site s = {.arena = qg_arena_create(), .history = h, .options = options};

    QG_NEED(s.arena, err);
    qg_status status = write_all(&s, dir, err);
    *out = s.written;
    qg_arena_free(s.arena);
    return status;
}
