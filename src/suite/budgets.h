/* Reads the maps of metrics in a suite: budgets of quality, rows of performance, what regression
 * allows. Every mistake becomes a finding; what is right is kept. */
#ifndef QG_SUITE_BUDGETS_H
#define QG_SUITE_BUDGETS_H

#include "suite/schema.h"
#include "suite/suite.h"

/* `models` are the suite's, whose budgets are filled in. `node` is the value of `budgets` (NULL:
 * none). */
void qg_budgets_read_quality(const qg_schema_reader *r, qg_suite_model *models, size_t n_models,
                             const qg_yaml *node);
void qg_budgets_read_performance(const qg_schema_reader *r, qg_suite_model *models, size_t n_models,
                                 const qg_suite_performance *p, const qg_yaml *node);
void qg_budgets_read_allow(const qg_schema_reader *r, qg_suite_regression *out,
                           const qg_yaml *node);

/* The metric that a text names, of either section; else a finding. */
bool qg_budgets_read_metric(const qg_schema_reader *r, const qg_yaml *text, qg_metric *out);

#endif
