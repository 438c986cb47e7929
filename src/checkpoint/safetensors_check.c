/* Unit tests of checkpoint/safetensors. Good files are written byte by byte from the format's
 * description, not by our writer; what upstream's reader refuses ("safetensors" 0.8.0,
 * `deserialize`) is refused here. Every bad file states the status and the words that a user must
 * read. */
#include "checkpoint/safetensors.h"

#include "checkpoint/fixture_check.h"

#include <sys/stat.h>
#include <unistd.h>

static char *path;

static void setup_path(void)
{
    setup();
    path = folder_path("model.safetensors");
}

/* Writes length, header and n_data bytes 0, 1, 2, ... */
static void put_claiming(uint64_t claimed, const char *header, size_t n_data)
{
    qg_buf b;

    qg_buf_init(&b, arena);
    for (int i = 0; i < 8; i++)
        qg_buf_char(&b, (char)(claimed >> 8 * i));
    qg_buf_text(&b, header);
    for (size_t i = 0; i < n_data; i++)
        qg_buf_char(&b, (char)i);
    ck_assert_int_eq(qg_file_write(path, qg_buf_view(&b), &err), QG_OK);
}

static void put(const char *header, size_t n_data)
{
    put_claiming(strlen(header), header, n_data);
}

static void expect_refusal(qg_status status, const char *words)
{
    const qg_safetensors *st = NULL;

    qg_err_clear(&err);
    assert_refusal(qg_safetensors_open(&st, arena, path, &err), status, words, path);
    ck_assert_ptr_null(st);
}

START_TEST(tensors_are_views_on_the_data)
{
    const qg_safetensors *st;

    /* 105 bytes of header: data begins at 113, so that the float cannot be aligned. */
    put("{\"__metadata__\":{\"format\":\"pt\"},"
        "\"b\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[12,16]},"
        "\"a\":{\"dtype\":\"F16\",\"shape\":[2,3],\"data_offsets\":[0,12]},"
        "\"none\":{\"dtype\":\"I64\",\"shape\":[0,7],\"data_offsets\":[12,12]}}",
        16);
    ck_assert_int_eq(qg_safetensors_open(&st, arena, path, &err), QG_OK);
    ck_assert_uint_eq(qg_safetensors_count(st), 3);
    const qg_tensor *a = qg_safetensors_at(st, 0);
    ck_assert_str_eq(a->name, "a");
    ck_assert_int_eq(a->dtype, QGK_F16);
    ck_assert_int_eq(a->n_dims, 2);
    ck_assert_int_eq(a->shape[0], 2);
    ck_assert_int_eq(a->shape[1], 3);
    ck_assert_int_eq(a->n_elements, 6);
    ck_assert_uint_eq(a->n_bytes, 12);
    ck_assert_int_eq(memcmp(a->data, "\0\1\2\3\4\5\6\7\10\11\12\13", 12), 0);
    const qg_tensor *none = qg_safetensors_at(st, 1);
    ck_assert_str_eq(none->name, "none");
    ck_assert_uint_eq(none->n_bytes, 0);
    ck_assert_int_eq(none->n_elements, 0);
    const qg_tensor *b = qg_safetensors_at(st, 2);
    ck_assert_str_eq(b->name, "b");
    ck_assert_int_eq(b->n_dims, 0);
    ck_assert_int_eq(b->n_elements, 1);
    ck_assert_int_eq(*(const unsigned char *)b->data, 12);
}
END_TEST

START_TEST(alignment_is_recorded)
{
    /* The blanks before the brace put the data at 64 + i. */
    for (int i = 0; i < 4; i++) {
        char header[128];
        const qg_safetensors *st;
        int n = snprintf(header, sizeof header,
                         "{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}");
        n += snprintf(header + n, sizeof header - (size_t)n, "%*s}", 64 + i - 8 - n - 1, "");
        ck_assert_int_eq(n, 64 + i - 8);
        put(header, 4);
        ck_assert_int_eq(qg_safetensors_open(&st, arena, path, &err), QG_OK);
        ck_assert_int_eq(qg_safetensors_at(st, 0)->aligned, i == 0);
    }
}
END_TEST

START_TEST(a_file_without_tensors_is_fine)
{
    const qg_safetensors *st;

    put("{}", 0);
    ck_assert_int_eq(qg_safetensors_open(&st, arena, path, &err), QG_OK);
    ck_assert_uint_eq(qg_safetensors_count(st), 0);
}
END_TEST

