/* Unit tests of tokenizer/charsmap: a double array built by hand as Darts-clone's header describes
 * it, how clusters are looked up, and every way to be corrupt.
 */
#include "tokenizer/charsmap.h"

#include "tokenizer/fixture_check.h"

enum { N_UNITS = 512 };

/* A map of three entries: "A" to "a", "AB" to "never", U+00A0 to " ", "D" to nothing. Children of
 * the root are in the second block, at 256 ^ byte; values and grandchildren in the first. */
typedef struct map {
    uint32_t size, unit[N_UNITS];
    char replacements[16];
} map;

#define VALUE     (1u << 31)
#define LEAF      (1u << 8)
#define OFFSET(o) ((uint32_t)(o) << 10)

static void child(map *m, uint32_t base, unsigned char byte, uint32_t own_base, int value)
{
    uint32_t at = base ^ byte;
    m->unit[at] = OFFSET(at ^ own_base) | (value >= 0 ? LEAF : 0) | byte;
    if (value >= 0)
        m->unit[own_base] = VALUE | (uint32_t)value;
}

static map small_map(void)
{
    map m = {.size = 4 * N_UNITS, .replacements = "a\0never\0 \0\0\xc3\xa9"};

    m.unit[0] = OFFSET(256);
    child(&m, 256, 'A', 1, 0);
    child(&m, 1, 'B', 2, 2);
    child(&m, 256, 0xc2, 4, -1);
    child(&m, 4, 0xa0, 5, 8);
    child(&m, 256, 'D', 6, 10);
    return m;
}

static char *base64(const void *data, size_t n)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *b = data;
    qg_buf out;

    qg_buf_init(&out, arena);
    for (size_t i = 0; i < n; i += 3) {
        uint32_t v = (uint32_t)b[i] << 16 | (i + 1 < n ? (uint32_t)b[i + 1] << 8 : 0) |
                     (i + 2 < n ? b[i + 2] : 0);
        qg_buf_char(&out, letters[v >> 18]);
        qg_buf_char(&out, letters[v >> 12 & 63]);
        qg_buf_char(&out, i + 1 < n ? letters[v >> 6 & 63] : '=');
        qg_buf_char(&out, i + 2 < n ? letters[v & 63] : '=');
    }
    return out.ptr ? out.ptr : (char *)qg_arena_alloc(arena, 1);
}

/* The tests run on little-endian machines, as the program does. */
static qg_status open_map(const qg_charsmap **out, const map *m)
{
    qg_err_clear(&err);
    return qg_charsmap_open(out, arena, qg_str_from(base64(m, sizeof *m)), &err);
}

static void gives(const qg_charsmap *m, qg_str text, qg_str want)
{
    qg_str out;
    size_t head = 1;
    need(qg_charsmap_run(&out, &head, arena, m, text, &err), "running");
    ck_assert_msg(qg_str_eq(out, want), "'" QG_STR_PRI "' is '" QG_STR_PRI "'", QG_STR_ARG(text),
                  QG_STR_ARG(out));
}

START_TEST(clusters_are_looked_up_whole_or_by_character)
{
    map raw = small_map();
    const qg_charsmap *m;

    need(open_map(&m, &raw), "opening");
    gives(m, QG_STR(""), QG_STR(""));
    gives(m, QG_STR("xAx"), QG_STR("xax"));
    gives(m, QG_STR("x\xc2\xa0y"), QG_STR("x y"));
    gives(m, QG_STR("xDy"), QG_STR("xy"));
    gives(m, QG_STR("AB"), QG_STR("aB"));         /* two clusters */
    gives(m, QG_STR("A\xcc\x81z"), QG_STR("az")); /* one of 3 bytes: the shortest entry wins */
    gives(m, QG_STR("A\xcc\x81\xcc\x81"), QG_STR("a"));                         /* 5 bytes */
    gives(m, QG_STR("A\xcc\x81\xe2\x80\x8d"), QG_STR("a\xcc\x81\xe2\x80\x8d")); /* 6 bytes */
    gives(m,
          QG_STR("\xc2"
                 "\xa1"),
          QG_STR("\xc2\xa1"));
    gives(m, QG_STR("\0A\0"), QG_STR("\0a\0"));
}
END_TEST

