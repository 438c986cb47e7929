/* The checks of a suite that take several keys to see. */
#ifndef QG_SUITE_CROSSCHECK_H
#define QG_SUITE_CROSSCHECK_H

#include "suite/schema.h"
#include "suite/suite.h"

/* Resolves `reference`, `from` and methods of `models` (the suite's own), and adds a finding for
 * everything that contradicts itself, lacks what it needs, or is a gate too weak to see what it
 * promises. `root` is where the suite was read from, for places. */
void qg_crosscheck(const qg_schema_reader *r, qg_suite *s, qg_suite_model *models,
                   const qg_yaml *root);

#endif
