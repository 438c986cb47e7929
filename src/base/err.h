/* Errors as values.
 *
 * A function that can fail returns a qg_status and takes a `qg_err *` as its last parameter; it may
 * be NULL where the caller only wants the status. The qg_err holds what went wrong (`message`),
 * what we were doing (`context`, outermost first) and, for files that a user wrote, where (`file`,
 * `line`, `column`). It is a plain value of fixed size: recording an error never allocates and
 * never fails. The first error recorded stays; clear with qg_err_clear() before reuse.
 *
 *     if (end > file.len)
 *         return qg_fail(err, QG_EFORMAT, "tensor '%s' ends at %zu, file has %zu bytes", name, end,
 * len); QG_TRY(qg_st_open(&st, arena, path, err), err, "loading shard '%s'", path);
 *
 * Message grammar is git's: lower case, no full stop, subject in single quotes, the fix where there
 * is one.
 */
#ifndef QG_BASE_ERR_H
#define QG_BASE_ERR_H

#include <stdarg.h>
#include <stddef.h>

/* name, text, exit class. Class 2: the user's input is wrong. Class 3: the machine failed. */
#define QG_STATUS_LIST(X)                                                                          \
    X(OK, "ok", 0)                                                                                 \
    X(EARG, "invalid argument", 2)                                                                 \
    X(EFORMAT, "malformed input", 2)                                                               \
    X(ENOTFOUND, "not found", 2)                                                                   \
    X(EACCESS, "permission denied", 2)                                                             \
    X(ENOSUP, "not supported", 2)                                                                  \
    X(EREFUSED, "refused", 2)                                                                      \
    X(EEXISTS, "exists already", 2)                                                                \
    X(ENONFINITE, "non-finite number", 2)                                                          \
    X(EIO, "input/output error", 3)                                                                \
    X(ENOSPACE, "no space left", 3)                                                                \
    X(ENOMEM, "out of memory", 3)                                                                  \
    X(EDEVICE, "device failed", 3)                                                                 \
    X(EWORKER, "worker failed", 3)                                                                 \
    X(ESTOPPED, "stopped by a signal", 3)                                                          \
    X(EINTERNAL, "internal error", 3)

typedef enum qg_status {
#define X(name, text, exit_class) QG_##name,
    QG_STATUS_LIST(X)
#undef X
} qg_status;

enum { QG_ERR_TEXT = 512, QG_ERR_PATH = 256 };

typedef struct qg_err {
    qg_status code;
    char message[QG_ERR_TEXT]; /* what went wrong                                       */
    char context[QG_ERR_TEXT]; /* what we were doing, outermost first, joined by ": "    */
    char file[QG_ERR_PATH];    /* the user's file, "" where there is none                */
    int line, column;          /* 1-based; 0: unknown                                    */
    const char *id;            /* the kind of mistake in a model folder, constant; or NULL  */
    char tensor[QG_ERR_PATH];  /* that it is about, "" where there is none                  */
    const char *source_file;   /* where in our source the error was raised               */
    int source_line;
} qg_err;

const char *qg_status_name(qg_status s); /* "EFORMAT"         */
const char *qg_status_text(qg_status s); /* "malformed input" */
int qg_status_exit(qg_status s);         /* 0, 2 or 3         */

void qg_err_clear(qg_err *err);

/* Records an error and returns `code`. Use the macro qg_fail. */
qg_status qg_fail_from(const char *source_file, int source_line, qg_err *err, qg_status code,
                       const char *fmt, ...) __attribute__((format(printf, 5, 6)));
#define qg_fail(err, code, ...) qg_fail_from(__FILE__, __LINE__, (err), (code), __VA_ARGS__)

/* The same with what `doctor` calls it: a constant id ("tensor-missing") and the tensor (or NULL).
 */
qg_status qg_fail_about_from(const char *source_file, int source_line, qg_err *err, qg_status code,
                             const char *id, const char *tensor, const char *fmt, ...)
    __attribute__((format(printf, 7, 8)));
#define qg_fail_about(err, code, id, tensor, ...)                                                  \
    qg_fail_about_from(__FILE__, __LINE__, (err), (code), (id), (tensor), __VA_ARGS__)

/* Sets the position in the user's file, unless one is known already. */
void qg_err_at(qg_err *err, const char *file, int line, int column);

/* Puts one more step of context in front of those recorded. Does nothing where no error is
 * recorded. */
void qg_note(qg_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Writes "file:line:column: context: message" (parts that are known) to buf; returns buf. */
const char *qg_err_format(const qg_err *err, char *buf, size_t size);

/* Returns from the calling function when `call` fails, after adding context. */
#define QG_TRY(call, err, ...)                                                                     \
    do {                                                                                           \
        qg_status qg_try_ = (call);                                                                \
        if (qg_try_ != QG_OK) {                                                                    \
            qg_note((err), __VA_ARGS__);                                                           \
            return qg_try_;                                                                        \
        }                                                                                          \
    } while (0)

/* The same where the callee's message says it all. */
#define QG_PASS(call)                                                                              \
    do {                                                                                           \
        qg_status qg_pass_ = (call);                                                               \
        if (qg_pass_ != QG_OK)                                                                     \
            return qg_pass_;                                                                       \
    } while (0)

/* Out of memory where `p` is NULL. */
#define QG_NEED(p, err)                                                                            \
    do {                                                                                           \
        if (!(p))                                                                                  \
            return qg_fail((err), QG_ENOMEM, "out of memory");                                     \
    } while (0)

#endif
