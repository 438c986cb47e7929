/* Words of the user: see cli.h. Option tables are walked for parsing, for help and for the manual
 * page alike; an option is "--name VALUE" or "--name=VALUE", "--" ends them, and they may stand
 * before or after arguments.
 */
#include "cli/cli.h"

#include "build_info.h"
#include "cli/manual.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const qg_command *const commands[] = {
#define X(name) &qg_cmd_##name,
    QG_COMMAND_LIST(X)
#undef X
};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

const qg_option qg_cli_model_options[] = {
    QG_TEXT("device", qg_cli_model, device, "DEVICE",
            "where to run: cpu, cuda, cuda:N or auto (auto)"),
    QG_INT("threads", qg_cli_model, threads, "N", 0, 4096, "CPU threads, 0: all (0)"),
    QG_TEXT("tier", qg_cli_model, tier, "NAME",
            "highest kernel tier: ref, avx2, avx512, auto; portable: INT8 says the same on every "
            "CPU and GPU (auto)"),
    QG_INT("max-model-len", qg_cli_model, max_model_len, "N", 0, 1 << 24,
           "most tokens of a sequence, 0: the model's, at most 4096 (0)"),
    QG_TEXT("quantization", qg_cli_model, quantization, "METHOD",
            "method that the folder must hold: fp16, int8, gptq, awq; int8 over a plain folder is "
            "made while loading"),
    QG_TEXT("activations", qg_cli_model, activations, "int8|float",
            "of an int8 made while loading (int8)"),
    QG_TEXT("dtype", qg_cli_model, dtype, "NAME", "float16 or auto (auto)"),
    {0},
};

const qg_exit qg_cli_exits[] = {
    {0, "passed", "every judgement passed, or policy allows it."},
    {1, "a budget is violated",
     "a budget is violated, or a regression was judged: the author acts."},
    {2, "the input is wrong", "suite, arguments or checkpoint are wrong: the author acts."},
    {3, "the machine failed",
     "the machine failed (no device, disk full, out of memory, a killed worker): "
     "its owner acts, and only this may be retried."},
    {4, "inconclusive",
     "inconclusive, where the suite says that this fails: rerun with more samples."},
    {0},
};

qg_engine_options qg_cli_engine_options(const qg_cli_model *m)
{
    return (qg_engine_options){.device = m->device,
                               .tier = m->tier,
                               .quantization = m->quantization,
                               .activations = m->activations,
                               .dtype = m->dtype,
                               .n_threads = (int)m->threads,
                               .max_model_len = (int)m->max_model_len};
}

/* ---- output ---- */

qg_status qg_cli_write(qg_str text, qg_err *err)
{
    if (text.len && fwrite(text.ptr, 1, text.len, stdout) != text.len)
        return qg_fail(err, errno == ENOSPC ? QG_ENOSPACE : QG_EIO,
                       "cannot write to standard output: %s", strerror(errno));
    return QG_OK;
}

qg_status qg_cli_flush(qg_err *err)
{
    if (fflush(stdout) != 0)
        return qg_fail(err, errno == ENOSPC ? QG_ENOSPACE : QG_EIO,
                       "cannot write to standard output: %s", strerror(errno));
    return QG_OK;
}

void qg_cli_notice(const char *fmt, ...)
{
    va_list ap;
    fflush(stdout);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}

bool qg_cli_out_is_terminal(void)
{
    return isatty(STDOUT_FILENO);
}

bool qg_cli_colour(void)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return qg_cli_out_is_terminal() && !(no && no[0]) && term && strcmp(term, "dumb") != 0;
}

int qg_cli_columns(void)
{
    struct winsize size;
    int64_t n;
    const char *columns = getenv("COLUMNS");

    if (columns && qg_str_to_int(qg_str_from(columns), &n) && n >= 40 && n <= 1000)
        return (int)n;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40)
        return size.ws_col;
    return 100;
}

