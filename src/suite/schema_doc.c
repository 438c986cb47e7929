/* The manual of the suite language, from the table of keys: see schema.h.
 *
 * Markdown for people (suites/README.md and `lint --keys`) and JSON Schema, draft 7, for editors.
 * Both walk the same table as the reader, so they cannot tell of a key that does not exist. The
 * JSON Schema is laxer than the reader: a text may hold `${NAME}`, and a required key may stand in
 * an included file.
 */
#include "base/json.h"
#include "record/abtest.h"
#include "record/checkitem.h"
#include "record/metric.h"
#include "suite/device.h"
#include "suite/schema.h"

#include <stdio.h>

/* ---- Markdown ---- */

static const char intro[] =
    "# Suites\n"
    "\n"
    "A suite is one YAML file that says which models are measured and what is demanded of them.\n"
    "`quantgate lint SUITE` finds every mistake in one pass; `quantgate lint --schema` prints a "
    "JSON Schema\n"
    "for editors. This page is printed by `quantgate lint --keys`, from the table that the reader "
    "uses.\n"
    "\n"
    "```yaml\n"
    "version: 1\n"
    "name: smoke\n"
    "models:\n"
    "  fp16: {model: golden/models/tiny-llama}\n"
    "quality:\n"
    "  prompts: data/prompts.txt\n"
    "  golden: golden/text/tiny-llama\n"
    "  budgets:\n"
    "    fp16: {golden_logprob_max: 0.02, same_top: 99.5 %}\n"
    "performance:\n"
    "  production: {input_len: 64, output_len: 16, batch: [1, 4]}\n"
    "  budgets:\n"
    "    fp16:\n"
    "      - {batch: 1, ttft_p95: 60 ms, memory_peak: 40 MiB}\n"
    "      - {batch: 4, throughput: 200 tok/s}\n"
    "```\n"
    "\n"
    "- A budget is an upper bound for a cost and a lower bound for a benefit; the tables of "
    "metrics below\n"
    "  say which is which. A batch size without a row is still measured and shown.\n"
    "- Beside metrics, a map of budgets may hold `cpu` and `cuda`: maps of budgets for cases that "
    "run there, each\n"
    "  instead of one of the same metric beside them: `{batch: 1, memory_peak: 12 MiB, cuda: "
    "{memory_peak: 44 MiB}}`.\n"
    "- A number is written with its unit where it has one: `ms us s ns`, `KiB MiB GiB B`, `%`, "
    "`pp`\n"
    "  (percentage points), `x`, `tok/s`, `d`.\n"
    "- Paths are looked for beside the file that names them, then in the current directory.\n"
    "- `include` builds on other files; YAML anchors, aliases and merge keys (`<<`) work, and top "
    "keys that\n"
    "  begin with `x-` are a place to keep them. `${NAME}` and `${NAME:-default}` expand in "
    "values; `$${`\n"
    "  is a literal `${`.\n"
    "- Refused: unknown and duplicate keys, tags, circles, files over 1 MiB, several documents.\n";

static const char card_text[] =
    "\n## Model cards\n"
    "\n"
    "The files of `checklist.card` are Markdown with a front matter as Hugging Face defines it; "
    "`quantgate\n"
    "checklist SUITE --template card` prints one, and the README.md of a folder that `quantgate "
    "quantize` makes\n"
    "is one. Together they must name every model that is to be shipped.\n"
    "\n"
    "| key | means |\n"
    "|---|---|\n"
    "| `base_model` | a name, or a list of them: that of the reference |\n"
    "| `base_model_relation` | `quantized` |\n"
    "| `quantized_by` | who, or by what |\n"
    "| `quantgate_checkpoint` | `sha256:` and the hash of the checkpoint, as run.json has it "
    "(`model_hash`); for several models a map of their names in the suite to hashes |\n"
    "| `tags` | a list; looked at for the method, as the text is |\n"
    "\n"
    "Tags or text name the method (GPTQ, AWQ, INT8 or W8A8), its bits (\"4 bit\", \"4-bit\", "
    "\"INT4\", \"W4A16\") and,\n"
    "where the checkpoint has groups, their size (\"groups of 128\", \"group size 128\", "
    "\"128g\").\n";

