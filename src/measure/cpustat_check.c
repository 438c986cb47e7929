/* Unit tests of measure/cpustat: files of the kernel as they are written here. */
#include "measure/cpustat.h"

#include "base/folder_check.h"

#include <unistd.h>

static void put(const char *name, const char *text)
{
    ck_assert_int_eq(qg_file_write(qg_path_join(arena, folder, name), qg_str_from(text), NULL),
                     QG_OK);
}

START_TEST(each_processor_is_read)
{
    int64_t tick = 1000000000 / sysconf(_SC_CLK_TCK);
    qg_cpustat *s = QG_NEW(arena, qg_cpustat);

    ck_assert_int_eq(qg_dir_make(qg_path_join(arena, folder, "proc"), NULL), QG_OK);
    put("proc/stat", "cpu  9 9 9 9 9 9 9 7 9 9\n"
                     "cpu0 1 2 3 100 10 4 5 6 50 60\n"
                     "cpu3 10 0 0 7 0 0 0 0\n"
                     "cpu99999 1 1 1 1\n"
                     "intr 5 5 5\ncpu1 1000 0 0 0\n");
    ck_assert(qg_cpustat_read(s, folder));
    ck_assert_int_eq(s->n, 4);
    ck_assert_int_eq(s->busy[0], (1 + 2 + 3 + 4 + 5) * tick);
    ck_assert_int_eq(s->idle[0], 110 * tick);
    ck_assert_int_eq(s->busy[1], 0); /* off: what comes after other lines is none */
    ck_assert_int_eq(s->busy[3], 10 * tick);
    ck_assert_int_eq(s->busy_all, 25 * tick);
    ck_assert_int_eq(s->steal_all, 7 * tick);
}
END_TEST

START_TEST(what_is_not_told_is_nothing)
{
    qg_cpustat *s = QG_NEW(arena, qg_cpustat);
    bool core[QG_CPUS] = {false};
    int n = 0;

    ck_assert(!qg_cpustat_read(s, folder));
    ck_assert_int_eq(s->n, 0);
    qg_cpustat_core(core, folder, 5);
    for (int i = 0; i < QG_CPUS; i++)
        n += core[i];
    ck_assert(core[5] && n == 1);
}
END_TEST

START_TEST(threads_of_a_core_are_found)
{
    static const struct {
        const char *text;
        int members[4], n;
    } rows[] = {{"0,64\n", {0, 2, 64}, 3},
                {"0-3\n", {0, 1, 2, 3}, 4},
                {"1-2,7", {1, 2, 7}, 3},
                {"junk", {2}, 1},
                {"-5", {2}, 1},
                {"2,", {2}, 1},
                {"5-", {2}, 1}};

    ck_assert_int_eq(
        qg_dir_make(qg_path_join(arena, folder, "sys/devices/system/cpu/cpu2/topology"), NULL),
        QG_OK);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool core[QG_CPUS] = {false};
        int n = 0;
        put("sys/devices/system/cpu/cpu2/topology/thread_siblings_list", rows[i].text);
        qg_cpustat_core(core, folder, 2);
        for (int k = 0; k < QG_CPUS; k++)
            n += core[k];
        ck_assert_msg(n == rows[i].n, "'%s': %d", rows[i].text, n);
        for (int k = 0; k < rows[i].n; k++)
            ck_assert_msg(core[rows[i].members[k]], "'%s'", rows[i].text);
    }
}
END_TEST

Suite *cpustat_check(void)
{
    Suite *s = suite_create("cpustat_check");
    TCase *t = tcase_create("cpustat");

    tcase_add_checked_fixture(t, folder_begin, folder_end);
    tcase_add_test(t, each_processor_is_read);
    tcase_add_test(t, what_is_not_told_is_nothing);
    tcase_add_test(t, threads_of_a_core_are_found);
    suite_add_tcase(s, t);
    return s;
}
