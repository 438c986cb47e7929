/* The items of the checklist that files beside the run prove: A/B tests and model cards (see
 * checklist.h). Each file is looked at by itself, so that all of its mistakes are told in one pass;
 * then each model to be shipped is looked for in what the files are about. */
#include "judge/claims.h"
#include "judge/items.h"
#include "stats/proportion.h"

#include <stdio.h>
#include <string.h>

#define SPLIT_ALPHA 0.001 /* a plan that is kept contradicts its arms no more often */

enum { DAY_S = 86400 };

/* What files are about: for each model to be shipped, whether one was seen. */
typedef struct seen {
    bool *of;      /* [checklist.n_models] */
    bool stranger; /* a file is about a checkpoint that is none of the run's */
} seen;

static bool *new_seen(qg_checking *c)
{
    bool *of = QG_NEW_N(c->arena, bool, c->suite->checklist.n_models);

    c->out_of_memory = c->out_of_memory || !of;
    return of;
}

/* The place of a model among those to be shipped, or their number. */
static size_t shipped(const qg_checking *c, const char *name)
{
    const qg_suite_checklist *k = &c->suite->checklist;
    size_t i = 0;

    while (i < k->n_models && strcmp(k->models[i]->name, name) != 0)
        i++;
    return i;
}

/* What is wrong with the file as such. */
static void lack_of_findings(qg_checking *c, const qg_evidence_file *f)
{
    for (size_t i = 0; f->findings && i < f->findings->n; i++) {
        const qg_finding *x = &f->findings->at[i];
        qg_checkitem_lack(c, QG_CHECKITEM_IS_MISSING, x->place, x->suggestion, "'%s': %s",
                          f->named.path, x->message);
    }
    if (f->findings && f->findings->n_dropped > 0)
        qg_checkitem_lack(c, QG_CHECKITEM_IS_MISSING, f->named.place, NULL,
                          "'%s': and %zu more mistakes", f->named.path, f->findings->n_dropped);
}

/* The hash of a model of the run without prefix; NULL, with what is lacking, where nobody knows. */
static const char *need_hash(qg_checking *c, const qg_suite_model *model)
{
    const char *hash = qg_checkitem_hash(c, model->name);

    if (!hash)
        qg_checkitem_lack(
            c, QG_CHECKITEM_IS_MISSING, model->place, c->run_command,
            c->run ? "the run does not tell the hash of '%s': its quality was not measured"
                   : "no run tells the hash of '%s'",
            model->name);
    return hash;
}

static bool same_hash(const char *named, const char *hash)
{
    return strcmp(named + strlen(QG_HASH_PREFIX), hash) == 0;
}

/* ---- A/B tests ---- */

static const char *template_of(qg_checking *c, const char *what, const char *path)
{
    return qg_checkitem_format(c, "quantgate checklist %s --template %s > %s", c->suite->path, what,
                               path);
}

/* Whether the arm ran the model that the run measured. */
static bool judge_arm(qg_checking *c, const qg_evidence_file *f, const qg_ab_arm *arm,
                      const qg_suite_model *model)
{
    const char *hash = need_hash(c, model);

    if (!hash)
        return false;
    if (same_hash(arm->checkpoint, hash))
        return true;
    qg_checkitem_lack(
        c, QG_CHECKITEM_IS_OTHER_HASH, (qg_place){f->named.path, 0, 0},
        "run the test again with this checkpoint, or measure the one that was tested",
        "'%s' tested another checkpoint of '%s': %.19s..., the run has " QG_HASH_PREFIX "%.12s...",
        f->named.path, model->name, arm->checkpoint, hash);
    return false;
}

/* Assignment that does not keep its plan says that the arms do not compare (sample ratio mismatch:
 * Fabijan and others, KDD 2019). */
static bool judge_split(qg_checking *c, const qg_evidence_file *f)
{
    const qg_abtest *t = f->test;
    int64_t n = t->control.n + t->treatment.n;
    qg_pvalues p;

    if (t->split <= 0 || t->control.n > QG_PROPORTION_MOST / 2 ||
        t->treatment.n > QG_PROPORTION_MOST / 2 ||
        qg_proportion_test(&p, t->treatment.n, n, t->split, NULL) != QG_OK || p.both >= SPLIT_ALPHA)
        return true;
    qg_checkitem_lack(
        c, QG_CHECKITEM_IS_FAILED, (qg_place){f->named.path, 0, 0},
        "find what lost or doubled units, and run the test again",
        "'%s': %lld of %lld units had the treatment, which a split of %g does not give "
        "(p = %.2g)",
        f->named.path, (long long)t->treatment.n, (long long)n, t->split, p.both);
    return false;
}

