/* What the dashboard shows beside the runs: coverage of lines by gcovr, and of kernels by kcheck.
 *
 * Both are files that other tools wrote, so each is checked: what is not as expected is QG_EFORMAT
 * with the name of the file, and what it should be made with.
 */
#ifndef QG_REPORT_EVIDENCE_H
#define QG_REPORT_EVIDENCE_H

#include "base/err.h"
#include "base/str.h"

typedef struct qg_covered {
    int64_t covered, total;
} qg_covered;

typedef struct qg_coverage_file {
    qg_str name;
    qg_covered lines, functions, branches;
} qg_coverage_file;

/* gcovr's summary: `gcovr --json-summary`, of format 0.5 or later. */
typedef struct qg_coverage {
    const char *name; /* of the file, without its folder */
    qg_covered lines, functions, branches;
    qg_coverage_file *files;
    size_t n_files;
} qg_coverage;

qg_status qg_coverage_read(qg_coverage *out, qg_arena *arena, const char *path, qg_err *err);

enum { QG_KERNEL_TIERS = 16, QG_KERNEL_ROWS = 32768 };

/* A kernel on one shape, and the tiers (bits, by index) that were proved on it. */
typedef struct qg_kernel_row {
    qg_str kernel, shape; /* "rmsnorm", "1x576"; the shape may be "" */
    uint32_t tiers;
} qg_kernel_row;

/* What `kcheck --csv` wrote: CSV whose head begins with "case,tier". */
typedef struct qg_kernels {
    const char *name;
    qg_str tiers[QG_KERNEL_TIERS];
    size_t n_tiers;
    qg_kernel_row *rows; /* in the order of first appearance */
    size_t n_rows;
} qg_kernels;

qg_status qg_kernels_read(qg_kernels *out, qg_arena *arena, const char *path, qg_err *err);

#endif
