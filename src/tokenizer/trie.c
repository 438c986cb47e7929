/* Tries over bytes: see trie.h. Nodes are one array that is as large as all texts can need, so
 * putting never allocates. Invariant: node 0 is the root and nobody's child, so 0 means none.
 */
#include "tokenizer/trie.h"

typedef struct node {
    uint32_t child, sibling;
    int32_t value; /* + 1, 0: no text ends here */
    unsigned char byte;
} node;

struct qg_trie {
    node *at;
    uint32_t n;
    uint32_t first[256];
};

qg_status qg_trie_open(qg_trie **out, qg_arena *arena, size_t bytes, qg_err *err)
{
    if (bytes >= UINT32_MAX)
        return qg_fail(err, QG_ENOSUP, "tokens of %zu bytes together are not supported", bytes);
    qg_trie *t = QG_NEW(arena, qg_trie);
    QG_NEED(t, err);
    t->at = QG_NEW_N(arena, node, bytes + 1);
    QG_NEED(t->at, err);
    *out = t;
    return QG_OK;
}

/* Where the link to a node's child of that byte is, or would be. */
static uint32_t *link_of(qg_trie *t, uint32_t at, unsigned char byte)
{
    uint32_t *link = at == 0 ? &t->first[byte] : &t->at[at].child;
    while (*link && t->at[*link].byte != byte)
        link = &t->at[*link].sibling;
    return link;
}

int32_t qg_trie_put(qg_trie *t, qg_str text, int32_t value)
{
    uint32_t at = 0;

    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        uint32_t *link = link_of(t, at, byte);
        if (!*link) {
            *link = ++t->n;
            t->at[*link].byte = byte;
        }
        at = *link;
    }
    if (t->at[at].value == 0)
        t->at[at].value = value + 1;
    else
        return t->at[at].value - 1;
    return -1;
}

uint32_t qg_trie_next(const qg_trie *t, uint32_t at, unsigned char byte)
{
    if (at == 0)
        return t->first[byte];
    for (at = t->at[at].child; at && t->at[at].byte != byte;)
        at = t->at[at].sibling;
    return at;
}

int32_t qg_trie_value(const qg_trie *t, uint32_t at)
{
    return t->at[at].value - 1;
}