static const char *type_name(const qg_key *key)
{
    switch (key->type) {
    case QG_KEY_TEXT:
        return "text";
    case QG_KEY_INT:
        return "number";
    case QG_KEY_BOOL:
        return "true or false";
    case QG_KEY_FILE:
        return "file";
    case QG_KEY_FOLDER:
        return "folder";
    case QG_KEY_PATH:
        return "path";
    case QG_KEY_DATE:
        return "day";
    case QG_KEY_DEVICE:
        return "`auto`, `cpu`, `cuda`, `cuda:N`";
    case QG_KEY_MAP:
    case QG_KEY_MODELS:
    case QG_KEY_BUDGETS:
    case QG_KEY_ROWS:
    case QG_KEY_ALLOW:
    case QG_KEY_WAIVERS:
        return "map";
    case QG_KEY_NAMES:
        return "list of names";
    case QG_KEY_PATHS:
        return "path or list";
    case QG_KEY_ENTRIES:
        return "list of maps";
    case QG_KEY_INTS:
        return "list of numbers";
    case QG_KEY_FILES:
        return "list of files";
    case QG_KEY_PROMPTS:
        return "file or list";
    case QG_KEY_INCLUDE:
        return "file or list";
    default:
        return "";
    }
}

static void put_type(qg_buf *out, const qg_key *key)
{
    char least[QG_UNIT_TEXT], greatest[QG_UNIT_TEXT];
    qg_str rest = qg_str_from(key->choices), piece;

    if (key->type == QG_KEY_NAMES && key->choices)
        qg_buf_text(out, "list of ");
    if (key->type == QG_KEY_WAIVERS)
        qg_buf_text(out, "map of ");
    if (key->choices)
        for (int i = 0; qg_str_split(&rest, '|', &piece); i++)
            qg_buf_format(out, "%s`" QG_STR_PRI "`", i ? ", " : "", QG_STR_ARG(piece));
    else if (key->type == QG_KEY_QUANTITY)
        qg_buf_format(out, "%s to %s", qg_unit_print(least, key->unit, key->least),
                      qg_unit_print(greatest, key->unit, key->greatest));
    else if (key->type == QG_KEY_INT && key->least < key->greatest)
        qg_buf_format(out, "number, %.0f to %.0f", key->least, key->greatest);
    else
        qg_buf_text(out, type_name(key));
}

static void put_table(qg_buf *out, const char *path, const qg_key *keys)
{
    qg_buf inner;

    qg_buf_format(out,
                  "\n## %s\n\n| key | value | default | means | example |\n|---|---|---|---|---|\n",
                  path);
    for (const qg_key *k = keys; k->name; k++) {
        qg_buf_format(out, "| `%s` | ", k->name);
        put_type(out, k);
        qg_buf_format(out, " | %s%s%s | %s |", k->fallback ? "`" : "",
                      k->fallback   ? k->fallback
                      : k->required ? "required"
                                    : "",
                      k->fallback ? "`" : "", k->help);
        if (k->example)
            qg_buf_format(out, " `%s: %s` |\n", k->name, k->example);
        else
            qg_buf_text(out, " below |\n");
    }
    for (const qg_key *k = keys; k->name; k++) {
        if (!k->keys)
            continue;
        qg_buf_init(&inner, out->arena);
        if (keys == qg_suite_keys)
            qg_buf_format(&inner, "%s%s", k->name,
                          k->type == QG_KEY_MODELS    ? ".NAME"
                          : k->type == QG_KEY_ENTRIES ? "[]"
                                                      : "");
        else
            qg_buf_format(&inner, "%s.%s%s", path, k->name,
                          k->type == QG_KEY_WAIVERS ? ".ITEM" : "");
        out->failed |= inner.failed;
        put_table(out, inner.failed ? "" : inner.ptr, k->keys);
    }
}

/* The last cell of a row: a bar would end it. */
static void put_last_cell(qg_buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            qg_buf_char(out, '\\');
        qg_buf_char(out, *text);
    }
    qg_buf_text(out, " |\n");
}

static void put_metrics(qg_buf *out, const char *title, qg_section section)
{
    qg_buf_format(out, "\n## %s\n\n| metric | budget | like | definition |\n|---|---|---|---|\n",
                  title);
    for (int m = 0; m < QG_METRIC_N; m++) {
        const qg_metric_info *info = qg_metric_info_of((qg_metric)m);
        if (info->section != section)
            continue;
        qg_buf_format(out, "| `%s` | %s | `%s`%s%s | ", info->name,
                      info->direction == QG_COST ? "at most" : "at least",
                      qg_unit_example(info->unit), info->word[0] ? " " : "", info->word);
        put_last_cell(out, info->text);
    }
}

