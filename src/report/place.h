/* Where a file stands in the repository: what GitHub, code scanning and links expect, while a
 * record has paths as the user typed them. */
#ifndef QG_REPORT_PLACE_H
#define QG_REPORT_PLACE_H

#include "base/arena.h"

/* `file` from the root of the repository, without "." and "..": relative paths are taken from
 * `here`, an absolute path of a folder; `root` is that of the repository, and a path outside of it
 * stays as it is. Either NULL: not known, then "./a/../b" is still "b". NULL when out of memory. */
const char *qg_place_in(qg_arena *arena, const char *root, const char *here, const char *file);

#endif
