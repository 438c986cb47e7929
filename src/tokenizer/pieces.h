/* What the stages of the encoder hand to each other: pieces of text, and growing lists of ids.
 *
 * A list lives on the arena that it was begun on. As with qg_buf a failed growth sets `failed` and
 * makes all further appends do nothing, so that a stage checks once at its end.
 */
#ifndef QG_TOKENIZER_PIECES_H
#define QG_TOKENIZER_PIECES_H

#include "base/arena.h"
#include "base/str.h"

enum { QG_ID_NONE = -1 };

typedef struct qg_piece {
    qg_str text; /* valid UTF-8, never empty; not owned */
    int32_t id;  /* an added token that no later stage touches, or QG_ID_NONE */
    size_t head; /* how many of its first bytes stand for the first character of the whole text */
} qg_piece;

typedef struct qg_pieces {
    qg_arena *arena;
    qg_piece *at;
    size_t n, cap;
    bool failed;
} qg_pieces;

void qg_pieces_begin(qg_pieces *p, qg_arena *arena);
/* Empty text is dropped, as every stage of the upstream library drops it. */
void qg_pieces_add(qg_pieces *p, qg_piece piece);
/* The part of a piece from one offset to another; of its head it gets what lies within. */
void qg_pieces_add_part(qg_pieces *p, const qg_piece *whole, size_t from, size_t to, int32_t id);

typedef struct qg_idlist {
    qg_arena *arena;
    int32_t *id;
    size_t n, cap;
    bool failed;
} qg_idlist;

void qg_idlist_begin(qg_idlist *l, qg_arena *arena);
void qg_idlist_add(qg_idlist *l, int32_t id);

#endif
