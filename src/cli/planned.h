/* A plan as a person, a program or GitHub's matrix reads it. */
#ifndef QG_CLI_PLANNED_H
#define QG_CLI_PLANNED_H

#include "cli/cli.h"
#include "suite/plan.h"

/* One line a case: id, device, budgets; where the plan has several shards, shard by shard. */
void qg_planned_text(qg_buf *out, const qg_plan *plan);
/* {"suite","suite_hash","cases":[{"id",...,"shard","cost","budgets":[...]}],"shards":[{"shard",
 * "name","cases":[...],"cost"}]} on one line. */
qg_status qg_planned_json(qg_buf *out, const qg_plan *plan, qg_err *err);
/* The line `matrix={"include":[{"shard":"1/4","name":"..."},...]}`: an output of a step (it is
 * appended to the file $GITHUB_OUTPUT), whose value `fromJSON` makes a job's `strategy.matrix`. */
qg_status qg_planned_matrix(qg_buf *out, const qg_plan *plan, qg_err *err);

/* qg_planned_text to standard output. */
qg_status qg_planned_print(qg_cli *cli, const qg_plan *plan, qg_err *err);

#endif
