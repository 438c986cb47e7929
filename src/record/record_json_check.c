/* Unit tests of record/record_json: a stored run by hand, its way out and back, and every way to
 * spoil it. */
#include "record/record_json.h"

#include "base/file.h"
#include "base/scratch_check.h"

#include <math.h>
#include <stdlib.h>

static qg_str stored_run(void)
{
    qg_str text;
    const char *root = getenv("QG_ROOT");
    char *path = qg_path_join(arena, root ? root : ".", "golden/reports/run.json");
    ck_assert_int_eq(qg_file_read(&text, arena, path, 1 << 20, &err), QG_OK);
    return text;
}

START_TEST(every_part_is_read)
{
    qg_run *r;

    ck_assert_int_eq(qg_run_from_json(&r, arena, stored_run(), "run.json", &err), QG_OK);
    ck_assert_str_eq(r->suite, "release gate <nightly> & \"friends\" \xf0\x9f\x98\x80");
    ck_assert_int_eq(r->wall_ns, 83500000000);
    ck_assert_int_eq(r->verdict, QG_VERDICT_ERROR);
    ck_assert_int_eq(r->exit_code, 2);
    ck_assert_str_eq(r->machine.tier, "avx2");
    ck_assert_ptr_null(r->machine.gpu);
    ck_assert_int_eq(r->machine.n_threads, 2);
    ck_assert_str_eq(r->reference, "fp16");
    ck_assert_uint_eq(r->n_models, 3);
    ck_assert_int_eq(r->models[1].bytes, 2490368);
    ck_assert_ptr_null(r->models[0].quantized);
    const qg_quantized *q = r->models[1].quantized;
    ck_assert_ptr_nonnull(q);
    ck_assert_int_eq(q->group_size, 64);
    ck_assert_uint_eq(q->n_linears, 20);
    ck_assert_str_eq(q->linears[13].name, "model.layers.1.mlp.down_proj");
    ck_assert_double_eq(q->linears[13].output_error, 0.40625);
    ck_assert_int_eq(q->linears[13].outliers[1].input, 17);
    ck_assert_uint_eq(r->n_measurements, 11);
    const qg_measurement *m = &r->measurements[0];
    ck_assert_str_eq(m->id.id, "fp16/quality");
    ck_assert_int_eq(m->state, QG_CASE_MEASURED);
    ck_assert_int_eq(m->line, 12);
    ck_assert_uint_eq(m->n_docs, 2);
    ck_assert_double_eq(m->docs[1].sum_nll, 928.125);
    ck_assert_int_eq(m->docs[1].hits, 210);
    ck_assert_ptr_null(m->kld);
    ck_assert_ptr_nonnull(m->gold);
    const qg_gold_position *p = m->gold->prompts[0].positions;
    ck_assert(qg_str_is(p[1].bytes, " \xf0\x9f\x98\x80"));
    ck_assert_int_eq(p[1].top[1].id, 5);
    ck_assert_double_eq(p[1].top[1].logprob, -1.5);
    ck_assert(p[0].has_tail && !p[1].has_tail);
    ck_assert_double_eq(m->gold->prompts[0].greedy[1].margin, 0.0625);
    m = &r->measurements[1];
    ck_assert_int_eq(m->id.batch, 1);
    ck_assert_str_eq(m->series[1].name, "tpot");
    ck_assert_double_eq(m->series[1].samples[4], 3187500);
    ck_assert_int_eq(m->scalars[2].metric, QG_METRIC_KV_CACHE);
    ck_assert_ptr_null(m->gold);
    ck_assert_str_eq(m->group, "perf/b1/cpu");
    ck_assert_int_eq(m->n_looks, 4);
    ck_assert_int_eq(m->pressure.delay_ns, 75000000);
    ck_assert_int_eq(m->pressure.khz_greatest, 3700000);
    ck_assert(m->pressure.unstable);
    ck_assert_int_eq(r->measurements[3].state, QG_CASE_FAILED);
    ck_assert_int_eq(r->measurements[3].exit_class, 3);
    m = &r->measurements[8];
    ck_assert(m->docs[1].has_reference);
    ck_assert_double_eq(m->docs[0].sum_dp2, 0.21875);
    ck_assert_int_eq(m->docs[0].flips, 21);
    ck_assert_int_eq(m->kld->n, 1200);
    ck_assert_int_eq(m->kld->zeros, 300);
    ck_assert_double_eq(m->kld->greatest, 0.25);
    ck_assert_uint_eq(m->kld->n_buckets, 5);
    ck_assert_int_eq(m->kld->buckets[4].count, 2);
    ck_assert_uint_eq(r->n_judgements, 14);
    const qg_judgement *j = &r->judgements[2];
    ck_assert_int_eq(j->metric, QG_METRIC_SAME_TOP);
    ck_assert(j->at_least && j->has_limit && j->has_value);
    ck_assert_double_eq(j->limit, 0.995);
    ck_assert_int_eq(j->column, 50);
    j = &r->judgements[7];
    ck_assert_int_eq(j->basis, QG_BASIS_BUDGET);
    ck_assert_str_eq(j->test, "order statistics");
    ck_assert(j->has_low && !j->has_high && j->has_p && j->has_detectable && !j->has_base);
    ck_assert_double_eq(j->low, 6875000);
    ck_assert_double_eq(j->detectable, 250000);
    ck_assert(!r->partial && !r->against);
    ck_assert_int_eq(r->judgements[9].metric, QG_METRIC_NONE);
    ck_assert_str_eq(r->judgements[12].expires, "2026-12-31");
    ck_assert_uint_eq(r->n_notices, 1);
    ck_assert_int_eq(r->models[1].bits, 4);
    ck_assert_int_eq(r->models[1].group_size, 64);
    const qg_checklist *c = r->checklist;
    ck_assert_str_eq(c->gate, "pr");
    ck_assert_uint_eq(qg_checklist_asked(c),
                      7); /* by hand: one is not asked, done and waived met */
    ck_assert_uint_eq(qg_checklist_met(c), 2);
    ck_assert_int_eq(c->items[QG_CHECKITEM_AB].state, QG_CHECKITEM_IS_OTHER_HASH);
    ck_assert_str_eq(c->items[QG_CHECKITEM_MEMORY].expires, "2026-12-31");
    ck_assert_int_eq(c->items[QG_CHECKITEM_MEMORY].lacks[0].state, QG_CHECKITEM_IS_FAILED);
    ck_assert_int_eq(c->items[QG_CHECKITEM_CARD].lacks[0].line, 12);
    ck_assert_uint_eq(c->items[QG_CHECKITEM_BASELINE].n_proofs, 2);
    ck_assert_double_eq(c->items[QG_CHECKITEM_BATCHES].proofs[0].age_days, 45.25);
}
END_TEST

