/* Results of A/B tests: see abtest.h.
 *
 * One table of keys, of which objects have tables of their own, reads the file, makes the template
 * and the manual. The reader adds a finding for each value that is absent or wrong and goes on;
 * what takes several values to see is checked only where those were read without a finding.
 */
#include "record/abtest.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/json.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef enum kind {
    TEXT,
    TIME,
    HASH,
    COUNT,
    REAL,
    MARGIN,
    SHARE,
    WORD,
    INTERVAL,
    OBJECT,
    LIST
} kind;

typedef struct key {
    const char *name; /* NULL ends a table */
    kind kind;
    bool optional; /* may be absent or null */
    size_t offset;
    const char *choices;    /* WORD: "a|b"             */
    const struct key *keys; /* OBJECT, objects of LIST */
    const char *example, *help;
} key;

#define AT(type, member) offsetof(type, member)

static const key arm_keys[] = {
    {"model", TEXT, false, AT(qg_ab_arm, model), NULL, NULL, "\"gptq\"", "its name in the suite"},
    {"checkpoint", HASH, false, AT(qg_ab_arm, checkpoint), NULL, NULL, "\"sha256:3f5a...\"",
     "hash of the checkpoint that answered, 64 hex digits, as the run record has it"},
    {"n", COUNT, false, AT(qg_ab_arm, n), NULL, NULL, "12034", "units that were assigned to it"},
    {0},
};

static const key result_keys[] = {
    {"metric", TEXT, false, AT(qg_ab_result, metric), NULL, NULL, "\"thumbs_up_rate\"",
     "what was measured of each unit"},
    {"better", WORD, false, AT(qg_ab_result, better), "higher|lower", NULL, "\"higher\"",
     "which way is better"},
    {"effect", WORD, false, AT(qg_ab_result, effect), "difference|ratio", NULL, "\"difference\"",
     "treatment minus control, or treatment over control"},
    {"rule", WORD, false, AT(qg_ab_result, rule), "non-inferiority|superiority", NULL,
     "\"non-inferiority\"",
     "what was to be shown: not worse by the margin, or better by more than it"},
    {"margin", MARGIN, false, AT(qg_ab_result, margin), NULL, NULL, "0.01",
     "of the rule, in the unit of a difference, or as a share of a ratio (0.05: five percent)"},
    {"estimate", REAL, false, AT(qg_ab_result, estimate), NULL, NULL, "-0.002", "of the effect"},
    {"interval", INTERVAL, false, AT(qg_ab_result, low), NULL, NULL, "[-0.007, 0.003]",
     "of the effect, two-sided"},
    {"confidence", SHARE, false, AT(qg_ab_result, confidence), NULL, NULL, "0.95",
     "of the interval"},
    {"decision", WORD, false, AT(qg_ab_result, decision), "pass|fail|inconclusive", NULL,
     "\"pass\"", "what the rule makes of the interval"},
    {0},
};

static const key root_keys[] = {
    {"format", WORD, false, AT(qg_abtest, format), QG_ABTEST_FORMAT, NULL,
     "\"" QG_ABTEST_FORMAT "\"", "says what this file is"},
    {"version", COUNT, false, AT(qg_abtest, version), NULL, NULL, "1", "of this format"},
    {"name", TEXT, false, AT(qg_abtest, name), NULL, NULL, "\"assistant, January\"",
     "of the test, for the reader"},
    {"made_by", TEXT, false, AT(qg_abtest, made_by), NULL, NULL, "\"team search\"",
     "who or what wrote this file"},
    {"started", TIME, false, AT(qg_abtest, started), NULL, NULL, "\"2026-01-12T09:00:00Z\"",
     "first assignment, UTC"},
    {"ended", TIME, false, AT(qg_abtest, ended), NULL, NULL, "\"2026-01-26T09:00:00Z\"",
     "last assignment, UTC; the age of the evidence counts from here"},
    {"unit", TEXT, false, AT(qg_abtest, unit), NULL, NULL, "\"user\"",
     "what was assigned at random: user, session, request"},
    {"split", SHARE, true, AT(qg_abtest, split), NULL, NULL, "0.5",
     "planned share of the treatment; with it the sizes of the arms are held against the plan"},
    {"control", OBJECT, false, AT(qg_abtest, control), NULL, arm_keys, NULL,
     "the arm of the suite's reference"},
    {"treatment", OBJECT, false, AT(qg_abtest, treatment), NULL, arm_keys, NULL,
     "the arm of the quantized model"},
    {"primary", OBJECT, false, AT(qg_abtest, primary), NULL, result_keys, NULL,
     "the metric that decides"},
    {"guardrails", LIST, false, 0, NULL, result_keys, NULL,
     "metrics that must not get worse: latency, errors, cost; may be empty"},
    {"decision", WORD, false, AT(qg_abtest, decision), "ship|hold|reject", NULL, "\"ship\"",
     "ship where all pass, reject where one fails, else hold"},
    {"notes", TEXT, true, AT(qg_abtest, notes), NULL, NULL, "\"holiday week left out\"",
     "whatever the reader should know"},
    {0},
};

