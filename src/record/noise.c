/* Calibrated noise: see noise.h. */
#include "record/noise.h"

#include "base/file.h"
#include "record/baseline.h"

#include <math.h>
#include <string.h>

static const char columns[] = "case,metric,runs,samples,value,half_width,between,paired";
enum { N_COLUMNS = 8, BYTES_MAX = 16 << 20 };

const char *qg_noise_path(qg_arena *arena, const char *dir, const char *suite,
                          const char *fingerprint)
{
    const char *json = qg_baseline_path(arena, dir, suite, fingerprint);

    return json ? qg_arena_format(arena, "%.*s.csv", (int)strlen(json) - 5, json) : NULL;
}

static qg_status bad(qg_err *err, const char *path, int line, const char *what)
{
    qg_fail(err, QG_EFORMAT, "%s", what);
    qg_err_at(err, path, line, 1);
    return QG_EFORMAT;
}

static bool read_number(qg_str text, double *out)
{
    return qg_str_to_double(text, out) && isfinite(*out) && *out >= 0;
}

static qg_status read_row(qg_noise_row *out, qg_arena *arena, qg_str line, const char *path, int at,
                          qg_err *err)
{
    qg_str cells[N_COLUMNS];
    int n = 0;

    while (n < N_COLUMNS && qg_str_split(&line, ',', &cells[n]))
        n++;
    if (n < N_COLUMNS || line.ptr)
        return bad(err, path, at, "a row has not 8 cells");
    *out = (qg_noise_row){.case_id = qg_str_dup(arena, cells[0]), .line = at};
    QG_NEED(out->case_id, err);
    if (!qg_metric_find(&out->metric, cells[1]))
        return bad(err, path, at, "unknown metric");
    if (!qg_str_to_int(cells[2], &out->runs) || !qg_str_to_int(cells[3], &out->samples) ||
        !read_number(cells[4], &out->value) || !read_number(cells[5], &out->half_width) ||
        !read_number(cells[6], &out->between) || !read_number(cells[7], &out->paired))
        return bad(err, path, at, "a cell is not a number from 0 up");
    return QG_OK;
}

static qg_status read_text(qg_noise *noise, qg_arena *arena, qg_str text, qg_err *err)
{
    qg_str line, rest = text;
    size_t n_lines = 0;
    bool has_columns = false;

    while (qg_str_split(&rest, '\n', &line))
        n_lines++;
    noise->rows = QG_NEW_N(arena, qg_noise_row, n_lines);
    QG_NEED(noise->rows, err);
    for (int at = 1; qg_str_split(&text, '\n', &line); at++) {
        if (line.len == 0)
            continue;
        if (line.ptr[0] == '#') {
            noise->head = qg_str_dup(arena, qg_str_trim(qg_str_sub(line, 1, line.len - 1)));
            QG_NEED(noise->head, err);
        } else if (!has_columns) {
            has_columns = qg_str_is(line, columns);
            if (!has_columns)
                return bad(err, noise->path, at, "not a file of calibrated noise");
        } else {
            QG_PASS(read_row(&noise->rows[noise->n_rows++], arena, line, noise->path, at, err));
        }
    }
    return has_columns ? QG_OK : bad(err, noise->path, 1, "not a file of calibrated noise");
}

qg_status qg_noise_read(qg_noise **out, qg_arena *arena, const char *path, qg_err *err)
{
    qg_noise *noise = QG_NEW(arena, qg_noise);
    qg_str text;

    QG_NEED(noise, err);
    noise->path = qg_str_dup(arena, qg_str_from(path));
    QG_NEED(noise->path, err);
    QG_PASS(qg_file_read(&text, arena, path, BYTES_MAX, err));
    QG_PASS(read_text(noise, arena, text, err));
    *out = noise;
    return QG_OK;
}

qg_status qg_noise_write(const qg_noise *noise, qg_arena *scratch, qg_err *err)
{
    qg_buf b;

    qg_buf_init(&b, scratch);
    qg_buf_format(&b, "# %s\n%s\n", noise->head, columns);
    for (size_t i = 0; i < noise->n_rows; i++) {
        const qg_noise_row *r = &noise->rows[i];
        qg_buf_format(&b, "%s,%s,%lld,%lld,%.6g,%.4g,%.4g,%.4g\n", r->case_id,
                      qg_metric_info_of(r->metric)->name, (long long)r->runs, (long long)r->samples,
                      r->value, r->half_width, r->between, r->paired);
    }
    QG_NEED(!b.failed, err);
    return qg_file_write(noise->path, qg_buf_view(&b), err);
}

const qg_noise_row *qg_noise_of(const qg_noise *noise, const char *case_id, qg_metric metric)
{
    for (size_t i = 0; noise && i < noise->n_rows; i++)
        if (noise->rows[i].metric == metric && strcmp(noise->rows[i].case_id, case_id) == 0)
            return &noise->rows[i];
    return NULL;
}

double qg_noise_floor(const qg_noise *noise, const char *case_id, qg_metric metric)
{
    const qg_noise_row *row = qg_noise_of(noise, case_id, metric);

    return row ? 3 * row->paired : 0;
}