void qg_schema_markdown(qg_buf *out)
{
    qg_buf_text(out, intro);
    put_table(out, "The keys", qg_suite_keys);
    put_metrics(out, "Metrics of quality.budgets", QG_QUALITY);
    put_metrics(out, "Metrics of performance.budgets", QG_PERFORMANCE);
    qg_buf_text(out, "\n## Items of the checklist\n\n| item | title | what counts "
                     "|\n|---|---|---|\n");
    for (int i = 0; i < QG_N_CHECKITEMS; i++)
        qg_buf_format(out, "| `%s` | %s | %s |\n", qg_checkitem_word((qg_checkitem)i),
                      qg_checkitem_title((qg_checkitem)i), qg_checkitem_counts((qg_checkitem)i));
    qg_abtest_markdown(out);
    qg_buf_text(out, card_text);
}

/* ---- JSON Schema ---- */

static void put_keys(qg_json_writer *w, const qg_key *keys);

static void put_one_type(qg_json_writer *w, const char *type)
{
    qg_json_write_object(w);
    qg_json_put_text(w, "type", type);
    qg_json_write_close(w);
}

/* "type": "string", that reads as a quantity of the unit or expands from the environment. */
static void put_quantity(qg_json_writer *w, qg_unit unit, const char *help)
{
    static const char *const patterns[QG_UNIT_N] = {
        [QG_UNIT_DURATION] = "(ns|us|ms|s)",
        [QG_UNIT_BYTES] = "(B|KiB|MiB|GiB)",
        [QG_UNIT_SHARE] = "%",
        [QG_UNIT_POINTS] = "pp",
        [QG_UNIT_RATIO] = "x",
        [QG_UNIT_SPEED] = "tok/s",
        [QG_UNIT_DAYS] = "d",
    };
    char pattern[96];

    qg_json_write_object(w);
    qg_json_put_text(w, "description", help);
    qg_json_write_key(w, "type");
    if (unit == QG_UNIT_PLAIN) {
        qg_json_write_array(w);
        qg_json_write_text(w, "number");
        qg_json_write_text(w, "string");
        qg_json_write_end_array(w);
        qg_json_put_text(w, "pattern", "\\$\\{");
    } else {
        snprintf(pattern, sizeof pattern, "^[-+.0-9eE]+ *%s$|\\$\\{", patterns[unit]);
        qg_json_write_text(w, "string");
        qg_json_put_text(w, "pattern", pattern);
    }
    qg_json_write_close(w);
}

/* One key for each metric of the section; `whole`: those of devices too, and of rows the batch. */
static void put_metric_map(qg_json_writer *w, qg_section section, bool whole)
{
    bool rows = whole && section == QG_PERFORMANCE;

    qg_json_write_object(w);
    qg_json_put_text(w, "type", "object");
    qg_json_write_key(w, "properties");
    qg_json_write_object(w);
    if (rows) {
        qg_json_write_key(w, "batch");
        put_one_type(w, "integer");
    }
    for (int d = QG_DEVICE_CPU; whole && d <= QG_DEVICE_CUDA; d++) {
        qg_json_write_key(w, qg_device_name((qg_device)d));
        put_metric_map(w, section, false);
    }
    for (int m = 0; m < QG_METRIC_N; m++) {
        const qg_metric_info *info = qg_metric_info_of((qg_metric)m);
        if (info->section != section)
            continue;
        qg_json_write_key(w, info->name);
        put_quantity(w, info->unit, info->text);
    }
    qg_json_write_close(w);
    qg_json_put_bool(w, "additionalProperties", false);
    if (rows) {
        qg_json_write_key(w, "required");
        qg_json_write_array(w);
        qg_json_write_text(w, "batch");
        qg_json_write_end_array(w);
    }
    qg_json_write_close(w);
}

static void put_list_of(qg_json_writer *w, const char *type, bool or_one)
{
    qg_json_write_object(w);
    if (or_one) {
        qg_json_write_key(w, "type");
        qg_json_write_array(w);
        qg_json_write_text(w, type);
        qg_json_write_text(w, "array");
        qg_json_write_end_array(w);
    } else {
        qg_json_put_text(w, "type", "array");
    }
    qg_json_write_key(w, "items");
    put_one_type(w, type);
    qg_json_write_close(w);
}

