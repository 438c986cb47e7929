/* What the engine's tests share: folders of small models that a test may damage, and the truth that
 * the engine is held against, a plain forward pass in double that shares no code with it. */
#ifndef QG_ENGINE_REFERENCE_CHECK_H
#define QG_ENGINE_REFERENCE_CHECK_H

#include "checkpoint/safetensors.h"
#include "engine/engine.h"
#include "quantize/synth.h"

/* ---- folders ---- */

/* A temporary folder for one test; fixture_end() removes it with all that is in it. */
void fixture_begin(void);
void fixture_end(void);
qg_arena *fixture_arena(void);
/* Writes a random model into the temporary folder under `name`; its path. */
const char *fixture_model(const char *name, const qg_synth_options *options);
/* A path below the repository's root. */
const char *fixture_path(const char *path);

/* Sets (or adds) a top-level key of a JSON file in `folder` to raw JSON text. */
void fixture_set(const char *folder, const char *file, const char *key, const char *json);
/* Rewrites model.safetensors through `edit`, which may change spec and data (n_bytes as before or
 * fewer), or set spec->name to NULL to drop the tensor. `extra`, where not NULL, is put in front:
 * zeros.
 */
typedef void fixture_edit(qg_tensor_spec *spec, void *data, void *user);
void fixture_tensors(const char *folder, fixture_edit *edit, void *user,
                     const qg_tensor_spec *extra);
/* Fills every norm and bias with random numbers near 1 and 0, so that none can be left out unseen.
 */
void fixture_vary_vectors(const char *folder);

/* n ids in [0, vocabulary), from a fixed generator. */
int32_t *fixture_ids(int n, int vocabulary, uint32_t seed);
/* Opens with the error as the test's message. */
qg_engine *fixture_open(const char *folder, const qg_engine_options *options);

/* ---- truth ---- */

/* Logits [n][vocabulary] of a folder of any family (rotation plain, linear or llama3): no cache, no
 * batches, every number a double, weights rounded to half as the fp16 method defines. */
double *reference_logits(qg_arena *arena, const char *folder, const int32_t *ids, int n);
/* log softmax of one row, in place. */
void reference_log_softmax(double *row, int n);

#endif
