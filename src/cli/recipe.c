/* How weights are quantized, from options: see recipe.h. What fits together is the business of
 * quantize/form. */
#include "cli/recipe.h"

#include <stdio.h>

const qg_option qg_cli_recipe_options[] = {
    QG_TEXT("format", qg_cli_recipe, format, "NAME",
            "how codes are stored: gptq, gptq_v2, awq, compressed-tensors, bitsandbytes (4 bit: "
            "gptq, with --asym gptq_v2, 8 bit: compressed-tensors)"),
    QG_INT("bits", qg_cli_recipe, bits, "N", 4, 8, "of a weight: 4 or 8 (4)"),
    QG_INT("group-size", qg_cli_recipe, group_size, "N", -1, 1 << 20,
           "inputs that share a scale, -1: all (128; W8A8 and bitsandbytes -1)"),
    QG_FLAG("sym", qg_cli_recipe, sym, "zero points in the middle (the default but for awq)"),
    QG_FLAG("asym", qg_cli_recipe, asym, "a zero point a group"),
    QG_FLAG("act-order", qg_cli_recipe, act_order,
            "groups in an order of their own, g_idx (gptq, gptq_v2)"),
    QG_TEXT("activations", qg_cli_recipe, activations, "float|int8",
            "with 8 bit: int8 makes W8A8 (float)"),
    {0},
};

qg_status qg_cli_recipe_read(qg_recipe *out, bool *given, const qg_cli_recipe *o, qg_err *err)
{
    if (o->sym && o->asym)
        return qg_fail(err, QG_EARG, "'--sym' and '--asym' exclude each other");
    *given = o->format || o->activations || o->bits || o->group_size || o->sym || o->asym ||
             o->act_order;
    *out = (qg_recipe){.format = o->format,
                       .bits = (int)o->bits,
                       .group_size = (int)o->group_size,
                       .symmetric = o->sym ? 1 : -(int)o->asym,
                       .act_order = o->act_order,
                       .activations = o->activations};
    return QG_OK;
}

static void show(void *user, const char *label, double done)
{
    qg_progress *bar = user;

    snprintf(bar->label, sizeof bar->label, "%s", label);
    qg_progress_update(bar, done);
}

static void tell(void *user, const char *text)
{
    qg_progress_end(user);
    qg_cli_notice("%s", text);
}

void qg_cli_watch_quantizing(qg_quantize_options *o, qg_progress *bar)
{
    o->on_progress = show;
    o->on_notice = tell;
    o->user = bar;
}