/* ---- reading ---- */

typedef struct reader {
    qg_arena *arena;
    qg_findings *findings;
    const char *path; /* of the file */
} reader;

__attribute__((format(printf, 3, 4))) static void say(const reader *r, const char *fix,
                                                      const char *fmt, ...)
{
    char text[QG_ERR_TEXT];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    qg_finding_error(r->findings, ((qg_place){r->path, 0, 0}), fix, "%s", text);
}

/* Whether the text is one of "a|b|c". */
static bool is_choice(const char *choices, qg_str text)
{
    qg_str rest = qg_str_from(choices), word;

    while (qg_str_split(&rest, '|', &word))
        if (qg_str_eq(word, text))
            return true;
    return false;
}

/* A text of some kind. */
static void read_text(const reader *r, const key *k, const char *at, const qg_json *v, void *out)
{
    qg_str s;
    int64_t seconds;

    if (!qg_json_str(v, &s)) {
        say(r, NULL, "'%s' is %s, a string like %s was expected", at, qg_json_type_name(v),
            k->example);
        return;
    }
    if (qg_str_trim(s).len == 0 || memchr(s.ptr, '\0', s.len))
        say(r, NULL, "'%s' is %s", at, s.len ? "no text" : "an empty text");
    else if (k->kind == WORD && !is_choice(k->choices, s))
        say(r, NULL, "'%s' is '" QG_STR_PRI "', expected: %s", at, QG_STR_ARG(qg_str_sub(s, 0, 60)),
            k->choices);
    else if (k->kind == TIME && !qg_clock_read(&seconds, s))
        say(r, NULL, "'%s' is '" QG_STR_PRI "', no time like %s", at,
            QG_STR_ARG(qg_str_sub(s, 0, 60)), k->example);
    else if (k->kind == HASH && !qg_hash_is_named(s))
        say(r, "run.json has it as 'model_hash'",
            "'%s' is '" QG_STR_PRI "', expected '" QG_HASH_PREFIX "' and 64 hex digits", at,
            QG_STR_ARG(qg_str_sub(s, 0, 80)));
    else if (!(*(const char **)out = qg_str_dup(r->arena, s)))
        r->findings->out_of_memory = true;
}

static void read_number(const reader *r, const key *k, const char *at, const qg_json *v,
                        double *out)
{
    double x;

    if (!qg_json_real(v, &x) || !isfinite(x))
        say(r, NULL, "'%s' is %s, a number like %s was expected", at, qg_json_type_name(v),
            k->example);
    else if (k->kind == SHARE && (x <= 0 || x >= 1))
        say(r, NULL, "'%s' is %g, which does not lie between 0 and 1", at, x);
    else if (k->kind == MARGIN && x < 0)
        say(r, "'better' says the direction", "'%s' is %g: a margin is not negative", at, x);
    else
        *out = x;
}

static void read_count(const reader *r, const char *at, const qg_json *v, int64_t *out)
{
    int64_t n;

    if (!qg_json_int(v, &n))
        say(r, NULL, "'%s' is %s, a whole number was expected", at, qg_json_type_name(v));
    else if (n <= 0)
        say(r, NULL, "'%s' is %lld: nothing was counted", at, (long long)n);
    else
        *out = n;
}