START_TEST(what_is_read_is_written_as_it_was)
{
    qg_str text = stored_run();
    qg_run *r;
    qg_buf b;

    ck_assert_int_eq(qg_run_from_json(&r, arena, text, "run.json", &err), QG_OK);
    qg_buf_init(&b, arena);
    ck_assert_int_eq(qg_run_to_json(&b, r, &err), QG_OK);
    ck_assert_uint_eq(b.len, text.len);
    ck_assert(qg_str_eq(qg_buf_view(&b), text));
    ck_assert(qg_str_starts(text, QG_STR("{\"schema\":2,")));
}
END_TEST

START_TEST(what_is_measured_beside_the_reference_comes_back)
{
    qg_sketch sketch = {0};
    qg_measurement m = {.id = {"b/quality", "b", "fp16", "cuda", "quality", 0, 0, 0},
                        .dlogprob = &sketch,
                        .n_continued = 100,
                        .n_same = 98};
    qg_model_info model = {.name = "b", .reference = "a"};
    qg_run run = {.measurements = &m, .n_measurements = 1, .models = &model, .n_models = 1}, *back;
    qg_buf b;

    ck_assert(qg_sketch_add(&sketch, arena, 0.03) && qg_sketch_add(&sketch, arena, 0));
    qg_buf_init(&b, arena);
    ck_assert_int_eq(qg_run_to_json(&b, &run, &err), QG_OK);
    ck_assert_int_eq(qg_run_from_json(&back, arena, qg_buf_view(&b), "run.json", &err), QG_OK);
    ck_assert_str_eq(back->models[0].reference, "a");
    ck_assert_int_eq(back->measurements[0].n_continued, 100);
    ck_assert_int_eq(back->measurements[0].n_same, 98);
    ck_assert_double_eq(back->measurements[0].dlogprob->greatest, 0.03);
    ck_assert_int_eq(back->measurements[0].dlogprob->n, 2);
    ck_assert_ptr_null(back->measurements[0].kld);
}
END_TEST

