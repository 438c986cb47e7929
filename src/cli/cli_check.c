/* Tests of the program as a user meets it: $QG_PROGRAM is run on the embedded model, and its
 * standard output, standard error and exit code are looked at. JSON is parsed, not matched. */
#include "cli/program_check.h"

#include "base/json.h"
#include "cli/cli.h"

#include <math.h>

START_TEST(words_that_are_wrong_get_a_hint)
{
    refused("Q", 2, "usage: quantgate");
    refused("Q scoer x", 2, "did you mean 'score'?");
    refused("Q score " MODEL " --txet x", 2, "did you mean '--text'?");
    refused("Q score", 2, "usage: quantgate score MODEL");
    refused("Q score " MODEL " --text a --threads two", 2,
            "'--threads two': expected a whole number");
    refused("Q score " MODEL " --text a --device gpu", 2,
            "unknown device 'gpu', expected cpu, cuda, cuda:N or auto");
    refused("Q score " MODEL " --text a --device cuda:999", 3, "opening model");
    refused("Q score " MODEL " --text a --tier sse9", 2, "sse9");
    refused("Q score " MODEL " --text", 2, "'--text' needs a value");
    refused("Q run suites/smoke.yaml --json=1", 2, "takes no value");
    refused("Q judge a b c", 2, "unexpected argument 'c'");
    refused("Q score /nowhere --text a", 2, "/nowhere");
    refused("Q score " MODEL " --text a --quantization gptq", 2, "gptq");
    refused("Q score " MODEL " --text a --activations half", 2, "expected one of int8|float");
    refused("Q report " MODEL "/config.json", 2, "schema");
}
END_TEST

