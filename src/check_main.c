/* The program of the unit tests: runs every suite whose file the tree holds (`*_check.c`, listed by
 * the Makefile in the generated check_suites.h). CK_RUN_SUITE=name_check runs one; each test is a
 * process. */
#include "check_suites.h"

#include <stdlib.h>

int main(void)
{
    SRunner *runner = srunner_create(NULL);

#define X(name) srunner_add_suite(runner, name());
    QG_CHECK_SUITES(X)
#undef X
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