static void read_interval(const reader *r, const key *k, const char *at, const qg_json *v,
                          double out[2])
{
    double low, high;

    if (qg_json_len(v) != 2 || !qg_json_real(qg_json_at(v, 0), &low) ||
        !qg_json_real(qg_json_at(v, 1), &high) || !isfinite(low) || !isfinite(high))
        say(r, NULL, "'%s' is no list of two numbers like %s", at, k->example);
    else if (low > high)
        say(r, "write the lower end first", "'%s' ends at %g, before it begins at %g", at, high,
            low);
    else {
        out[0] = low;
        out[1] = high;
    }
}

static void unknown_key(const reader *r, const key *keys, const char *prefix, qg_str name)
{
    const char *nearest = NULL;
    size_t best = 3;

    for (const key *k = keys; k->name; k++) {
        size_t d = qg_str_distance(name, qg_str_from(k->name));
        if (d < best) {
            best = d;
            nearest = k->name;
        }
    }
    char hint[64] = "";
    if (nearest)
        snprintf(hint, sizeof hint, "did you mean '%s'?", nearest);
    say(r, nearest ? hint : NULL, "unknown key '%s" QG_STR_PRI "'", prefix,
        QG_STR_ARG(qg_str_sub(name, 0, 60)));
}

static void read_object(const reader *r, const key *keys, const char *prefix, const qg_json *object,
                        void *out);

static void read_list(const reader *r, const key *k, const qg_json *v, qg_abtest *test)
{
    size_t n = qg_json_len(v);
    char prefix[64];

    if (qg_json_type_of(v) != QG_JSON_ARRAY || n > QG_ABTEST_GUARDRAILS) {
        say(r, "write [] where there are none", "'%s' is %s, a list of at most %d was expected",
            k->name, qg_json_type_name(v), QG_ABTEST_GUARDRAILS);
        return;
    }
    test->guardrails = QG_NEW_N(r->arena, qg_ab_result, n);
    r->findings->out_of_memory |= !test->guardrails;
    for (; test->guardrails && test->n_guardrails < n; test->n_guardrails++) {
        snprintf(prefix, sizeof prefix, "%s[%zu].", k->name, test->n_guardrails);
        read_object(r, k->keys, prefix, qg_json_at(v, test->n_guardrails),
                    &test->guardrails[test->n_guardrails]);
    }
}

static void read_key(const reader *r, const key *k, const char *prefix, const qg_json *object,
                     void *out)
{
    const qg_json *v = qg_json_get(object, k->name);
    void *to = (char *)out + k->offset;
    char at[128], inner[130];

    snprintf(at, sizeof at, "%s%s", prefix, k->name);
    if (qg_json_is_null(v)) {
        if (!k->optional && k->example)
            say(r, NULL, "'%s' is %s, expected something like %s", at, v ? "null" : "absent",
                k->example);
        else if (!k->optional)
            say(r, NULL, "'%s' is %s: %s", at, v ? "null" : "absent", k->help);
        return;
    }
    switch (k->kind) {
    case COUNT:
        read_count(r, at, v, to);
        return;
    case REAL:
    case MARGIN:
    case SHARE:
        read_number(r, k, at, v, to);
        return;
    case INTERVAL:
        read_interval(r, k, at, v, to);
        return;
    case OBJECT:
        snprintf(inner, sizeof inner, "%s.", at);
        read_object(r, k->keys, inner, v, to);
        return;
    case LIST:
        read_list(r, k, v, out);
        return;
    default:
        read_text(r, k, at, v, to);
    }
}

static void read_object(const reader *r, const key *keys, const char *prefix, const qg_json *object,
                        void *out)
{
    if (qg_json_type_of(object) != QG_JSON_OBJECT) {
        say(r, NULL, "'%.*s' is %s, an object was expected",
            (int)(prefix[0] ? strlen(prefix) - 1 : 0), prefix, qg_json_type_name(object));
        return;
    }
    for (qg_json_iter it = {0}; qg_json_next(object, &it);) {
        const key *k = keys;
        while (k->name && !qg_str_is(it.key, k->name))
            k++;
        if (!k->name)
            unknown_key(r, keys, prefix, it.key);
    }
    for (const key *k = keys; k->name; k++)
        read_key(r, k, prefix, object, out);
}

/* ---- sense ---- */

