/* The production checklist of a run: reads the A/B tests and model cards that the suite names, and
 * has all of it judged. What `run`, `judge` and `checklist` share. */
#ifndef QG_CLI_RELEASE_H
#define QG_CLI_RELEASE_H

#include "cli/cli.h"
#include "record/record.h"
#include "suite/suite.h"

/* `run` NULL: there is none. `at_s`: the time that ages are of. Files that are absent or wrong are
 * lacks of the checklist, not errors. */
qg_status qg_release_check(qg_checklist **out, qg_cli *cli, const qg_run *run,
                           const qg_suite *suite, int64_t at_s, qg_err *err);

/* Hangs the checklist on a judged run, as of the time when it was started, so that a record judged
 * twice says the same. gate: "pr" shows it, "release" adds a judgement an item, "none" does
 * nothing; NULL: "pr" where the suite has a checklist, else "none". */
qg_status qg_release_gate(qg_run *run, qg_cli *cli, const qg_suite *suite, const char *gate,
                          qg_err *err);

/* Option --gate of a struct's member. */
#define QG_RELEASE_OPTION(type, field)                                                             \
    QG_TEXT(                                                                                       \
        "gate", type, field, "pr|release|none",                                                    \
        "list the production checklist, or fail while an item of it is lacking (pr, where the "    \
        "suite has one)")

#endif
