/* Tests of `quantgate eval` as a user meets it: its numbers against those of `score` with the whole
 * vocabulary as candidates, and everything that it must refuse. */
#include "cli/program_check.h"
#include "engine/reference_check.h"

#include <math.h>

enum { VOCABULARY = 2048, MAX_TOKENS = 256 };
#define TEXT                                                                                       \
    "The capital of the country is the largest of its towns, and the river runs through it. "      \
    "A word is a name of a number."

/* log p of every id after each position, in order of id. */
static double (*logprobs_of(const qg_json *score))[VOCABULARY]
{
    const qg_json *tokens = qg_json_get(score, "tokens");
    size_t n = qg_json_len(tokens);
    double(*out)[VOCABULARY] = qg_arena_array(arena, n, sizeof *out);

    ck_assert_uint_le(n, MAX_TOKENS);
    for (size_t i = 0; i < n; i++) {
        const qg_json *top = qg_json_get(qg_json_at(tokens, i), "top");
        ck_assert_uint_eq(qg_json_len(top), VOCABULARY);
        for (size_t k = 0; k < VOCABULARY; k++) {
            int64_t id;
            if (!qg_json_int(qg_json_get(qg_json_at(top, k), "id"), &id))
                ck_abort_msg("no id at rank %zu of token %zu", k, i);
            out[i][id] = real_of(qg_json_at(top, k), "logprob");
        }
    }
    return out;
}

static int best_of(const double *logprobs)
{
    int best = 0;

    for (int i = 1; i < VOCABULARY; i++)
        best = logprobs[i] > logprobs[best] ? i : best;
    return best;
}

START_TEST(numbers_are_those_of_score_over_the_whole_vocabulary)
{
    const qg_json *own = json_line(
        shell("Q score " MODEL " --quantization int8 --text '" TEXT "' --top-k 2048 --json"), 0);
    const qg_json *other =
        json_line(shell("Q score " MODEL " --text '" TEXT "' --top-k 2048 --json"), 0);
    const qg_json *e = json_line(shell("Q eval " MODEL " --quantization int8 --reference " MODEL
                                       " --text '" TEXT "' --json --per-document"),
                                 0);
    double(*q)[VOCABULARY] = logprobs_of(own), (*p)[VOCABULARY] = logprobs_of(other);
    const qg_json *tokens = qg_json_get(own, "tokens"),
                  *doc = qg_json_at(qg_json_get(e, "docs"), 0);
    double n = (double)qg_json_len(tokens) - 1, kl_sum = 0, kl_max = 0, dp2 = 0, dnll = 0;
    double flips = 0, hits = 0;

    for (size_t i = 0; i + 1 < qg_json_len(tokens); i++) {
        double kl = 0, sum = 0;
        int id = (int)real_of(qg_json_at(tokens, i + 1), "id");
        for (int v = 0; v < VOCABULARY; v++) {
            kl += exp(p[i][v]) * (p[i][v] - q[i][v]);
            sum += exp(p[i][v]);
        }
        ck_assert_double_eq_tol(sum, 1, 1e-6);
        kl_sum += kl;
        kl_max = fmax(kl_max, kl);
        dnll += p[i][id] - q[i][id];
        dp2 += pow(exp(q[i][id]) - exp(p[i][id]), 2);
        flips += best_of(q[i]) != best_of(p[i]);
        hits += best_of(q[i]) == id;
    }
    ck_assert_double_eq(real_of(e, "scored"), n);
    ck_assert_double_eq_tol(real_of(e, "nll"), real_of(own, "nll"), 1e-6 * n);
    ck_assert_double_eq_tol(log(real_of(e, "ppl")), real_of(own, "nll") / n, 1e-6);
    ck_assert_double_eq_tol(log(real_of(e, "ppl_reference")), real_of(other, "nll") / n, 1e-6);
    ck_assert_double_eq_tol(real_of(e, "ppl_increase"), expm1(dnll / n), 1e-6);
    ck_assert_double_eq_tol(real_of(e, "kld_mean"), kl_sum / n, 1e-6);
    ck_assert_double_eq_tol(real_of(e, "kld_max"), kl_max, 1e-6);
    ck_assert_double_eq_tol(real_of(e, "dp_rms"), sqrt(dp2 / n), 1e-6);
    ck_assert_double_eq_tol(real_of(e, "same_top"), 1 - flips / n, 1e-12);
    ck_assert_double_eq(real_of(e, "hits"), hits);
    ck_assert_double_gt(kl_sum / n, 1e-4); /* else nothing was compared */
    ck_assert_double_eq_tol(real_of(doc, "sum_kl") / n, real_of(e, "kld_mean"), 1e-12);
    ck_assert_double_eq_tol(real_of(doc, "sum_dnll"), dnll, 1e-6 * n);
    ck_assert_double_eq_tol(real_of(doc, "sum_dp2"), dp2, 1e-6 * n);
    ck_assert_double_eq(real_of(doc, "flips"), flips);
}
END_TEST

