/* The manual page: see manual.h. Text becomes roff as it passes: what roff would take for a command
 * or typeset as something else is escaped, a sentence ends its line (roff sets the space between
 * sentences), and no line grows long. A table that several commands share is printed with the first
 * of them; the others name its options and that command.
 */
#include "cli/manual.h"

#include "build_info.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { WIDTH = 56, EXAMPLE_WIDTH = 68 }; /* of our lines, which are roff's input; of a terminal's */

static const qg_command *const commands[] = {
#define X(name) &qg_cmd_##name,
    QG_COMMAND_LIST(X)
#undef X
};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

/* Name and explanation, until a NULL. */
typedef struct entry {
    const char *name, *text;
} entry;

static const entry environment[] = {
    {"QUANTGATE_CACHE", "folder of the models that suites make (quantize:). Else "
                        "$XDG_CACHE_HOME/quantgate, else ~/.cache/quantgate."},
    {"QUANTGATE_WORKER", "path of what run starts for each case instead of this program: a script "
                         "that ends in quantgate "
                         "\"$@\" and pins it to cores, say, or emulates another CPU."},
    {"XDG_CACHE_HOME, HOME", "see QUANTGATE_CACHE."},
    {"CUDA_VISIBLE_DEVICES", "the GPUs that CUDA shows to the program, as numbers; empty: none."},
    {"OMP_NUM_THREADS", "most CPU threads where --threads is 0."},
    {"GOMP_SPINCOUNT, OMP_WAIT_POLICY",
     "how long threads of libgomp spin before they sleep. Where neither is set, the program starts "
     "itself again with GOMP_SPINCOUNT=2000, for libgomp's own default makes a busy machine a "
     "hundred times slower."},
    {"TMPDIR", "where the output of workers waits (/tmp)."},
    {"COLUMNS", "width of tables (that of the terminal, else 100)."},
    {"NO_COLOR, TERM", "no colours where NO_COLOR is not empty or TERM is dumb."},
    {"CI", "bless is refused where it is true."},
    {"GITHUB_ACTIONS", "run prints annotations of a workflow where it is true."},
    {"GITHUB_STEP_SUMMARY", "file to which run appends its summary."},
    {"GITHUB_OUTPUT", "file to which plan --github-output appends the matrix."},
    {"GITHUB_WORKSPACE",
     "root of the repository, where paths in annotations, links and SARIF begin."},
    {"GITHUB_REPOSITORY, GITHUB_SHA, GITHUB_SERVER_URL",
     "what links in reports point to, and the commit that a history keeps of a run."},
    {"GITHUB_HEAD_REF, GITHUB_REF_NAME",
     "the branch that a history keeps of a run, the first that is not empty. Without these, branch "
     "and commit are those of the checkout."},
    {0},
};

static const entry files[] = {
    {"suites/*.yaml",
     "suites. quantgate lint --keys explains every key, quantgate lint --schema is a JSON Schema "
     "for editors."},
    {"golden/text/MODEL/METHOD/DEVICE/*.gold", "goldens, written by quantgate bless."},
    {"DIR/run.json", "the record of run --out DIR: what judge and report read, with every sample."},
    {"DIR/junit.xml, summary.md, annotations.txt, run.csv, report.html", "reports of the same."},
    {"DIR/results.sarif, metrics.prom, ghbench-smaller.json, ghbench-bigger.json, bmf.json",
     "the same for code scanning, Prometheus, github-action-benchmark and Bencher."},
    {"DB, DB-wal, DB-shm",
     "a history (run --history DB) in SQLite; the other two are there while it is written to, and "
     "belong to it."},
    {"DB.corrupt-TIME", "a history that was damaged, as it was found; a new one was begun."},
    {"DIR.partial", "layers that quantize -o DIR has finished, until it has finished all."},
    {0},
};