static bool judge_decision(qg_checking *c, const qg_evidence_file *f)
{
    const qg_abtest *t = f->test;
    const qg_ab_result *first = &t->primary;

    if (strcmp(t->decision, "ship") == 0)
        return true;
    for (size_t i = 0; strcmp(first->decision, "pass") == 0 && i < t->n_guardrails; i++)
        first = &t->guardrails[i];
    qg_checkitem_lack(c, QG_CHECKITEM_IS_FAILED, (qg_place){f->named.path, 0, 0},
                      strcmp(t->decision, "hold") == 0 ? "run the test for longer" : NULL,
                      "'%s' says %s: %s is %g (%g to %g), %s by %s with margin %g", f->named.path,
                      t->decision, first->metric, first->estimate, first->low, first->high,
                      first->decision, first->rule, first->margin);
    return false;
}

static bool judge_age(qg_checking *c, const qg_evidence_file *f, double age)
{
    char text[QG_UNIT_TEXT], most[QG_UNIT_TEXT];
    double max_age = c->suite->checklist.max_age_days;

    if (age <= max_age)
        return true;
    qg_checkitem_lack(c, QG_CHECKITEM_IS_STALE, (qg_place){f->named.path, 0, 0},
                      "run the test again", "'%s' ended %s ago, of %s at most", f->named.path,
                      qg_unit_print(text, QG_UNIT_DAYS, age),
                      qg_unit_print(most, QG_UNIT_DAYS, max_age));
    return false;
}

static void judge_test(qg_checking *c, const qg_evidence_file *f, seen *s)
{
    const qg_abtest *t = f->test;
    const qg_suite_checklist *k = &c->suite->checklist;
    const qg_suite_model *reference = c->suite->reference;
    qg_place place = {f->named.path, 0, 0};
    size_t at = shipped(c, t->treatment.model);
    double age = c->now_s > t->ended_s ? (double)(c->now_s - t->ended_s) / DAY_S : 0;
    bool fine = true;

    if (strcmp(t->control.model, reference->name) != 0) {
        qg_checkitem_lack(c, QG_CHECKITEM_IS_MISSING, place, NULL,
                          "'%s': the control is '%s', but the suite's reference is '%s'",
                          f->named.path, t->control.model, reference->name);
        fine = false;
    }
    if (at == k->n_models) {
        qg_checkitem_lack(c, QG_CHECKITEM_IS_MISSING, place, NULL,
                          "'%s': the treatment '%s' is no model that this suite ships",
                          f->named.path, t->treatment.model);
        return;
    }
    s->of[at] = true;
    fine = fine && judge_arm(c, f, &t->control, reference);
    fine = judge_arm(c, f, &t->treatment, k->models[at]) && fine;
    fine = judge_age(c, f, age) && fine;
    fine = judge_split(c, f) && fine;
    fine = judge_decision(c, f) && fine;
    if (fine)
        qg_checkitem_prove(
            c,
            (qg_proof){.subject = f->named.path,
                       .n = t->control.n + t->treatment.n,
                       .age_days = age,
                       .hash = qg_checkitem_hash(c, k->models[at]->name)},
            "%s against %s: %s %g (%g to %g), %s with margin %g, %zu guardrails pass",
            t->treatment.model, t->control.model, t->primary.metric, t->primary.estimate,
            t->primary.low, t->primary.high, t->primary.rule, t->primary.margin, t->n_guardrails);
}

