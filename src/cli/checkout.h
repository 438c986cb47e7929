/* What is checked out where the program runs: branch, commit and repository of what is tested.
 *
 * GitHub's variables come first: GITHUB_HEAD_REF (the branch of a pull request), else
 * GITHUB_REF_NAME; GITHUB_SHA; GITHUB_SERVER_URL and GITHUB_REPOSITORY. Else the files of git:
 * `.git` of the folder or of one above it, its HEAD and the reference that it names. They are read,
 * git is not run, which would refuse a checkout of another user. What neither tells is NULL.
 */
#ifndef QG_CLI_CHECKOUT_H
#define QG_CLI_CHECKOUT_H

#include "base/arena.h"
#include "base/err.h"

typedef struct qg_checkout {
    const char *branch, *commit;
    const char *repository; /* "https://github.com/owner/name" */
} qg_checkout;

/* Fails only when out of memory. */
qg_status qg_checkout_find(qg_checkout *out, qg_arena *arena, const char *folder, qg_err *err);

#endif
