/* `quantgate history VERB DB ...`: the runs of a history, for people and machines, and its upkeep.
 */
#include "base/clock.h"
#include "base/file.h"
#include "cli/history_text.h"
#include "cli/recorded.h"
#include "record/record_json.h"

#include <stdio.h>

typedef struct history_options {
    const char *suite, *only, *metric, *machine, *since, *until;
    int64_t last, run;
    qg_recorded_options source; /* `history` of it is the first argument */
    const char *format, *out;
    const char *max_age;
    int64_t max_runs;
    bool json, csv, dry_run, pin;
} history_options;

static const qg_option options[] = {
    QG_TEXT("suite", history_options, suite, "GLOB", "only suites of that name"),
    QG_TEXT("only", history_options, only, "GLOB", "numbers of the cases whose id matches"),
    QG_TEXT("metric", history_options, metric, "GLOB", "numbers of these metrics: 'tpot_*'"),
    QG_TEXT("machine", history_options, machine, "FINGERPRINT",
            "only runs of that kind of machine"),
    QG_TEXT("since", history_options, since, "WHEN",
            "started then or later: 2026-01-31, 2026-01-31T12:00:00Z, '30 d' (ago)"),
    QG_TEXT("until", history_options, until, "WHEN", "started before"),
    QG_INT("last", history_options, last, "N", 1, 1e9, "the newest N runs of each suite"),
    QG_INT("run", history_options, run, "ID", 1, 1e15, "one run, by its number"),
    QG_TEXT("branch", history_options, source.branch, "NAME",
            "query, export: only its runs; append, import: what was tested"),
    QG_TEXT("commit", history_options, source.commit, "HASH",
            "the same; append finds both as run does"),
    QG_TEXT("repository", history_options, source.repository, "URL",
            "append, import: where commits are at URL/commit/HASH"),
    QG_FLAG("json", history_options, json, "JSON on standard output"),
    QG_FLAG("csv", history_options, csv, "query: CSV instead of the table"),
    QG_TEXT("format", history_options, format, "jsonl|csv",
            "export: one run a line, or one number"),
    QG_TEXT("out", history_options, out, "FILE", "export: write there"),
    QG_TEXT("max-age", history_options, max_age, "AGE", "prune: runs that are older: '90 d'"),
    QG_INT("max-runs", history_options, max_runs, "N", 1, 1e9,
           "prune: runs of a suite beyond the newest N"),
    QG_FLAG("dry-run", history_options, dry_run, "prune: only say what would go"),
    QG_FLAG("pin", history_options, pin, "append, import: pin what is added"),
    {0},
};

/* ---- what several verbs need ---- */

static qg_status open_it(qg_history **out, qg_cli *cli, bool write, qg_err *err)
{
    const qg_history_options o = {.write = write};

    QG_PASS(qg_history_open(out, cli->run, cli->args[1], &o, err));
    qg_recorded_say_aside(*out, cli->args[1]);
    return QG_OK;
}

/* A time, a day, or an age: seconds since 1970. */
static qg_status parse_when(int64_t *out, const char *option, const char *text, qg_err *err)
{
    double days;

    *out = 0;
    if (!text || qg_clock_read(out, qg_str_from(text)))
        return QG_OK;
    if (qg_unit_parse(&days, QG_UNIT_DAYS, qg_str_from(text), NULL) != QG_OK || days < 0 ||
        days > 1e6)
        return qg_fail(err, QG_EARG,
                       "'--%s %s': expected a day (2026-01-31), a time (2026-01-31T12:00:00Z) or "
                       "an age ('30 d')",
                       option, text);
    *out = qg_clock_seconds() - (int64_t)(days * 86400);
    return QG_OK;
}

static qg_status parse_filter(qg_history_filter *out, const history_options *o, qg_err *err)
{
    *out = (qg_history_filter){.suite = o->suite,
                               .case_id = o->only,
                               .metric = o->metric,
                               .fingerprint = o->machine,
                               .branch = o->source.branch,
                               .commit = o->source.commit,
                               .last = o->last,
                               .id = o->run};
    QG_PASS(parse_when(&out->since, "since", o->since, err));
    return parse_when(&out->until, "until", o->until, err);
}

static qg_status print(const qg_buf *b, qg_err *err)
{
    QG_NEED(!b->failed, err);
    return qg_cli_write(qg_buf_view(b), err);
}

/* ---- query ---- */