void qg_checkitem_ab(qg_checking *c)
{
    const qg_suite_checklist *k = &c->suite->checklist;
    seen s = {.of = new_seen(c)};
    size_t n_broken = 0;

    for (size_t i = 0; s.of && i < c->evidence->n_ab; i++) {
        const qg_evidence_file *f = &c->evidence->ab[i];
        n_broken += !f->test;
        if (!f->is_there)
            qg_checkitem_lack(c, QG_CHECKITEM_IS_MISSING, f->named.place,
                              template_of(c, "ab", f->named.path), "there is no '%s'",
                              f->named.path);
        lack_of_findings(c, f);
        if (f->test)
            judge_test(c, f, &s);
    }
    if (k->n_ab == 0)
        qg_checkitem_lack(c, QG_CHECKITEM_IS_MISSING, k->place, template_of(c, "ab", "ab.json"),
                          "the suite names no evidence of an A/B test: 'ab_evidence: ab.json' "
                          "under 'checklist'");
    for (size_t i = 0; s.of && k->n_ab > 0 && n_broken == 0 && i < k->n_models; i++)
        if (!s.of[i])
            qg_checkitem_lack(c, QG_CHECKITEM_IS_MISSING, k->models[i]->place,
                              template_of(c, "ab", "ab.json"), "no A/B test is about '%s'",
                              k->models[i]->name);
    if (k->n_models == 0)
        qg_checkitem_lack(c, QG_CHECKITEM_IS_MISSING, k->place, NULL,
                          "the suite has no quantized model");
}

/* ---- model cards ---- */

/* The last part of a path or of "org/name". */
static qg_str last_part(const char *path)
{
    qg_str s = qg_str_from(path);

    while (s.len > 1 && s.ptr[s.len - 1] == '/')
        s.len--;
    for (size_t i = s.len; i > 0; i--)
        if (s.ptr[i - 1] == '/')
            return qg_str_sub(s, i, s.len);
    return s;
}

/* "" where neither suite nor run know. */
static qg_str base_of(const qg_checking *c)
{
    const qg_suite *s = c->suite;
    const qg_model_info *info = qg_checkitem_model(c, s->reference->name);

    if (s->checklist.base_model)
        return qg_str_from(s->checklist.base_model);
    if (s->reference->model)
        return last_part(s->reference->model);
    return info && info->path ? last_part(info->path) : QG_STR("");
}

static bool is_base(const qg_checking *c, const char *said)
{
    qg_str wanted = base_of(c);

    if (c->suite->checklist.base_model)
        return qg_str_is(wanted, said);
    qg_str name = last_part(said);
    return wanted.len == 0 ||
           (name.len == wanted.len && strncasecmp(name.ptr, wanted.ptr, name.len) == 0);
}

static void judge_base(qg_checking *c, const qg_card *card)
{
    const char *fix = qg_checkitem_format(
        c, "write 'base_model: " QG_STR_PRI "'%s", QG_STR_ARG(base_of(c)),
        c->suite->checklist.base_model ? "" : ", or name another as 'base_model' of 'checklist'");

    for (size_t i = 0; i < card->n_base_models; i++)
        if (is_base(c, card->base_models[i].text))
            return;
    if (card->n_base_models == 0)
        qg_checkitem_lack(c, QG_CHECKITEM_IS_MISSING, card->place, fix, "'%s' says no 'base_model'",
                          card->path);
    else
        qg_checkitem_lack(c, QG_CHECKITEM_IS_FAILED, card->base_models[0].place, fix,
                          "'%s' names base model '%s', the reference is '" QG_STR_PRI "'",
                          card->path, card->base_models[0].text, QG_STR_ARG(base_of(c)));
}

static void judge_front(qg_checking *c, const qg_card *card)
{
    static const char fix[] = "write 'base_model_relation: quantized'";

    judge_base(c, card);
    if (!card->relation.text)
        qg_checkitem_lack(c, QG_CHECKITEM_IS_MISSING, card->place, fix,
                          "'%s' says no 'base_model_relation'", card->path);
    else if (strcmp(card->relation.text, "quantized") != 0)
        qg_checkitem_lack(c, QG_CHECKITEM_IS_FAILED, card->relation.place, fix,
                          "'%s' says that its relation is '%s'", card->path, card->relation.text);
    if (!card->quantized_by.text)
        qg_checkitem_lack(c, QG_CHECKITEM_IS_MISSING, card->place, "write 'quantized_by: NAME'",
                          "'%s' does not say who quantized ('quantized_by')", card->path);
    if (card->n_hashes == 0)
        qg_checkitem_lack(
            c, QG_CHECKITEM_IS_MISSING, card->place,
            "write 'quantgate_checkpoint: sha256:...' with the model_hash of run.json",
            "'%s' does not say which checkpoint it is about ('quantgate_checkpoint')", card->path);
}

