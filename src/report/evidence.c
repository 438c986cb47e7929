/* Coverage that other tools wrote: see evidence.h. */
#include "report/evidence.h"

#include "base/file.h"
#include "base/json.h"

#define EVIDENCE_MAX ((size_t)64 << 20)

/* ---- gcovr ---- */

/* NAME_covered and NAME_total of an object; false where they are absent or make no sense. */
static bool read_covered(qg_covered *out, const qg_json *node, const char *covered,
                         const char *total)
{
    return qg_json_int(qg_json_get(node, covered), &out->covered) &&
           qg_json_int(qg_json_get(node, total), &out->total) && out->covered >= 0 &&
           out->covered <= out->total;
}

/* Lines are wanted; functions and branches may be absent, as in files of old versions. */
static bool read_counts(qg_covered *lines, qg_covered *functions, qg_covered *branches,
                        const qg_json *node)
{
    if (!read_covered(functions, node, "function_covered", "function_total"))
        *functions = (qg_covered){0};
    if (!read_covered(branches, node, "branch_covered", "branch_total"))
        *branches = (qg_covered){0};
    return read_covered(lines, node, "line_covered", "line_total");
}

qg_status qg_coverage_read(qg_coverage *out, qg_arena *arena, const char *path, qg_err *err)
{
    const qg_json *root, *files;

    *out = (qg_coverage){.name = qg_path_base(path)};
    QG_PASS(qg_json_read(&root, arena, path, EVIDENCE_MAX, err));
    files = qg_json_get(root, "files");
    if (qg_json_type_of(files) != QG_JSON_ARRAY ||
        !read_counts(&out->lines, &out->functions, &out->branches, root))
        return qg_fail(err, QG_EFORMAT,
                       "'%s' is no summary of gcovr: write one with --json-summary", path);
    out->n_files = qg_json_len(files);
    out->files = QG_NEW_N(arena, qg_coverage_file, out->n_files);
    QG_NEED(out->files, err);
    for (size_t i = 0; i < out->n_files; i++) {
        qg_coverage_file *f = &out->files[i];
        const qg_json *node = qg_json_at(files, i);
        if (!qg_json_str(qg_json_get(node, "filename"), &f->name) ||
            !read_counts(&f->lines, &f->functions, &f->branches, node))
            return qg_fail(err, QG_EFORMAT, "'%s': file %zu has no name or no count of lines", path,
                           i + 1);
    }
    return QG_OK;
}

/* ---- kcheck ---- */

static const char not_kcheck[] = "is no list of proved kernels: write one with 'kcheck --csv'";

/* The index of a tier, which is new or not; QG_KERNEL_TIERS where there are too many. */
static size_t tier_index(qg_kernels *k, qg_str tier)
{
    size_t i = 0;

    while (i < k->n_tiers && !qg_str_eq(k->tiers[i], tier))
        i++;
    if (i == k->n_tiers && i < QG_KERNEL_TIERS)
        k->tiers[k->n_tiers++] = tier;
    return i;
}

/* "rmsnorm_1x576" is the kernel up to the first '_', and its shape. */
static qg_kernel_row row_of(qg_str name)
{
    const char *line = memchr(name.ptr, '_', name.len);
    size_t n = line ? (size_t)(line - name.ptr) : name.len;

    return (qg_kernel_row){.kernel = qg_str_sub(name, 0, n),
                           .shape = qg_str_sub(name, n + 1, name.len)};
}

/* kcheck goes through its cases tier by tier in one order, so the row is mostly the one behind that
 * of the last line. */
static qg_kernel_row *find_row(qg_kernels *k, qg_kernel_row wanted, size_t *at)
{
    for (size_t tried = 0; tried < k->n_rows; tried++) {
        qg_kernel_row *row = &k->rows[ *at = (*at + 1) % k->n_rows];
        if (qg_str_eq(row->kernel, wanted.kernel) && qg_str_eq(row->shape, wanted.shape))
            return row;
    }
    *at = k->n_rows;
    k->rows[k->n_rows] = wanted;
    return &k->rows[k->n_rows++];
}

static size_t count_lines(qg_str text)
{
    size_t n = 1;

    for (size_t i = 0; i < text.len; i++)
        n += text.ptr[i] == '\n';
    return n;
}

qg_status qg_kernels_read(qg_kernels *out, qg_arena *arena, const char *path, qg_err *err)
{
    qg_str text, line, name, tier;
    size_t at = 0, n = 1;

    *out = (qg_kernels){.name = qg_path_base(path)};
    QG_PASS(qg_file_read(&text, arena, path, EVIDENCE_MAX, err));
    if (!qg_str_split(&text, '\n', &line) || !qg_str_starts(line, QG_STR("case,tier")))
        return qg_fail(err, QG_EFORMAT, "'%s' %s", path, not_kcheck);
    out->rows = QG_NEW_N(arena, qg_kernel_row, count_lines(text));
    QG_NEED(out->rows, err);
    while (qg_str_split(&text, '\n', &line)) {
        qg_str rest = qg_str_trim(line);
        n++;
        if (!rest.len)
            continue;
        qg_str_split(&rest, ',', &name);
        if (!qg_str_split(&rest, ',', &tier) || !name.len || !tier.len)
            return qg_fail(err, QG_EFORMAT, "'%s' line %zu: a case and a tier are wanted", path, n);
        size_t t = tier_index(out, tier);
        if (t == QG_KERNEL_TIERS)
            return qg_fail(err, QG_EFORMAT, "'%s' line %zu: more than %d tiers", path, n,
                           QG_KERNEL_TIERS);
        find_row(out, row_of(name), &at)->tiers |= 1u << t;
        if (out->n_rows > QG_KERNEL_ROWS)
            return qg_fail(err, QG_EFORMAT, "'%s' has more than %d kernels and shapes", path,
                           QG_KERNEL_ROWS);
    }
    return QG_OK;
}
