/* Unit tests of tokenizer/vocabfiles: which folders are read and which are refused, what goes
 * around a text, malformed files with their lines. What transformers makes of such folders is among
 * the vectors (opt, files-*), which tokenizer_check.c runs.
 */
#include "tokenizer/vocabfiles.h"

#include "tokenizer/fixture_check.h"
#include "tokenizer/tokenizer.h"

#define VOCAB  "{\"<s>\":0,\"</s>\":1,\"a\":2,\"b\":3,\"c\":4,\"ab\":5,\"\\u0120\":6}"
#define MERGES "#version: 0.2\na b\n"
#define GPT2   "{\"tokenizer_class\":\"GPT2Tokenizer\",\"bos_token\":\"<s>\",\"eos_token\":\"</s>\"}"

/* A folder with these files in it and no others; NULL leaves one out. */
static void write_files(const char *vocab, const char *merges, const char *config)
{
    qg_dir_remove(folder);
    if (vocab)
        folder_put("vocab.json", vocab);
    if (merges)
        folder_put("merges.txt", merges);
    if (config)
        folder_put("tokenizer_config.json", config);
    qg_err_clear(&err);
}

static void gives(const char *text, const char *want)
{
    const qg_tokenizer *t;
    qg_ids ids;
    qg_buf b;

    need(qg_tokenizer_open(&t, arena, folder, &err), "opening");
    need(qg_tokenizer_encode(&ids, arena, t, qg_str_from(text), 0, &err), text);
    qg_buf_init(&b, arena);
    for (size_t i = 0; i < ids.n; i++)
        qg_buf_format(&b, "%s%d", i ? " " : "", ids.id[i]);
    ck_assert_msg(qg_str_is(qg_buf_view(&b), want), "'%s' is '%s', not '%s'", text, b.ptr, want);
}

static void refused(qg_status want, const char *words)
{
    const qg_tokenizer *t;
    qg_err_clear(&err);
    qg_status st = qg_tokenizer_open(&t, arena, folder, &err);
    ck_assert_msg(st == want, "%s instead of %s (%s)", qg_status_name(st), qg_status_name(want),
                  words);
    message_has(words);
}

START_TEST(both_files_make_a_tokenizer)
{
    write_files(VOCAB, MERGES, GPT2);
    gives("abc ab", "5 4 6 5");
    gives("a<s>b", "2 0 3");
    gives("<|endoftext|>", "7"); /* the class's own unk_token, which the vocabulary lacks */
    write_files(VOCAB, "a b\r\n", GPT2);
    gives("ab", "5");
    write_files(VOCAB, "", GPT2);
    gives("ab", "2 3");
    write_files(VOCAB, MERGES,
                "{\"tokenizer_class\":\"GPT2TokenizerFast\",\"add_prefix_space\":true}");
    gives("ab", "6 5");
}
END_TEST

START_TEST(what_goes_around_a_text)
{
#define WITH(more) "{\"tokenizer_class\":\"GPT2Tokenizer\"," more "}"
    write_files(VOCAB, MERGES, WITH("\"bos_token\":\"</s>\",\"add_bos_token\":true"));
    gives("ab", "1 5");
    write_files(VOCAB, MERGES,
                WITH("\"bos_token\":\"<s>\",\"eos_token\":\"</s>\",\"add_bos_token\":true,"
                     "\"add_eos_token\":true"));
    gives("", "0 1");
    write_files(VOCAB, MERGES,
                WITH("\"bos_token\":\"</s>\",\"eos_token\":\"</s>\",\"add_bos_token\":true,"
                     "\"add_eos_token\":true"));
    gives("c", "1 4 1");
    write_files(VOCAB, MERGES, WITH("\"bos_token\":null,\"add_bos_token\":true"));
    gives("c", "4");
    /* special_tokens_map.json goes before tokenizer_config.json */
    write_files(VOCAB, MERGES, WITH("\"bos_token\":\"<s>\",\"add_bos_token\":true"));
    folder_put("special_tokens_map.json", "{\"bos_token\":{\"content\":\"</s>\"}}");
    gives("c", "1 4");
}
END_TEST

