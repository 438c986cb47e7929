/* How the models of a run were made: see provenance.h. */
#include "cli/provenance.h"

#include "base/file.h"

#include <string.h>

#define REPORT_BYTES_MAX ((size_t)64 << 20)

static qg_status read_report(qg_model_info *model, qg_arena *arena, const char *path, qg_err *err)
{
    qg_quantized *q;
    qg_str text;

    QG_PASS(qg_file_read(&text, arena, path, REPORT_BYTES_MAX, err));
    QG_PASS(qg_quantized_from_json(&q, arena, text, path, err));
    model->quantized = q;
    return QG_OK;
}

static qg_status add_notice(qg_run *run, qg_arena *arena, const qg_model_info *model,
                            const qg_err *why, qg_err *err)
{
    char text[2 * QG_ERR_TEXT + QG_ERR_PATH];

    return qg_run_notice(run, arena,
                         qg_arena_format(arena, "how model '%s' was made is not known: %s",
                                         model->name, qg_err_format(why, text, sizeof text)),
                         err);
}

qg_status qg_provenance_read(qg_run *run, qg_arena *arena, qg_err *err)
{
    for (size_t i = 0; i < run->n_models; i++) {
        qg_model_info *model = &run->models[i];
        qg_err why = {0};
        if (!model->path) /* made for cases that were skipped */
            continue;
        const char *path = qg_path_join(arena, model->path, QG_QUANTIZED_FILE);
        QG_NEED(path, err);
        if (!qg_file_exists(path))
            continue;
        qg_status s = read_report(model, arena, path, &why);
        if (s == QG_ENOMEM)
            return qg_fail(err, s, "out of memory");
        if (s != QG_OK)
            QG_PASS(add_notice(run, arena, model, &why, err));
    }
    return QG_OK;
}
