/* Which parts of a contrast (engine/contrast.h) are over a limit: the rule by which one is named.
 *
 * Numbers are what was measured over both embedded models in 17 forms each by our quantizers, over
 * prompts of some 20 to 40 tokens, where nothing is wrong.
 *
 * Between two kernel tiers every step reads the same numbers, so that only the order of sums stays:
 *
 *   QG_SUSPECT_TIERS    error of a part: at most 7.4e-7
 *
 * Between a checkpoint and what it was made of, of parts that nobody quantizes:
 *
 *   QG_SUSPECT_PLAIN    error of embedding, positions, last norm and head, which are copied: 0
 *                       (bfloat16 for float16: 2e-3); of attention, activation and addition, which
 *                       have no weights: 4e-7, unless the two config.json differ
 *   QG_SUSPECT_NORM     error of one output of a norm, relative to itself, with scales that were
 *                       folded into it taken out: at most 0.13 (AWQ's clipping shrinks the columns
 *                       that show them), else 0.042. Counts where no reader is over a limit itself
 *
 * and of linears, by what rounding to nearest would leave (engine/misfit.h):
 *
 *   QG_SUSPECT_OUTPUTS  error of outputs relative to that, mean over outputs: 0.2 to 1.4
 *   QG_SUSPECT_OUTPUT   greatest of one output: at most 4.7 (a million normal numbers have 5)
 *   QG_SUSPECT_SHIFT    mean of a cell in steps: at most 0.21; a zero point off by one gives 0.8
 *   QG_SUSPECT_CELL     root mean square of a cell in steps: at most 0.66 in AWQ, else 0.38
 *   QG_SUSPECT_INPUT    root mean square of an input in steps: 0.43; of one in a wrong group 1.5
 *   QG_SUSPECT_REPORT   relative change of the error of weights since the report that `quantize`
 *                       leaves beside them, where it was made of this very model: 1e-7. Not in
 *                       layers where scales were moved (AWQ, SmoothQuant): here they are estimates
 *
 * GPTQ of too short a text is over the limits on outputs as well (512 tokens for 768 inputs: 6.7):
 * what it made of inputs that it has hardly seen is damage to this prompt.
 *
 * Shift, cell and input say something only where weights are those nearest: the middle of all cells
 * is 0.26 to 0.29 then (QG_SUSPECT_NEAREST is the limit). GPTQ moves weights along directions that
 * inputs do not have, in OPT by up to 12 steps; there outputs and the report have to do.
 */
#ifndef QG_MEASURE_SUSPECT_H
#define QG_MEASURE_SUSPECT_H

#include "engine/contrast.h"
#include "record/quantized.h"

#define QG_SUSPECT_TIERS   2e-5
#define QG_SUSPECT_PLAIN   5e-3
#define QG_SUSPECT_NORM    0.2
#define QG_SUSPECT_OUTPUTS 2.0
#define QG_SUSPECT_OUTPUT  6.0
#define QG_SUSPECT_SHIFT   0.5
#define QG_SUSPECT_CELL    0.8
#define QG_SUSPECT_INPUT   0.6
#define QG_SUSPECT_REPORT  1e-5
#define QG_SUSPECT_NEAREST 0.32

typedef enum qg_suspicion_kind {
    QG_SUSPECTED_BY_TIERS,
    QG_SUSPECTED_BY_PLAIN,
    QG_SUSPECTED_BY_NORM,
    QG_SUSPECTED_BY_SHIFT,
    QG_SUSPECTED_BY_CELL,
    QG_SUSPECTED_BY_INPUT,
    QG_SUSPECTED_BY_OUTPUTS,
    QG_SUSPECTED_BY_OUTPUT,
    QG_SUSPECTED_BY_REPORT,
} qg_suspicion_kind;

typedef struct qg_suspicion {
    const qg_contrast_entry *entry;
    qg_suspicion_kind
        kind; /* of its weights what stands out the most, else the first over a limit */
    double value, limit;
} qg_suspicion;

/* All that are over a limit, in the order of the pass, on the arena. `report` is that of the other
 * checkpoint, NULL where there is none or it is of another source. QG_ENOMEM. */
qg_status qg_suspects_of_tiers(qg_suspicion **out, size_t *n, qg_arena *arena,
                               const qg_contrast_entry *entries, size_t n_entries, qg_err *err);
qg_status qg_suspects_of_checkpoint(qg_suspicion **out, size_t *n, qg_arena *arena,
                                    const qg_contrast_entry *entries, size_t n_entries,
                                    const qg_quantized *report, qg_err *err);

/* Error of the same part in the other layers, the middle of them; 0 where there are none. */
qg_status qg_suspect_usual(double *out, qg_arena *scratch, const qg_contrast_entry *entries,
                           size_t n_entries, const qg_contrast_entry *e, qg_err *err);

#endif
