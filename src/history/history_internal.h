/* What the files of this room know of an open history. */
#ifndef QG_HISTORY_HISTORY_INTERNAL_H
#define QG_HISTORY_HISTORY_INTERNAL_H

#include "history/database.h"
#include "history/history.h"

struct qg_history {
    qg_arena *arena;
    const char *path, *aside;
    qg_history_options options;
    qg_db *db;
};

/* After a failure: a history that is damaged, and open for writing, is set aside and a new one
 * begun; *again says that what failed is to be tried again. QG_OK too where nothing of that is so.
 */
qg_status qg_history_mend(bool *again, qg_history *h, qg_err *err);

#endif