START_TEST(another_program_s_run_is_inside)
{
    qg_measurement theirs = {.id = {"a/perf/b1", "a", "fp16", "cpu", "performance", 1, 8, 4}};
    qg_run other = {.version = "0.2.0", .measurements = &theirs, .n_measurements = 1};
    qg_run run = {
        .program = "./old", .against = &other, .shard = 2, .n_shards = 3, .partial = true};
    qg_run *r;
    qg_buf b, again;

    qg_buf_init(&b, arena);
    ck_assert_int_eq(qg_run_to_json(&b, &run, &err), QG_OK);
    ck_assert_int_eq(qg_run_from_json(&r, arena, qg_buf_view(&b), "run", &err), QG_OK);
    ck_assert_str_eq(r->program, "./old");
    ck_assert_str_eq(r->against->version, "0.2.0");
    ck_assert_str_eq(r->against->measurements[0].id.id, "a/perf/b1");
    ck_assert(r->partial && r->shard == 2 && r->n_shards == 3 && !r->against->partial);
    qg_buf_init(&again, arena);
    ck_assert_int_eq(qg_run_to_json(&again, r, &err), QG_OK);
    ck_assert(qg_str_eq(qg_buf_view(&b), qg_buf_view(&again)));
}
END_TEST

typedef struct spoil {
    const char *from, *to; /* replaced once in the stored run */
    const char *message;   /* part of the formatted error     */
} spoil;

