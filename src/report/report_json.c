/* The record itself as a report: run.json, by record_json. */
#include "record/record_json.h"
#include "report/report.h"

static qg_status begin(qg_sink_out *o, qg_err *err)
{
    return qg_run_to_json(o->out, o->run, err);
}

const qg_sink qg_report_json = {"json", "run.json", begin, NULL, NULL};