/* Words for what a model runs as: the method's name, or that of a form that stores no other. */
static bool names_method(qg_str text, const char *method)
{
    static const struct {
        const char *method, *words;
    } known[] = {
        {"gptq", "gptq|w4a16|w8a16|compressed-tensors"},
        {"int8", "int8|w8a8|w8a16|smoothquant|bitsandbytes|compressed-tensors"},
    };
    qg_str words = qg_str_from(method), word;

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(method, known[i].method) == 0)
            words = qg_str_from(known[i].words);
    while (qg_str_split(&words, '|', &word))
        if (qg_claims_word(text, word))
            return true;
    return false;
}

/* Tags and text as one. */
static qg_str words_of(qg_checking *c, const qg_card *card)
{
    qg_buf words;

    qg_buf_init(&words, c->arena);
    for (size_t i = 0; i < card->n_tags; i++)
        qg_buf_format(&words, "%s\n", card->tags[i].text);
    qg_buf_str(&words, card->text);
    c->out_of_memory = c->out_of_memory || words.failed;
    return words.failed ? QG_STR("") : qg_buf_view(&words);
}

static void judge_number(qg_checking *c, const qg_card *card, const char *model, qg_claims claims,
                         int wanted, const char *form, const char *what)
{
    qg_place text = {card->path, card->first_line, 1};
    const char *right;
    char number[32];

    snprintf(number, sizeof number, form, wanted);
    right = qg_checkitem_format(c, "write '%s'", number);
    if (claims.says)
        return;
    if (claims.other > 0)
        qg_checkitem_lack(c, QG_CHECKITEM_IS_FAILED, text, right, "'%s' says %s %d, '%s' has %d",
                          card->path, what, claims.other, model, wanted);
    else
        qg_checkitem_lack(c, QG_CHECKITEM_IS_MISSING, text, right,
                          "'%s' does not say the %s of '%s'", card->path, what, model);
}

/* Whether the card is right about a model, whose checkpoint it names. */
static void judge_claims(qg_checking *c, const qg_card *card, const qg_suite_model *model)
{
    const qg_model_info *info = qg_checkitem_model(c, model->name);
    const qg_quantized *made = info ? info->quantized : NULL;
    int bits = info && info->bits ? info->bits : made ? made->bits : 0;
    int group = info && info->group_size ? info->group_size : made ? made->group_size : 0;
    qg_str words = words_of(c, card);
    size_t before = c->item->n_lacks;

    if (!names_method(words, model->method))
        qg_checkitem_lack(c, QG_CHECKITEM_IS_FAILED, (qg_place){card->path, card->first_line, 1},
                          qg_checkitem_format(c, "say '%s' in a tag or the text", model->method),
                          "'%s' does not name the method of '%s', %s", card->path, model->name,
                          model->method);
    if (bits > 0)
        judge_number(c, card, model->name, qg_claims_bits(words, bits), bits, "%d bit", "bits");
    if (group > 0)
        judge_number(c, card, model->name, qg_claims_group(words, group), group, "groups of %d",
                     "group size");
    if (c->item->n_lacks > before)
        return;
    qg_buf said;
    qg_buf_init(&said, c->arena);
    qg_buf_format(&said, "%s, %d bit", model->method, bits);
    if (group > 0)
        qg_buf_format(&said, ", groups of %d", group);
    c->out_of_memory = c->out_of_memory || said.failed;
    qg_checkitem_prove(c,
                       (qg_proof){.subject = card->path,
                                  .age_days = c->run_age_days,
                                  .hash = info ? info->model_hash : NULL},
                       "%s: %s, base model '%s'", model->name, said.failed ? "" : said.ptr,
                       card->n_base_models > 0 ? card->base_models[0].text : "");
}