static void put_choices(qg_json_writer *w, const qg_key *key)
{
    qg_str rest = qg_str_from(key->choices), piece;

    qg_json_write_key(w, "enum");
    qg_json_write_array(w);
    while (qg_str_split(&rest, '|', &piece))
        qg_json_write_str(w, piece);
    qg_json_write_end_array(w);
}

/* An object whose keys are names of the user's choice. */
static void put_named_begin(qg_json_writer *w)
{
    qg_json_write_object(w);
    qg_json_put_text(w, "type", "object");
    qg_json_write_key(w, "additionalProperties");
}

static void put_key(qg_json_writer *w, const qg_key *key)
{
    switch (key->type) {
    case QG_KEY_QUANTITY:
        put_quantity(w, key->unit, key->help);
        return;
    case QG_KEY_MAP:
        put_keys(w, key->keys);
        return;
    case QG_KEY_MODELS:
        put_named_begin(w);
        put_keys(w, key->keys);
        break;
    case QG_KEY_BUDGETS:
        put_named_begin(w);
        put_metric_map(w, QG_QUALITY, true);
        break;
    case QG_KEY_ROWS:
        put_named_begin(w);
        qg_json_write_object(w);
        qg_json_put_text(w, "type", "array");
        qg_json_write_key(w, "items");
        put_metric_map(w, QG_PERFORMANCE, true);
        qg_json_write_close(w);
        break;
    case QG_KEY_ENTRIES:
        qg_json_write_object(w);
        qg_json_put_text(w, "type", "array");
        qg_json_write_key(w, "items");
        put_keys(w, key->keys);
        break;
    case QG_KEY_INTS:
        put_list_of(w, "integer", false);
        return;
    case QG_KEY_FILES:
    case QG_KEY_NAMES:
        put_list_of(w, "string", false);
        return;
    case QG_KEY_PROMPTS:
    case QG_KEY_INCLUDE:
    case QG_KEY_PATHS:
        put_list_of(w, "string", true);
        return;
    case QG_KEY_WAIVERS:
        put_named_begin(w);
        put_keys(w, key->keys);
        break;
    default:
        qg_json_write_object(w);
        qg_json_put_text(w, "description", key->help);
        if (key->choices)
            put_choices(w, key);
        else if (key->type == QG_KEY_INT && key->least == key->greatest) {
            qg_json_write_key(w, "const");
            qg_json_write_int(w, (int64_t)key->least);
        } else if (key->type == QG_KEY_INT || key->type == QG_KEY_BOOL) {
            qg_json_write_key(w, "type");
            qg_json_write_array(w);
            qg_json_write_text(w, key->type == QG_KEY_INT ? "integer" : "boolean");
            qg_json_write_text(w, "string");
            qg_json_write_end_array(w);
            qg_json_put_text(w, "pattern", "\\$\\{");
        } else if (key->type == QG_KEY_ALLOW) {
            qg_json_put_text(w, "type", "object");
        } else {
            qg_json_put_text(w, "type", "string");
            if (key->type == QG_KEY_DEVICE)
                qg_json_put_text(w, "pattern", "^(auto|cpu|cuda(:[0-9]+)?)$|\\$\\{");
        }
    }
    qg_json_write_close(w);
}

/* The object whose keys these are, brackets included. */
static void put_keys(qg_json_writer *w, const qg_key *keys)
{
    qg_json_write_object(w);
    if (keys == qg_suite_keys) {
        qg_json_put_text(w, "$schema", "http://json-schema.org/draft-07/schema#");
        qg_json_put_text(w, "title", "quantgate suite");
    }
    qg_json_put_text(w, "type", "object");
    qg_json_write_key(w, "properties");
    qg_json_write_object(w);
    for (const qg_key *k = keys; k->name; k++) {
        qg_json_write_key(w, k->name);
        put_key(w, k);
    }
    qg_json_write_close(w);
    if (keys == qg_suite_keys) {
        qg_json_write_key(w, "patternProperties");
        qg_json_write_object(w);
        qg_json_write_key(w, "^x-");
        qg_json_write_object(w);
        qg_json_write_close(w);
        qg_json_write_close(w);
    }
    qg_json_put_bool(w, "additionalProperties", false);
    qg_json_write_close(w);
}

qg_status qg_schema_json(qg_buf *out, qg_err *err)
{
    qg_json_writer w;

    qg_json_write_begin(&w, out);
    put_keys(&w, qg_suite_keys);
    return qg_json_write_end(&w, err);
}