const char *qg_ab_decide(const qg_ab_result *r)
{
    double null = strcmp(r->effect, "ratio") == 0 ? 1 : 0;
    bool higher = strcmp(r->better, "higher") == 0;
    double low = higher ? r->low - null : null - r->high; /* of what is better */
    double high = higher ? r->high - null : null - r->low;
    double bound = strcmp(r->rule, "superiority") == 0 ? r->margin : -r->margin;

    return low > bound ? "pass" : high < bound ? "fail" : "inconclusive";
}

static void check_result(const reader *r, const char *at, const qg_ab_result *x)
{
    const char *right = qg_ab_decide(x);

    if (x->estimate < x->low || x->estimate > x->high)
        say(r, NULL, "'%s.interval' is %g to %g and does not hold the estimate %g", at, x->low,
            x->high, x->estimate);
    if (strcmp(x->effect, "ratio") == 0 && (x->low <= 0 || x->estimate <= 0))
        say(r, NULL, "'%s' is a ratio, which is never 0 or less", at);
    if (x->confidence < 0.8)
        say(r, "give an interval of 95 %", "'%s.confidence' is %g: that proves nothing", at,
            x->confidence);
    if (strcmp(x->rule, "non-inferiority") == 0 && x->margin == 0)
        say(r, "say by how much it may be worse, or write superiority",
            "'%s.margin' is 0: no test can show that nothing is worse at all", at);
    if (strcmp(x->decision, right) != 0)
        say(r, NULL,
            "'%s.decision' is '%s', but by the rule (%s, margin %g, %s is better) the interval %g "
            "to %g is '%s'",
            at, x->decision, x->rule, x->margin, x->better, x->low, x->high, right);
}

static const char *decide_all(const qg_abtest *t)
{
    bool all = strcmp(t->primary.decision, "pass") == 0;
    bool fails = strcmp(t->primary.decision, "fail") == 0;

    for (size_t i = 0; i < t->n_guardrails; i++) {
        all = all && strcmp(t->guardrails[i].decision, "pass") == 0;
        fails = fails || strcmp(t->guardrails[i].decision, "fail") == 0;
    }
    return all ? "ship" : fails ? "reject" : "hold";
}

/* Every value was read; do they fit together? */
static void check_sense(const reader *r, qg_abtest *t, int64_t now_s)
{
    char at[48];

    qg_clock_read(&t->started_s, qg_str_from(t->started));
    qg_clock_read(&t->ended_s, qg_str_from(t->ended));
    if (t->ended_s <= t->started_s)
        say(r, NULL, "the test ended at %s, not after it started at %s", t->ended, t->started);
    if (t->ended_s > now_s + 60)
        say(r, "write the file when the test is over", "the test ends in the future, at %s",
            t->ended);
    if (strcmp(t->control.model, t->treatment.model) == 0)
        say(r, NULL, "both arms are '%s'", t->control.model);
    check_result(r, "primary", &t->primary);
    for (size_t i = 0; i < t->n_guardrails; i++) {
        snprintf(at, sizeof at, "guardrails[%zu]", i);
        check_result(r, at, &t->guardrails[i]);
    }
    if (strcmp(t->decision, decide_all(t)) != 0)
        say(r, NULL, "'decision' is '%s', but by its parts the test says '%s'", t->decision,
            decide_all(t));
}

static bool is_known_version(const reader *r, const qg_json *root)
{
    int64_t version;

    if (qg_json_type_of(root) != QG_JSON_OBJECT) {
        say(r, NULL, "the file is %s, an object was expected", qg_json_type_name(root));
        return false;
    }
    if (!qg_json_int(qg_json_get(root, "version"), &version) || version == QG_ABTEST_VERSION)
        return true;
    say(r, NULL, "version %lld, this program reads %d", (long long)version, QG_ABTEST_VERSION);
    return false;
}

