/* Readers for `checklist`: which items a release needs, of which models, with which files. */
#ifndef QG_SUITE_READINESS_H
#define QG_SUITE_READINESS_H

#include "suite/schema.h"
#include "suite/suite.h"

/* Fills s->checklist, whose plain keys were read by the table; models and reference must be known.
 */
void qg_readiness_read(const qg_schema_reader *r, qg_suite *s, const qg_yaml *root);

#endif
