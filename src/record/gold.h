/* Goldens: what a model said about fixed prompts, as blessed text (`.gold`) or as measured.
 *
 * One qg_gold holds all pinned prompts of a case. The FP16 golden of a model measures damage; a
 * case's own golden measures drift; both are this struct, and so is what a worker measures: judging
 * is comparing two of them. Everything lives on the arena that it was read or built on.
 *
 * The file is text, one fact a line, fields separated by one blank, numbers as %.6f, natural
 * logarithms, in exactly this order:
 *
 *     quantgate-gold 1                 format and version
 *     model HASH                       SHA-256 in hex of config and weights
 *     tokenizer HASH
 *     prompts HASH                     of all prompts' ids (qg_gold_hash_prompts)
 *     method fp16
 *     backend cpu                      backend class
 *     protocol TEXT                    how it was scored; goldens of two protocols never compare
 *     command TEXT                     what wrote it (may be empty)
 *     prompt NAME N_TOKENS N_GREEDY    then N_TOKENS positions, each:
 *     token ID BYTES LOGPROB           its decoded bytes in hex (- where none) and log-probability
 *                                      given those before it (- for the first)
 *     top ID LOGPROB                   what follows this position: up to QG_GOLD_TOP_MAX lines,
 * best first, ties by lower id tail LOGSUMEXP                   of all tokens not in top (- where
 * top is the vocabulary) entropy NATS greedy ID BYTES MARGIN           N_GREEDY lines: the greedy
 * continuation, with the difference of the two best log-probabilities at each choice end after the
 * last prompt
 *
 * Reading is strict: another order, count, number format or a missing `end` is QG_EFORMAT at file
 * and line. Counts are bounded before anything is allocated by them.
 */
#ifndef QG_RECORD_GOLD_H
#define QG_RECORD_GOLD_H

#include "base/arena.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/str.h"

enum {
    QG_GOLD_VERSION = 1,
    QG_GOLD_TOP = 32,           /* entries that bless keeps per position */
    QG_GOLD_TOP_MAX = 8192,     /* entries that a file may hold          */
    QG_GOLD_TOKENS_MAX = 65536, /* of a prompt, and of its continuation  */
    QG_GOLD_PROMPTS_MAX = 4096,
};
/* Margin below which a greedy choice is a near-tie, where nothing else is demanded. */
#define QG_GOLD_MARGIN     0.01
#define QG_GOLD_NUMBER_MAX 1e9                 /* absolute value of any number in a file */
#define QG_GOLD_BYTES_MAX  ((size_t)256 << 20) /* of a file */

typedef struct qg_gold_entry {
    int32_t id;
    double logprob;
} qg_gold_entry;

typedef struct qg_gold_position {
    int32_t id;
    qg_str bytes;   /* decoded bytes of the token */
    double logprob; /* given the tokens before it; meaningless for the first of a prompt */
    qg_gold_entry *top;
    size_t n_top;
    bool has_tail;  /* false where top is the whole vocabulary */
    double tail;    /* log-sum-exp of the tokens that are not in top */
    double entropy; /* of the whole distribution, nats */
} qg_gold_position;

typedef struct qg_gold_choice {
    int32_t id;
    qg_str bytes;
    double margin; /* best minus second best log-probability, >= 0 */
} qg_gold_choice;

typedef struct qg_gold_prompt {
    const char *name; /* unique in the file, no blanks: "p01" */
    qg_gold_position *positions;
    size_t n_positions;
    qg_gold_choice *greedy;
    size_t n_greedy;
} qg_gold_prompt;

typedef struct qg_gold {
    const char *model_hash, *tokenizer_hash, *prompts_hash; /* lower-case hex */
    const char *method, *backend, *protocol, *command;      /* one line each  */
    qg_gold_prompt *prompts;
    size_t n_prompts;
} qg_gold;

/* Greedy tokens of `g` that `m` has too, up to the first difference. It counts (*differs) where the
 * margin of g's choice exceeds `margin`; at a near-tie either token is right (*near_tie), and the
 * continuations are not compared beyond. */
size_t qg_gold_match_greedy(const qg_gold_prompt *g, const qg_gold_prompt *m, double margin,
                            bool *differs, bool *near_tie);

/* SHA-256 over names and ids of all prompts: the `prompts` line. */
qg_status qg_gold_hash_prompts(char hex[QG_HASH_HEX], qg_arena *scratch, const qg_gold *gold,
                               qg_err *err);

/* Text of a golden, as in the file. QG_ENONFINITE where a number is not finite. */
qg_status qg_gold_print(qg_buf *out, const qg_gold *gold, qg_err *err);
/* `name` is for messages. */
qg_status qg_gold_parse(qg_gold **out, qg_arena *arena, qg_str text, const char *name, qg_err *err);

/* The same to and from a file (written atomically). QG_ENOTFOUND where there is none. */
qg_status qg_gold_write(const char *path, const qg_gold *gold, qg_err *err);
qg_status qg_gold_read(qg_gold **out, qg_arena *arena, const char *path, qg_err *err);

/* DIR/METHOD/BACKEND/MODEL.gold: where a suite's `golden: DIR` keeps that of the model named MODEL
 * in the suite. The FP16 golden of all cases is the reference model's. NULL when out of memory. */
char *qg_gold_path(qg_arena *arena, const char *dir, const char *method, const char *backend,
                   const char *model);

#endif