#define T(name, dtype, shape, offsets)                                                             \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[" offsets "]}"

static const struct {
    const char *header;
    size_t n_data;
    qg_status status;
    const char *words;
} bad_headers[] = {
    {"{" T("w", "F16", "2,3", "0,12") "}", 11, QG_EFORMAT, "tensor 'w' ends at byte 12"},
    {"{" T("w", "F16", "2,3", "0,12") "}", 13, QG_EFORMAT, "1 bytes after the last tensor"},
    {"{" T("a", "U8", "4", "0,4") "," T("b", "U8", "4", "3,7") "}", 7, QG_EFORMAT,
     "tensor 'b' overlaps tensor 'a'"},
    {"{" T("a", "U8", "4", "0,4") "," T("b", "U8", "4", "0,4") "}", 4, QG_EFORMAT,
     "tensor 'b' overlaps tensor 'a'"},
    {"{" T("a", "U8", "4", "0,4") "," T("b", "U8", "0", "2,2") "}", 4, QG_EFORMAT,
     "tensor 'b' overlaps tensor 'a'"},
    {"{" T("a", "U8", "4", "0,4") "," T("b", "U8", "4", "5,9") "}", 9, QG_EFORMAT,
     "1 bytes before tensor 'b'"},
    {"{" T("a", "U8", "4", "1,5") "}", 5, QG_EFORMAT, "1 bytes before tensor 'a'"},
    {"{" T("a", "U8", "4", "4,0") "}", 4, QG_EFORMAT, "tensor 'a' begins at 4 and ends before"},
    {"{" T("a", "U8", "4", "-4,0") "}", 4, QG_EFORMAT, "tensor 'a': 'data_offsets'"},
    {"{" T("a", "U8", "4", "0,4,4") "}", 4, QG_EFORMAT, "tensor 'a': 'data_offsets'"},
    {"{" T("a", "U8", "4", "0.0,4.0") "}", 4, QG_EFORMAT, "tensor 'a': 'data_offsets'"},
    {"{" T("a", "U8", "4", "0,9223372036854775807") "}", 4, QG_EFORMAT, "tensor 'a' ends at byte"},
    {"{" T("a", "U8", "4", "0,18446744073709551616") "}", 4, QG_EFORMAT, "no valid JSON"},
    {"{" T("a", "F32", "2,2", "0,12") "}", 12, QG_EFORMAT,
     "tensor 'a' has 12 bytes of data, but [2, 2] of F32 takes 16"},
    {"{" T("a", "F16", "4294967296,4294967296", "0,0") "}", 0, QG_EFORMAT, "overflows"},
    {"{" T("a", "F32", "2305843009213693953", "0,4") "}", 4, QG_EFORMAT, "overflows"},
    {"{" T("a", "U8", "-1", "0,1") "}", 1, QG_EFORMAT, "dimension 0"},
    {"{" T("a", "U8", "1,1,1,1,1,1,1,1,1", "0,1") "}", 1, QG_EFORMAT, "has 9 dimensions"},
    {"{" T("a", "F8_E4M3", "4", "0,4") "}", 4, QG_ENOSUP, "tensor 'a' is FP8"},
    {"{" T("a", "C64", "1", "0,8") "}", 8, QG_ENOSUP, "tensor 'a' has dtype 'C64'"},
    {"{" T("a", "f16", "2", "0,4") "}", 4, QG_ENOSUP, "dtype 'f16'"},
    {"{" T("a", "U8", "1", "0,1") "," T("a", "U8", "1", "1,2") "}", 2, QG_EFORMAT,
     "duplicate tensor 'a'"},
    {"{" T("model.layers.1.mlp.up_proj.weight", "U8", "1",
           "0,1") "," T("model.layers.1.mlp.up_proj.weight", "U8", "1", "1,2") "}",
     2, QG_EFORMAT, "duplicate tensor 'model.layers.1.mlp.up_proj.weight'"},
    {"{\"a\":[]}", 0, QG_EFORMAT, "tensor 'a' is an array, an object was expected"},
    {"{\"a\":{}}", 0, QG_EFORMAT, "tensor 'a': 'dtype' is nothing"},
    {"{\"a\":{\"dtype\":3}}", 0, QG_EFORMAT, "tensor 'a': 'dtype' is an integer"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":4}}", 0, QG_EFORMAT, "tensor 'a': 'shape' is an integer"},
    {"[]", 0, QG_EFORMAT, "does not begin with '{'"},
    {" {}", 0, QG_EFORMAT, "does not begin with '{'"},
    {"", 0, QG_EFORMAT, "does not begin with '{'"},
    {"{\"a\":", 0, QG_EFORMAT, "no valid JSON"},
    {"{\"a\\u0000b\":{}}", 0, QG_EFORMAT, "no valid JSON"},
    {"{\"\xff\":{}}", 0, QG_EFORMAT, "no valid JSON"},
};

