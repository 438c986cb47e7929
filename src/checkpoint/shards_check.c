/* Unit tests of checkpoint/shards over folders that each test writes: single files, shards with an
 * index, and every way in which the index and the folder can contradict each other. */
#include "checkpoint/shards.h"

#include "checkpoint/fixture_check.h"

/* A shard of the tensors "a b c": one byte each. */
static void put_shard(const char *name, const char *tensors)
{
    qg_tensor_spec specs[8];
    qg_safetensors_writer *w;
    qg_str rest = qg_str_from(tensors), piece;
    size_t n = 0;

    while (qg_str_split(&rest, ' ', &piece))
        specs[n++] = (qg_tensor_spec){qg_str_dup(arena, piece), QGK_U8, 1, {1}};
    const char *path = qg_path_join(arena, folder, name);
    ck_assert_int_eq(qg_safetensors_write_begin(&w, arena, path, specs, n, &err), QG_OK);
    for (size_t i = 0; i < n; i++)
        ck_assert_int_eq(qg_safetensors_write_data(w, specs[i].name, 1, &err), QG_OK);
    ck_assert_int_eq(qg_safetensors_write_end(w, &err), QG_OK);
}

static void put_index(const char *map)
{
    folder_put("model.safetensors.index.json",
               qg_arena_format(arena, "{\"metadata\":{\"total_size\":1},\"weight_map\":%s}", map));
}

static const qg_checkpoint *open_folder(void)
{
    const qg_checkpoint *c = NULL;
    qg_status s = qg_checkpoint_open(&c, arena, folder, &err);
    ck_assert_msg(s == QG_OK, "%s: %s", qg_status_name(s), err.message);
    return c;
}

static void expect_refusal(qg_status status, const char *words)
{
    const qg_checkpoint *c = NULL;

    qg_err_clear(&err);
    assert_refusal(qg_checkpoint_open(&c, arena, folder, &err), status, words, NULL);
    ck_assert_ptr_null(c);
}

static void put_two_shards(void)
{
    put_shard("model-00001-of-00002.safetensors", "d a");
    put_shard("model-00002-of-00002.safetensors", "c b");
    put_index(
        "{\"a\":\"model-00001-of-00002.safetensors\",\"b\":\"model-00002-of-00002.safetensors\","
        "\"d\":\"model-00001-of-00002.safetensors\",\"c\":\"model-00002-of-00002.safetensors\"}");
}

START_TEST(a_single_file_is_found_by_its_name)
{
    put_shard("adapter_model.safetensors", "x");
    put_shard("model.safetensors", "b a");
    const qg_checkpoint *c = open_folder();
    ck_assert_uint_eq(qg_checkpoint_n_shards(c), 1);
    ck_assert_uint_eq(qg_checkpoint_count(c), 2);
    ck_assert_uint_eq(qg_checkpoint_bytes(c), 2);
    ck_assert_str_eq(qg_checkpoint_at(c, 0)->name, "a");
    ck_assert_int_eq(*(const char *)qg_checkpoint_find(c, "b")->data, 'b');
    ck_assert_ptr_null(qg_checkpoint_find(c, "x"));
}
END_TEST

START_TEST(the_only_file_may_have_another_name)
{
    put_shard("gptq_model-4bit-128g.safetensors", "a");
    ck_assert_uint_eq(qg_checkpoint_count(open_folder()), 1);
    put_shard("other.safetensors", "a");
    expect_refusal(QG_ENOTFOUND, "2 .safetensors files, but none is called model.safetensors");
}
END_TEST

START_TEST(shards_are_one_list_by_name)
{
    put_two_shards();
    put_shard("model.safetensors", "stale");
    const qg_checkpoint *c = open_folder();
    ck_assert_str_eq(qg_checkpoint_folder(c), folder);
    ck_assert_uint_eq(qg_checkpoint_n_shards(c), 2);
    ck_assert_uint_eq(qg_safetensors_count(qg_checkpoint_shard(c, 1)), 2);
    ck_assert_uint_eq(qg_checkpoint_count(c), 4);
    for (size_t i = 0; i < 4; i++) {
        const char name[] = {(char)('a' + (int)i), '\0'};
        ck_assert_str_eq(qg_checkpoint_at(c, i)->name, name);
        ck_assert_ptr_eq(qg_checkpoint_find(c, name), qg_checkpoint_at(c, i));
        ck_assert_int_eq(*(const char *)qg_checkpoint_at(c, i)->data, name[0]);
    }
    ck_assert_ptr_null(qg_checkpoint_find(c, "e"));
    ck_assert_ptr_null(qg_checkpoint_find(c, ""));
}
END_TEST

