/* How a history lies in its file: the tables, and the steps from each schema to the next.
 *
 *     texts      every text that repeats, once: branches, versions, hashes
 *     suites     by name
 *     machines   each kind of machine once, models each state of one once
 *     cases      of a suite by their id, with what the newest run says of them
 *     series     case x metric x basis: what a trend is of
 *     runs       one a run; `key` tells what was measured, `content` what was said of it
 *     run_models the models of a run
 *     numbers    run x series, the bulk: lies run by run, so an append writes at the end of the
 * file and the newest runs are read in one piece remarks    what was said of a number that did not
 * pass
 *
 * A new file is made by walking all steps, so a step that was ever released is never changed.
 */
#ifndef QG_HISTORY_LAYOUT_H
#define QG_HISTORY_LAYOUT_H

#include "history/database.h"
#include "record/record.h"

enum { QG_LAYOUT_APPLICATION = 0x71676873 }; /* "qghs", which `file` and others can see */

/* Makes sure that the file is a history of the present schema. With `write` an empty file becomes
 * one and an older one is migrated, in one transaction; without, an older one is migrated in a copy
 * in memory. QG_EFORMAT: another program's database, or empty and only to be read; QG_ENOSUP: of a
 * newer schema. Neither is changed. */
qg_status qg_layout_settle(qg_db *db, const char *path, bool write, qg_err *err);

/* A verdict as the file numbers it, whatever the order of record.h; back: false where no verdict
 * has the number. */
int qg_layout_verdict_number(qg_verdict v);
bool qg_layout_verdict(qg_verdict *out, int64_t number);

#endif