/* {"runs":[...]}, with the numbers where some were asked for. */
static qg_status print_json(qg_buf *b, const qg_history_runs *runs, const qg_history_trends *trends,
                            qg_err *err)
{
    qg_json_writer w;

    qg_json_write_begin(&w, b);
    qg_json_write_object(&w);
    qg_json_write_key(&w, "runs");
    qg_json_write_array(&w);
    for (size_t i = 0; i < runs->n; i++)
        qg_history_text_json(&w, &runs->at[i], i, trends);
    qg_json_write_end_array(&w);
    qg_json_write_close(&w);
    qg_buf_char(b, '\n');
    QG_PASS(qg_json_write_end(&w, err));
    return print(b, err);
}

static qg_status query(qg_cli *cli, qg_err *err)
{
    const history_options *o = cli->options;
    bool numbers = o->only || o->metric;
    qg_history_filter filter;
    qg_history_trends trends = {0};
    qg_history_runs runs;
    qg_history *h;
    qg_buf b;

    if (o->json && o->csv)
        return qg_fail(err, QG_EARG, "'--json' and '--csv': one of them");
    QG_PASS(parse_filter(&filter, o, err));
    QG_PASS(open_it(&h, cli, false, err));
    QG_PASS(qg_history_runs_find(&runs, cli->run, h, &filter, err));
    if (numbers)
        QG_PASS(qg_history_trends_find(&trends, cli->run, h, &runs, &filter, err));
    qg_buf_init(&b, cli->run);
    if (o->json)
        return print_json(&b, &runs, numbers ? &trends : NULL, err);
    if (o->csv && numbers)
        qg_history_text_csv_numbers(&b, &runs, &trends, true);
    else if (o->csv)
        qg_history_text_csv_runs(&b, &runs, true);
    else if (numbers)
        QG_PASS(qg_history_text_trends(&b, &runs, &trends, (size_t)qg_cli_columns(), err));
    else
        qg_history_text_runs(&b, &runs, (size_t)qg_cli_columns());
    return print(&b, err);
}

/* ---- export ---- */

enum { RUNS_AT_ONCE = 64 };

static qg_status put_jsonl(qg_buf *b, const qg_history_runs *runs, const qg_history_trends *trends,
                           qg_err *err)
{
    for (size_t i = 0; i < runs->n; i++) {
        qg_json_writer w;
        qg_json_write_begin(&w, b);
        qg_history_text_json(&w, &runs->at[i], i, trends);
        qg_buf_char(b, '\n');
        QG_PASS(qg_json_write_end(&w, err));
    }
    return QG_OK;
}

/* A few runs with all their numbers; `to` NULL: standard output. */
static qg_status export_some(qg_arena *scratch, qg_history *h, qg_history_runs runs,
                             const qg_history_filter *filter, bool csv, bool head, qg_file_out *to,
                             qg_err *err)
{
    qg_history_trends trends;
    qg_buf b;

    QG_PASS(qg_history_trends_find(&trends, scratch, h, &runs, filter, err));
    qg_buf_init(&b, scratch);
    if (csv)
        qg_history_text_csv_numbers(&b, &runs, &trends, head);
    else
        QG_PASS(put_jsonl(&b, &runs, &trends, err));
    QG_NEED(!b.failed, err);
    return to ? qg_file_out_write(to, b.ptr, b.len, err) : qg_cli_write(qg_buf_view(&b), err);
}

static qg_status export_all(qg_cli *cli, qg_err *err)
{
    const history_options *o = cli->options;
    bool csv = o->csv || (o->format && strcmp(o->format, "csv") == 0);
    qg_arena *scratch = qg_arena_create();
    qg_file_out *to = NULL;
    qg_history_filter filter;
    qg_history_runs runs;
    qg_history *h;

    QG_NEED(scratch && qg_arena_defer(cli->run, (void (*)(void *))qg_arena_free, scratch), err);
    QG_PASS(parse_filter(&filter, o, err));
    QG_PASS(open_it(&h, cli, false, err));
    QG_PASS(qg_history_runs_find(&runs, cli->run, h, &filter, err));
    if (o->out)
        QG_PASS(qg_file_out_open(&to, cli->run, o->out, err));
    for (size_t i = 0; i < runs.n || i == 0; i += RUNS_AT_ONCE) {
        size_t n = runs.n - i < RUNS_AT_ONCE ? runs.n - i : RUNS_AT_ONCE;
        qg_history_runs some = {.at = n ? runs.at + i : NULL, .n = n};
        qg_arena_mark mark = qg_arena_here(scratch);
        QG_PASS(export_some(scratch, h, some, &filter, csv, i == 0, to, err));
        qg_arena_rewind(scratch, mark);
    }
    if (!to)
        return QG_OK;
    QG_PASS(qg_file_out_commit(to, err));
    qg_cli_notice("quantgate: %zu run%s in '%s'", runs.n, runs.n == 1 ? "" : "s", o->out);
    return QG_OK;
}

