/* Which processors the arms of a group run on: the same for all, so that none has a better core, a
 * quieter neighbour on the other half of its core, or more cache. Left to the scheduler, two equal
 * processes differ by tens of percent for as long as they stay where they are, which no number of
 * samples takes out.
 */
#ifndef QG_MEASURE_CPUS_H
#define QG_MEASURE_CPUS_H

#include "base/arena.h"
#include "base/err.h"

/* The n processors of those that this process may use whose cores were most idle over the next
 * moment (50 ms), on cores of their own as far as there are so many, as "3,7"; NULL where there are
 * no more than n, or they cannot be told: then the scheduler chooses. The list lives on the arena.
 */
const char *qg_cpus_choose(qg_arena *arena, int64_t n);

/* Binds this process, and the threads that it starts from now on, to them. QG_EARG: no such list.
 * QG_EIO: the kernel refuses. */
qg_status qg_cpus_bind(const char *list, qg_err *err);

#endif
