/* Default budgets of quality: see defaults.h. */
#include "suite/defaults.h"

#include <string.h>

static const qg_default_budget of_int8[QG_DEFAULT_BUDGETS] = {
    {QG_METRIC_PPL_INCREASE, 0.015, "1.5 % (default)"},
    {QG_METRIC_KLD_MEAN, 0.01, "0.01 (default)"},
    {QG_METRIC_SAME_TOP, 0.96, "96 % (default)"},
};
static const qg_default_budget of_gptq[QG_DEFAULT_BUDGETS] = {
    {QG_METRIC_PPL_INCREASE, 0.05, "5 % (default)"},
    {QG_METRIC_KLD_MEAN, 0.05, "0.05 (default)"},
    {QG_METRIC_SAME_TOP, 0.90, "90 % (default)"},
};
static const qg_default_budget of_awq[QG_DEFAULT_BUDGETS] = {
    {QG_METRIC_PPL_INCREASE, 0.04, "4 % (default)"},
    {QG_METRIC_KLD_MEAN, 0.05, "0.05 (default)"},
    {QG_METRIC_SAME_TOP, 0.90, "90 % (default)"},
};
static const qg_default_budget of_rtn[QG_DEFAULT_BUDGETS] = {
    {QG_METRIC_PPL_INCREASE, 0.06, "6 % (default)"},
    {QG_METRIC_KLD_MEAN, 0.06, "0.06 (default)"},
    {QG_METRIC_SAME_TOP, 0.89, "89 % (default)"},
};

const qg_default_budget *qg_default_budgets_of(const qg_suite *s, const qg_suite_model *m)
{
    if (m->is_reference || m->has_quality || !s->quality.present || !s->quality.text)
        return NULL;
    if (m->from && m->quantize.method && strcmp(m->quantize.method, "rtn") == 0)
        return of_rtn;
    if (strcmp(m->method, "int8") == 0)
        return of_int8;
    if (strcmp(m->method, "gptq") == 0)
        return of_gptq;
    return strcmp(m->method, "awq") == 0 ? of_awq : NULL;
}