START_TEST(a_model_beside_itself_has_not_changed)
{
    const qg_json *e =
        json_line(shell("Q eval " MODEL " --reference " MODEL " --text '" TEXT "' --json"), 0);

    ck_assert_double_eq(real_of(e, "kld_mean"), 0);
    ck_assert_double_eq(real_of(e, "kld_max"), 0);
    ck_assert_double_eq(real_of(e, "dp_rms"), 0);
    ck_assert_double_eq(real_of(e, "ppl_increase"), 0);
    ck_assert_double_eq(real_of(e, "same_top"), 1);
    ck_assert_double_eq(real_of(e, "ppl"), real_of(e, "ppl_reference"));
}
END_TEST

START_TEST(alone_it_tells_perplexity_and_hits)
{
    const qg_json *e = json_line(shell("Q eval " MODEL " --text '" TEXT "' --json"), 0);

    ck_assert_double_gt(real_of(e, "ppl"), 1);
    ck_assert_double_gt(real_of(e, "hits"), 0);
    ck_assert_ptr_null(qg_json_get(e, "kld_mean"));
    ck_assert_ptr_null(qg_json_get(e, "same_top"));
    ck_assert(qg_json_is_null(qg_json_get(e, "reference")));
    ck_assert_ptr_null(qg_json_get(e, "docs"));
}
END_TEST

START_TEST(documents_are_what_blank_lines_separate)
{
    outcome o = shell("printf 'One two.\\n\\n\\nThree\\nfour.\\n' >$D/t; Q eval " MODEL
                      " --text-file $D/t --json --per-document; Q eval " MODEL
                      " --text 'One two.' --text 'Three\nfour.' --json --per-document");
    const qg_json *file = json_line(o, 0), *texts = json_line(o, 1);
    const qg_json *docs = qg_json_get(file, "docs"), *same = qg_json_get(texts, "docs");

    ck_assert_double_eq(real_of(file, "documents"), 2);
    ck_assert_uint_eq(qg_json_len(docs), 2);
    for (size_t i = 0; i < 2; i++)
        ck_assert_double_eq(real_of(qg_json_at(docs, i), "sum_nll"),
                            real_of(qg_json_at(same, i), "sum_nll"));
    /* the id is that of the file's bytes */
    ck_assert(holds(text_of(file, "protocol"),
                    qg_arena_format(arena, "text=" QG_STR_PRI "/window=512/",
                                    QG_STR_ARG(qg_str_sub(shell("sha256sum <$D/t").out, 0, 12)))));
    ck_assert(!qg_str_eq(text_of(file, "protocol"), text_of(texts, "protocol")));
    ck_assert_int_eq(shell("Q eval " MODEL " --text-file - <$D/t --json >$D/a; Q eval " MODEL
                           " --text-file $D/t --json >$D/b; cmp $D/a $D/b")
                         .exit_code,
                     0);
}
END_TEST

START_TEST(threads_change_no_bit)
{
    ck_assert_int_eq(
        shell("head -c 3000 suites/data/validation.txt >$D/t; for n in 1 2 3; do Q eval " MODEL
              " --quantization int8 --reference " MODEL
              " --text-file $D/t --threads $n --json --per-document >$D/$n; done; "
              "cmp $D/1 $D/2 && cmp $D/1 $D/3")
            .exit_code,
        0);
}
END_TEST

