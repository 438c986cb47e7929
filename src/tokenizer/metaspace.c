/* Metaspace: see metaspace.h. Files of before 2024 say `add_prefix_space` where later ones say
 * `prepend_scheme`; where both are there they must not contradict each other, as upstream demands.
 */
#include "tokenizer/metaspace.h"

#include "tokenizer/part.h"

static qg_status read_scheme(qg_prepend_scheme *out, const qg_json *node, const char *part,
                             qg_err *err)
{
    static const char *const names[] = {"always", "first", "never"};
    qg_str name = QG_STR("always");
    bool prefix = true;

    QG_PASS(qg_part_str_or(&name, node, part, "prepend_scheme", err));
    QG_PASS(qg_part_bool_or(&prefix, node, part, "add_prefix_space", err));
    if (!prefix && !qg_str_is(name, "never"))
        return qg_fail(err, QG_EFORMAT,
                       "'add_prefix_space' of %s is false, but 'prepend_scheme' is '" QG_STR_PRI
                       "'; write 'never'",
                       part, QG_STR_ARG(name));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (qg_str_is(name, names[i])) {
            *out = (qg_prepend_scheme)i;
            return QG_OK;
        }
    }
    return qg_fail(err, QG_EFORMAT, "%s has the unknown prepend_scheme '" QG_STR_PRI "'", part,
                   QG_STR_ARG(name));
}

qg_status qg_metaspace_read(qg_metaspace *m, qg_arena *arena, const qg_json *node, const char *part,
                            qg_err *err)
{
    uint32_t code;

    *m = (qg_metaspace){.split = true};
    QG_PASS(qg_part_str(&m->replacement, node, part, "replacement", err));
    if (m->replacement.len == 0 || qg_utf8_decode(m->replacement, &code) != m->replacement.len)
        return qg_fail(err, QG_EFORMAT, "'replacement' of %s is not one character", part);
    QG_PASS(read_scheme(&m->scheme, node, part, err));
    QG_PASS(qg_part_bool_or(&m->split, node, part, "split", err));
    m->replacement.ptr = qg_arena_copy(arena, m->replacement.ptr, m->replacement.len);
    QG_NEED(m->replacement.ptr, err);
    return QG_OK;
}