/* ---- append and import ---- */

typedef struct taken {
    int64_t n_added, n_known, n_replaced, n_others; /* others: files that are no records */
} taken;

static void count_it(taken *t, qg_history_added added)
{
    t->n_added += added == QG_HISTORY_ADDED;
    t->n_known += added == QG_HISTORY_KNOWN;
    t->n_replaced += added == QG_HISTORY_REPLACED;
}

/* One record; its memory ends with it. */
static qg_status take_file(taken *t, qg_cli *cli, qg_history *h, const char *path, bool checks_out,
                           qg_err *err)
{
    const history_options *o = cli->options;
    qg_arena *own = qg_arena_create();
    const qg_noise *noise = NULL;
    qg_history_added added;
    qg_run *run;

    QG_NEED(own, err);
    qg_status s = qg_run_read(&run, own, path, err);
    if (s == QG_OK && checks_out && run->suite)
        s = qg_outcome_noise(&noise, cli, NULL, run->suite, run->machine.fingerprint, err);
    if (s == QG_OK) {
        s = qg_recorded_put(&added, h, run, cli, &o->source, checks_out, noise, o->pin, err);
        if (s != QG_OK)
            qg_note(err, "appending '%s'", path);
    }
    if (s == QG_OK)
        count_it(t, added);
    qg_arena_free(own);
    return s;
}

/* Every .json below a folder; what is no record is passed over with a word. */
static qg_status take_folder(taken *t, qg_cli *cli, qg_history *h, const char *path, int depth,
                             qg_err *err)
{
    char text[2 * QG_ERR_TEXT + QG_ERR_PATH];
    char **names;
    size_t n;

    QG_PASS(qg_dir_list(&names, &n, cli->run, path, err));
    for (size_t i = 0; i < n; i++) {
        const char *at = qg_path_join(cli->run, path, names[i]);
        qg_err why = {0};
        QG_NEED(at, err);
        if (qg_dir_exists(at) && depth < 16)
            QG_PASS(take_folder(t, cli, h, at, depth + 1, err));
        if (!qg_str_ends(qg_str_from(names[i]), QG_STR(".json")) || !qg_file_exists(at))
            continue;
        qg_status s = take_file(t, cli, h, at, false, &why);
        if (s != QG_OK && qg_status_exit(s) != 2) {
            if (err)
                *err = why;
            return s;
        }
        if (s != QG_OK)
            qg_cli_notice("quantgate: passed over: %s", qg_err_format(&why, text, sizeof text));
        t->n_others += s != QG_OK;
    }
    return QG_OK;
}

static qg_status say_taken(qg_cli *cli, const taken *t, qg_err *err)
{
    const history_options *o = cli->options;
    qg_json_writer w;
    qg_buf b;

    qg_buf_init(&b, cli->run);
    if (o->json) {
        qg_json_write_begin(&w, &b);
        qg_json_write_object(&w);
        qg_json_put_int(&w, "added", t->n_added);
        qg_json_put_int(&w, "known", t->n_known);
        qg_json_put_int(&w, "replaced", t->n_replaced);
        qg_json_put_int(&w, "passed_over", t->n_others);
        qg_json_write_close(&w);
        qg_buf_char(&b, '\n');
    } else {
        qg_buf_format(&b, "%lld added, %lld known, %lld replaced", (long long)t->n_added,
                      (long long)t->n_known, (long long)t->n_replaced);
        if (t->n_others)
            qg_buf_format(&b, ", %lld passed over", (long long)t->n_others);
        qg_buf_char(&b, '\n');
    }
    return print(&b, err);
}

static qg_status append(qg_cli *cli, qg_err *err)
{
    taken t = {0};
    qg_history *h;

    QG_PASS(open_it(&h, cli, true, err));
    QG_PASS(take_file(&t, cli, h, cli->args[2], true, err));
    return say_taken(cli, &t, err);
}

