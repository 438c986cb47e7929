/* Words of the user: commands, options, help, exit codes. The only room that prints and exits.
 *
 * A command is a row of the table in cli.c: its option tables are const data from which parsing,
 * --help and suggestions come. Its function fills an options struct of its own, declared beside the
 * table:
 *
 *     typedef struct score_options { qg_cli_model model; bool json; int64_t top_k; } score_options;
 *     static const qg_option options[] = {
 *         QG_FLAG("json", score_options, json, "one JSON object a text on standard output"),
 *         QG_INT("top-k", score_options, top_k, "N", 0, 1000000, "candidates a position"),
 *         {0}};
 *
 * stdout carries results, stderr everything else: notices, progress, errors. All output goes
 * through qg_cli_write(), so that a full disk or a closed pipe behind stdout is an error (exit 3),
 * not silence.
 */
#ifndef QG_CLI_CLI_H
#define QG_CLI_CLI_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "engine/engine.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum qg_option_kind {
    QG_OPTION_FLAG, /* bool             */
    QG_OPTION_TEXT, /* const char *     */
    QG_OPTION_LIST, /* qg_cli_list: may be given again */
    QG_OPTION_INT,  /* int64_t in [min, max] */
    QG_OPTION_REAL, /* double in [min, max]  */
} qg_option_kind;

typedef struct qg_cli_list {
    const char **at;
    int n;
} qg_cli_list;

typedef struct qg_option {
    const char *name; /* without dashes; NULL ends the table */
    qg_option_kind kind;
    size_t offset;     /* in the command's options struct */
    const char *value; /* what stands for the value in --help: "FILE"; "a|b" lists the only values
                          allowed */
    double min, max;
    const char *help;
} qg_option;

#define QG_FLAG(name, type, field, help)                                                           \
    {                                                                                              \
        name, QG_OPTION_FLAG, offsetof(type, field), NULL, 0, 0, help                              \
    }
#define QG_TEXT(name, type, field, value, help)                                                    \
    {                                                                                              \
        name, QG_OPTION_TEXT, offsetof(type, field), value, 0, 0, help                             \
    }
#define QG_LIST(name, type, field, value, help)                                                    \
    {                                                                                              \
        name, QG_OPTION_LIST, offsetof(type, field), value, 0, 0, help                             \
    }
#define QG_INT(name, type, field, value, min, max, help)                                           \
    {                                                                                              \
        name, QG_OPTION_INT, offsetof(type, field), value, min, max, help                          \
    }
#define QG_REAL(name, type, field, value, min, max, help)                                          \
    {                                                                                              \
        name, QG_OPTION_REAL, offsetof(type, field), value, min, max, help                         \
    }

typedef struct qg_cli {
    qg_arena *run; /* everything of this command */
    const char *command;
    const char *line;        /* the command line as typed, for records */
    void *options;           /* the command's struct, defaults filled in, then what was given */
    const char *const *args; /* what is no option */
    int n_args;
    int exit_code; /* of a command that succeeded: a verdict */
} qg_cli;

typedef struct qg_command {
    const char *name, *arguments, *summary; /* "score", "MODEL", one line  */
    const char *details;                    /* more for --help, or NULL    */
    const char *example;
    int min_args, max_args; /* max_args -1: any number */
    const qg_option *options;
    const qg_option
        *shared; /* a table that several commands share (offset from struct start), or NULL */
    const void *defaults; /* initial value of the options struct, or NULL: zeros */
    size_t options_size;
    qg_status (*run)(qg_cli *cli, qg_err *err);
} qg_command;

/* Options of every command that opens a model: the first member of its options struct. */
typedef struct qg_cli_model {
    const char *device, *tier, *quantization, *activations, *dtype;
    int64_t threads, max_model_len;
} qg_cli_model;
extern const qg_option qg_cli_model_options[];
qg_engine_options qg_cli_engine_options(const qg_cli_model *m);

/* Exit codes that tell a gate apart, for --help and the manual page; the last has no brief. */
typedef struct qg_exit {
    int code;
    const char *brief, *text; /* a few words; a sentence with who acts */
} qg_exit;
extern const qg_exit qg_cli_exits[];

/* The program: parses, runs, prints the error, returns the exit code. */
int qg_cli_main(int argc, char **argv);

qg_status qg_cli_write(qg_str text, qg_err *err); /* to stdout */
qg_status qg_cli_flush(qg_err *err);              /* called at the end by qg_cli_main too */
void qg_cli_notice(const char *fmt, ...)
    __attribute__((format(printf, 1, 2))); /* to stderr, a line */
bool qg_cli_out_is_terminal(void);
bool qg_cli_colour(void); /* stdout is a terminal, NO_COLOR is unset or empty, TERM is not "dumb" */
int qg_cli_columns(void); /* of the terminal; COLUMNS where it says so; else 100 */
/* What is executed for a worker: $QUANTGATE_WORKER (a script around this program, that pins it to
 * cores or emulates another CPU), or this program itself. NULL when out of memory. */
const char *qg_cli_program(qg_arena *arena);

/* Most bytes of a text that a command reads from a file. */
#define QG_CLI_TEXT_MAX ((size_t)256 << 20)

/* One line a command, in the order of --help. */
#define QG_COMMAND_LIST(X)                                                                         \
    X(run)                                                                                         \
    X(bless)                                                                                       \
    X(baseline)                                                                                    \
    X(calibrate)                                                                                   \
    X(judge)                                                                                       \
    X(report)                                                                                      \
    X(compare)                                                                                     \
    X(checklist)                                                                                   \
    X(plan)                                                                                        \
    X(merge)                                                                                       \
    X(history)                                                                                     \
    X(dashboard)                                                                                   \
    X(lint)                                                                                        \
    X(generate)                                                                                    \
    X(score) X(eval) X(tokenize) X(bench) X(inspect) X(doctor) X(quantize) X(synth) X(worker)
#define X(name) extern const qg_command qg_cmd_##name;
QG_COMMAND_LIST(X)
#undef X

#endif
