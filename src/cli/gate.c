/* What `run` and `bless` share: see gate.h. */
#include "cli/gate.h"

#include "backend/backend.h"
#include "base/clock.h"
#include "base/progress.h"
#include "build_info.h"
#include "cli/examine.h"
#include "cli/interrupt.h"
#include "cli/prepare.h"
#include "cli/provenance.h"
#include "judge/judge.h"
#include "measure/measure.h"
#include "record/record_json.h"

#include <stdio.h>
#include <stdlib.h>

const qg_option qg_gate_option_table[] = {
    QG_TEXT("only", qg_gate_options, only, "GLOB", "only cases whose id matches: 'fp16/*'"),
    QG_TEXT("device", qg_gate_options, device, "DEVICE",
            "cpu, cuda, cuda:N or auto, instead of the suite's; a model's own stays"),
    QG_TEXT("require", qg_gate_options, require, "cpu|cuda",
            "fail with exit code 3 where this device is missing"),
    QG_TEXT("tier", qg_gate_options, tier, "NAME",
            "highest kernel tier: ref, avx2, avx512, auto; portable: INT8 says the same on every "
            "CPU and GPU (auto); a model's own stays"),
    QG_INT("threads", qg_gate_options, threads, "N", 0, 4096,
           "CPU threads, 0: as the suite says (0)"),
    QG_INT("seed", qg_gate_options, seed, "S", 0, 2147483647, "instead of the suite's"),
    QG_TEXT("shard", qg_gate_options, shard, "I/N", "only part I of N of the cases"),
    QG_TEXT("times", qg_gate_options, times, "RUN.json",
            "a stored run that tells what cases take, so that shards take the same time"),
    QG_INT("timeout", qg_gate_options, timeout_s, "SECONDS", 1, 86400,
           "longest silence of a worker before it is killed (600)"),
    {0},
};

static qg_status parse_shard(qg_plan_options *p, const char *shard, qg_err *err)
{
    qg_str rest = qg_str_from(shard), part;
    int64_t i, n;

    qg_str_split(&rest, '/', &part);
    if (!rest.ptr || !qg_str_to_int(part, &i) || !qg_str_to_int(rest, &n) || i < 1 || i > n ||
        n > 10000)
        return qg_fail(err, QG_EARG, "'--shard %s': expected I/N, such as 1/4", shard);
    p->shard = (int)i;
    p->n_shards = (int)n;
    return QG_OK;
}

/* Whether CUDA works here, and why not; the device is given back before workers want it. */
static qg_status look_for_cuda(qg_plan_options *p, qg_arena *arena, qg_err *err)
{
    qg_arena *scratch = qg_arena_create();
    qg_err why = {0};
    qg_backend *cuda;

    QG_NEED(scratch, err);
    p->has_cuda =
        qg_backend_open(&cuda, scratch, &(qg_backend_options){.device = "cuda"}, &why) == QG_OK;
    qg_arena_free(scratch);
    p->no_cuda = p->has_cuda ? NULL : qg_str_dup(arena, qg_str_from(why.message));
    QG_NEED(p->has_cuda || p->no_cuda, err);
    return QG_OK;
}

static qg_status make_plan(qg_plan *out, qg_cli *cli, const qg_suite *suite,
                           const qg_gate_options *o, qg_plan_options *p, qg_err *err)
{
    qg_run *times = NULL;

    p->only = o->only;
    p->device = o->device;
    p->require_cuda = o->require && strcmp(o->require, "cuda") == 0;
    if (o->times)
        QG_TRY(qg_run_read(&times, cli->run, o->times, err), err, "reading the times of cases");
    p->times = times;
    QG_PASS(look_for_cuda(p, cli->run, err));
    return qg_plan_make(out, cli->run, suite, p, err);
}

qg_status qg_gate_plan_shards(qg_plan *out, qg_cli *cli, const qg_suite *suite,
                              const qg_gate_options *o, int n_shards, qg_err *err)
{
    qg_plan_options p = {.n_shards = n_shards, .every_shard = true};

    return make_plan(out, cli, suite, o, &p, err);
}

