/* What an engine is inside: for engine.c and session.c only. */
#ifndef QG_ENGINE_ENGINE_INTERNAL_H
#define QG_ENGINE_ENGINE_INTERNAL_H

#include "engine/decoder.h"
#include "engine/session.h"

struct qg_session {
    qg_engine *engine;
    qg_kvseq seq;
    bool is_open;
    bool is_fed; /* by the forward that is being checked: a session twice in it is an error */
};

struct qg_engine {
    const char *folder;
    qg_model_config config;
    const qg_checkpoint *checkpoint;
    const qg_tokenizer *tokenizer;
    qg_weight_source source;
    qg_backend *backend;
    qg_weights weights;
    qg_weight_sums sums;
    int64_t load_ns;
    qg_kvcache kv;
    qg_transformer decoder;
    qg_session *sessions; /* [decoder.sizes.max_seqs] */
    int32_t *best;        /* [logits_rows] */
    int told;             /* row of the slice whose logits are being told */
};

#endif
