/* Families of models as const data: how a family calls its tensors, what its blocks are made of,
 * and what it cannot run.
 *
 * The names are those of Hugging Face transformers. A linear called "NAME" has its tensors "NAME.*"
 * (what they are is the quantization method's business), a norm "NAME.weight" and, where norms have
 * one, "NAME.bias". NULL where a family has no such tensor. engine/inventory.h makes the list of a
 * model's tensors out of this.
 */
#ifndef QG_ENGINE_FAMILY_H
#define QG_ENGINE_FAMILY_H

#include "base/err.h"
#include "checkpoint/config.h"

typedef struct qg_family {
    const char *name;         /* `model_type` of config.json */
    const char *embed, *norm; /* input embedding, last norm */
    const char *head;         /* absent where the head is tied to the embedding */
    const char *layer;        /* printf format of a layer's number, in front of the following */
    const char *attention_norm, *q, *k, *v, *o;
    const char *mlp_norm;
    const char *gate, *up, *down;         /* down(silu(gate(x)) * up(x)), or */
    const char *fc1, *fc2;                /* fc2(activation(fc1(x))) */
    const char *positions;                /* learned positions instead of rotation: a table */
    int position_offset;                  /* its row of position 0 */
    const char *project_in, *project_out; /* where the embedding is narrower than the model */
    bool layer_norm;                      /* LayerNorm with bias; else root mean square */
    bool no_o_bias;                       /* attention_bias means q, k and v alone */
    bool has_window;                      /* sliding windows are known */
    const char *const *activations;       /* known `hidden_act`, ended by NULL */
    const char *ignored_suffix;           /* tensors of old files that hold nothing of their own */
} qg_family;

/* Names of all families, ended by NULL, as qg_config_read() wants them. */
const char *const *qg_family_names(void);
/* NULL where the name is unknown. */
const qg_family *qg_family_find(const char *name);
/* QG_ENOSUP names what the configuration asks for and this engine does not have. */
qg_status qg_family_check(const qg_family *f, const qg_model_config *config, qg_err *err);

#endif
