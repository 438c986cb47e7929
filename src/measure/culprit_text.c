/* Sentences about suspicions: see culprit_text.h. Each says what was found, and what would be
 * right. */
#include "measure/culprit_text.h"

#include <math.h>
#include <stdio.h>

enum { TEXT_BYTES = 400 };

/* "inputs 64 to 127", "group 1" where they do not stand together. */
static const char *inputs_text(char out[64], const qg_contrast_entry *e, int group)
{
    int first = group * e->group, end = first + e->group < e->k ? first + e->group : e->k;

    if (e->has_order)
        snprintf(out, 64, "group %d", group);
    else
        snprintf(out, 64, "inputs %d to %d", first, end - 1);
    return out;
}

static void tell_weights(char out[TEXT_BYTES], const qg_suspicion *s)
{
    const qg_contrast_entry *e = s->entry;
    const qg_misfit *m = &e->misfit;
    char inputs[64];

    switch (s->kind) {
    case QG_SUSPECTED_BY_SHIFT:
        snprintf(out, TEXT_BYTES,
                 "the weights of output %d over %s are %.2g steps off on average, rounding leaves "
                 "less than %.2g: as of a wrong zero point or scale",
                 m->shift.row, inputs_text(inputs, e, m->shift.group), s->value, s->limit);
        break;
    case QG_SUSPECTED_BY_CELL:
        snprintf(out, TEXT_BYTES,
                 "the weights of output %d over %s are off by %.2g steps (root mean square), "
                 "rounding leaves 0.29: as of a wrong scale or wrong codes",
                 m->cell.row, inputs_text(inputs, e, m->cell.group), s->value);
        break;
    case QG_SUSPECTED_BY_INPUT:
        snprintf(out, TEXT_BYTES,
                 "the weights of input %d are off by %.2g steps (root mean square over all "
                 "outputs), rounding leaves 0.29: as of an input in the wrong group",
                 m->input.input, s->value);
        break;
    case QG_SUSPECTED_BY_OUTPUTS:
        snprintf(
            out, TEXT_BYTES,
            "its outputs err %.3g times as much as rounding would make them, and should not more "
            "than %.2g times: as of damaged weights, or of too little calibration",
            s->value, s->limit);
        break;
    case QG_SUSPECTED_BY_OUTPUT:
        snprintf(out, TEXT_BYTES,
                 "output %d errs %.3g times as much as rounding would make it, and should not more "
                 "than %.2g times: as of a damaged row, or of too little calibration",
                 e->excess_row, s->value, s->limit);
        break;
    default:
        snprintf(out, TEXT_BYTES,
                 "its weights are not those that 'quantize' wrote: their error is %.6f, and not "
                 "that of the report beside them (%s)",
                 m->error, QG_QUANTIZED_FILE);
        break;
    }
}

static void tell_plain(char out[TEXT_BYTES], const qg_suspicion *s, bool has_tensor)
{
    const qg_contrast_entry *e = s->entry;

    if (s->kind == QG_SUSPECTED_BY_NORM)
        snprintf(out, TEXT_BYTES,
                 "output %d differs from the reference's by %.2g of itself, and what reads it does "
                 "not make up for that",
                 e->channel, e->channel_error);
    else if (has_tensor)
        snprintf(out, TEXT_BYTES,
                 "it is not quantized, yet what it makes differs from the reference's by %.2g",
                 s->value);
    else
        snprintf(out, TEXT_BYTES,
                 "of the same inputs it makes what differs from the reference's by %.2g: compare "
                 "the two config.json",
                 s->value);
}

/* Both texts, "where" in front of the first. */
static qg_status keep(qg_blame *b, qg_arena *arena, const char *message, const char *fix,
                      qg_err *err)
{
    const char *where = b->part ? qg_blame_where(arena, b->layer, b->part, b->tensor) : "";

    QG_NEED(where, err);
    b->message = qg_arena_format(arena, "%s%s%s", where, b->part ? ": " : "", message);
    b->fix = qg_arena_format(arena, "%s", fix);
    QG_NEED(b->message && b->fix, err);
    return QG_OK;
}

qg_status qg_culprit_tell(qg_blame *b, qg_arena *arena, const qg_suspicion *s, const char *folder,
                          qg_err *err)
{
    char text[TEXT_BYTES], fix[TEXT_BYTES];

    if (s->kind == QG_SUSPECTED_BY_TIERS) {
        snprintf(text, sizeof text,
                 "kernels of the tiers %.20s and %.20s differ by %.2g%s, the order of sums makes "
                 "at most %.0e",
                 b->tier, b->beside, s->value,
                 s->entry->is_alone ? " where one token is run alone" : "", s->limit);
        snprintf(fix, sizeof fix,
                 "run with '--tier %.20s' to confirm; 'make kcheck ARGS=\"--tier %.20s\"' tests "
                 "the kernels one by one",
                 b->beside, b->tier);
        return keep(b, arena, text, fix, err);
    }
    if (s->entry->has_weights)
        tell_weights(text, s);
    else
        tell_plain(text, s, b->tensor != NULL);
    if (b->tensor)
        snprintf(fix, sizeof fix, "make '%.100s' again, or restore '%.100s' in it", folder,
                 b->tensor);
    else
        snprintf(fix, sizeof fix, "restore '%.200s/config.json'", folder);
    return keep(b, arena, text, fix, err);
}

qg_status qg_culprit_tell_reference(qg_blame *b, qg_arena *arena, const qg_culprit_task *t,
                                    bool blessed, qg_err *err)
{
    b->cause = blessed ? QG_CAUSE_UNKNOWN : QG_CAUSE_CHECKPOINT;
    if (!blessed)
        return keep(b, arena,
                    "the reference's own weights are not those that the golden was made of; there "
                    "is nothing to compare them with part by part",
                    "restore the folder, or bless it if the change is meant", err);
    return keep(b, arena,
                t->blessed_hash
                    ? "the weights are those that the golden was made of, and the kernels agree "
                      "with the reference kernels: what changed lies between, as in the tokenizer "
                      "or in the order of a step"
                    : "the kernels agree with the reference kernels, and there is no other model "
                      "to compare this one with",
                "compare with a build that passed: 'quantgate run BUNDLE' of both", err);
}

qg_status qg_culprit_tell_method(qg_blame *b, qg_arena *arena, const qg_contrast_entry *entries,
                                 size_t n_entries, bool blessed, qg_err *err)
{
    char text[TEXT_BYTES];
    double least = INFINITY, greatest = 0;

    for (size_t i = 0; i < n_entries; i++) {
        if (!entries[i].has_weights)
            continue;
        least = fmin(least, entries[i].excess);
        greatest = fmax(greatest, entries[i].excess);
    }
    snprintf(text, sizeof text,
             "no part stands out: outputs of linears err %.2g to %.2g times as much as rounding "
             "would make them; the damage is spread over all layers and is the method's own%s",
             isfinite(least) ? least : 0, greatest,
             blessed ? "" : "; the weights are not those that the case's golden was made of");
    b->cause = QG_CAUSE_METHOD;
    return keep(b, arena, text,
                "quantize with more bits, smaller groups or a longer calibration text, or move the "
                "budget",
                err);
}
