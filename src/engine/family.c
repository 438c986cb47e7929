/* The table of families. A new one is a row here; what it does differently in the forward pass is a
 * switch that decoder.c reads. */
#include "engine/family.h"

#include <stdio.h>
#include <string.h>

static const char *const silu[] = {"silu", NULL}, *const relu_gelu[] = {"relu", "gelu", NULL};

/* What all of Llama's kin share. */
#define LLAMA_NAMES                                                                                \
    .embed = "model.embed_tokens", .norm = "model.norm", .head = "lm_head",                        \
    .layer = "model.layers.%d.", .attention_norm = "input_layernorm", .q = "self_attn.q_proj",     \
    .k = "self_attn.k_proj", .v = "self_attn.v_proj", .o = "self_attn.o_proj",                     \
    .mlp_norm = "post_attention_layernorm", .gate = "mlp.gate_proj", .up = "mlp.up_proj",          \
    .down = "mlp.down_proj", .activations = silu, .ignored_suffix = ".rotary_emb.inv_freq"

static const qg_family families[] = {
    {.name = "llama", LLAMA_NAMES},
    {.name = "mistral", LLAMA_NAMES, .has_window = true},
    {.name = "qwen2", LLAMA_NAMES, .has_window = true, .no_o_bias = true},
    {
        .name = "opt",
        .embed = "model.decoder.embed_tokens",
        .norm = "model.decoder.final_layer_norm", /* the layers have one of that name, too */
        .head = "lm_head",
        .layer = "model.decoder.layers.%d.",
        .attention_norm = "self_attn_layer_norm",
        .q = "self_attn.q_proj",
        .k = "self_attn.k_proj",
        .v = "self_attn.v_proj",
        .o = "self_attn.out_proj",
        .mlp_norm = "final_layer_norm",
        .fc1 = "fc1",
        .fc2 = "fc2",
        .positions = "model.decoder.embed_positions",
        .position_offset = 2,
        .project_in = "model.decoder.project_in",
        .project_out = "model.decoder.project_out",
        .layer_norm = true,
        .activations = relu_gelu,
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

static qg_status check_activation(const qg_family *f, const char *activation, qg_err *err)
{
    char known[64] = "";

    for (const char *const *a = f->activations; *a; a++) {
        size_t n = strlen(known);
        if (strcmp(activation, *a) == 0)
            return QG_OK;
        snprintf(known + n, sizeof known - n, "%s%s", n ? ", " : "", *a);
    }
    return qg_fail(err, QG_ENOSUP, "hidden_act '%s' is not supported for family '%s', only %s",
                   activation, f->name, known);
}

qg_status qg_family_check(const qg_family *f, const qg_model_config *config, qg_err *err)
{
    if (config->rope.type == QG_ROPE_OTHER)
        return qg_fail(err, QG_ENOSUP,
                       "rope scaling '%s' is not supported, only default, linear, dynamic, yarn "
                       "and llama3",
                       config->rope.name);
    if (!f->has_window && config->sliding_window > 0 &&
        config->sliding_window < config->max_positions)
        return qg_fail(err, QG_ENOSUP, "sliding_window %d is not supported for family '%s'",
                       config->sliding_window, f->name);
    return check_activation(f, config->hidden_act, err);
}
