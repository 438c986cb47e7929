/* What a suite forgives, with a reason and for a time: `known_failures`, judgements that are known
 * to fail, and `skip`, cases that are not measured.
 *
 * Names and meaning follow pytest's xfail (reason, strict) and TensorRT-LLM's waives (a link for
 * each). An entry holds up to the end of its last day, in UTC. One that has expired is no mistake
 * of the suite: its judgements fail again, its cases are measured again, and `lint` warns; a suite
 * that was right yesterday must not be refused today.
 */
#ifndef QG_SUITE_EXCEPTIONS_H
#define QG_SUITE_EXCEPTIONS_H

#include "suite/schema.h"
#include "suite/suite.h"

enum { QG_EXCEPTION_WARN_DAYS = 14 };

/* Both lists of the suite from its root. */
void qg_exceptions_read(const qg_schema_reader *r, qg_suite *s, const qg_yaml *root);

/* Findings, once models and budgets are read: entries that match no case (errors) or no judgement,
 * that have expired or will within QG_EXCEPTION_WARN_DAYS (warnings). */
void qg_exceptions_check(const qg_schema_reader *r, const qg_suite *s);

/* The first entry that skips the case, unless all have expired; or NULL. */
const qg_exception *qg_exceptions_skip(const qg_suite *s, const char *case_id);

#endif
