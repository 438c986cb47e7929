/* Models that a suite makes, from others or at random: made once, before anything is measured.
 *
 * The cache is a folder: QUANTGATE_CACHE, else $XDG_CACHE_HOME/quantgate, else ~/.cache/quantgate.
 * A made model lies in quantized/KEY, where KEY hashes the source's content, the recipe, and the
 * version and commit of this program (of a random one its options and the version alone); it
 * appears complete or not at all, so that runs may share a cache.
 */
#ifndef QG_CLI_PREPARE_H
#define QG_CLI_PREPARE_H

#include "cli/cli.h"
#include "suite/plan.h"

#include <signal.h>

/* Gives every case that is not skipped the folder of its model and, where it is read beside one, of
 * its reference. QG_ESTOPPED once *stop is not 0 (NULL: never); finished layers are kept for the
 * next run. */
qg_status qg_prepare_models(qg_plan *plan, qg_cli *cli, int n_threads,
                            const volatile sig_atomic_t *stop, qg_err *err);
/* Gives the case, of the plan or a copy of one, the folder of its reference. */
qg_status qg_prepare_reference(qg_case *c, const qg_plan *plan, qg_cli *cli, int n_threads,
                               const volatile sig_atomic_t *stop, qg_err *err);

#endif
