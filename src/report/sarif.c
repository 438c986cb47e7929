/* SARIF of findings: see sarif.h. */
#include "report/sarif.h"

#include "report/text.h"

#include <string.h>

static const char *id_of(const qg_finding *f)
{
    return f->id ? f->id : "finding";
}

void qg_sarif_put_message(qg_json_writer *w, const char *key, const char *text)
{
    qg_json_write_key(w, key);
    qg_json_write_object(w);
    qg_json_put_text(w, "text", text);
    qg_json_write_close(w);
}

static void write_rules(qg_json_writer *w, const qg_findings *f)
{
    for (size_t i = 0; i < f->n; i++) {
        bool again = false;
        for (size_t k = 0; k < i; k++)
            again = again || strcmp(id_of(&f->at[k]), id_of(&f->at[i])) == 0;
        if (again)
            continue;
        qg_json_write_object(w);
        qg_json_put_text(w, "id", id_of(&f->at[i]));
        qg_json_write_close(w);
    }
}

/* A path as a relative reference of RFC 3986; NULL when out of memory. */
static const char *uri_of(qg_arena *arena, const char *path)
{
    qg_buf b;

    qg_buf_init(&b, arena);
    qg_text_target(&b, path);
    return b.failed ? NULL : qg_str_dup(arena, qg_buf_view(&b));
}

static void put_logical(qg_json_writer *w, const char *name, const char *kind)
{
    qg_json_write_key(w, "logicalLocations");
    qg_json_write_array(w);
    qg_json_write_object(w);
    qg_json_put_text(w, "fullyQualifiedName", name);
    if (kind)
        qg_json_put_text(w, "kind", kind);
    qg_json_write_close(w);
    qg_json_write_end_array(w);
}

qg_status qg_sarif_put_place(qg_json_writer *w, qg_arena *scratch, const qg_place *place,
                             const char *name, const char *kind, qg_err *err)
{
    const char *uri = uri_of(scratch, place->file);

    QG_NEED(uri, err);
    qg_json_write_key(w, "locations");
    qg_json_write_array(w);
    qg_json_write_object(w);
    qg_json_write_key(w, "physicalLocation");
    qg_json_write_object(w);
    qg_json_write_key(w, "artifactLocation");
    qg_json_write_object(w);
    qg_json_put_text(w, "uri", uri);
    qg_json_write_close(w);
    if (place->line > 0) {
        qg_json_write_key(w, "region");
        qg_json_write_object(w);
        qg_json_put_int(w, "startLine", place->line);
        if (place->column > 0)
            qg_json_put_int(w, "startColumn", place->column);
        qg_json_write_close(w);
    }
    qg_json_write_close(w);
    if (name)
        put_logical(w, name, kind);
    qg_json_write_close(w);
    qg_json_write_end_array(w);
    return QG_OK;
}

static qg_status write_result(qg_json_writer *w, const qg_finding *f, qg_arena *arena, qg_err *err)
{
    const char *message =
        f->suggestion ? qg_arena_format(arena, "%s; %s", f->message, f->suggestion) : f->message;

    QG_NEED(message, err);
    qg_json_write_object(w);
    qg_json_put_text(w, "ruleId", id_of(f));
    qg_json_put_text(w, "level", qg_severity_name(f->severity)); /* SARIF's words are ours */
    qg_sarif_put_message(w, "message", message);
    QG_PASS(qg_sarif_put_place(w, arena, &f->place, f->tensor, "member", err));
    qg_json_write_close(w);
    return QG_OK;
}

void qg_sarif_begin(qg_json_writer *w, qg_buf *out, const char *version)
{
    qg_json_write_begin(w, out);
    qg_json_write_object(w);
    qg_json_put_text(w, "$schema", "https://json.schemastore.org/sarif-2.1.0.json");
    qg_json_put_text(w, "version", "2.1.0");
    qg_json_write_key(w, "runs");
    qg_json_write_array(w);
    qg_json_write_object(w);
    qg_json_put_text(w, "columnKind", "unicodeCodePoints");
    qg_json_write_key(w, "tool");
    qg_json_write_object(w);
    qg_json_write_key(w, "driver");
    qg_json_write_object(w);
    qg_json_put_text(w, "name", "quantgate");
    qg_json_put_text(w, "version", version);
    qg_json_write_key(w, "rules");
    qg_json_write_array(w);
}

void qg_sarif_end_rules(qg_json_writer *w)
{
    qg_json_write_end_array(w);
    qg_json_write_close(w);
    qg_json_write_close(w);
}

qg_status qg_sarif_end(qg_json_writer *w, qg_err *err)
{
    qg_json_write_close(w);
    qg_json_write_end_array(w);
    qg_json_write_close(w);
    QG_PASS(qg_json_write_end(w, err));
    qg_buf_char(w->buf, '\n');
    QG_NEED(!w->buf->failed, err);
    return QG_OK;
}

qg_status qg_sarif_write(qg_buf *out, const qg_findings *findings, const char *version, qg_err *err)
{
    qg_json_writer w;

    qg_sarif_begin(&w, out, version);
    write_rules(&w, findings);
    qg_sarif_end_rules(&w);
    qg_json_write_key(&w, "results");
    qg_json_write_array(&w);
    for (size_t i = 0; i < findings->n; i++)
        QG_PASS(write_result(&w, &findings->at[i], findings->arena, err));
    qg_json_write_end_array(&w);
    return qg_sarif_end(&w, err);
}
