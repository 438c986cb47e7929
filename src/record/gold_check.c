/* Unit tests of record/gold: one golden written by hand, and every way to spoil it. */
#include "record/gold.h"

#include "base/file.h"
#include "base/scratch_check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define A16 "aaaaaaaaaaaaaaaa"
#define A64 A16 A16 A16 A16

static const char good[] = "quantgate-gold 1\n"                      /* 1 */
                           "model " A64 "\n"                         /* 2 */
                           "tokenizer " A64 "\n"                     /* 3 */
                           "prompts " A64 "\n"                       /* 4 */
                           "method fp16\n"                           /* 5 */
                           "backend cpu\n"                           /* 6 */
                           "protocol greedy 64, no special\n"        /* 7 */
                           "command quantgate bless suites/x.yaml\n" /* 8 */
                           "prompt p01 2 1\n"                        /* 9 */
                           "token 1 3c733e -\n"                      /* 10 */
                           "top 5 -0.105361\n"                       /* 11 */
                           "top 2 -2.995732\n"                       /* 12 */
                           "tail -2.995732\n"                        /* 13 */
                           "entropy 0.394398\n"                      /* 14 */
                           "token 5 20 -0.105361\n"                  /* 15 */
                           "top 7 0.000000\n"                        /* 16 */
                           "tail -\n"                                /* 17 */
                           "entropy 0.000000\n"                      /* 18 */
                           "greedy 7 - 12.500000\n"                  /* 19 */
                           "prompt p02 0 0\n"                        /* 20 */
                           "end\n";                                  /* 21 */

START_TEST(every_field_is_read)
{
    qg_gold *g;

    ck_assert_int_eq(qg_gold_parse(&g, arena, qg_str_from(good), "x.gold", &err), QG_OK);
    ck_assert_str_eq(g->model_hash, A64);
    ck_assert_str_eq(g->method, "fp16");
    ck_assert_str_eq(g->backend, "cpu");
    ck_assert_str_eq(g->protocol, "greedy 64, no special");
    ck_assert_str_eq(g->command, "quantgate bless suites/x.yaml");
    ck_assert_uint_eq(g->n_prompts, 2);
    const qg_gold_prompt *p = &g->prompts[0];
    ck_assert_str_eq(p->name, "p01");
    ck_assert_uint_eq(p->n_positions, 2);
    ck_assert_int_eq(p->positions[0].id, 1);
    ck_assert(qg_str_is(p->positions[0].bytes, "<s>"));
    ck_assert_uint_eq(p->positions[0].n_top, 2);
    ck_assert_int_eq(p->positions[0].top[1].id, 2);
    ck_assert_double_eq(p->positions[0].top[1].logprob, -2.995732);
    ck_assert(p->positions[0].has_tail);
    ck_assert_double_eq(p->positions[0].entropy, 0.394398);
    ck_assert_double_eq(p->positions[1].logprob, -0.105361);
    ck_assert(!p->positions[1].has_tail);
    ck_assert_uint_eq(p->n_greedy, 1);
    ck_assert_uint_eq(p->greedy[0].bytes.len, 0);
    ck_assert_double_eq(p->greedy[0].margin, 12.5);
    ck_assert_uint_eq(g->prompts[1].n_positions, 0);
}
END_TEST

START_TEST(printing_gives_the_same_text)
{
    qg_gold *g;
    qg_buf b;

    ck_assert_int_eq(qg_gold_parse(&g, arena, qg_str_from(good), "x.gold", &err), QG_OK);
    qg_buf_init(&b, arena);
    ck_assert_int_eq(qg_gold_print(&b, g, &err), QG_OK);
    ck_assert_str_eq(b.ptr, good);
    /* a negative zero and a hair below it are zero */
    g->prompts[0].positions[1].logprob = -0.0000002;
    b.len = 0;
    ck_assert_int_eq(qg_gold_print(&b, g, &err), QG_OK);
    ck_assert_ptr_nonnull(strstr(b.ptr, "token 5 20 0.000000\n"));
}
END_TEST

/* Choices "7/2 8/0.005": ids with their margins. */
static qg_gold_prompt greedy_of(const char *choices)
{
    qg_str rest = qg_str_from(choices), one, id;
    qg_gold_prompt p = {.greedy = QG_NEW_N(arena, qg_gold_choice, 8)};
    int64_t n;

    while (choices[0] && qg_str_split(&rest, ' ', &one)) {
        qg_str_split(&one, '/', &id);
        ck_assert(qg_str_to_int(id, &n));
        p.greedy[p.n_greedy++] =
            (qg_gold_choice){.id = (int32_t)n, .margin = strtod(one.ptr, NULL)};
    }
    return p;
}

