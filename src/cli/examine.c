/* The doctor before each load: see examine.h. */
#include "cli/examine.h"

#include "doctor/doctor.h"

static void tell(const qg_findings *f, qg_arena *arena)
{
    for (size_t i = 0; i < f->n; i++) {
        qg_buf line;
        if (f->at[i].severity == QG_SEVERITY_ERROR && f->n_errors < 2)
            continue;
        qg_buf_init(&line, arena);
        qg_finding_format(&line, &f->at[i]);
        if (!line.failed)
            qg_cli_notice("%.*s", (int)line.len, line.ptr);
    }
    if (f->n_dropped)
        qg_cli_notice("..., and %zu more findings", f->n_dropped);
}

qg_status qg_cli_examine(const char *folder, const char *quantization, const char *activations,
                         qg_err *err)
{
    qg_arena *arena = qg_arena_create();
    qg_findings findings;

    QG_NEED(arena, err);
    qg_findings_begin(&findings, arena);
    qg_status s = qg_doctor_examine(&findings, folder,
                                    &(qg_doctor_options){.quantization = quantization,
                                                         .activations = activations,
                                                         .quick = true},
                                    err);
    if (s == QG_OK)
        tell(&findings, arena);
    qg_arena_free(arena);
    return s;
}