static qg_status import(qg_cli *cli, qg_err *err)
{
    taken t = {0};
    qg_history *h;

    QG_PASS(open_it(&h, cli, true, err));
    for (int i = 2; i < cli->n_args; i++) {
        const char *path = cli->args[i];
        QG_PASS(qg_dir_exists(path) ? take_folder(&t, cli, h, path, 0, err)
                                    : take_file(&t, cli, h, path, false, err));
    }
    QG_PASS(say_taken(cli, &t, err));
    if (t.n_added + t.n_known + t.n_replaced == 0)
        return qg_fail(err, QG_ENOTFOUND, "no record of a run was found");
    return QG_OK;
}

/* ---- upkeep ---- */

static qg_status prune(qg_cli *cli, qg_err *err)
{
    const history_options *o = cli->options;
    qg_history_limits limits = {.suite = o->suite, .most = o->max_runs, .dry_run = o->dry_run};
    char before[QG_UNIT_TEXT], after[QG_UNIT_TEXT];
    qg_history_pruned p;
    qg_history *h;
    qg_buf b;

    if (!o->max_age && !o->max_runs)
        return qg_fail(err, QG_EARG, "say what is to go: --max-age '90 d', --max-runs 1000");
    QG_PASS(parse_when(&limits.before, "max-age", o->max_age, err));
    QG_PASS(open_it(&h, cli, true, err));
    QG_PASS(qg_history_prune(&p, h, &limits, err));
    qg_buf_init(&b, cli->run);
    if (o->json)
        qg_buf_format(&b,
                      "{\"removed\":%lld,\"left\":%lld,\"pinned\":%lld,\"bytes_before\":%lld,"
                      "\"bytes_after\":%lld,\"dry_run\":%s}\n",
                      (long long)p.n_runs, (long long)p.n_left, (long long)p.n_pinned,
                      (long long)p.bytes_before, (long long)p.bytes_after,
                      o->dry_run ? "true" : "false");
    else
        qg_buf_format(&b,
                      "%s %lld run%s, %lld left, %lld of them by their pin; %s before, %s now\n",
                      o->dry_run ? "would remove" : "removed", (long long)p.n_runs,
                      p.n_runs == 1 ? "" : "s", (long long)p.n_left, (long long)p.n_pinned,
                      qg_unit_print(before, QG_UNIT_BYTES, (double)p.bytes_before),
                      qg_unit_print(after, QG_UNIT_BYTES, (double)p.bytes_after));
    return print(&b, err);
}

static qg_status set_pin(qg_cli *cli, qg_err *err)
{
    bool pinned = strcmp(cli->args[0], "pin") == 0;
    qg_history *h;
    int64_t id;
    qg_buf b;

    QG_PASS(open_it(&h, cli, true, err));
    qg_buf_init(&b, cli->run);
    for (int i = 2; i < cli->n_args; i++) {
        if (!qg_str_to_int(qg_str_from(cli->args[i]), &id))
            return qg_fail(err, QG_EARG, "'%s' is not the number of a run", cli->args[i]);
        QG_PASS(qg_history_pin(h, id, pinned, err));
        qg_buf_format(&b, "run %lld is %s\n", (long long)id, pinned ? "pinned" : "not pinned");
    }
    return print(&b, err);
}

static void put_findings(qg_json_writer *w, const qg_findings *f)
{
    qg_json_write_key(w, "findings");
    qg_json_write_array(w);
    for (size_t i = 0; i < f->n; i++) {
        qg_json_write_object(w);
        qg_json_put_text(w, "severity", qg_severity_name(f->at[i].severity));
        qg_json_put_text(w, "message", f->at[i].message);
        qg_json_put_text(w, "fix", f->at[i].suggestion);
        qg_json_write_close(w);
    }
    qg_json_write_end_array(w);
}