/* Bytes of the line at hand. */
static size_t column(const qg_buf *b)
{
    size_t n = 0;

    while (n < b->len && b->ptr[b->len - 1 - n] != '\n')
        n++;
    return n;
}

static void put_char(qg_buf *b, char c)
{
    switch (c) {
    case '\\':
        qg_buf_text(b, "\\e");
        break;
    case '-':
        qg_buf_text(b, "\\-");
        break;
    case '\'':
        qg_buf_text(b, "\\(aq");
        break;
    case '`':
        qg_buf_text(b, "\\(ga");
        break;
    case '^':
        qg_buf_text(b, "\\(ha");
        break;
    case '~':
        qg_buf_text(b, "\\(ti");
        break;
    case '.':
        qg_buf_text(b, column(b) == 0 ? "\\&." : ".");
        break;
    default:
        qg_buf_char(b, c);
    }
}

/* Words on the line at hand. */
static void put_words(qg_buf *b, const char *text)
{
    for (; *text; text++)
        put_char(b, *text);
}

/* A paragraph that roff fills, and the end of its line. */
static void put_text(qg_buf *b, const char *text)
{
    for (; *text; text++) {
        bool is_blank = *text == ' ' || *text == '\n';
        if (!is_blank)
            put_char(b, *text);
        else if (column(b) > WIDTH || text[-1] == '.')
            qg_buf_text(b, column(b) ? "\n" : "");
        else if (column(b))
            qg_buf_char(b, ' ');
    }
    qg_buf_char(b, '\n');
}

/* Where a line of `n` bytes is broken to fit: before an option, or at its end. */
static size_t end_of_part(const char *line, size_t n)
{
    size_t at = n > EXAMPLE_WIDTH ? EXAMPLE_WIDTH - 2 : n;

    while (at > 0 && at < n && strncmp(line + at, " --", 3) != 0)
        at--;
    return at > 0 ? at : n;
}

/* Lines as they are, but for long ones. Those after the first are indented by two blanks in a
 * table. */
static void put_example(qg_buf *b, const char *text)
{
    qg_buf_text(b, ".PP\n.RS 4\n.EX\n");
    for (;;) {
        size_t n = strcspn(text, "\n"), part = end_of_part(text, n);
        for (size_t i = 0; i < part; i++)
            put_char(b, text[i]);
        text += part;
        qg_buf_text(b, part < n ? " \\e\n   " : "\n");
        if (!*text)
            break;
        if (part == n)
            text += strncmp(text, "\n  ", 3) == 0 ? 3 : 1;
    }
    qg_buf_text(b, ".EE\n.RE\n");
}

static void put_entries(qg_buf *b, const char *section, const entry *e)
{
    qg_buf_format(b, ".SH %s\n", section);
    for (; e->name; e++) {
        qg_buf_text(b, ".TP\n\\fB");
        put_words(b, e->name);
        qg_buf_text(b, "\\fR\n");
        put_text(b, e->text);
    }
}

/* A summary as a sentence. */
static void put_summary(qg_buf *b, const char *text)
{
    char sentence[256];

    snprintf(sentence, sizeof sentence, "%c%s.", toupper((unsigned char)text[0]), text + 1);
    put_text(b, sentence);
}

static void put_option_name(qg_buf *b, const qg_option *o)
{
    if (strcmp(o->name, "out") == 0)
        qg_buf_text(b, "\\fB\\-o\\fR, ");
    qg_buf_text(b, "\\fB\\-\\-");
    put_words(b, o->name);
    qg_buf_text(b, "\\fR");
}

static void put_options(qg_buf *b, const qg_option *o)
{
    for (; o && o->name; o++) {
        qg_buf_text(b, ".TP\n");
        put_option_name(b, o);
        if (o->value) {
            qg_buf_text(b, " \\fI");
            put_words(b, o->value);
            qg_buf_text(b, "\\fR");
        }
        qg_buf_char(b, '\n');
        put_text(b, o->help);
    }
}