qg_status qg_abtest_parse(qg_abtest **out, qg_findings *findings, qg_arena *arena, qg_str text,
                          const char *path, int64_t now_s, qg_err *err)
{
    reader r = {arena, findings, path};
    qg_abtest *t = QG_NEW(arena, qg_abtest);
    const qg_json *root;
    qg_err why = {0};
    size_t before = findings->n_errors;
    qg_str quoted = qg_str_from(qg_arena_format(arena, "'%s'", path)); /* how messages begin */

    *out = NULL;
    QG_NEED(t && quoted.len, err);
    qg_status s = qg_json_parse(&root, arena, text, path, &why);
    if (s == QG_ENOMEM)
        return qg_fail(err, s, "out of memory");
    if (qg_str_trim(text).len == 0)
        say(&r, NULL, "the file is empty");
    else if (s != QG_OK)
        say(&r, NULL, "the file%s",
            qg_str_starts(qg_str_from(why.message), quoted) ? why.message + quoted.len
                                                            : why.message);
    else if (is_known_version(&r, root))
        read_object(&r, root_keys, "", root, t);
    if (findings->n_errors == before && !findings->out_of_memory)
        check_sense(&r, t, now_s);
    QG_NEED(!findings->out_of_memory, err);
    if (findings->n_errors == before)
        *out = t;
    return QG_OK;
}

/* ---- template and manual ---- */

static void put_keys(qg_buf *out, const key *keys, const void *values, int indent);

static void put_value(qg_buf *out, const key *k, const void *values, int indent)
{
    const char *text = NULL;
    const void *of = values && k->kind == OBJECT ? (const char *)values + k->offset : NULL;

    if (values && (k->kind == TEXT || k->kind == HASH))
        memcpy(&text, (const char *)values + k->offset, sizeof text);
    if (k->keys) {
        qg_buf_text(out, k->kind == LIST ? "[{\n" : "{\n");
        put_keys(out, k->keys, of, indent + 2);
        qg_buf_format(out, "%*s%s", indent, "", k->kind == LIST ? "}]" : "}");
    } else if (text) {
        qg_json_writer w;
        qg_json_write_begin(&w, out);
        qg_json_write_text(&w, text);
    } else if (strcmp(k->name, "format") == 0 || strcmp(k->name, "version") == 0 ||
               strcmp(k->name, "confidence") == 0) {
        qg_buf_text(out, k->example);
    } else {
        qg_buf_text(out, "null");
    }
}

static void put_keys(qg_buf *out, const key *keys, const void *values, int indent)
{
    for (const key *k = keys; k->name; k++) {
        qg_buf_format(out, "%*s\"%s\": ", indent, "", k->name);
        put_value(out, k, values, indent);
        qg_buf_text(out, k[1].name ? ",\n" : "\n");
    }
}

void qg_abtest_template(qg_buf *out, const qg_ab_arm *control, const qg_ab_arm *treatment)
{
    qg_abtest known = {.control = *control, .treatment = *treatment};

    qg_buf_text(out, "{\n");
    put_keys(out, root_keys, &known, 2);
    qg_buf_text(out, "}\n");
}

static void put_table(qg_buf *out, const char *title, const key *keys)
{
    qg_buf_format(out, "\n### %s\n\n| key | value | means |\n|---|---|---|\n", title);
    for (const key *k = keys; k->name; k++) {
        qg_str rest = qg_str_from(k->choices), word;
        qg_buf_format(out, "| `%s`%s | ", k->name, k->optional ? " (optional)" : "");
        for (int i = 0; k->choices && qg_str_split(&rest, '|', &word); i++)
            qg_buf_format(out, "%s`\"" QG_STR_PRI "\"`", i ? ", " : "", QG_STR_ARG(word));
        if (!k->choices && k->example)
            qg_buf_format(out, "`%s`", k->example);
        if (k->keys)
            qg_buf_text(out, k->kind == LIST ? "list of results" : "below");
        qg_buf_format(out, " | %s |\n", k->help);
    }
}

void qg_abtest_markdown(qg_buf *out)
{
    qg_buf_text(
        out,
        "\n## Evidence of an A/B test\n"
        "\n"
        "The files of `checklist.ab_evidence` are JSON. `quantgate checklist SUITE --template ab` "
        "prints one to\n"
        "fill in, with the names and hashes that are known; `quantgate checklist SUITE` says every "
        "mistake in one\n"
        "pass. A metric passes non-inferiority where its interval lies on the good side of the "
        "margin,\n"
        "superiority where it lies beyond; it fails where all of the interval lies on the other "
        "side, and is\n"
        "inconclusive else. All pass: ship. One fails: reject. Else: hold.\n");
    put_table(out, "The file", root_keys);
    put_table(out, "control, treatment", arm_keys);
    put_table(out, "primary, guardrails", result_keys);
}