/* A hash that the card gives to no model by name: it is about those that have it. */
static void judge_unnamed(qg_checking *c, const qg_card *card, const qg_card_hash *h, seen *s)
{
    const qg_suite_checklist *k = &c->suite->checklist;
    bool any = false;

    for (size_t i = 0; i < k->n_models; i++) {
        const char *hash = qg_checkitem_hash(c, k->models[i]->name);
        if (!hash || !same_hash(h->hash, hash))
            continue;
        any = s->of[i] = true;
        judge_claims(c, card, k->models[i]);
    }
    s->stranger = s->stranger || !any;
    if (!any && c->run)
        qg_checkitem_lack(c, QG_CHECKITEM_IS_OTHER_HASH, h->place,
                          "renew the card, or measure the checkpoint that it is about",
                          "'%s' is about checkpoint %.19s..., which is none of the run's",
                          card->path, h->hash);
}

static void judge_named(qg_checking *c, const qg_card *card, const qg_card_hash *h, seen *s)
{
    const qg_suite_checklist *k = &c->suite->checklist;
    size_t at = shipped(c, h->model);

    if (at == k->n_models) {
        if (!qg_suite_model_of(c->suite, qg_str_from(h->model)))
            qg_checkitem_lack(c, QG_CHECKITEM_IS_MISSING, h->place, "name models as the suite does",
                              "'%s' names '%s', which is no model of the suite", card->path,
                              h->model);
        return;
    }
    s->of[at] = true;
    const char *hash = need_hash(c, k->models[at]);
    if (!hash)
        return;
    if (same_hash(h->hash, hash))
        judge_claims(c, card, k->models[at]);
    else
        qg_checkitem_lack(
            c, QG_CHECKITEM_IS_OTHER_HASH, h->place,
            qg_checkitem_format(c, "write '%s: " QG_HASH_PREFIX "%s' once the card is true of it",
                                h->model, hash),
            "'%s' is about another checkpoint of '%s': %.19s..., the run has " QG_HASH_PREFIX
            "%.12s...",
            card->path, h->model, h->hash, hash);
}

static void judge_card(qg_checking *c, const qg_card *card, seen *s)
{
    judge_front(c, card);
    for (size_t i = 0; i < card->n_hashes; i++) {
        if (card->hashes[i].model)
            judge_named(c, card, &card->hashes[i], s);
        else
            judge_unnamed(c, card, &card->hashes[i], s);
    }
}

/* What is lacking where no card is about a model; with strangers among the hashes it is there and
 * of another checkpoint. */
static void lack_of_card(qg_checking *c, const qg_suite_model *model, bool stranger)
{
    const char *hash = need_hash(c, model);

    if (!hash)
        return;
    qg_checkitem_lack(
        c, stranger ? QG_CHECKITEM_IS_OTHER_HASH : QG_CHECKITEM_IS_MISSING, model->place,
        qg_checkitem_format(c, "write 'quantgate_checkpoint: {%s: " QG_HASH_PREFIX "%s}'",
                            model->name, hash),
        "no card is about '%s' as it was measured", model->name);
}

void qg_checkitem_card(qg_checking *c)
{
    const qg_suite_checklist *k = &c->suite->checklist;
    seen s = {.of = new_seen(c)};
    size_t n_broken = 0;

    for (size_t i = 0; s.of && i < c->evidence->n_cards; i++) {
        const qg_evidence_file *f = &c->evidence->cards[i];
        n_broken += !f->card;
        if (!f->is_there)
            qg_checkitem_lack(c, QG_CHECKITEM_IS_MISSING, f->named.place,
                              template_of(c, "card", f->named.path), "there is no '%s'",
                              f->named.path);
        lack_of_findings(c, f);
        if (f->card)
            judge_card(c, f->card, &s);
    }
    if (k->n_card == 0)
        qg_checkitem_lack(c, QG_CHECKITEM_IS_MISSING, k->place,
                          template_of(c, "card", "MODEL_CARD.md"),
                          "the suite names no model card: 'card: MODEL_CARD.md' under 'checklist'");
    for (size_t i = 0; s.of && k->n_card > 0 && n_broken == 0 && i < k->n_models; i++)
        if (!s.of[i])
            lack_of_card(c, k->models[i], s.stranger);
    if (k->n_models == 0)
        qg_checkitem_lack(c, QG_CHECKITEM_IS_MISSING, k->place, NULL,
                          "the suite has no quantized model");
}