START_TEST(the_class_may_be_in_config_json)
{
    write_files(VOCAB, MERGES, NULL);
    folder_put("config.json", "{\"model_type\":\"opt\"}");
    gives("ab", "5");
    write_files(VOCAB, MERGES, "{}");
    folder_put("config.json", "{\"model_type\":\"llama\"}");
    refused(QG_ENOSUP, "name it as 'tokenizer_class' in tokenizer_config.json");
    write_files(VOCAB, MERGES, NULL);
    refused(QG_ENOSUP, "name it as 'tokenizer_class' in tokenizer_config.json");
    write_files(VOCAB, MERGES, "{\"tokenizer_class\":\"RobertaTokenizer\"}");
    refused(QG_ENOSUP, "of a 'RobertaTokenizer' are not supported; write tokenizer.json with");
}
END_TEST

START_TEST(folders_without_the_files_are_refused)
{
    write_files(NULL, NULL, GPT2);
    refused(QG_ENOTFOUND, "neither tokenizer.json nor vocab.json and merges.txt");
    write_files(VOCAB, NULL, GPT2);
    refused(QG_ENOTFOUND, "of vocab.json and merges.txt only one");
    write_files(NULL, MERGES, GPT2);
    refused(QG_ENOTFOUND, "of vocab.json and merges.txt only one");
    write_files(NULL, NULL, "{\"tokenizer_class\":\"LlamaTokenizer\"}");
    folder_put("tokenizer.model", "\n\x0e\n");
    refused(QG_ENOSUP, "has 'tokenizer.model' but no tokenizer.json; write one with transformers");
    qg_dir_remove(folder);
    refused(QG_ENOTFOUND, "has no tokenizer");
}
END_TEST

START_TEST(tokenizer_json_goes_first)
{
    write_files("{", "a", "[");
    folder_put("tokenizer.json", "{\"model\":{\"vocab\":{\"a\":3},\"merges\":[]}}");
    gives("a", "3");
}
END_TEST

