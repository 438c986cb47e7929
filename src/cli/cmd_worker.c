/* `quantgate worker`: the process of one measured arm; started by `run`, not by people. */
#include "cli/cli.h"
#include "measure/worker.h"

#include <stdio.h>

static const qg_option options[] = {{0}};

static qg_status worker(qg_cli *cli, qg_err *err)
{
    (void)cli;
    return qg_worker_serve(stdin, stdout, err);
}

const qg_command qg_cmd_worker = {
    .name = "worker",
    .arguments = "",
    .summary = "(the process of one measured arm: JSON lines in, samples out; started by 'run')",
    .options = options,
    .options_size = 1,
    .run = worker,
};