START_TEST(a_bad_header_is_refused)
{
    put(bad_headers[_i].header, bad_headers[_i].n_data);
    expect_refusal(bad_headers[_i].status, bad_headers[_i].words);
}
END_TEST

START_TEST(a_header_that_lies_about_its_length_is_refused)
{
    put_claiming(3, "{}", 0);
    expect_refusal(QG_EFORMAT, "the header claims 3 bytes, the file has only 2");
    put_claiming(100000000, "{}", 0);
    expect_refusal(QG_EFORMAT, "the header claims 100000000 bytes, the file has only 2");
    put_claiming(100000001, "{}", 0);
    expect_refusal(QG_EFORMAT, "the limit is 100000000");
    put_claiming(UINT64_MAX, "{}", 0);
    expect_refusal(QG_EFORMAT, "the header claims 18446744073709551615 bytes");
}
END_TEST

START_TEST(a_deep_header_is_refused)
{
    qg_buf b;

    qg_buf_init(&b, arena);
    qg_buf_text(&b, "{\"a\":");
    for (int i = 0; i < 100000; i++)
        qg_buf_char(&b, '[');
    put(b.ptr, 0);
    expect_refusal(QG_EFORMAT, "nests deeper");
}
END_TEST

START_TEST(a_header_of_endless_values_is_refused)
{
    enum { N_VALUES = 1100000 };
    char *header = qg_arena_alloc(arena, 2 * N_VALUES + 8);

    memcpy(header, "{\"a\":[0", 7);
    for (size_t i = 0; i < N_VALUES; i++)
        memcpy(header + 7 + 2 * i, ",0", 2);
    put(header, 0);
    expect_refusal(QG_EFORMAT, "the header lists 1100000 values");
}
END_TEST

