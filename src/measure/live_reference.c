/* The model that another is read beside: see live_reference.h. */
#include "measure/live_reference.h"

#include "base/file.h"

#include <string.h>

qg_status qg_reference_prepare(qg_reference *r, qg_arena *arena, const qg_tokenizer *own,
                               const char *beside, qg_err *err)
{
    if (!qg_dir_exists(r->folder))
        return qg_fail(err, QG_ENOTFOUND, "there is no folder '%s' of the reference", r->folder);
    QG_TRY(qg_tokenizer_open(&r->tokenizer, arena, r->folder, err), err, "opening reference '%s'",
           r->folder);
    if (strcmp(qg_tokenizer_hash(r->tokenizer), qg_tokenizer_hash(own)) == 0)
        return QG_OK;
    return qg_fail(err, QG_EREFUSED,
                   "'%s' has tokenizer %.12s and its reference '%s' has %.12s: only models of one "
                   "tokenizer can be compared token by token",
                   beside, qg_tokenizer_hash(own), r->folder, qg_tokenizer_hash(r->tokenizer));
}

qg_status qg_reference_open(qg_reference *r, qg_arena *arena, const qg_engine_options *like,
                            qg_err *err)
{
    qg_engine_options options = *like;

    options.device = r->device ? r->device : like->device;
    options.tier = r->tier ? r->tier : like->tier;
    options.quantization = r->quantization;
    options.activations = r->activations;
    options.dtype = r->dtype;
    options.tokenizer = r->tokenizer;
    QG_TRY(qg_engine_open(&r->engine, arena, r->folder, &options, err), err,
           "the reference, which is opened beside the model");
    return QG_OK;
}
