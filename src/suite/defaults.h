/* Budgets of quality for a model that names none: by its method, as damage to FP16 over the suite's
 * text. Wide enough that a healthy model of a published recipe keeps them, on models from 7B down
 * to those of a few million parameters; what a method costs on a model of your own is measured soon
 * and written into the suite then. From published tables of the methods (LLM.int8(), SmoothQuant,
 * GPTQ, AWQ) with room for protocol and hardware, and re-measured: golden/quality.
 */
#ifndef QG_SUITE_DEFAULTS_H
#define QG_SUITE_DEFAULTS_H

#include "suite/suite.h"

typedef struct qg_default_budget {
    qg_metric metric;
    double limit;
    const char *written;
} qg_default_budget;

enum { QG_DEFAULT_BUDGETS = 3 };

/* QG_DEFAULT_BUDGETS rows; NULL: the model names budgets of its own, or is the reference, or there
 * is no text that it would be compared over. */
const qg_default_budget *qg_default_budgets_of(const qg_suite *s, const qg_suite_model *m);

#endif
