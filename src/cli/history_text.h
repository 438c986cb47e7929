/* A history in words: tables for people, JSON and CSV for machines. Texts of the history are
 * cleaned in tables, escaped in JSON and quoted in CSV; nothing of it is believed. */
#ifndef QG_CLI_HISTORY_TEXT_H
#define QG_CLI_HISTORY_TEXT_H

#include "base/json.h"
#include "history/history.h"

/* One line a run, newest last, within `width` columns. */
void qg_history_text_runs(qg_buf *out, const qg_history_runs *runs, size_t width);

/* A heading for each trend, a line for each of its numbers, then where it changed
 * (stats/changepoint, by kind of machine; only of numbers in the metric's unit). */
qg_status qg_history_text_trends(qg_buf *out, const qg_history_runs *runs,
                                 const qg_history_trends *trends, size_t width, qg_err *err);

/* The run as an object, keys as in the record where it has them: "run" (its number here), "key",
 * "suite", "suite_file", "suite_hash", "reference", "version", "build", "branch", "commit",
 * "repository", "started", "wall_ns", "seed", "partial", "pinned", "n_cases", "n_numbers",
 * "verdict", "exit_code", "judgements" {verdict: how many}, "checklist" {"gate", item: state} or
 * null, "machine" {...}, "models" [...]. With `trends` also those of its numbers that they hold,
 * "numbers"
 * [{"case", "metric", "basis", "verdict", "value", "n", "low", "high", "limit", "at_least", "base",
 * "is_share", "floor", "message", "issue", "expires"}]: null where not known, in the metric's
 * canonical unit. `at` is the run's index in the runs that the trends are of. */
void qg_history_text_json(qg_json_writer *w, const qg_history_run *run, size_t at,
                          const qg_history_trends *trends);

/* Head and lines: of runs, or a line a number, run by run. */
void qg_history_text_csv_runs(qg_buf *out, const qg_history_runs *runs, bool head);
void qg_history_text_csv_numbers(qg_buf *out, const qg_history_runs *runs,
                                 const qg_history_trends *trends, bool head);

#endif