static const struct {
    const char *map;
    qg_status status;
    const char *words;
} bad_maps[] = {
    {"{\"a\":\"../one.safetensors\"}", QG_EFORMAT, "shard '../one.safetensors' is no plain name"},
    {"{\"a\":\"/etc/one.safetensors\"}", QG_EFORMAT, "is no plain name"},
    {"{\"a\":\"sub/one.safetensors\"}", QG_EFORMAT, "is no plain name"},
    {"{\"a\":\"\"}", QG_EFORMAT, "is no plain name"},
    {"{\"a\":\"..\"}", QG_EFORMAT, "is no plain name"},
    {"{\"a\":\"config.json\"}", QG_EFORMAT, "is no plain name"},
    {"{\"a\":\"one.safetensors\\u0000.safetensors\"}", QG_EFORMAT, "is no plain name"},
    {"{\"a\":\"absent.safetensors\"}", QG_ENOTFOUND, "shard 'absent.safetensors' is missing"},
    {"{\"a\":\"one.bin\"}", QG_ENOSUP, "scripts/convert-bin.py"},
    {"{\"a\":3}", QG_EFORMAT, "tensor 'a' maps to an integer"},
    {"{}", QG_EFORMAT, "'weight_map' is empty"},
    {"[]", QG_EFORMAT, "'weight_map' is"},
    {"null", QG_EFORMAT, "'weight_map' is null"},
    {"{\"a\":\"one.safetensors\"", QG_EFORMAT, "no valid JSON"},
    {"{\"a\":\"one.safetensors\",\"a\":\"one.safetensors\"}", QG_EFORMAT, "duplicate object key"},
    {"{\"a\":\"one.safetensors\"}", QG_EFORMAT,
     "shard 'one.safetensors' holds tensor 'b', which is not listed"},
    {"{\"a\":\"one.safetensors\",\"b\":\"one.safetensors\",\"c\":\"one.safetensors\"}", QG_EFORMAT,
     "tensor 'c' is missing from shard 'one.safetensors'"},
    {"{\"a\":\"one.safetensors\",\"b\":\"two.safetensors\",\"c\":\"two.safetensors\"}", QG_EFORMAT,
     "tensor 'b' is in shard 'one.safetensors', not in 'two.safetensors'"},
    {"{\"a\":\"one.safetensors\",\"b\":\"twin.safetensors\"}", QG_EFORMAT,
     "duplicate tensor 'b': it is in 'one.safetensors' and in 'twin.safetensors'"},
};

START_TEST(a_bad_index_is_refused)
{
    put_shard("one.safetensors", "a b");
    put_shard("two.safetensors", "c");
    put_shard("twin.safetensors", "b");
    folder_put("config.json", "{}");
    put_index(bad_maps[_i].map);
    expect_refusal(bad_maps[_i].status, bad_maps[_i].words);
}
END_TEST

START_TEST(too_many_shards_are_refused)
{
    qg_buf map;

    qg_buf_init(&map, arena);
    for (int i = 0; i <= QG_CHECKPOINT_MAX_SHARDS; i++) {
        qg_buf_format(&map, "%c\"t%d\":\"s%d.safetensors\"", i ? ',' : '{', i, i);
        char *path = qg_arena_format(arena, "%s/s%d.safetensors", folder, i);
        FILE *f = fopen(path, "w");
        ck_assert_ptr_nonnull(f);
        fclose(f);
    }
    qg_buf_char(&map, '}');
    put_index(map.ptr);
    expect_refusal(QG_EFORMAT, "it names 1025 shards, the limit is 1024");
}
END_TEST

