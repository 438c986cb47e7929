/* What a worker is asked to do: a case of the plan as plain data, to and from one JSON line.
 *
 * The talk between `measure` and a worker, one JSON object a line:
 *     -> {"do":"open", ...the task...}      <- {"opened":true}
 *     -> {"do":"quality"}                   <- {"progress":0.4} ..., then {"measured":true}
 *     -> {"do":"sample","index":3}          <-
 * {"ttft":ns,"tpot":ns,"itl":[ns,...],"e2e":ns,"throughput":x}
 *     -> {"do":"blame","task":{...}}        <- {"progress":0.4} ..., then {"blame":{...}}: a task
 * of culprit.h and a qg_blame (blame.h), with no model opened before
 *     -> {"do":"finish"}                    <- {"schema":2,...}: a qg_run (record_json.h) with
 * machine, model and one measurement: ledger, documents, golden An answer may always be
 * {"error":{"status":"EFORMAT","message":"..."}} instead.
 */
#ifndef QG_MEASURE_TASK_H
#define QG_MEASURE_TASK_H

#include "base/json.h"
#include "engine/engine.h"
#include "suite/texts.h"

typedef struct qg_task {
    const char *folder, *device, *tier, *quantization, *activations, *dtype;
    int64_t threads, max_model_len, seed;
    bool hash; /* hash the checkpoint (reads all of it) */
    /* quality */
    bool quality;
    qg_texts prompts;
    const char *text; /* file of documents; NULL: none */
    /* The model that it is measured beside, a folder and how it is opened; NULL: none. */
    const char *reference, *reference_device, *reference_tier;
    const char *reference_quantization, *reference_activations, *reference_dtype;
    bool greedy; /* the reference continues the prompts, too */
    int64_t window, max_tokens;
    /* performance */
    int64_t batch, input_len, output_len;
    const char *cpus; /* processors to run on (cpus.h); NULL: any */
} qg_task;

qg_status qg_task_to_json(qg_buf *out, const qg_task *t, qg_err *err);
qg_status qg_task_from_json(qg_task *out, qg_arena *arena, const qg_json *node, qg_err *err);

#endif
