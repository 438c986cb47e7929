/* The machine and the build that measured: facts of this CPU and program; the device's from the
 * engine. */
#ifndef QG_MEASURE_MACHINE_H
#define QG_MEASURE_MACHINE_H

#include "engine/engine.h"
#include "record/record.h"

/* Texts live on the arena or as long as the program. The fingerprint hashes what numbers depend on:
 * CPU model, device, tier, threads, compiler and flags, not host name or commit. */
qg_status qg_machine_describe(qg_machine *out, qg_arena *arena, const qg_engine_info *info,
                              qg_err *err);

/* What `m` says of one worker, with what another of the same machine says: devices, GPUs and tiers
 * that are new are joined by '+', and then the fingerprint is one of both. An empty `m` becomes
 * `other`. */
qg_status qg_machine_join(qg_machine *m, qg_arena *arena, const qg_machine *other, qg_err *err);

/* Greatest resident set of this process in bytes, as the kernel counts it; 0 where it does not say.
 */
int64_t qg_machine_peak_rss(void);

/* Bytes that can be had without swapping, as the kernel estimates them; 0 where it does not say. */
int64_t qg_machine_available(void);
/* Bytes of the files of a folder; 0 where it cannot be read. */
int64_t qg_machine_folder_bytes(const char *folder);

#endif