static const spoil spoils[] = {
    {"\"schema\":2", "\"schema\":0", "schema 0, this program reads 1 to 2"},
    {"\"schema\":2", "\"schema\":3", "schema 3, this program reads 1 to 2"},
    {"\"basis\":\"budget\",", "", "'basis' is absent"},
    {"\"schema\":2", "\"schema\":\"2\"", "'schema' is a string, an integer was expected"},
    {"\"schema\":2,", "", "no 'schema'"},
    {"\"basis\":\"budget\"", "\"basis\":\"wish\"", "'basis' has the unknown value 'wish'"},
    {"\"delay_ns\":75000000", "\"delay_ns\":-1", "case 'fp16/perf/b1': 'delay_ns' is -1"},
    {"\"judgements\":[", "\"against\":{\"schema\":2,\"verdict\":\"pass\"},\"judgements\":[",
     "'exit_code' is absent"},
    {"\"judgements\":[",
     "\"against\":{\"schema\":2,\"verdict\":\"pass\",\"exit_code\":0,\"machine\":{},\"against\":{}}"
     ","
     "\"judgements\":[",
     "'against' holds an 'against'"},
    {"\"wall_ns\":83500000000", "\"wall_ns\":-1", "'wall_ns' is -1, which is out of range"},
    {"\"wall_ns\":83500000000", "\"wall_ns\":1.5", "'wall_ns' is a number, an integer"},
    {"\"wall_ns\":83500000000", "\"wall_ns\":1e400", "JSON"},
    {"\"wall_ns\":83500000000", "\"wall_ns\":NaN", "JSON"},
    {"\"verdict\":\"error\",\"exit_code\":2", "\"verdict\":\"err\",\"exit_code\":2",
     "unknown value 'err'"},
    {"\"exit_code\":2,", "", "'exit_code' is absent"},
    {"\"exit_code\":2,", "\"exit_code\":5000000000,", "'exit_code' is 5000000000"},
    {"\"suite\":\"release", "\"suite\":\"\\u0000", "'suite' holds a NUL"},
    {"\"machine\":{", "\"machine\":[],\"m\":{", "machine: an array was found"},
    {"\"cases\":[", "\"cases\":7,\"c\":[", "'cases' is an integer, an array was expected"},
    {"\"models\":[", "\"models\":[null,", "run: entry 0 of 'models': null was found"},
    {",\"quantized\":null", "", ""}, /* as older programs wrote it */
    {"\"quantized\":null", "\"quantized\":4", "model 'fp16': an object was expected"},
    {"\"bits\":4,", "\"bits\":-4,", "run: entry 1 of 'models': 'bits' is -4"},
    {"\"bits\":4,\"group_size\":64,\"symm", "\"bits\":-4,\"group_size\":64,\"symm",
     "model 'gptq': 'bits' is -4"},
    {"\"checklist\":{", "\"checklist\":null,\"other\":{", ""},
    {"\"checklist\":{", "\"checklist\":[],\"other\":{", "checklist: an array was found"},
    {"\"max_age_days\":30", "\"max_age_days\":\"30\"", "checklist: 'max_age_days' is a string"},
    {"\"items\":[{", "\"items\":[null,{", "checklist: 'items' are not 8"},
    {"\"item\":\"variant\"", "\"item\":\"card\"", "checklist: item 1 is not 'variant'"},
    {"\"state\":\"another hash\"", "\"state\":\"other\"", "unknown value 'other'"},
    {"\"state\":\"waived\"", "\"state\":3", "'state' is an integer, a string was expected"},
    {"\"subject\":\"CARD.md\"", "\"subject\":null", "entry 0 of 'proofs': 'subject' is null"},
    {"\"lacks\":[{", "\"lacks\":[7,{", "entry 0 of 'lacks': an integer was found"},
    {"\"projection\":\"v\"", "\"projection\":7", "model 'gptq': linear 2: 'projection' is an int"},
    {"\"ratio\":93.5", "\"ratio\":null", "linear 13: entry 0 of 'outliers': 'ratio' is null"},
    {"\"id\":\"fp16/perf/b4\"", "\"id\":\"fp16/perf/b1\"", "case 'fp16/perf/b1': the case occurs"},
    {"\"id\":\"fp16/perf/b4\"", "\"id\":null", "case 2: 'id' is null"},
    {"\"state\":\"measured\"", "\"state\":\"done\"", "'state' has the unknown value 'done'"},
    {"21500000,", "-21500000,", "sample 0 of 'ttft' is negative"},
    {"21500000,", "\"21500000\",", "'ttft' is a string, a finite number"},
    {"\"name\":\"ttft\"", "\"name\":null", "a series has no 'name'"},
    {"\"metric\":\"memory_peak\"", "\"metric\":\"memory_peek\"", "unknown value 'memory_peek'"},
    {"\"metric\":\"memory_peak\"", "\"metric\":null", "scalar 0 has no metric"},
    {"\"n_scored\":700", "\"n_scored\":-700",
     "case 'fp16/quality': entry 0 of 'docs': 'n_scored' is -700"},
    {"\"kld\":{\"n\":1200", "\"kld\":{\"n\":1201", "'kld' do not fit together"},
    {"\"kld\":{\"n\":1200,", "\"kld\":{", "case 'int8/quality': 'n' is absent"},
    {"\"kld\":{", "\"kld\":7,\"k\":{", "case 'int8/quality': an integer was found"},
    {"\"counts\":[500,", "\"counts\":[", "are not of one length"},
    {"\"counts\":[500,", "\"counts\":[-500,", "'counts' is -500"},
    {"\"greatest\":0.25", "\"greatest\":0.5", "'kld' do not fit together"},
    {"\"n_same\":0", "\"n_same\":1", "1 of 0 continuations are the same"},
    {"\"dlogprob\":null", "\"dlogprob\":{\"n\":2}", "'zeros' is absent"},
    {"\"bytes\":\"3c733e\"", "\"bytes\":\"3c733\"", "'bytes' is not a string of hex"},
    {"\"bytes\":\"3c733e\"", "\"bytes\":\"3g\"", "'bytes' is not a string of hex"},
    {"\"top_ids\":[5,2]", "\"top_ids\":[5]", "not of one length"},
    {"\"top_ids\":[5,2]", "\"top_ids\":[5,-2]", "'top_ids' is -2"},
    {"\"top_logprobs\":[-0.25", "\"top_logprobs\":[null", "'top_logprobs' is null"},
    {"\"margin\":1", "\"margin\":true", "'margin' is a boolean"},
    {"\"tokenizer_hash\":\"b", "\"token\":\"b", ""}, /* of a model: may be absent */
    {"\"case\":\"fp16/quality\",\"metric\":\"ppl\"", "\"metric\":\"ppl\"", "'case' is absent"},
    {"\"has_value\":true", "\"has_value\":1", "'has_value' is an integer, a boolean"},
    {"\"notices\":[", "\"notices\":[null,", "notice 0 is null"},
};

