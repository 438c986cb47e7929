/* The production checklist of a run: see release.h. */
#include "cli/release.h"

#include "base/clock.h"
#include "base/file.h"
#include "judge/checklist.h"
#include "suite/frontmatter.h"

#include <string.h>

typedef struct reading {
    qg_arena *arena;
    int64_t now_s;
} reading;

static qg_status parse_test(qg_evidence_file *f, const reading *r, qg_findings *findings,
                            qg_str text, qg_err *err)
{
    qg_abtest *test;

    QG_PASS(qg_abtest_parse(&test, findings, r->arena, text, f->named.path, r->now_s, err));
    f->test = test;
    return QG_OK;
}

static qg_status parse_card(qg_evidence_file *f, const reading *r, qg_findings *findings,
                            qg_str text, qg_err *err)
{
    qg_card *card;

    QG_PASS(qg_card_parse(&card, findings, r->arena, text, f->named.path, err));
    f->card = card;
    return QG_OK;
}

typedef qg_status parse_file(qg_evidence_file *f, const reading *r, qg_findings *findings,
                             qg_str text, qg_err *err);

/* A file that cannot be read has one mistake: that. */
static qg_status read_file(qg_evidence_file *f, const reading *r, size_t most, parse_file *parse,
                           qg_err *err)
{
    qg_findings *findings = QG_NEW(r->arena, qg_findings);
    const char *path = f->named.path;
    qg_err why = {0};
    qg_str text;

    QG_NEED(findings, err);
    qg_findings_begin(findings, r->arena);
    qg_status s = qg_file_read(&text, r->arena, path, most, &why);
    f->is_there = s != QG_ENOTFOUND;
    f->findings = findings;
    if (s == QG_ENOTFOUND)
        return QG_OK;
    if (s == QG_OK)
        return parse(f, r, findings, text, err);
    if (s == QG_ENOMEM)
        return qg_fail(err, s, "out of memory");
    qg_finding_error(findings, ((qg_place){path, 0, 0}), NULL, "%s", why.message);
    return findings->out_of_memory ? qg_fail(err, QG_ENOMEM, "out of memory") : QG_OK;
}

static qg_status read_files(const qg_evidence_file **out, const reading *r,
                            const qg_suite_file *named, size_t n, size_t most, parse_file *parse,
                            qg_err *err)
{
    qg_evidence_file *files = QG_NEW_N(r->arena, qg_evidence_file, n);

    QG_NEED(files, err);
    for (size_t i = 0; i < n; i++) {
        files[i].named = named[i];
        QG_PASS(read_file(&files[i], r, most, parse, err));
    }
    *out = files;
    return QG_OK;
}

qg_status qg_release_check(qg_checklist **out, qg_cli *cli, const qg_run *run,
                           const qg_suite *suite, int64_t at_s, qg_err *err)
{
    const qg_suite_checklist *k = &suite->checklist;
    reading r = {cli->run, qg_clock_seconds()};
    qg_evidence e = {.n_ab = k->n_ab, .n_cards = k->n_card};

    QG_PASS(read_files(&e.ab, &r, k->ab, k->n_ab, QG_ABTEST_BYTES_MAX, parse_test, err));
    QG_PASS(read_files(&e.cards, &r, k->card, k->n_card, QG_CARD_BYTES_MAX, parse_card, err));
    return qg_checklist_judge(out, cli->run, run, suite, &e, at_s, err);
}

qg_status qg_release_gate(qg_run *run, qg_cli *cli, const qg_suite *suite, const char *gate,
                          qg_err *err)
{
    qg_checklist *list;
    int64_t at_s = qg_clock_seconds();

    run->checklist = NULL;
    if (!gate)
        gate = suite->checklist.present ? "pr" : "none";
    if (strcmp(gate, "none") == 0)
        return QG_OK;
    if (run->started)
        qg_clock_read(&at_s, qg_str_from(run->started));
    QG_PASS(qg_release_check(&list, cli, run, suite, at_s, err));
    list->gate = gate;
    run->checklist = list;
    return strcmp(gate, "release") == 0 ? qg_checklist_gate(run, cli->run, err) : QG_OK;
}
