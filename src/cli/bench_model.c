/* What is measured: see bench_model.h. */
#include "cli/bench_model.h"

#include "cli/examine.h"
#include "quantize/synth.h"

static const char *describe(qg_arena *arena, const qg_bench_synth *s, bool is_plain)
{
    if (is_plain)
        return qg_arena_format(arena, "synthetic %s", s->preset);
    return qg_arena_format(arena, "synthetic %s, %s%s%d bit", s->preset, s->format ? s->format : "",
                           s->format ? ", " : "", s->bits ? (int)s->bits : 4);
}

static qg_status make(qg_bench_model *out, qg_arena *arena, const qg_bench_synth *s, qg_err *err)
{
    bool is_plain = !s->format && !s->group_size && (!s->bits || s->bits == 16);
    qg_recipe recipe = {
        .format = s->format, .bits = (int)s->bits, .group_size = (int)s->group_size};
    qg_model_config *config = QG_NEW(arena, qg_model_config);

    if (s->bits == 16 && !is_plain)
        return qg_fail(err, QG_EARG,
                       "'--bits 16' is a plain model: leave '--format' and '--group-size' out");
    out->name = describe(arena, s, is_plain);
    QG_NEED(config && out->name, err);
    QG_TRY(qg_synth_make(
               config, &out->weights, arena,
               &(qg_synth_options){.preset = s->preset, .recipe = is_plain ? NULL : &recipe}, err),
           err, "making the model '%s'", s->preset);
    out->config = config;
    return QG_OK;
}

qg_status qg_bench_model_find(qg_bench_model *out, qg_arena *arena, const char *folder,
                              const qg_bench_synth *synth, const qg_engine_options *options,
                              qg_err *err)
{
    *out = (qg_bench_model){.name = folder};
    if (!folder == !synth->preset)
        return qg_fail(err, QG_EARG, "give either MODEL or '--synth PRESET'");
    if (synth->preset)
        return make(out, arena, synth, err);
    if (synth->bits || synth->format || synth->group_size)
        return qg_fail(err, QG_EARG,
                       "'--bits', '--format' and '--group-size' say how '--synth' makes a model; a "
                       "folder is what it is");
    return qg_cli_examine(folder, options->quantization, options->activations, err);
}

qg_status qg_bench_model_open(qg_engine **out, qg_arena *arena, const qg_bench_model *model,
                              const qg_engine_options *options, qg_err *err)
{
    if (!model->config)
        return qg_engine_open(out, arena, model->name, options, err);
    QG_TRY(qg_engine_open_shape(out, arena, model->config, model->weights, options, err), err,
           "opening the model '%s'", model->name);
    return QG_OK;
}
