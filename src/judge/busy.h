/* Whether a machine was too busy for a time that stands alone to prove anything.
 *
 * It was where the case had to wait for a processor, where others worked on the cores in use (the
 * other thread of a core halves its speed without a wait), where they took a good part of the whole
 * machine (clock, cache and memory are shared), or where the processor throttled. Times that were
 * measured in turns with what they are held to are not asked: what disturbs one disturbs the other.
 */
#ifndef QG_JUDGE_BUSY_H
#define QG_JUDGE_BUSY_H

#include "base/str.h"
#include "record/record.h"

/* Of the sampled time: waiting, or taken by the hypervisor. */
#define QG_BUSY 0.02
/* Processors' worth of others' work on the cores in use. The kernel's ticks leave 0.15 open in a
 * second of samples. */
#define QG_BUSY_NEIGHBOURS 0.3
/* Processors' worth of others' work anywhere, and its share of all processors: a large machine is
 * never quite alone. */
#define QG_BUSY_OTHERS     0.5
#define QG_BUSY_OF_MACHINE 0.03

bool qg_is_busy(const qg_measurement *m, const qg_machine *machine);

/* What kept it, for the end of a sentence: "it kept the case waiting 3 % of the time and other
 * processes used 1.02 of 16 processors". "" where it was not busy. */
const char *qg_busy_text(qg_arena *arena, const qg_measurement *m, const qg_machine *machine);

#endif