qg_status qg_gate_plan(qg_plan *out, qg_cli *cli, const qg_suite *suite, const qg_gate_options *o,
                       qg_err *err)
{
    qg_plan_options p = {0};

    if (o->shard)
        QG_PASS(parse_shard(&p, o->shard, err));
    return make_plan(out, cli, suite, o, &p, err);
}

/* What measuring is told by and asks. */
typedef struct watcher {
    qg_progress bar;
    const char *label;
    const qg_plan *plan;
    size_t family;
} watcher;

static void show(void *user, const char *label, double done)
{
    watcher *w = user;
    if (w->label != label) {
        qg_progress_end(&w->bar);
        qg_progress_begin(&w->bar, stderr, label);
        w->label = label;
    }
    qg_progress_update(&w->bar, done);
}

/* Judgements of the whole plan that chance can turn. */
static size_t family_of(const qg_plan *plan, const qg_gate_options *o)
{
    const qg_suite_regression *r = &plan->suite->regression;
    size_t others = (o->against != NULL) + 2 * (o->compared.baseline || r->baseline), n = 0;

    for (size_t i = 0; i < plan->n_cases; i++)
        n += qg_judge_family(plan->suite, &plan->cases[i].expect,
                             plan->cases[i].kind == QG_CASE_PERFORMANCE, others);
    return n;
}

/* A shard is decided as part of the whole, with which it will be judged (merge). */
static qg_status find_family(size_t *out, qg_cli *cli, const qg_plan *plan,
                             const qg_gate_options *o, qg_err *err)
{
    qg_plan all = *plan;

    if (plan->n_shards > 0)
        QG_PASS(qg_gate_plan_shards(&all, cli, plan->suite, o, plan->n_shards, err));
    *out = family_of(&all, o);
    return QG_OK;
}

static qg_status judge_group(bool *decided, qg_arena *arena, const watcher *w, const qg_run *group)
{
    qg_run run = *group;
    qg_expects *expects = QG_NEW_N(arena, qg_expects, group->n_measurements);
    qg_judge_options options = {.family = w->family};

    QG_NEED(expects, NULL);
    for (size_t i = 0; i < group->n_measurements; i++)
        for (size_t k = 0; k < w->plan->n_cases; k++)
            if (strcmp(w->plan->cases[k].id, group->measurements[i].id.id) == 0)
                expects[i] = w->plan->cases[k].expect;
    QG_PASS(qg_judge_run(&run, arena, w->plan->suite, expects, &options, NULL));
    *decided = true;
    for (size_t i = 0; i < run.n_judgements; i++)
        *decided = *decided && run.judgements[i].verdict != QG_VERDICT_INCONCLUSIVE;
    return QG_OK;
}

static bool is_decided(void *user, const qg_run *group)
{
    qg_arena *arena = qg_arena_create();
    bool decided = true;

    if (arena && judge_group(&decided, arena, user, group) != QG_OK)
        decided = true; /* the judge at the end will say why */
    qg_arena_free(arena);
    return decided;
}

/* A folder as a model runs it. */
typedef struct opened {
    const char *folder;
    const qg_suite_model *model;
} opened;

static bool is_same(opened a, opened b)
{
    return strcmp(a.folder, b.folder) == 0 && strcmp(a.model->method, b.model->method) == 0;
}

/* What the case opens: its model and, beside it, its reference. */
static size_t opened_by(opened out[2], const qg_case *c, const qg_suite *s)
{
    size_t n = 0;

    if (!c->skip)
        out[n++] = (opened){c->folder, c->model};
    if (qg_case_has_reference(c, s))
        out[n++] = (opened){c->reference_folder, qg_suite_reference_of(s, c->model)};
    return n;
}

