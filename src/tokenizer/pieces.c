/* Lists of pieces and ids: see pieces.h. Both double their room on an arena; the old room is lost
 * to the arena until its owner ends it, so a list costs at most twice its size.
 */
#include "tokenizer/pieces.h"

enum { FIRST_ROOM = 64 };

/* Room for one more entry of `size` bytes; NULL when out of memory. */
static void *grown(qg_arena *arena, const void *old, size_t n, size_t *cap, size_t size)
{
    size_t room = *cap ? *cap * 2 : FIRST_ROOM;
    void *p = qg_arena_array(arena, room, size);
    if (!p)
        return NULL;
    if (n > 0)
        memcpy(p, old, n * size);
    *cap = room;
    return p;
}

void qg_pieces_begin(qg_pieces *p, qg_arena *arena)
{
    *p = (qg_pieces){.arena = arena};
}

void qg_pieces_add(qg_pieces *p, qg_piece piece)
{
    if (p->failed || piece.text.len == 0)
        return;
    if (p->n == p->cap) {
        qg_piece *at = grown(p->arena, p->at, p->n, &p->cap, sizeof *at);
        p->failed = !at;
        if (!at)
            return;
        p->at = at;
    }
    p->at[p->n++] = piece;
}

void qg_pieces_add_part(qg_pieces *p, const qg_piece *whole, size_t from, size_t to, int32_t id)
{
    size_t end = to < whole->head ? to : whole->head;

    qg_pieces_add(p, (qg_piece){.text = qg_str_sub(whole->text, from, to - from),
                                .id = id,
                                .head = end > from ? end - from : 0});
}

void qg_idlist_begin(qg_idlist *l, qg_arena *arena)
{
    *l = (qg_idlist){.arena = arena};
}

void qg_idlist_add(qg_idlist *l, int32_t id)
{
    if (l->failed)
        return;
    if (l->n == l->cap) {
        int32_t *ids = grown(l->arena, l->id, l->n, &l->cap, sizeof *ids);
        l->failed = !ids;
        if (!ids)
            return;
        l->id = ids;
    }
    l->id[l->n++] = id;
}