START_TEST(continuations_part_where_the_choice_was_clear)
{
    static const struct {
        const char *golden, *measured;
        size_t same;
        bool differs, near_tie;
    } cases[] = {
        {"7/2 8/1 9/3", "7/2 8/1 9/3", 3, false, false},
        {"7/2 8/1 9/3", "7/2 8/1 5/3", 2, true, false},
        {"7/2 8/0.01 9/3", "7/2 5/1 9/3", 1, false, true}, /* 0.01 is not over 0.01 */
        {"7/2 8/0.011 9/3", "7/2 5/0 9/3", 1, true, false},
        {"7/2 8/0.001 9/3", "7/2 8/0 5/3", 2, true, false}, /* what agrees is no end */
        {"7/2 8/1", "7/2 8/1 9/3", 2, true, false},         /* one ended */
        {"7/2 8/1 9/3", "7/2 8/1", 2, true, false},
        {"7/2 8/1 9/0", "7/2 8/1", 2, false, true},
        {"", "", 0, false, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        qg_gold_prompt g = greedy_of(cases[i].golden), m = greedy_of(cases[i].measured);
        bool differs, near_tie;
        ck_assert_uint_eq(qg_gold_match_greedy(&g, &m, 0.01, &differs, &near_tie), cases[i].same);
        ck_assert_msg(differs == cases[i].differs && near_tie == cases[i].near_tie, "%zu", i);
    }
}
END_TEST

START_TEST(non_finite_numbers_are_not_written)
{
    qg_gold *g;
    qg_buf b;

    ck_assert_int_eq(qg_gold_parse(&g, arena, qg_str_from(good), "x.gold", &err), QG_OK);
    double *numbers[] = {&g->prompts[0].positions[1].logprob, &g->prompts[0].positions[0].tail,
                         &g->prompts[0].positions[0].top[1].logprob,
                         &g->prompts[0].positions[1].entropy, &g->prompts[0].greedy[0].margin};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        double old = *numbers[i];
        *numbers[i] = i % 2 ? NAN : -INFINITY;
        qg_err_clear(&err);
        qg_buf_init(&b, arena);
        ck_assert_int_eq(qg_gold_print(&b, g, &err), QG_ENONFINITE);
        ck_assert_ptr_nonnull(strstr(err.message, "p01"));
        *numbers[i] = old;
    }
    /* those that are not printed do not matter */
    g->prompts[0].positions[0].logprob = NAN;
    g->prompts[0].positions[1].tail = -INFINITY;
    qg_buf_init(&b, arena);
    ck_assert_int_eq(qg_gold_print(&b, g, &err), QG_OK);
}
END_TEST

typedef struct spoil {
    const char *from, *to; /* replaced once in the good text */
    int line;              /* where the error must point     */
    const char *message;   /* part of it                     */
} spoil;