START_TEST(a_spoiled_run_is_refused_with_the_place)
{
    const spoil *s = &spoils[_i];
    qg_str text = stored_run();
    const char *at = strstr(text.ptr, s->from);
    char message[2048];
    qg_run *r;
    qg_buf b;

    ck_assert_ptr_nonnull(at);
    qg_buf_init(&b, arena);
    qg_buf_append(&b, text.ptr, (size_t)(at - text.ptr));
    qg_buf_text(&b, s->to);
    qg_buf_text(&b, at + strlen(s->from));
    qg_status status = qg_run_from_json(&r, arena, qg_buf_view(&b), "run.json", &err);
    if (!s->message[0]) {
        ck_assert_int_eq(status, QG_OK);
        return;
    }
    ck_assert_int_eq(status, QG_EFORMAT);
    qg_err_format(&err, message, sizeof message);
    ck_assert_msg(strstr(message, s->message), "'%s' lacks '%s'", message, s->message);
    ck_assert_ptr_nonnull(strstr(message, "run.json"));
}
END_TEST

/* As the stored run would have been written: no basis, no group, no pressure. */
START_TEST(a_run_of_the_first_schema_is_read)
{
    qg_run *r;

    ck_assert_int_eq(
        qg_run_from_json(
            &r, arena,
            QG_STR("{\"schema\":1,\"suite\":\"s\",\"verdict\":\"fail\",\"exit_code\":1,"
                   "\"machine\":{},\"models\":[],\"cases\":[{\"id\":\"fp16/perf/b1\",\"model\":"
                   "\"fp16\",\"method\":\"fp16\",\"device\":\"cpu\",\"kind\":\"performance\","
                   "\"state\":\"measured\",\"series\":[{\"name\":\"ttft\",\"samples\":[2]}]}],"
                   "\"judgements\":[{\"case\":\"fp16/perf/b1\",\"metric\":\"ttft_p50\","
                   "\"verdict\":\"fail\",\"exit_class\":1,\"has_value\":true,\"has_limit\":true,"
                   "\"value\":2,\"limit\":1,\"n\":1}]}"),
            "run.json", &err),
        QG_OK);
    ck_assert_uint_eq(r->n_judgements, 1);
    ck_assert_int_eq(r->judgements[0].basis, QG_BASIS_BUDGET);
    ck_assert_int_eq(r->judgements[0].verdict, QG_VERDICT_FAIL);
    ck_assert_double_eq(r->measurements[0].series[0].samples[0], 2);
    ck_assert_ptr_null(r->measurements[0].group);
}
END_TEST

START_TEST(truncations_are_refused)
{
    qg_str text = stored_run();

    for (size_t n = 0; n + 2 < text.len; n += n < 200 ? 1 : 97) {
        qg_arena *a = qg_arena_create();
        char *copy = qg_arena_copy(a, text.ptr, n);
        qg_run *r;
        ck_assert_int_eq(qg_run_from_json(&r, a, (qg_str){copy, n}, "run.json", NULL), QG_EFORMAT);
        qg_arena_free(a);
    }
}
END_TEST

START_TEST(non_finite_numbers_are_named)
{
    qg_scalar scalar = {QG_METRIC_PPL, NAN, 1};
    qg_measurement m = {.id = {.id = "x", .model = "x"}, .scalars = &scalar, .n_scalars = 1};
    qg_run run = {.measurements = &m, .n_measurements = 1};
    qg_buf b;

    qg_buf_init(&b, arena);
    ck_assert_int_eq(qg_run_to_json(&b, &run, &err), QG_ENONFINITE);
    ck_assert_ptr_nonnull(strstr(err.message, "'value'"));
}
END_TEST

START_TEST(too_many_cases_are_refused)
{
    qg_run *r;
    qg_buf b;

    qg_buf_init(&b, arena);
    qg_buf_text(&b,
                "{\"schema\":2,\"verdict\":\"pass\",\"exit_code\":0,\"machine\":{},\"cases\":[0");
    for (int i = 0; i < QG_RUN_CASES_MAX; i++)
        qg_buf_text(&b, ",0");
    qg_buf_text(&b, "]}");
    ck_assert_int_eq(qg_run_from_json(&r, arena, qg_buf_view(&b), "run.json", &err), QG_EFORMAT);
    ck_assert_ptr_nonnull(strstr(err.message, "more than 10000 cases"));
}
END_TEST

