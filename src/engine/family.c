/* The table of families. A new one is a row here; what it does differently in the forward pass is a
 * switch that decoder.c reads. */
#include "engine/family.h"

#include <string.h>

static const qg_family families[] = {
    {
        .name = "llama",
        .embed = "model.embed_tokens",
        .norm = "model.norm",
        .head = "lm_head",
        .layer = "model.layers.%d.",
        .attention_norm = "input_layernorm",
        .q = "self_attn.q_proj",
        .k = "self_attn.k_proj",
        .v = "self_attn.v_proj",
        .o = "self_attn.o_proj",
        .mlp_norm = "post_attention_layernorm",
        .gate = "mlp.gate_proj",
        .up = "mlp.up_proj",
        .down = "mlp.down_proj",
        .ignored_suffix = ".rotary_emb.inv_freq",
    },
};
enum { N_FAMILIES = sizeof families / sizeof *families };

const char *const *qg_family_names(void)
{
    static const char *names[N_FAMILIES + 1];

    for (int i = 0; i < N_FAMILIES; i++)
        names[i] = families[i].name;
    return names;
}

const qg_family *qg_family_find(const char *name)
{
    for (int i = 0; i < N_FAMILIES; i++)
        if (strcmp(name, families[i].name) == 0)
            return &families[i];
    return NULL;
}

qg_status qg_family_check(const qg_family *f, const qg_model_config *config, qg_err *err)
{
    if (config->rope.type == QG_ROPE_OTHER)
        return qg_fail(err, QG_ENOSUP,
                       "rope scaling '%s' is not supported, only default, linear and llama3",
                       config->rope.name);
    if (strcmp(config->hidden_act, "silu") != 0)
        return qg_fail(err, QG_ENOSUP,
                       "hidden_act '%s' is not supported for family '%s', only silu",
                       config->hidden_act, f->name);
    if (config->sliding_window > 0 && config->sliding_window < config->max_positions)
        return qg_fail(err, QG_ENOSUP, "sliding_window %d is not supported for family '%s'",
                       config->sliding_window, f->name);
    return QG_OK;
}