static const spoil spoils[] = {
    {"quantgate-gold 1", "quantgate-gold 2", 1, "version 2, this program reads 1"},
    {"quantgate-gold 1", "quantgate-gold x", 1, "version"},
    {"quantgate-gold 1", "{\"schema\": 1}", 1, "'quantgate-gold' expected"},
    {"model " A16, "model " A16 "a", 2, "SHA-256"},
    {"model " A16, "model Aaaaaaaaaaaaaaaa", 2, "SHA-256"},
    {"tokenizer ", "tokeniser ", 3, "'tokenizer' expected, found 'tokeniser"},
    {"method fp16\n", "", 5, "'method' expected"},
    {"method fp16", "method fp\t16", 5, "control character"},
    {"prompt p01 2 1", "prompt p01 2", 9, "3 fields expected, found 2"},
    {"prompt p01 2 1", "prompt  2 1", 9, "no name"},
    {"prompt p01 2 1", "prompt p01 -2 1", 9, "number of tokens '-2'"},
    {"prompt p01 2 1", "prompt p01 65537 1", 9, "number of tokens '65537'"},
    {"prompt p01 2 1", "prompt p01 99999999999999999999 1", 9, "number of tokens"},
    {"prompt p01 2 1", "prompt p01 65536 65536", 9, "promises 131072 tokens"},
    {"prompt p01 2 1", "prompt p01 1 1", 15, "'greedy' expected"},
    {"prompt p01 2 1", "prompt p01 3 1", 19, "'token' expected"},
    {"token 1 3c733e -", "token 1 3c733e -1.000000", 10, "first token of a prompt"},
    {"token 1 3c733e -", "token 1 3c733 -", 10, "pairs of hex"},
    {"token 1 3c733e -", "token 1 3C733E -", 10, "lower-case"},
    {"token 1 3c733e -", "token 2147483648 3c -", 10, "token id"},
    {"token 1 3c733e -", "token +1 3c -", 10, "token id"},
    {"top 5 -0.105361", "top 5 -0.10536", 11, "'-0.10536' is not written"},
    {"top 5 -0.105361", "top 5 -.105361", 11, "is not written"},
    {"top 5 -0.105361", "top 5 nan", 11, "'nan' is not written"},
    {"top 5 -0.105361", "top 5 -inf", 11, "'-inf' is not written"},
    {"top 5 -0.105361", "top 5 -1e300.000000", 11, "is not written"},
    {"top 5 -0.105361", "top 5 -1000000001.000000", 11, "out of range"},
    {"top 5 -0.105361", "top 5  -0.105361", 11, "2 fields expected, found 3"},
    {"top 5 -0.105361", "top 5 -0.105361\r", 11, "is not written"},
    {"tail -2.995732", "tail", 13, "is not written"},
    {"tail -2.995732\n", "", 13, "'tail' expected, found 'entropy"},
    {"entropy 0.394398\n", "", 14, "'entropy' expected"},
    {"greedy 7 - 12.5", "greedy 7 -  12.5", 19, "3 fields expected"},
    {"prompt p02 0 0", "prompt p01 0 0", 20, "'p01' occurs twice"},
    {"prompt p02 0 0", "prompts p02 0 0", 20, "'end' expected, found 'prompts"},
    {"end\n", "", 21, "cut short"},
    {"end\n", "end", 21, "last line has no end"},
    {"end\n", "end \nmore\n", 22, "text after 'end'"},
};

START_TEST(a_spoiled_golden_is_refused_at_its_line)
{
    const spoil *s = &spoils[_i];
    const char *at = strstr(good, s->from);
    qg_gold *g;
    qg_buf b;

    ck_assert_ptr_nonnull(at);
    qg_buf_init(&b, arena);
    qg_buf_append(&b, good, (size_t)(at - good));
    qg_buf_text(&b, s->to);
    qg_buf_text(&b, at + strlen(s->from));
    ck_assert_int_eq(qg_gold_parse(&g, arena, qg_buf_view(&b), "x.gold", &err), QG_EFORMAT);
    ck_assert_msg(strstr(err.message, s->message), "'%s' lacks '%s'", err.message, s->message);
    ck_assert_str_eq(err.file, "x.gold");
    ck_assert_msg(err.line == s->line, "line %d, expected %d: %s", err.line, s->line, err.message);
}
END_TEST

START_TEST(a_nul_byte_is_no_text)
{
    char text[sizeof good];
    qg_gold *g;

    memcpy(text, good, sizeof good);
    text[200] = '\0';
    ck_assert_int_eq(qg_gold_parse(&g, arena, (qg_str){text, sizeof good - 1}, "x.gold", &err),
                     QG_EFORMAT);
}
END_TEST

START_TEST(every_truncation_is_refused)
{
    for (size_t n = 0; n < sizeof good - 1; n++) {
        qg_arena *a = qg_arena_create();
        char *copy = qg_arena_copy(a, good, n); /* exact size: a read past it shows under ASan */
        qg_gold *g;
        ck_assert_int_eq(qg_gold_parse(&g, a, (qg_str){copy, n}, "x.gold", NULL), QG_EFORMAT);
        qg_arena_free(a);
    }
}
END_TEST

START_TEST(too_many_top_lines_are_refused)
{
    qg_gold *g;
    qg_buf b;
    const char *at = strstr(good, "top 7");

    qg_buf_init(&b, arena);
    qg_buf_append(&b, good, (size_t)(at - good));
    for (int i = 0; i <= QG_GOLD_TOP_MAX; i++)
        qg_buf_format(&b, "top %d -9.000000\n", i);
    qg_buf_text(&b, at);
    ck_assert_int_eq(qg_gold_parse(&g, arena, qg_buf_view(&b), "x.gold", &err), QG_EFORMAT);
    ck_assert_ptr_nonnull(strstr(err.message, "more than 8192 'top' lines"));
}
END_TEST