/* Options that an earlier command has explained. */
static void put_shared(qg_buf *b, const qg_command *c)
{
    const qg_command *first = c;

    for (int i = 0; c->shared && commands[i] != c && first == c; i++)
        if (commands[i]->shared == c->shared)
            first = commands[i];
    if (first == c) {
        put_options(b, c->shared);
        return;
    }
    qg_buf_text(b, ".PP\nAnd, as for\n");
    qg_buf_format(b, ".BR %s :\n", first->name);
    for (const qg_option *o = c->shared; o->name; o++) {
        put_option_name(b, o);
        qg_buf_text(b, o[1].name ? ",\n" : ".\n");
    }
}

static bool is_hidden(const qg_command *c)
{
    return c->summary[0] == '(';
}

static void put_command(qg_buf *b, const qg_command *c)
{
    qg_buf_format(b, ".SS quantgate %s", c->name);
    if (c->arguments[0]) {
        qg_buf_char(b, ' ');
        put_words(b, c->arguments);
    }
    qg_buf_char(b, '\n');
    put_summary(b, c->summary);
    if (c->details) {
        qg_buf_text(b, ".PP\n");
        put_text(b, c->details);
    }
    put_options(b, c->options);
    put_shared(b, c);
    if (c->example)
        put_example(b, c->example);
}

static void put_head(qg_buf *b)
{
    qg_buf_text(b, ".\\\" written by quantgate --man\n");
    qg_buf_format(b, ".TH QUANTGATE 1 %s \"quantgate %s\" \"User Commands\"\n", QG_BUILD_DATE,
                  QG_BUILD_VERSION);
    qg_buf_text(b, ".ad l\n.SH NAME\nquantgate \\- gate for quality, speed and memory of quantized "
                   "language models\n");
    qg_buf_text(b, ".SH SYNOPSIS\n.B quantgate\n.I command\n"
                   "[\\fIarguments\\fR] [\\fIoptions\\fR]\n.br\n"
                   ".B quantgate\n[\\fIcommand\\fR]\n.B \\-\\-help\n.br\n"
                   ".B quantgate \\-\\-version\n.SH DESCRIPTION\n");
    put_text(b, "Fails a pull request when a quantized language model got worse, slower or bigger, "
                "and passes when it did not. It reads a suite in YAML, runs its models at every "
                "batch size in an engine of its own, compares them with blessed golden outputs, "
                "enforces budgets for quality, latency, throughput and memory, and exits with a "
                "verdict.");
    qg_buf_text(b, ".PP\n");
    put_text(b, "Options may stand before or after arguments, as --name VALUE or --name=VALUE; -- "
                "ends them. Results go to standard output; notices, progress and errors to "
                "standard error. With --json standard output holds JSON alone.");
}

void qg_cli_manual(qg_buf *b)
{
    put_head(b);
    qg_buf_text(b, ".SH COMMANDS\n");
    for (int i = 0; i < N_COMMANDS; i++)
        if (!is_hidden(commands[i]))
            put_command(b, commands[i]);
    qg_buf_text(b, ".SH EXIT STATUS\n");
    for (const qg_exit *e = qg_cli_exits; e->brief; e++) {
        qg_buf_format(b, ".TP\n.B %d\n", e->code);
        put_text(b, e->text);
    }
    qg_buf_text(b, ".PP\n");
    put_text(b, "Where several apply: 2, then 1, 3, 4, 0.");
    put_entries(b, "ENVIRONMENT", environment);
    put_entries(b, "FILES", files);
    qg_buf_text(b, ".SH EXAMPLES\n");
    put_text(b, "Judge a suite and leave reports; judge the record again; accept what the models "
                "say now:");
    put_example(b, "quantgate run suites/smoke.yaml --out quantgate-report\n"
                   "quantgate judge quantgate-report/run.json suites/smoke.yaml\n"
                   "quantgate bless suites/smoke.yaml");
}