START_TEST(a_minimal_run_has_zeros_and_nulls)
{
    qg_run *r;

    ck_assert_int_eq(qg_run_from_json(&r, arena,
                                      QG_STR("{\"schema\":2,\"new key\":[],\"verdict\":\"pass\","
                                             "\"exit_code\":0,\"machine\":{}}"),
                                      "run.json", &err),
                     QG_OK);
    ck_assert_ptr_null(r->suite);
    ck_assert_uint_eq(r->n_measurements, 0);
    ck_assert_int_eq(r->wall_ns, 0);
}
END_TEST

START_TEST(a_run_from_before_live_references_is_read)
{
    qg_run *r;

    ck_assert_int_eq(
        qg_run_from_json(
            &r, arena,
            QG_STR("{\"schema\":2,\"verdict\":\"pass\",\"exit_code\":0,\"machine\":{},\"cases\":[{"
                   "\"id\":\"a/quality\",\"model\":\"a\",\"method\":\"fp16\",\"device\":\"cpu\","
                   "\"kind\":\"quality\",\"state\":\"measured\",\"docs\":[{\"n_scored\":7,"
                   "\"sum_nll\":9.5,\"has_reference\":false,\"sum_dnll\":0,\"sum_kl\":0,"
                   "\"flips\":0,\"hits\":3}]}]}"),
            "run.json", &err),
        QG_OK);
    ck_assert_ptr_null(r->reference);
    ck_assert_ptr_null(r->measurements[0].kld);
    ck_assert_int_eq(r->measurements[0].docs[0].hits, 3);
    ck_assert_double_eq(r->measurements[0].docs[0].sum_dp2, 0);
}
END_TEST

START_TEST(a_million_samples_are_read)
{
    double *samples = QG_NEW_N(arena, double, 1000000);
    qg_series series = {"itl", samples, 1000000};
    qg_measurement m = {
        .id = {.id = "x", .model = "x", .method = "fp16", .device = "cpu", .kind = "performance"},
        .series = &series,
        .n_series = 1};
    qg_run run = {.measurements = &m, .n_measurements = 1}, *again;
    qg_buf b;

    for (size_t i = 0; i < 1000000; i++)
        samples[i] = 1e6 + (double)(i * 7919 % 1000003) / 3;
    qg_buf_init(&b, arena);
    ck_assert_int_eq(qg_run_to_json(&b, &run, &err), QG_OK);
    ck_assert_int_eq(qg_run_from_json(&again, arena, qg_buf_view(&b), "run.json", &err), QG_OK);
    ck_assert_int_eq(
        memcmp(again->measurements[0].series[0].samples, samples, 1000000 * sizeof *samples), 0);
}
END_TEST

START_TEST(lack_of_memory_is_said)
{
    qg_str text = stored_run();
    qg_status s;
    long n = 1;

    do {
        qg_arena *a = qg_arena_create();
        qg_run *r;
        qg_buf b;
        qg_arena_fail_after(n);
        s = qg_run_from_json(&r, a, text, "run.json", NULL);
        qg_buf_init(&b, a);
        if (s == QG_OK)
            s = qg_run_to_json(&b, r, NULL);
        bool waiting = qg_arena_fail_after(0);
        ck_assert_msg(waiting ? s == QG_OK : s == QG_ENOMEM, "allocation %ld gives %d", n, s);
        qg_arena_free(a);
        n += n < 300 ? 1 : 37;
    } while (s != QG_OK);
}
END_TEST

Suite *record_json_check(void)
{
    Suite *s = suite_create("record_json_check");
    TCase *t = tcase_create("record_json");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_set_timeout(t, 30);
    tcase_add_test(t, every_part_is_read);
    tcase_add_test(t, what_is_read_is_written_as_it_was);
    tcase_add_test(t, what_is_measured_beside_the_reference_comes_back);
    tcase_add_test(t, another_program_s_run_is_inside);
    tcase_add_loop_test(t, a_spoiled_run_is_refused_with_the_place, 0,
                        sizeof spoils / sizeof *spoils);
    tcase_add_test(t, a_run_of_the_first_schema_is_read);
    tcase_add_test(t, truncations_are_refused);
    tcase_add_test(t, non_finite_numbers_are_named);
    tcase_add_test(t, too_many_cases_are_refused);
    tcase_add_test(t, a_minimal_run_has_zeros_and_nulls);
    tcase_add_test(t, a_run_from_before_live_references_is_read);
    tcase_add_test(t, a_million_samples_are_read);
    tcase_add_test(t, lack_of_memory_is_said);
    suite_add_tcase(s, t);
    return s;
}