START_TEST(bad_merges_are_named_with_their_line)
{
    static const struct {
        const char *merges, *words;
    } cases[] = {
        {"#version: 0.2\na b\nab\n", "merges.txt:3: a merge is two tokens and one blank"},
        {"a b\n\n", "merges.txt:2: a merge is two tokens"},
        {"a b c\n", "merges.txt:1: a merge is two tokens"},
        {"a\tb\n", "merges.txt:1: a merge is two tokens"},
        {"a b\nb x\n", "merges.txt:2: 'x' is not in vocab.json"},
        {"x b\n", "merges.txt:1: 'x' is not in vocab.json"},
        {" b\n", "merges.txt:1: '' is not in vocab.json"},
        {"a b\na c", "merges.txt:2: 'ac' is not in vocab.json"},
        {"a \xff\n", "merges.txt:1: '\xff' is not in vocab.json"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_files(VOCAB, cases[i].merges, GPT2);
        refused(QG_EFORMAT, cases[i].words);
    }
}
END_TEST

START_TEST(bad_vocabularies_are_refused)
{
    static const struct {
        const char *vocab, *words;
    } cases[] = {
        {"{\"a\":0,\"b\":0}", "tokens 'a' and 'b' have the same id 0"},
        {"{\"a\":0,\"a\":1}", "no valid JSON"},
        {"{\"a\":-1}", "token 'a' has id -1"},
        {"{\"a\":1e10}", "token 'a' has id 10000000000"},
        {"{\"a\":\"0\"}", "id of token 'a' is a string"},
        {"[\"a\"]", "is an array"},
        {"{}", "the vocabulary is empty"},
        {"", "no valid JSON"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_files(cases[i].vocab, "",
                    "{\"tokenizer_class\":\"GPT2Tokenizer\",\"bos_token\":null,"
                    "\"eos_token\":null,\"unk_token\":null}");
        refused(QG_EFORMAT, cases[i].words);
    }
    /* gaps are fine where nothing must be added behind them */
    write_files("{\"a\":7,\"<|endoftext|>\":1}", "", "{\"tokenizer_class\":\"GPT2Tokenizer\"}");
    gives("a", "7");
    write_files("{\"a\":1}", "", "{\"tokenizer_class\":\"GPT2Tokenizer\"}");
    refused(QG_EFORMAT, "'<|endoftext|>' has id 1, which the vocabulary uses");
}
END_TEST

START_TEST(bad_configs_are_refused)
{
    static const struct {
        const char *config, *words;
        qg_status status;
    } cases[] = {
        {"[]", "tokenizer_config.json' is an array, not an object", QG_EFORMAT},
        {"{", "no valid JSON", QG_EFORMAT},
        {"{\"tokenizer_class\":7}", "'tokenizer_class' of tokenizer_config.json", QG_EFORMAT},
        {WITH("\"bos_token\":7"), "'bos_token' is an integer, not a token", QG_EFORMAT},
        {WITH("\"bos_token\":{}"), "bos_token lacks 'content'", QG_EFORMAT},
        {WITH("\"bos_token\":{\"content\":\"a\",\"lstrip\":1}"), "'lstrip' of bos_token",
         QG_EFORMAT},
        {WITH("\"add_bos_token\":1"), "'add_bos_token' of tokenizer_config.json", QG_EFORMAT},
        {WITH("\"add_prefix_space\":\"\""), "'add_prefix_space' of tokenizer_config.json",
         QG_EFORMAT},
        {WITH("\"split_special_tokens\":true"), "'split_special_tokens' is not supported",
         QG_ENOSUP},
        {WITH("\"additional_special_tokens\":[7]"), "is an integer, not a token", QG_EFORMAT},
        {WITH("\"added_tokens_decoder\":{\"x\":{\"content\":\"a\"}}"),
         "'x' in 'added_tokens_decoder' is no id", QG_EFORMAT},
        {WITH("\"added_tokens_decoder\":{\"-1\":{\"content\":\"a\"}}"),
         "'-1' in 'added_tokens_decoder' is no id", QG_EFORMAT},
        {WITH("\"added_tokens_decoder\":{\"7\":\"a\"}"), "is a string, not an object", QG_EFORMAT},
        {WITH("\"added_tokens_decoder\":{\"99\":{\"content\":\"far\"}}"),
         "added token 'far' declares id 99, but its place is 7", QG_EFORMAT},
        {WITH("\"added_tokens_decoder\":{\"3\":{\"content\":\"a\"}}"),
         "added token 'a' declares id 3, but its place is 2", QG_EFORMAT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_files(VOCAB, MERGES, cases[i].config);
        refused(cases[i].status, cases[i].words);
    }
    write_files(VOCAB, MERGES, GPT2);
    folder_put("added_tokens.json", "{\"<x>\":\"7\"}");
    refused(QG_EFORMAT, "'<x>' in added_tokens.json has no id");
    folder_put("added_tokens.json", "{\"<x>\":8}");
    refused(QG_EFORMAT, "added token '<x>' declares id 8, but its place is 7");
    folder_put("added_tokens.json", "{\"<x>\":7}");
    gives("<x>", "7");
    folder_put("special_tokens_map.json", "7");
    refused(QG_EFORMAT, "special_tokens_map.json' is an integer");
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    bool failed = true;

    write_files(VOCAB, MERGES,
                WITH("\"bos_token\":\"<s>\",\"add_bos_token\":true,"
                     "\"additional_special_tokens\":[\"<x>\",\"<y>\"]"));
    folder_put("added_tokens.json", "{\"<x>\":7}");
    for (long n = 1; failed; n++) {
        qg_arena *a = qg_arena_create();
        const qg_tokenizer *t;
        qg_err_clear(&err);
        qg_arena_fail_after(n);
        qg_status st = qg_tokenizer_open(&t, a, folder, &err);
        failed = !qg_arena_fail_after(0);
        /* only machine code for a regex can do without its memory */
        ck_assert_msg(st == QG_ENOMEM || st == QG_OK, "allocation %ld: %s", n, err.message);
        ck_assert_msg(failed || st == QG_OK, "no allocation failed, yet: %s", err.message);
        qg_arena_free(a);
        ck_assert_int_lt(n, 10000);
    }
}
END_TEST

Suite *vocabfiles_check(void)
{
    Suite *s = suite_create("vocabfiles_check");
    TCase *t = tcase_create("vocabfiles");

    tcase_add_checked_fixture(t, setup, folder_end);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, both_files_make_a_tokenizer);
    tcase_add_test(t, what_goes_around_a_text);
    tcase_add_test(t, the_class_may_be_in_config_json);
    tcase_add_test(t, folders_without_the_files_are_refused);
    tcase_add_test(t, tokenizer_json_goes_first);
    tcase_add_test(t, bad_merges_are_named_with_their_line);
    tcase_add_test(t, bad_vocabularies_are_refused);
    tcase_add_test(t, bad_configs_are_refused);
    tcase_add_test(t, every_allocation_may_fail);
    suite_add_tcase(s, t);
    return s;
}