START_TEST(texts_that_cannot_be_read_are_refused)
{
    refused("Q eval " MODEL, 2, "no text; give --text or --text-file");
    refused("Q eval " MODEL " --text ''", 2, "'--text' holds no documents");
    refused("printf ' \\n\\n' >$D/t; Q eval " MODEL " --text-file $D/t", 2, "holds no documents");
    refused("Q eval " MODEL " --text-file $D/none", 2, "/none");
    refused("printf 'a\\377b' >$D/t; Q eval " MODEL " --text-file $D/t", 2,
            "is not valid UTF-8 at byte 1");
    refused("Q eval /nowhere --text a", 2, "there is no model folder '/nowhere'");
    refused("Q eval " MODEL " --text a --window 1", 2, "expected a whole number from 2");
    refused("Q eval " MODEL " --text a --per-document", 2, "goes with --json");
    refused("Q eval " MODEL " --max-model-len 8 --text '" TEXT "'", 2, "lower --window");
    ck_assert_int_eq(
        shell("Q eval " MODEL " --max-model-len 8 --window 8 --text '" TEXT "'").exit_code, 0);
    /* one token, and a tokenizer that puts no other in front of it */
    refused("Q eval golden/vectors/fp16/two-f16-gqa --text a", 2, "'--text' has no token to score");
}
END_TEST

START_TEST(references_that_cannot_be_compared_are_refused)
{
    refused("Q eval " MODEL " --text a --reference golden/models/tiny-opt", 2,
            "only models of one tokenizer can be compared");
    refused("Q eval " MODEL " --text a --reference /nowhere", 2,
            "there is no folder '/nowhere' of the reference");
    refused("Q eval " MODEL " --text a --reference-quantization int8", 2,
            "there is no --reference");
    refused("Q eval " MODEL " --text a --reference " MODEL " --reference-quantization gptq", 2,
            "the reference, which is opened beside the model");
    refused("Q eval " MODEL " --text a --quantization gptq", 2, "gptq");
}
END_TEST

/* Finite weights whose products overflow. */
static void blow_up(qg_tensor_spec *spec, void *data, void *user)
{
    (void)user;
    for (int64_t i = 0; strstr(spec->name, "model.norm") && i < spec->shape[0]; i++)
        ((float *)data)[i] = 3e38f;
}

START_TEST(logits_that_are_not_finite_are_refused)
{
    fixture_begin();
    const qg_synth_options o = {.seed = 21, .dtype = "float32"};
    const char *good = fixture_model("good", &o), *huge = fixture_model("huge", &o);

    fixture_tensors(huge, blow_up, NULL, NULL);
    refused(qg_arena_format(arena, "Q eval %s --text 'abc'", huge), 2,
            "document 1 of '--text': the model gives infinite or NaN logits after position 0");
    refused(qg_arena_format(arena, "Q eval %s --text 'abc' --reference %s", good, huge), 2,
            "/huge': the model gives infinite or NaN logits");
    fixture_end();
}
END_TEST

START_TEST(a_full_disk_is_the_machines_fault)
{
    refused("Q eval " MODEL " --text '" TEXT "' >/dev/full", 3, "cannot write to standard output");
}
END_TEST

Suite *cmd_eval_check(void)
{
    Suite *s = suite_create("cmd_eval_check");
    TCase *t = tcase_create("cmd_eval");

    tcase_add_checked_fixture(t, program_begin, folder_end);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, numbers_are_those_of_score_over_the_whole_vocabulary);
    tcase_add_test(t, a_model_beside_itself_has_not_changed);
    tcase_add_test(t, alone_it_tells_perplexity_and_hits);
    tcase_add_test(t, documents_are_what_blank_lines_separate);
    tcase_add_test(t, threads_change_no_bit);
    tcase_add_test(t, texts_that_cannot_be_read_are_refused);
    tcase_add_test(t, references_that_cannot_be_compared_are_refused);
    tcase_add_test(t, logits_that_are_not_finite_are_refused);
    tcase_add_test(t, a_full_disk_is_the_machines_fault);
    suite_add_tcase(s, t);
    return s;
}