/* Each folder of the plan once, in the order of its cases. */
static qg_status examine_models(const qg_plan *plan, qg_cli *cli, qg_err *err)
{
    opened *seen = QG_NEW_N(cli->run, opened, 2 * plan->n_cases), two[2];
    size_t n = 0;

    QG_NEED(seen, err);
    for (size_t i = 0; i < plan->n_cases; i++) {
        size_t n_here = opened_by(two, &plan->cases[i], plan->suite);
        for (size_t k = 0; k < n_here; k++) {
            size_t at = 0;
            while (at < n && !is_same(seen[at], two[k]))
                at++;
            if (at < n)
                continue;
            seen[n++] = two[k];
            QG_PASS(qg_cli_examine(two[k].folder, two[k].model->method, two[k].model->activations,
                                   err));
        }
    }
    return QG_OK;
}

/* Models made and looked at, unless a signal came: then nothing is measured. */
static qg_status get_ready(qg_plan *plan, qg_cli *cli, const qg_gate_options *o,
                           const volatile sig_atomic_t *stop, qg_err *err)
{
    qg_status s = qg_prepare_models(plan, cli, (int)o->threads, stop, err);

    if (s == QG_ESTOPPED)
        qg_err_clear(err);
    else if (s != QG_OK)
        return s;
    return *stop ? QG_OK : examine_models(plan, cli, err);
}

/* A run that a signal ended says so. One that was done by then does not. */
static qg_status mark_partial(qg_run *run, qg_arena *arena, qg_err *err)
{
    size_t n_done = 0;

    for (size_t i = 0; i < run->n_measurements; i++)
        n_done += run->measurements[i].state != QG_CASE_FAILED;
    if (!qg_interrupt_name() || n_done == run->n_measurements)
        return QG_OK;
    run->partial = true;
    return qg_run_notice(run, arena,
                         qg_arena_format(arena,
                                         "partial: %s stopped the run, %zu of %zu cases are "
                                         "measured",
                                         qg_interrupt_name(), n_done, run->n_measurements),
                         err);
}

qg_status qg_gate_measure(qg_run **out, qg_cli *cli, qg_plan *plan, const qg_gate_options *o,
                          bool only_goldens, qg_err *err)
{
    const qg_suite *suite = plan->suite;
    qg_run *run = QG_NEW(cli->run, qg_run);
    char *started = qg_arena_alloc(cli->run, 21);
    int64_t start_ns = qg_clock_ns();
    watcher w = {.plan = plan};
    const volatile sig_atomic_t *stop = qg_interrupt_catch();
    qg_measure_options measure = {.program = qg_cli_program(cli->run),
                                  .tier = o->tier,
                                  .threads = o->threads,
                                  .seed = o->seed,
                                  .timeout_ns = o->timeout_s * INT64_C(1000000000),
                                  .only_goldens = only_goldens,
                                  .against = o->against,
                                  .stop = stop,
                                  .on_progress = show,
                                  .is_decided = o->judges ? is_decided : NULL,
                                  .user = &w};

    if (!run || !started || !measure.program)
        return qg_fail(err, QG_ENOMEM, "out of memory");
    QG_PASS(find_family(&w.family, cli, plan, o, err));
    QG_PASS(get_ready(plan, cli, o, stop, err));
    qg_clock_utc(started);
    *run = (qg_run){.version = QG_BUILD_VERSION,
                    .commit = QG_BUILD_COMMIT,
                    .suite = suite->name,
                    .suite_file = suite->path,
                    .suite_hash = suite->hash,
                    .command = cli->line,
                    .started = started,
                    .seed = o->seed >= 0 ? o->seed : suite->engine.seed,
                    .shard = plan->shard,
                    .n_shards = plan->n_shards};
    QG_PASS(qg_measure_plan(run, cli->run, plan, &measure, err));
    qg_progress_end(&w.bar);
    QG_PASS(qg_provenance_read(run, cli->run, err));
    QG_PASS(mark_partial(run, cli->run, err));
    run->wall_ns = qg_clock_ns() - start_ns;
    *out = run;
    return QG_OK;
}