START_TEST(a_file_that_is_no_safetensors_is_refused)
{
    ck_assert_int_eq(qg_file_write(path, QG_STR(""), &err), QG_OK);
    expect_refusal(QG_EFORMAT, "the file is empty");
    ck_assert_int_eq(qg_file_write(path, QG_STR("\1\0\0"), &err), QG_OK);
    expect_refusal(QG_EFORMAT, "the file has 3 bytes");
    ck_assert_int_eq(
        qg_file_write(path, QG_STR("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
                      &err),
        QG_OK);
    expect_refusal(QG_EFORMAT, "run 'git lfs pull'");
    ck_assert_int_eq(unlink(path), 0);
    expect_refusal(QG_ENOTFOUND, "No such file");
    ck_assert_int_eq(qg_dir_make(path, &err), QG_OK);
    expect_refusal(QG_EARG, "is not a regular file");
}
END_TEST

START_TEST(a_file_without_permission_is_refused)
{
    bool root = geteuid() == 0;

    put("{}", 0);
    ck_assert_int_eq(chmod(path, 0), 0);
    if (root)
        ck_assert_int_eq(seteuid(65534), 0);
    expect_refusal(QG_EACCESS, "Permission denied");
    if (root)
        ck_assert_int_eq(seteuid(0), 0);
}
END_TEST

static qg_status open_file(qg_arena *own)
{
    const qg_safetensors *st;

    return qg_safetensors_open(&st, own, path, &err);
}

START_TEST(every_failed_allocation_is_reported)
{
    put("{" T("a", "U8", "4", "0,4") "," T("b", "F16", "2", "4,8") "}", 8);
    fail_each_allocation(open_file);
}
END_TEST

static const qg_tensor_spec specs[] = {
    {"model.embed", QGK_F16, 2, {3, 2}},
    {"scalar", QGK_I64, 0, {0}},
    {"empty", QGK_F32, 1, {0}},
    {"norm \"quoted\"", QGK_BF16, 1, {2}},
};
enum { N_SPECS = sizeof specs / sizeof *specs, SPEC_BYTES = 12 + 8 + 0 + 4 };

static qg_status write_all(qg_arena *own, size_t n_bytes)
{
    qg_safetensors_writer *w;

    QG_PASS(qg_safetensors_write_begin(&w, own, path, specs, N_SPECS, &err));
    for (size_t i = 0; i < n_bytes; i++)
        QG_PASS(qg_safetensors_write_data(w, &(char){(char)i}, 1, &err));
    return qg_safetensors_write_end(w, &err);
}

START_TEST(what_is_written_reads_back)
{
    const qg_safetensors *st;

    ck_assert_int_eq(write_all(arena, SPEC_BYTES), QG_OK);
    ck_assert_int_eq(qg_safetensors_open(&st, arena, path, &err), QG_OK);
    ck_assert_uint_eq(qg_safetensors_count(st), N_SPECS);
    qg_str all = qg_safetensors_bytes(st);
    size_t begin = all.len - SPEC_BYTES;
    ck_assert_uint_eq(begin % 8, 0);
    const qg_tensor *embed = qg_safetensors_at(st, 0), *norm = qg_safetensors_at(st, 3);
    ck_assert_str_eq(embed->name, "model.embed");
    ck_assert_int_eq(embed->shape[0], 3);
    ck_assert_ptr_eq(embed->data, all.ptr + begin);
    ck_assert_str_eq(norm->name, "norm \"quoted\"");
    ck_assert_int_eq(norm->dtype, QGK_BF16);
    ck_assert_int_eq(memcmp(norm->data, "\24\25\26\27", 4), 0);
}
END_TEST

START_TEST(a_writer_that_breaks_its_word_leaves_nothing)
{
    char **names;
    size_t n;
    qg_arena *own = qg_arena_create();

    ck_assert_int_eq(write_all(own, SPEC_BYTES - 1), QG_EARG);
    ck_assert_ptr_nonnull(strstr(err.message, "1 bytes less"));
    qg_err_clear(&err);
    ck_assert_int_eq(write_all(own, SPEC_BYTES + 1), QG_EARG);
    ck_assert_ptr_nonnull(strstr(err.message, "more data"));
    qg_arena_free(own);
    ck_assert_int_eq(qg_dir_list(&names, &n, arena, folder, NULL), QG_OK);
    ck_assert_uint_eq(n, 0);
}
END_TEST

START_TEST(impossible_shapes_are_not_written)
{
    qg_safetensors_writer *w;
    size_t n;
    static const qg_tensor_spec bad[] = {
        {"negative", QGK_F16, 1, {-1}},
        {"deep", QGK_F16, 9, {1}},
        {"overflow", QGK_F32, 2, {INT64_MAX, 2}},
        {"overflow", QGK_F32, 1, {INT64_MAX}},
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_int_eq(qg_safetensors_write_begin(&w, arena, path, &bad[i], 1, &err), QG_EARG);
        ck_assert(!qg_file_exists(path));
    }
    ck_assert(!qg_tensor_spec_bytes(&bad[0], &n));
}
END_TEST

START_TEST(shapes_print)
{
    char text[64], small[6];
    qg_tensor t = {.n_dims = 2, .shape = {2, 3}};

    ck_assert_str_eq(qg_tensor_shape_text(&t, text, sizeof text), "[2, 3]");
    ck_assert_str_eq(qg_tensor_shape_text(&t, small, sizeof small), "[2, 3");
    t.n_dims = 0;
    ck_assert_str_eq(qg_tensor_shape_text(&t, text, sizeof text), "[]");
}
END_TEST

Suite *safetensors_check(void)
{
    Suite *s = suite_create("safetensors_check");
    TCase *t = tcase_create("safetensors");

    tcase_add_checked_fixture(t, setup_path, folder_end);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, tensors_are_views_on_the_data);
    tcase_add_test(t, alignment_is_recorded);
    tcase_add_test(t, a_file_without_tensors_is_fine);
    tcase_add_loop_test(t, a_bad_header_is_refused, 0, sizeof bad_headers / sizeof *bad_headers);
    tcase_add_test(t, a_header_that_lies_about_its_length_is_refused);
    tcase_add_test(t, a_deep_header_is_refused);
    tcase_add_test(t, a_header_of_endless_values_is_refused);
    tcase_add_test(t, a_file_that_is_no_safetensors_is_refused);
    tcase_add_test(t, a_file_without_permission_is_refused);
    tcase_add_test(t, every_failed_allocation_is_reported);
    tcase_add_test(t, what_is_written_reads_back);
    tcase_add_test(t, a_writer_that_breaks_its_word_leaves_nothing);
    tcase_add_test(t, impossible_shapes_are_not_written);
    tcase_add_test(t, shapes_print);
    suite_add_tcase(s, t);
    return s;
}
