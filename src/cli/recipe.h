/* The options that say how weights are quantized: of `quantize` and `synth`. */
#ifndef QG_CLI_RECIPE_H
#define QG_CLI_RECIPE_H

#include "base/progress.h"
#include "cli/cli.h"
#include "quantize/quantize.h"

/* The first member of a command's options struct; the table is its `shared`. */
typedef struct qg_cli_recipe {
    const char *format, *activations;
    int64_t bits, group_size;
    bool sym, asym, act_order;
} qg_cli_recipe;
extern const qg_option qg_cli_recipe_options[];

/* QG_EARG where options exclude each other. *given: any of them was given. */
qg_status qg_cli_recipe_read(qg_recipe *out, bool *given, const qg_cli_recipe *options,
                             qg_err *err);

/* Shows on `bar`, which the caller begins and ends, how quantizing goes on, and prints its notices.
 */
void qg_cli_watch_quantizing(qg_quantize_options *o, qg_progress *bar);

#endif
