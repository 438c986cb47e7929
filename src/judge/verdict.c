/* Folding judgements: see verdict.h. */
#include "judge/verdict.h"

/* Place of an exit code in the order of precedence, strongest greatest. */
static int strength(int exit_code)
{
    static const int of[] = {[0] = 0, [4] = 1, [3] = 2, [1] = 3, [2] = 4};
    return exit_code >= 0 && exit_code <= 4 ? of[exit_code] : of[3];
}

int qg_exit_worst(int a, int b)
{
    int worst = strength(a) >= strength(b) ? a : b;
    return worst >= 0 && worst <= 4 ? worst : 3;
}

void qg_verdict_fold(qg_run *run)
{
    static const qg_verdict of[] = {
        [0] = QG_VERDICT_PASS,  [1] = QG_VERDICT_FAIL,         [2] = QG_VERDICT_ERROR,
        [3] = QG_VERDICT_ERROR, [4] = QG_VERDICT_INCONCLUSIVE,
    };
    size_t n_skips = 0;

    run->exit_code = 0;
    for (size_t i = 0; i < run->n_judgements; i++) {
        run->exit_code = qg_exit_worst(run->exit_code, run->judgements[i].exit_class);
        n_skips += run->judgements[i].verdict == QG_VERDICT_SKIP;
    }
    run->verdict = of[run->exit_code];
    if (run->exit_code == 0 && n_skips > 0 && n_skips == run->n_judgements)
        run->verdict = QG_VERDICT_SKIP;
}
