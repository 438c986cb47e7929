/* Parts of reading a config.json: for config.c and config_rope.c only. */
#ifndef QG_CHECKPOINT_CONFIG_INTERNAL_H
#define QG_CHECKPOINT_CONFIG_INTERNAL_H

#include "checkpoint/config.h"

/* Fills c->rope and c->longest; root, head_dim and max_positions are set. */
qg_status qg_config_read_rope(qg_model_config *c, qg_err *err);

#endif