static void corrupt(const map *m, const char *message)
{
    const qg_charsmap *out;
    ck_assert_int_eq(open_map(&out, m), QG_EFORMAT);
    message_has(message);
}

START_TEST(corrupt_maps_are_refused)
{
    map m = small_map();

    m.size = 0;
    corrupt(&m, "with a double array of 0");
    m.size = sizeof m.unit + sizeof m.replacements + 4;
    corrupt(&m, "with a double array of");
    m.size = UINT32_MAX;
    corrupt(&m, "with a double array of 4294967292");
    m = small_map();
    m.unit[0] = VALUE;
    corrupt(&m, "its root is a value");
    m = small_map();
    m.unit[0] = OFFSET(512);
    corrupt(&m, "unit 0 leads to 767 of 512");
    m = small_map();
    m.unit[256 ^ 'A'] |= 1u << 9; /* offsets times 256 */
    corrupt(&m, "unit 321 leads to");
    m = small_map();
    m.unit[1] = VALUE | 17;
    corrupt(&m, "its replacement at byte 17 of 16");
    m.unit[1] = VALUE | 12; /* inside of an e with acute */
    corrupt(&m, "its replacement at byte 12 of 16");
    m = small_map();
    m.replacements[0] = '\xff';
    corrupt(&m, "no UTF-8 at byte 0 of its replacements");
}
END_TEST

START_TEST(what_is_no_base64_is_refused)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "corrupt: 0 bytes"},          {"AAA", "it has 3 letters"},
        {"AAAA", "corrupt: 3 bytes"},      {"AA A", "no base64 at letter 2"},
        {"=AAA", "no base64 at letter 0"}, {"AAAAA===", "no base64 at letter 5"},
        {"AA\xc3\xa9", "at letter 2"},
    };
    const qg_charsmap *m;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        qg_err_clear(&err);
        ck_assert_int_eq(qg_charsmap_open(&m, arena, qg_str_from(cases[i].text), &err), QG_EFORMAT);
        message_has(cases[i].message);
    }
}
END_TEST

/* Whatever bit is wrong, the map is refused or reads inside itself (the sanitizers look on). */
START_TEST(no_flipped_bit_reads_outside)
{
    size_t refused = 0;

    for (size_t bit = 0; bit < 8 * sizeof(map); bit += 3) {
        map raw = small_map();
        const qg_charsmap *m;
        qg_arena_mark mark = qg_arena_here(arena);
        size_t head = 1;
        qg_str out;

        ((unsigned char *)&raw)[bit / 8] ^= (unsigned char)(1u << bit % 8);
        if (open_map(&m, &raw) != QG_OK)
            refused++;
        else
            for (unsigned c = 1; c < 0x800; c++) {
                char text[8] = "A";
                size_t n = 1 + qg_utf8_encode(c, text + 1);
                need(qg_charsmap_run(&out, &head, arena, m, (qg_str){text, n}, &err), "running");
            }
        qg_arena_rewind(arena, mark);
    }
    ck_assert_uint_gt(refused, 100);
}
END_TEST

Suite *charsmap_check(void)
{
    Suite *s = suite_create("charsmap_check");
    TCase *t = tcase_create("charsmap");

    tcase_add_checked_fixture(t, setup, folder_end);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, clusters_are_looked_up_whole_or_by_character);
    tcase_add_test(t, corrupt_maps_are_refused);
    tcase_add_test(t, what_is_no_base64_is_refused);
    tcase_add_test(t, no_flipped_bit_reads_outside);
    suite_add_tcase(s, t);
    return s;
}
