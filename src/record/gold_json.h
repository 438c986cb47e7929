/* What a case said about the pinned prompts, as part of a run's JSON (files of goldens are text:
 * gold.h). Ids and log-probabilities of a position's top are two parallel arrays, bytes are hex. */
#ifndef QG_RECORD_GOLD_JSON_H
#define QG_RECORD_GOLD_JSON_H

#include "record/fields.h"
#include "record/gold.h"

/* An object, or null where there is none. */
void qg_gold_write_json(qg_json_writer *w, const qg_gold *g);
/* NULL of null. */
qg_status qg_gold_read_json(qg_gold **out, qg_fields_reader *r, const qg_json *o);

#endif
