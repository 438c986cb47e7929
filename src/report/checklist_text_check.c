/* Unit tests of report/checklist_text: what a terminal shows, counted by hand, and texts that are
 * not to be trusted. The whole of it is in golden/reports. */
#include "report/checklist_text.h"

#include "base/scratch_check.h"
#include "report/text.h"

static qg_proof proofs[2];
static qg_lack lacks[2];
static qg_checklist list;

static void fill(const char *text)
{
    proofs[0] = proofs[1] = (qg_proof){text, text, 60, 0.5, "0123456789"};
    lacks[0] = (qg_lack){QG_CHECKITEM_IS_MISSING, text, "do this", text, 3, 4};
    lacks[1] = (qg_lack){QG_CHECKITEM_IS_MISSING, "and", "do this", NULL, 0, 0};
    list = (qg_checklist){.gate = "pr"};
    for (int i = 0; i < QG_N_CHECKITEMS; i++)
        list.items[i] = (qg_checkitem_result){.item = (qg_checkitem)i};
    list.items[6].state = QG_CHECKITEM_IS_MISSING;
    list.items[6].proofs = proofs;
    list.items[6].n_proofs = 2;
    list.items[6].lacks = lacks;
    list.items[6].n_lacks = 2;
}

static const char *render(bool brief, bool colour)
{
    qg_checklist_style style = {80, colour, brief};
    qg_buf b;

    qg_buf_init(&b, arena);
    qg_checklist_text(&b, &list, &style);
    ck_assert(!b.failed);
    ck_assert_uint_eq(qg_utf8_valid(qg_buf_view(&b)), b.len);
    return b.ptr;
}

START_TEST(an_item_tells_evidence_lacks_and_remedy)
{
    fill("x");
    const char *text = render(false, false);
    ck_assert(strncmp(text, "production checklist: 7 of 8 items, gate pr\n", 44) == 0);
    ck_assert_ptr_nonnull(strstr(text, "\n  MISSING       A/B test passed\n"
                                       "                x: x (n 60, 12 h old, sha256:01234567)\n"
                                       "                x: x (n 60, 12 h old, sha256:01234567)\n"
                                       "                x\n                  x:3:4\n"
                                       "                and\n                  do this\n"
                                       "  done          model card"));
    ck_assert_ptr_nonnull(strstr(render(true, false), "sha256:01234567) and 1 more\n      "));
    ck_assert_ptr_nonnull(strstr(render(true, true), "  \033[1;31mMISSING\033[0m       A/B"));
}
END_TEST

START_TEST(lines_keep_their_width)
{
    fill("many words that go on and on until no terminal could ever hold all of them in a line");
    qg_str rest = qg_str_from(render(false, false)), line;
    while (qg_str_split(&rest, '\n', &line))
        ck_assert_uint_le(qg_text_width(line), 80);
}
END_TEST

START_TEST(texts_of_a_record_cannot_move_the_cursor)
{
    fill("\033[2J\r\n\xff");
    list.gate = "\033[2J\n";
    list.items[0].state = QG_CHECKITEM_IS_WAIVED; /* and no reason */
    const char *text = render(false, false);
    ck_assert_ptr_null(strchr(text, '\033'));
    ck_assert_ptr_null(strchr(text, '\r'));
    ck_assert_ptr_nonnull(strstr(text, "until -: -\n"));
}
END_TEST

Suite *checklist_text_check(void)
{
    Suite *s = suite_create("checklist_text_check");
    TCase *t = tcase_create("checklist_text");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, an_item_tells_evidence_lacks_and_remedy);
    tcase_add_test(t, lines_keep_their_width);
    tcase_add_test(t, texts_of_a_record_cannot_move_the_cursor);
    suite_add_tcase(s, t);
    return s;
}