START_TEST(lack_of_memory_is_said)
{
    long n = 1;
    qg_status s;

    do {
        qg_arena *a = qg_arena_create();
        qg_gold *g;
        qg_buf b;
        qg_arena_fail_after(n++);
        s = qg_gold_parse(&g, a, qg_str_from(good), "x.gold", NULL);
        qg_buf_init(&b, a);
        if (s == QG_OK)
            s = qg_gold_print(&b, g, NULL);
        bool waiting = qg_arena_fail_after(0);
        ck_assert(s == QG_ENOMEM || s == QG_OK);
        ck_assert(s == QG_ENOMEM || waiting);
        qg_arena_free(a);
    } while (s != QG_OK);
}
END_TEST

START_TEST(files_are_written_and_read)
{
    const char *tmp = getenv("TMPDIR");
    char *dir = qg_arena_format(arena, "%s/gold-check-XXXXXX", tmp ? tmp : "/tmp"), path[512];
    qg_gold *g, *again;

    ck_assert_ptr_nonnull(mkdtemp(dir));
    const char *made = qg_gold_path(arena, dir, "gptq", "cpu", "mine");
    snprintf(path, sizeof path, "%s/gptq/cpu/mine.gold", dir);
    ck_assert_str_eq(made, path);
    ck_assert_int_eq(qg_gold_read(&g, arena, path, &err), QG_ENOTFOUND);
    qg_err_clear(&err);
    ck_assert_int_eq(qg_gold_parse(&g, arena, qg_str_from(good), "x", &err), QG_OK);
    ck_assert_int_eq(qg_gold_write(path, g, &err), QG_OK);
    qg_str text;
    ck_assert_int_eq(qg_file_read(&text, arena, path, 1 << 20, &err), QG_OK);
    ck_assert(qg_str_is(text, good));
    ck_assert_int_eq(qg_gold_read(&again, arena, path, &err), QG_OK);
    ck_assert_uint_eq(again->n_prompts, 2);
    g->prompts[0].greedy[0].margin = NAN;
    ck_assert_int_eq(qg_gold_write(path, g, &err), QG_ENONFINITE);
    ck_assert_ptr_nonnull(strstr(err.context, path));
    ck_assert_int_eq(qg_gold_read(&again, arena, path, NULL), QG_OK); /* the old one stays */
    unlink(path);
    for (int i = 0; i < 2; i++) {
        *strrchr(path, '/') = '\0';
        rmdir(path);
    }
    rmdir(dir);
}
END_TEST

START_TEST(prompts_are_hashed_by_name_and_ids)
{
    qg_gold_position positions[] = {{.id = 1}, {.id = 5}, {.id = 9}};
    qg_gold_prompt prompts[] = {{.name = "p01", .positions = positions, .n_positions = 2},
                                {.name = "p02", .positions = positions + 2, .n_positions = 1}};
    qg_gold g = {.prompts = prompts, .n_prompts = 2};
    char hex[QG_HASH_HEX];

    ck_assert_int_eq(qg_gold_hash_prompts(hex, arena, &g, &err), QG_OK);
    /* printf 'p01 1 5\np02 9\n' | sha256sum */
    ck_assert_str_eq(hex, "9c64dbde1eb798fe7aa49a74e315bb44467dc0fd57cd0140944f23f85eeafe90");
}
END_TEST

Suite *gold_check(void)
{
    Suite *s = suite_create("gold_check");
    TCase *t = tcase_create("gold");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, every_field_is_read);
    tcase_add_test(t, printing_gives_the_same_text);
    tcase_add_test(t, continuations_part_where_the_choice_was_clear);
    tcase_add_test(t, non_finite_numbers_are_not_written);
    tcase_add_loop_test(t, a_spoiled_golden_is_refused_at_its_line, 0,
                        sizeof spoils / sizeof *spoils);
    tcase_add_test(t, a_nul_byte_is_no_text);
    tcase_add_test(t, every_truncation_is_refused);
    tcase_add_test(t, too_many_top_lines_are_refused);
    tcase_add_test(t, lack_of_memory_is_said);
    tcase_add_test(t, files_are_written_and_read);
    tcase_add_test(t, prompts_are_hashed_by_name_and_ids);
    suite_add_tcase(s, t);
    return s;
}