const char *qg_cli_program(qg_arena *arena)
{
    const char *own = getenv("QUANTGATE_WORKER");
    char path[PATH_MAX];

    if (own && own[0])
        return qg_str_dup(arena, qg_str_from(own));
    ssize_t n = readlink("/proc/self/exe", path, sizeof path);
    if (n <= 0 || (size_t)n == sizeof path)
        return qg_str_dup(arena, QG_STR("quantgate"));
    return qg_str_dup(arena, (qg_str){path, (size_t)n});
}

/* ---- help ---- */

/* One option a line; the help of a long one on the next. */
static void print_options(FILE *to, const qg_option *o)
{
    enum { LEFT = 26 };

    for (; o && o->name; o++) {
        char left[64];
        snprintf(left, sizeof left, "%s--%s%s%s", strcmp(o->name, "out") == 0 ? "-o, " : "",
                 o->name, o->value ? " " : "", o->value ? o->value : "");
        if (strlen(left) > LEFT)
            fprintf(to, "  %s\n  %-*s %s\n", left, LEFT, "", o->help);
        else
            fprintf(to, "  %-*s %s\n", LEFT, left, o->help);
    }
}

static void print_command_help(FILE *to, const qg_command *c)
{
    fprintf(to, "usage: quantgate %s%s%s [options]\n\n%s\n", c->name, c->arguments[0] ? " " : "",
            c->arguments, c->summary);
    if (c->details)
        fprintf(to, "\n%s\n", c->details);
    fprintf(to, "\noptions:\n");
    print_options(to, c->options);
    print_options(to, c->shared);
    fprintf(to, "  %-26s %s\n", "--help", "this text");
    if (c->example)
        fprintf(to, "\nexample:\n  %s\n", c->example);
}

