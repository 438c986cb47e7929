/* Files that the program carries: the pages of the dashboard (src/report/web) and Chart.js, put in
 * by the Makefile as they are. */
#ifndef QG_REPORT_ASSETS_H
#define QG_REPORT_ASSETS_H

#include "base/str.h"

typedef struct qg_asset {
    const char *name; /* "index.html"; NULL ends the list */
    qg_str content;
} qg_asset;

extern const qg_asset qg_assets[];

#endif