START_TEST(every_command_explains_itself)
{
#define X(name)                                                                                    \
    {                                                                                              \
        outcome o = shell("Q " #name " --help");                                                   \
        ck_assert_int_eq(o.exit_code, 0);                                                          \
        ck_assert(holds(o.out, "usage: quantgate " #name));                                        \
    }
    QG_COMMAND_LIST(X)
#undef X
    ck_assert(holds(shell("Q --version").out, "quantgate "));
}
END_TEST

START_TEST(a_score_is_a_distribution)
{
    const qg_json *root =
        json_line(shell("Q score " MODEL " --text 'The capital of' --json --top-k 2048"), 0);
    const qg_json *tokens = qg_json_get(root, "tokens"),
                  *last = qg_json_at(tokens, qg_json_len(tokens) - 1);
    const qg_json *top = qg_json_get(last, "top");
    double sum = 0, nll = 0, before = 0;

    ck_assert(qg_str_is(text_of(qg_json_at(tokens, 0), "bytes"), "3c7c656e646f66746578747c3e"));
    ck_assert(qg_json_is_null(qg_json_get(qg_json_at(tokens, 0), "logprob")));
    ck_assert_uint_eq(qg_json_len(top), 2048);
    for (size_t i = 0; i < 2048; i++) {
        double p = real_of(qg_json_at(top, i), "logprob");
        ck_assert(p <= before);
        before = p;
        sum += exp(p);
    }
    ck_assert_double_eq_tol(sum, 1, 1e-6);
    for (size_t i = 1; i < qg_json_len(tokens); i++)
        nll -= real_of(qg_json_at(tokens, i), "logprob");
    ck_assert_double_eq_tol(real_of(root, "nll"), nll, 1e-9);
    ck_assert_double_eq(real_of(root, "scored"), (double)qg_json_len(tokens) - 1);
}
END_TEST

START_TEST(many_inputs_answer_in_order)
{
    shell("printf '{\"text\":\"The\"}\\n{\"ids\":[0,5,7]}\\n{\"text\":\"a\\\\u0000b\"}\\n' "
          ">$D/in.jsonl");
    outcome o = shell("Q score " MODEL " --input $D/in.jsonl --json");
    const qg_json *one = json_line(shell("Q score " MODEL " --ids 0,5,7 --json"), 0);

    ck_assert_double_eq(real_of(json_line(o, 1), "nll"), real_of(one, "nll"));
    ck_assert_uint_eq(qg_json_len(qg_json_get(json_line(o, 2), "tokens")), 4);
    refused("printf '{\"text\":\"a\"}\\n{\"ids\":[1,}\\n' | Q score " MODEL " --input /dev/stdin",
            2, ":2");
    refused("printf '{\"words\":3}\\n' >$D/x; Q score " MODEL " --input $D/x", 2, "x:1");
}
END_TEST

START_TEST(texts_that_cannot_be_scored_are_refused)
{
    refused("printf 'ab\\377c' >$D/t; Q score " MODEL " --text-file $D/t", 2, "byte 2");
    refused("Q score " MODEL " --ids 0,2048", 2, "2048");
    refused("Q score " MODEL " --ids 0,-1", 2, "-1");
    refused("Q score " MODEL " --ids 0,x", 2, "x");
    refused("Q score " MODEL " --text 'a b c d e f g h i j' --max-model-len 4", 2,
            "max_model_len is 4");
    refused("Q score " MODEL " --text a --max-model-len 5000", 2, "5000");
    refused("Q score " MODEL " --text a >/dev/full", 3, "No space left");
    ck_assert_double_eq(
        real_of(json_line(shell("Q score " MODEL " --text '' --json"), 0), "scored"), 0);
}
END_TEST

START_TEST(tokenize_goes_there_and_back)
{
    const qg_json *ids =
        json_line(shell("Q tokenize " MODEL " --no-special --text 'one two' --json"), 0);
    qg_buf list;

    qg_buf_init(&list, arena);
    for (size_t i = 0; i < qg_json_len(qg_json_get(ids, "ids")); i++) {
        int64_t id;
        ck_assert(qg_json_int(qg_json_at(qg_json_get(ids, "ids"), i), &id));
        qg_buf_format(&list, "%s%lld", i ? "," : "", (long long)id);
    }
    const qg_json *back = json_line(
        shell(qg_arena_format(arena, "Q tokenize " MODEL " --decode --ids %s --json", list.ptr)),
        0);
    ck_assert(qg_str_is(text_of(back, "text"), "one two"));
    /* it reads the tokenizer's files only */
    shell("mkdir $D/m; cp " MODEL "/tokenizer.json $D/m");
    ck_assert_int_eq(shell("Q tokenize $D/m --text x").exit_code, 0);
    refused("Q tokenize " MODEL " --decode --ids 99999", 2, "99999");
}
END_TEST

static qg_str completion(const char *options)
{
    outcome o = shell(qg_arena_format(
        arena, "Q generate " MODEL " --prompt 'The capital of' --json %s", options));
    return text_of(qg_json_at(qg_json_get(json_line(o, 0), "completions"), 0), "text");
}

START_TEST(generation_is_reproducible)
{
    qg_str greedy = completion("--max-tokens 12"), streamed;

    ck_assert(qg_str_eq(greedy, completion("--max-tokens 12 --greedy --tier ref")));
    ck_assert(qg_str_eq(completion("--max-tokens 12 --temperature 1.5 --seed 3"),
                        completion("--max-tokens 12 --temperature 1.5 --seed 3")));
    ck_assert(!qg_str_eq(completion("--max-tokens 12 --temperature 1.5 --seed 3"),
                         completion("--max-tokens 12 --temperature 1.5 --seed 4")));
    ck_assert(qg_str_eq(greedy, completion("--max-tokens 12 --temperature 9 --top-k 1")));
    streamed = shell("Q generate " MODEL " --prompt 'The capital of' --max-tokens 12 --stream").out;
    ck_assert(holds(streamed, qg_str_dup(arena, qg_str_trim(greedy))));
    refused("Q generate " MODEL " --prompt a --top-p 1.5", 2, "top-p");
    refused("Q generate " MODEL " --prompt a --max-tokens 0", 2, "max-tokens");
}
END_TEST

START_TEST(bench_tells_every_sample_and_the_ledger)
{
    const qg_json *root =
        json_line(shell("Q bench " MODEL
                        " --batch 1,2 --input-len 8 --output-len 4 --repeat 3 --warmup 1 --json"),
                  0);
    const qg_json *rows = qg_json_get(root, "rows");

    ck_assert_uint_eq(qg_json_len(rows), 2);
    for (size_t i = 0; i < 2; i++) {
        const qg_json *row = qg_json_at(rows, i), *ledger = qg_json_get(row, "ledger");
        ck_assert_double_eq(real_of(row, "batch"), (double)i + 1);
        ck_assert_uint_eq(qg_json_len(qg_json_get(row, "ttft_ns")), 3);
        ck_assert_uint_eq(qg_json_len(qg_json_get(row, "tpot_ns")), 3);
        ck_assert_uint_eq(qg_json_len(qg_json_get(row, "e2e_ns")), 3);
        ck_assert_uint_eq(qg_json_len(qg_json_get(row, "throughput_tok_s")), 3);
        ck_assert(real_of(row, "decode_tok_s") > 0);
        ck_assert_double_eq(real_of(ledger, "weights"), 7349248);
        ck_assert_double_eq(real_of(ledger, "kv_cache"), (double)(i + 1) * 16 * 2 * 4 * 2 * 64 * 4);
    }
}
END_TEST

START_TEST(folders_are_made_and_looked_into)
{
    ck_assert_int_eq(
        shell("Q synth --preset tiny --seed 5 -o $D/a && Q synth --preset tiny --seed 5 -o $D/b && "
              "cmp $D/a/model.safetensors $D/b/model.safetensors")
            .exit_code,
        0);
    refused("Q synth --preset tiny -o $D/a", 2, "exists already");
    const qg_json *root = json_line(shell("Q inspect $D/a --json"), 0);
    ck_assert(qg_str_is(text_of(root, "family"), "llama"));
    ck_assert(qg_str_is(text_of(root, "method"), "fp16"));
    ck_assert_double_eq(real_of(root, "params"), 96336);
    ck_assert_uint_eq(qg_json_len(qg_json_get(root, "tensors")), 20);
    ck_assert_int_eq(shell("Q score $D/a --text hello").exit_code, 0);
    refused("head -c 100000 $D/a/model.safetensors >$D/b/model.safetensors; Q inspect $D/b", 2,
            "model.safetensors");
    refused("Q score $D/b --text hello", 2, "model.safetensors");
    refused("Q generate $D/b --prompt hello", 2, "model.safetensors");
}
END_TEST

START_TEST(quantized_folders_are_looked_into)
{
    static const struct {
        const char *options, *method, *stored, *activations;
        double bits, group;
    } cases[] = {
        {"--bits 4 --group-size 32 --asym", "gptq", "gptq", "float", 4, 32},
        {"--format awq --group-size 64", "awq", "awq", "float", 4, 64},
        {"--bits 8 --format compressed-tensors", "gptq", "compressed-tensors pack-quantized",
         "float", 8, 128},
        {"--format compressed-tensors --activations int8", "int8",
         "compressed-tensors int-quantized", "int8", 8, -1},
        {"--format bitsandbytes", "int8", "bitsandbytes", "float", 8, -1},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_int_eq(shell(qg_arena_format(arena,
                                               "Q synth --hidden-size 128 --intermediate-size 256 "
                                               "--heads 4 --kv-heads 2 --head-dim 32 %s -o $D/%zu",
                                               cases[i].options, i))
                             .exit_code,
                         0);
        const qg_json *root =
            json_line(shell(qg_arena_format(arena, "Q inspect $D/%zu --json", i)), 0);
        const qg_json *q = qg_json_get(root, "quantization");
        /* codes count, scales do not: two layers, the last norm, the rows of the embedding */
        ck_assert(qg_str_is(text_of(root, "method"), cases[i].method));
        ck_assert(qg_str_is(text_of(q, "stored"), cases[i].stored));
        ck_assert(qg_str_is(text_of(q, "activations"), cases[i].activations));
        ck_assert_double_eq(real_of(q, "bits"), cases[i].bits);
        ck_assert_double_eq(real_of(q, "group_size"), cases[i].group);
        int64_t rest = (int64_t)real_of(root, "params") -
                       2 * (2 * 128 * 128 + 2 * 64 * 128 + 3 * 256 * 128 + 2 * 128) - 128;
        ck_assert_int_eq(rest % 128, 0); /* rows of the embedding */
        ck_assert(rest / 128 >= 258 && rest / 128 <= 512);
    }
}
END_TEST

START_TEST(lint_and_the_gate_agree_on_exit_codes)
{
    ck_assert_int_eq(shell("Q lint suites/smoke.yaml").exit_code, 0);
    refused("Q lint suites/bad/unknown-key.yaml >&2", 2, "did you mean");
    refused("Q run suites/bad/unknown-key.yaml", 2, "unknown-key.yaml:");
    refused("Q run suites/smoke.yaml --only 'nothing*'", 2, "no case matches");
    refused("Q run suites/smoke.yaml --shard 3/2", 2, "expected I/N");
    refused("CI=true Q bless suites/smoke.yaml", 2, "not blessed in CI");
    refused("Q run suites/smoke.yaml --device cuda --require cuda", 3, "requires cuda");
    outcome o = shell("Q run suites/smoke.yaml --dry-run");
    ck_assert_int_eq(o.exit_code, 0);
    ck_assert(holds(o.out, "4 of 4 cases"));
}
END_TEST

START_TEST(blessing_prints_the_difference_and_writes)
{
    shell("sed -e '/^  text:/d' -e 's/ppl: [0-9.]*, //' -e 's#: data/#: suites/data/#' -e "
          "'s#golden/text/tiny-llama#'$D'/gold#' "
          "suites/smoke.yaml >$D/s.yaml");
    outcome o = shell("Q bless $D/s.yaml --dry-run");
    ck_assert_msg(o.exit_code == 0, QG_STR_PRI, QG_STR_ARG(o.err));
    ck_assert(holds(o.out, "fp16.gold: new"));
    ck_assert(!qg_dir_exists(qg_path_join(arena, folder, "gold")));
    ck_assert_int_eq(shell("Q bless $D/s.yaml").exit_code, 0);
    o = shell("Q bless $D/s.yaml");
    ck_assert(holds(o.out, "differ by at most 0.00000"));
    ck_assert(holds(o.out, "same top token 100.000 %"));
    shell("sed -i 's/^prompts ./prompts z/' $D/gold/fp16/cpu/fp16.gold");
    ck_assert(holds(shell("Q bless $D/s.yaml").out, "does not compare"));
    refused("Q bless $D/s.yaml --only '*/perf/*'", 0, "");
    refused(
        "sed '/golden:/d; /same_top/d; 0,/budgets:/{/budgets:/d}' $D/s.yaml >$D/n.yaml; Q bless "
        "$D/n.yaml",
        2, "golden");
}
END_TEST

START_TEST(lint_prints_the_language)
{
    const qg_json *schema = NULL;
    outcome o = shell("Q lint --schema");

    ck_assert_int_eq(o.exit_code, 0);
    ck_assert_int_eq(qg_json_parse(&schema, arena, o.out, "schema", NULL), QG_OK);
    ck_assert(qg_json_get(qg_json_get(schema, "properties"), "models") != NULL);
    ck_assert_int_eq(shell("Q lint --keys | cmp - suites/README.md").exit_code, 0);
    o = shell("Q lint suites/bad/unknown-key.yaml --json");
    ck_assert_int_eq(o.exit_code, 2);
    ck_assert_int_eq(qg_json_parse(&schema, arena, o.out, "findings", NULL), QG_OK);
}
END_TEST

START_TEST(a_worker_may_be_a_script)
{
    shell("printf 'version: 1\\nname: w\\nmodels: {m: {model: %s}}\\nreference: m\\nperformance:\\n"
          "  production: {input_len: 4, output_len: 2, batch: [1]}\\n  samples: {min: 1, max: 1, "
          "warmup: 0}\\n' $PWD/" MODEL
          " >$D/s.yaml; printf '#!/bin/sh\\necho used >%s/used\\nexec %s "
          "\"$@\"\\n' $D \"$QG_PROGRAM\" >$D/w; chmod +x $D/w");
    outcome o = shell("export QUANTGATE_WORKER=$D/w; Q run $D/s.yaml && cat $D/used");
    ck_assert_msg(o.exit_code == 0 && holds(o.out, "used"), QG_STR_PRI, QG_STR_ARG(o.err));
    o = shell("export QUANTGATE_WORKER=/nowhere; Q run $D/s.yaml");
    ck_assert_int_eq(o.exit_code, 3);
    ck_assert(holds(o.out, "cannot start '/nowhere'"));
}
END_TEST

Suite *cli_check(void)
{
    Suite *s = suite_create("cli_check");
    TCase *t = tcase_create("cli");

    tcase_add_checked_fixture(t, program_begin, folder_end);
    tcase_set_timeout(t, 300);
    tcase_add_test(t, words_that_are_wrong_get_a_hint);
    tcase_add_test(t, every_command_explains_itself);
    tcase_add_test(t, a_score_is_a_distribution);
    tcase_add_test(t, many_inputs_answer_in_order);
    tcase_add_test(t, texts_that_cannot_be_scored_are_refused);
    tcase_add_test(t, tokenize_goes_there_and_back);
    tcase_add_test(t, generation_is_reproducible);
    tcase_add_test(t, bench_tells_every_sample_and_the_ledger);
    tcase_add_test(t, folders_are_made_and_looked_into);
    tcase_add_test(t, quantized_folders_are_looked_into);
    tcase_add_test(t, lint_and_the_gate_agree_on_exit_codes);
    tcase_add_test(t, blessing_prints_the_difference_and_writes);
    tcase_add_test(t, lint_prints_the_language);
    tcase_add_test(t, a_worker_may_be_a_script);
    suite_add_tcase(s, t);
    return s;
}