START_TEST(a_folder_without_weights_says_what_is_there)
{
    expect_refusal(QG_ENOTFOUND, "holds no weights");
    folder_put("pytorch_model.bin", "PK");
    expect_refusal(QG_ENOSUP, "convert the folder with scripts/convert-bin.py");
    put_shard("model-00001-of-00002.safetensors", "a");
    expect_refusal(QG_ENOTFOUND, "but no model.safetensors.index.json");
}
END_TEST

START_TEST(pickles_beside_safetensors_are_left_alone)
{
    folder_put("pytorch_model.bin", "PK");
    put_shard("model.safetensors", "a");
    ck_assert_uint_eq(qg_checkpoint_count(open_folder()), 1);
}
END_TEST

START_TEST(what_is_no_folder_is_refused)
{
    const qg_checkpoint *c;

    folder_put("file", "");
    ck_assert_int_eq(qg_checkpoint_open(&c, arena, qg_path_join(arena, folder, "file"), &err),
                     QG_EARG);
    ck_assert_ptr_nonnull(strstr(err.message, "is a file, the folder of a model was expected"));
    qg_err_clear(&err);
    ck_assert_int_eq(qg_checkpoint_open(&c, arena, qg_path_join(arena, folder, "none"), &err),
                     QG_ENOTFOUND);
    ck_assert_ptr_nonnull(strstr(err.message, "No such file"));
}
END_TEST

START_TEST(a_broken_shard_is_named)
{
    put_two_shards();
    folder_put("model-00002-of-00002.safetensors", "");
    expect_refusal(QG_EFORMAT, "model-00002-of-00002.safetensors': the file is empty");
}
END_TEST

START_TEST(the_hash_sees_weights_and_configs)
{
    char first[QG_HASH_HEX], again[QG_HASH_HEX], other[QG_HASH_HEX];

    put_two_shards();
    folder_put("config.json", "{}");
    ck_assert_int_eq(qg_checkpoint_hash(open_folder(), first, &err), QG_OK);
    ck_assert_int_eq(qg_checkpoint_hash(open_folder(), again, &err), QG_OK);
    ck_assert_uint_eq(strlen(first), 64);
    ck_assert_str_eq(first, again);
    folder_put("README.md", "not part of it");
    ck_assert_int_eq(qg_checkpoint_hash(open_folder(), again, &err), QG_OK);
    ck_assert_str_eq(first, again);
    folder_put("config.json", "{ }");
    ck_assert_int_eq(qg_checkpoint_hash(open_folder(), other, &err), QG_OK);
    ck_assert_str_ne(first, other);
    folder_put("config.json", "{}");
    put_shard("model-00001-of-00002.safetensors", "a d");
    ck_assert_int_eq(qg_checkpoint_hash(open_folder(), other, &err), QG_OK);
    ck_assert_str_ne(first, other);
}
END_TEST

static qg_status open_and_hash(qg_arena *own)
{
    const qg_checkpoint *c;
    char hex[QG_HASH_HEX];

    QG_PASS(qg_checkpoint_open(&c, own, folder, &err));
    return qg_checkpoint_hash(c, hex, &err);
}

START_TEST(every_failed_allocation_is_reported)
{
    put_two_shards();
    folder_put("config.json", "{}");
    fail_each_allocation(open_and_hash);
}
END_TEST

Suite *shards_check(void)
{
    Suite *s = suite_create("shards_check");
    TCase *t = tcase_create("shards");

    tcase_add_checked_fixture(t, setup, folder_end);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_single_file_is_found_by_its_name);
    tcase_add_test(t, the_only_file_may_have_another_name);
    tcase_add_test(t, shards_are_one_list_by_name);
    tcase_add_loop_test(t, a_bad_index_is_refused, 0, sizeof bad_maps / sizeof *bad_maps);
    tcase_add_test(t, too_many_shards_are_refused);
    tcase_add_test(t, a_folder_without_weights_says_what_is_there);
    tcase_add_test(t, pickles_beside_safetensors_are_left_alone);
    tcase_add_test(t, what_is_no_folder_is_refused);
    tcase_add_test(t, a_broken_shard_is_named);
    tcase_add_test(t, the_hash_sees_weights_and_configs);
    tcase_add_test(t, every_failed_allocation_is_reported);
    suite_add_tcase(s, t);
    return s;
}