static qg_status print_state(qg_cli *cli, const qg_history_state *state, const qg_findings *f,
                             qg_err *err)
{
    const history_options *o = cli->options;
    char bytes[QG_UNIT_TEXT];
    qg_json_writer w;
    qg_buf b;

    qg_buf_init(&b, cli->run);
    if (o->json) {
        qg_json_write_begin(&w, &b);
        qg_json_write_object(&w);
        qg_json_put_bool(&w, "sound", f->n_errors == 0);
        qg_json_put_int(&w, "schema", state->schema);
        qg_json_put_int(&w, "suites", state->n_suites);
        qg_json_put_int(&w, "runs", state->n_runs);
        qg_json_put_int(&w, "numbers", state->n_numbers);
        qg_json_put_int(&w, "bytes", state->bytes);
        put_findings(&w, f);
        qg_json_write_close(&w);
        qg_buf_char(&b, '\n');
        return print(&b, err);
    }
    qg_findings_format(&b, f);
    if (f->n_errors == 0)
        qg_buf_format(&b, "sound: %lld suite%s, %lld run%s, %lld numbers, %s, schema %d\n",
                      (long long)state->n_suites, state->n_suites == 1 ? "" : "s",
                      (long long)state->n_runs, state->n_runs == 1 ? "" : "s",
                      (long long)state->n_numbers,
                      qg_unit_print(bytes, QG_UNIT_BYTES, (double)state->bytes), state->schema);
    return print(&b, err);
}

static qg_status check(qg_cli *cli, qg_err *err)
{
    qg_findings findings;
    qg_history_state state;

    qg_findings_begin(&findings, cli->run);
    QG_PASS(qg_history_check(&findings, &state, cli->args[1], err));
    QG_PASS(print_state(cli, &state, &findings, err));
    cli->exit_code = findings.n_errors ? 2 : 0;
    return QG_OK;
}

/* ---- verbs ---- */

static const struct verb {
    const char *name;
    int least, most; /* arguments, the database included; most -1: any number */
    qg_status (*run)(qg_cli *cli, qg_err *err);
    const char *usage;
} verbs[] = {
    {"query", 1, 1, query, "query DB"},
    {"export", 1, 1, export_all, "export DB"},
    {"append", 2, 2, append, "append DB RUN.json"},
    {"import", 2, -1, import, "import DB RUN.json|FOLDER..."},
    {"prune", 1, 1, prune, "prune DB --max-age AGE --max-runs N"},
    {"pin", 2, -1, set_pin, "pin DB RUN..."},
    {"unpin", 2, -1, set_pin, "unpin DB RUN..."},
    {"check", 1, 1, check, "check DB"},
};
enum { N_VERBS = sizeof verbs / sizeof *verbs };

static qg_status unknown_verb(const char *name, qg_err *err)
{
    const char *best = NULL;
    size_t distance = strlen(name) / 2 + 1;

    for (int i = 0; i < N_VERBS; i++) {
        size_t d = qg_str_distance(qg_str_from(name), qg_str_from(verbs[i].name));
        if (d < distance) {
            distance = d;
            best = verbs[i].name;
        }
    }
    if (best)
        return qg_fail(err, QG_EARG, "unknown 'history %s' (did you mean '%s'?)", name, best);
    return qg_fail(err, QG_EARG, "unknown 'history %s'; 'quantgate history --help' lists them",
                   name);
}

static qg_status history(qg_cli *cli, qg_err *err)
{
    for (int i = 0; i < N_VERBS; i++) {
        const struct verb *v = &verbs[i];
        int n = cli->n_args - 1;
        if (strcmp(cli->args[0], v->name) != 0)
            continue;
        if (n < v->least || (v->most >= 0 && n > v->most))
            return qg_fail(err, QG_EARG, "usage: quantgate history %s", v->usage);
        return v->run(cli, err);
    }
    return unknown_verb(cli->args[0], err);
}

const qg_command qg_cmd_history = {
    .name = "history",
    .arguments = "query|export|append|import|prune|pin|unpin|check DB [...]",
    .summary = "the runs that --history kept: ask, export, take in, prune, check",
    .details =
        "query lists runs; with --only or --metric their numbers, and where they changed.\n"
        "export writes all numbers, as JSON lines or CSV.\n"
        "append puts one record in, of what is checked out here;\n"
        "import puts in records and folders of records, old ones too.\n"
        "prune takes out old runs, but never a pinned one or the newest of a suite;\n"
        "pin and unpin say which stay, such as the anchor.\n"
        "check reads all of the file and changes nothing; exit 2 where it is not sound.\n"
        "A record is one row however often it comes; judged again, a run takes its own place.",
    .example = "quantgate history query history.db --suite 'release*' --metric tpot_p50 --last 30",
    .min_args = 1,
    .max_args = -1,
    .options = options,
    .options_size = sizeof(history_options),
    .run = history,
};