static void print_help(FILE *to)
{
    fprintf(to,
            "usage: quantgate COMMAND [arguments] [options]\n\n"
            "Fails a pull request when a quantized language model got worse, slower or bigger,\n"
            "and passes when it did not.\n\ncommands:\n");
    for (int i = 0; i < N_COMMANDS; i++)
        if (commands[i]->summary[0] != '(')
            fprintf(to, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(to, "\n'quantgate COMMAND --help' explains a command with an example.\n\n"
                "exit codes:\n");
    for (const qg_exit *e = qg_cli_exits; e->brief; e++)
        fprintf(to, "  %d  %s\n", e->code, e->brief);
}

/* ---- parsing ---- */

static const qg_option *find_option(const qg_option *table, qg_str name)
{
    for (; table && table->name; table++)
        if (qg_str_is(name, table->name))
            return table;
    return NULL;
}

static void nearest_option(const char **best, size_t *distance, const qg_option *table, qg_str name)
{
    for (; table && table->name; table++) {
        size_t d = qg_str_distance(name, qg_str_from(table->name));
        if (d < *distance) {
            *distance = d;
            *best = table->name;
        }
    }
}

static qg_status unknown_option(const qg_command *c, qg_str name, qg_err *err)
{
    const char *best = NULL;
    size_t distance = name.len / 2 + 1;

    nearest_option(&best, &distance, c->options, name);
    nearest_option(&best, &distance, c->shared, name);
    if (best)
        return qg_fail(err, QG_EARG, "unknown option '--" QG_STR_PRI "' (did you mean '--%s'?)",
                       QG_STR_ARG(name), best);
    return qg_fail(err, QG_EARG,
                   "unknown option '--" QG_STR_PRI "'; 'quantgate %s --help' lists them",
                   QG_STR_ARG(name), c->name);
}

/* Whether `text` is one of the words of "a|b|c". */
static bool is_choice(const char *choices, const char *text)
{
    qg_str rest = qg_str_from(choices), word;
    while (qg_str_split(&rest, '|', &word))
        if (qg_str_is(word, text))
            return true;
    return false;
}

static qg_status store_list(qg_cli *cli, qg_cli_list *list, const char *text, qg_err *err)
{
    const char **more = QG_NEW_N(cli->run, const char *, (size_t)list->n + 1);
    QG_NEED(more, err);
    if (list->n)
        memcpy(more, list->at, (size_t)list->n * sizeof *more);
    more[list->n] = text;
    *list = (qg_cli_list){more, list->n + 1};
    return QG_OK;
}

static qg_status store(qg_cli *cli, const qg_option *o, const char *text, qg_err *err)
{
    char *at = (char *)cli->options + o->offset;
    int64_t i;
    double d;

    switch (o->kind) {
    case QG_OPTION_FLAG:
        *(bool *)(void *)at = true;
        return QG_OK;
    case QG_OPTION_TEXT:
        if (strchr(o->value, '|') && !is_choice(o->value, text))
            return qg_fail(err, QG_EARG, "'--%s %s': expected one of %s", o->name, text, o->value);
        *(const char **)(void *)at = text;
        return QG_OK;
    case QG_OPTION_LIST:
        return store_list(cli, (qg_cli_list *)(void *)at, text, err);
    case QG_OPTION_INT:
        if (!qg_str_to_int(qg_str_from(text), &i) || (double)i < o->min || (double)i > o->max)
            return qg_fail(err, QG_EARG, "'--%s %s': expected a whole number from %.0f to %.0f",
                           o->name, text, o->min, o->max);
        *(int64_t *)(void *)at = i;
        return QG_OK;
    case QG_OPTION_REAL:
        if (!qg_str_to_double(qg_str_from(text), &d) || d < o->min || d > o->max)
            return qg_fail(err, QG_EARG, "'--%s %s': expected a number from %g to %g", o->name,
                           text, o->min, o->max);
        *(double *)(void *)at = d;
        return QG_OK;
    }
    return QG_OK;
}

/* One option at argv[*i]; steps over its value. */
static qg_status parse_option(qg_cli *cli, const qg_command *c, int argc, char **argv, int *i,
                              qg_err *err)
{
    /* "-o" is the one short option: every tool that writes has it */
    qg_str rest = strcmp(argv[*i], "-o") == 0 ? QG_STR("out") : qg_str_from(argv[*i] + 2), name;
    const char *equals = strchr(argv[*i], '=');

    qg_str_split(&rest, '=', &name);
    const qg_option *o = find_option(c->options, name);
    if (!o)
        o = find_option(c->shared, name);
    if (!o)
        return unknown_option(c, name, err);
    if (o->kind == QG_OPTION_FLAG) {
        if (equals)
            return qg_fail(err, QG_EARG, "option '--%s' takes no value", o->name);
        return store(cli, o, NULL, err);
    }
    if (equals)
        return store(cli, o, equals + 1, err);
    if (*i + 1 >= argc)
        return qg_fail(err, QG_EARG, "option '--%s' needs a value: --%s %s", o->name, o->name,
                       o->value);
    return store(cli, o, argv[++*i], err);
}

static qg_status parse(qg_cli *cli, const qg_command *c, int argc, char **argv, qg_err *err)
{
    const char **args = QG_NEW_N(cli->run, const char *, (size_t)argc + 1);
    bool only_args = false;

    cli->options = qg_arena_alloc(cli->run, c->options_size);
    if (!args || !cli->options)
        return qg_fail(err, QG_ENOMEM, "out of memory");
    if (c->defaults)
        memcpy(cli->options, c->defaults, c->options_size);
    cli->args = args;
    for (int i = 0; i < argc; i++) {
        if (!only_args && strcmp(argv[i], "--") == 0)
            only_args = true;
        else if (!only_args && (strncmp(argv[i], "--", 2) == 0 || strcmp(argv[i], "-o") == 0))
            QG_PASS(parse_option(cli, c, argc, argv, &i, err));
        else if (!only_args && argv[i][0] == '-' && argv[i][1] != '\0')
            return qg_fail(err, QG_EARG, "unknown option '%s'; options are long: --name", argv[i]);
        else
            args[cli->n_args++] = argv[i];
    }
    if (cli->n_args < c->min_args)
        return qg_fail(err, QG_EARG, "usage: quantgate %s %s [options]; see 'quantgate %s --help'",
                       c->name, c->arguments, c->name);
    if (c->max_args >= 0 && cli->n_args > c->max_args)
        return qg_fail(err, QG_EARG, "unexpected argument '%s'", args[c->max_args]);
    return QG_OK;
}

/* ---- main ---- */

static const char *command_line(qg_arena *arena, int argc, char **argv)
{
    qg_buf b;
    qg_buf_init(&b, arena);
    qg_buf_text(&b, "quantgate");
    for (int i = 1; i < argc; i++)
        qg_buf_format(&b, strpbrk(argv[i], " \t\n\"'$&|;<>()*?") ? " '%s'" : " %s", argv[i]);
    return b.failed ? "quantgate" : b.ptr;
}

static const qg_command *find_command(const char *name, qg_err *err)
{
    const char *best = NULL;
    size_t distance = strlen(name) / 2 + 1;

    for (int i = 0; i < N_COMMANDS; i++) {
        if (strcmp(name, commands[i]->name) == 0)
            return commands[i];
        size_t d = qg_str_distance(qg_str_from(name), qg_str_from(commands[i]->name));
        if (d < distance && commands[i]->summary[0] != '(') {
            distance = d;
            best = commands[i]->name;
        }
    }
    if (best)
        qg_fail(err, QG_EARG, "unknown command '%s' (did you mean '%s'?)", name, best);
    else
        qg_fail(err, QG_EARG, "unknown command '%s'; 'quantgate --help' lists them", name);
    return NULL;
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

static qg_status run_command(qg_cli *cli, int argc, char **argv, qg_err *err)
{
    const qg_command *c = find_command(argv[1], err);
    if (!c)
        return QG_EARG;
    if (wants_help(argc - 2, argv + 2)) {
        print_command_help(stdout, c);
        return QG_OK;
    }
    cli->command = c->name;
    cli->line = command_line(cli->run, argc, argv);
    QG_PASS(parse(cli, c, argc - 2, argv + 2, err));
    return c->run(cli, err);
}

/* libgomp's threads spin for long between kernels; on a busy machine two spinning threads keep each
 * other from working for seconds. It reads its environment before main, so the program starts
 * itself again once. */
static void bound_spinning(char **argv)
{
    if (getenv("GOMP_SPINCOUNT") || getenv("OMP_WAIT_POLICY"))
        return;
    setenv("GOMP_SPINCOUNT", "2000", 1);
    execv("/proc/self/exe", argv);
}

static qg_status print_manual(qg_arena *arena, qg_err *err)
{
    qg_buf b;

    qg_buf_init(&b, arena);
    qg_cli_manual(&b);
    if (b.failed)
        return qg_fail(err, QG_ENOMEM, "out of memory");
    return qg_cli_write(qg_buf_view(&b), err);
}

int qg_cli_main(int argc, char **argv)
{
    qg_err err = {0};
    char text[2 * QG_ERR_TEXT + QG_ERR_PATH + 64];
    qg_cli cli = {.run = qg_arena_create()};
    qg_status s;

    bound_spinning(argv);
    if (argc < 2) {
        print_help(stderr);
        qg_arena_free(cli.run);
        return 2;
    }
    if (!cli.run) {
        s = qg_fail(&err, QG_ENOMEM, "out of memory");
    } else if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
               strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        s = QG_OK;
    } else if (strcmp(argv[1], "--version") == 0) {
        printf("quantgate %s (%s, %s)\n", QG_BUILD_VERSION, QG_BUILD_COMMIT, QG_BUILD_COMPILER);
        s = QG_OK;
    } else if (strcmp(argv[1], "--man") == 0) { /* for `make manual` */
        s = print_manual(cli.run, &err);
    } else {
        s = run_command(&cli, argc, argv, &err);
    }
    if (s == QG_OK)
        s = qg_cli_flush(&err);
    else
        fflush(stdout);
    if (s != QG_OK)
        fprintf(stderr, "quantgate: %s\n", qg_err_format(&err, text, sizeof text));
    qg_arena_free(cli.run);
    return s == QG_OK ? cli.exit_code : qg_status_exit(s);
}
