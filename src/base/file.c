/* Files: see file.h.
 *
 * The only file that looks at errno. Writing: "<path>.tmp-<pid>-<n>" beside the target, fsync,
 * rename, fsync of the folder.
 */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

qg_status qg_status_of_errno(int errnum)
{
    switch (errnum) {
    case ENOENT:
    case ENOTDIR:
        return QG_ENOTFOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return QG_EACCESS;
    case EISDIR:
    case ENAMETOOLONG:
    case ELOOP:
        return QG_EARG;
    case EEXIST:
        return QG_EEXISTS;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return QG_ENOSPACE;
    case ENOMEM:
        return QG_ENOMEM;
    default:
        return QG_EIO;
    }
}

static qg_status fail_errno(qg_err *err, const char *verb, const char *path)
{
    int e = errno;
    return qg_fail(err, qg_status_of_errno(e), "cannot %s '%s': %s", verb, path, strerror(e));
}

typedef struct mapping {
    void *data;
    size_t len;
} mapping;

static void unmap(void *data)
{
    mapping *m = data;
    munmap(m->data, m->len);
}

static qg_status map_fd(qg_str *out, qg_arena *arena, int fd, const char *path, qg_err *err)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return fail_errno(err, "look at", path);
    if (!S_ISREG(st.st_mode))
        return qg_fail(err, QG_EARG, "'%s' is not a regular file", path);
    *out = QG_STR("");
    if (st.st_size == 0)
        return QG_OK;
    mapping *m = QG_NEW(arena, mapping);
    QG_NEED(m, err);
    m->len = (size_t)st.st_size;
    m->data = mmap(NULL, m->len, PROT_READ, MAP_PRIVATE, fd, 0);
    if (m->data == MAP_FAILED)
        return fail_errno(err, "map", path);
    if (!qg_arena_defer(arena, unmap, m)) {
        unmap(m);
        return qg_fail(err, QG_ENOMEM, "out of memory");
    }
    *out = (qg_str){m->data, m->len};
    return QG_OK;
}

qg_status qg_file_map(qg_str *out, qg_arena *arena, const char *path, qg_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return fail_errno(err, "open", path);
    qg_status s = map_fd(out, arena, fd, path, err);
    close(fd);
    return s;
}

static qg_status read_fd(qg_str *out, qg_arena *arena, int fd, const char *path, size_t max_bytes,
                         qg_err *err)
{
    qg_buf b;
    char chunk[1 << 14];
    struct stat st;

    if (fstat(fd, &st) != 0)
        return fail_errno(err, "look at", path);
    if (S_ISDIR(st.st_mode))
        return qg_fail(err, QG_EARG, "'%s' is a directory, a file was expected", path);
    qg_buf_init(&b, arena);
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_errno(err, "read", path);
        if (n == 0)
            break;
        if ((size_t)n > max_bytes - b.len)
            return qg_fail(err, QG_EFORMAT, "'%s' is larger than the limit of %zu bytes", path,
                           max_bytes);
        qg_buf_append(&b, chunk, (size_t)n);
    }
    qg_buf_append(&b, "", 0);
    if (b.failed)
        return qg_fail(err, QG_ENOMEM, "out of memory");
    *out = qg_buf_view(&b);
    return QG_OK;
}

qg_status qg_file_read(qg_str *out, qg_arena *arena, const char *path, size_t max_bytes,
                       qg_err *err)
{
    if (strcmp(path, "-") == 0)
        return read_fd(out, arena, STDIN_FILENO, "standard input", max_bytes, err);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(err, "open", path);
    qg_status s = read_fd(out, arena, fd, path, max_bytes, err);
    close(fd);
    return s;
}

struct qg_file_out {
    int fd;
    char *path, *temporary, *dir;
};

void qg_file_out_abort(qg_file_out *f)
{
    if (f->fd < 0)
        return;
    close(f->fd);
    unlink(f->temporary);
    f->fd = -1;
}

static void abort_deferred(void *f)
{
    qg_file_out_abort(f);
}

qg_status qg_file_out_open(qg_file_out **out, qg_arena *arena, const char *path, qg_err *err)
{
    static unsigned counter;
    qg_file_out *f = QG_NEW(arena, qg_file_out);
    QG_NEED(f, err);
    f->path = qg_str_dup(arena, qg_str_from(path));
    f->dir = qg_path_dir(arena, path);
    f->temporary = qg_arena_format(arena, "%s.tmp-%ld-%u", path, (long)getpid(), counter++);
    if (!f->path || !f->dir || !f->temporary)
        return qg_fail(err, QG_ENOMEM, "out of memory");
    QG_PASS(qg_dir_make(f->dir, err));
    if (qg_dir_exists(path))
        return qg_fail(err, QG_EARG, "cannot write '%s': it is a directory", path);
    f->fd = open(f->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (f->fd < 0)
        return fail_errno(err, "create", f->temporary);
    if (!qg_arena_defer(arena, abort_deferred, f)) {
        qg_file_out_abort(f);
        return qg_fail(err, QG_ENOMEM, "out of memory");
    }
    *out = f;
    return QG_OK;
}

qg_status qg_file_out_write(qg_file_out *f, const void *data, size_t n, qg_err *err)
{
    const char *p = data;

    while (n > 0) {
        ssize_t w = write(f->fd, p, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0) {
            qg_status s = fail_errno(err, "write", f->path);
            qg_file_out_abort(f);
            return s;
        }
        p += w;
        n -= (size_t)w;
    }
    return QG_OK;
}

static void sync_dir(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

qg_status qg_file_out_commit(qg_file_out *f, qg_err *err)
{
    if (fsync(f->fd) != 0 && errno != EINVAL && errno != EROFS) {
        qg_status s = fail_errno(err, "write", f->path);
        qg_file_out_abort(f);
        return s;
    }
    if (rename(f->temporary, f->path) != 0) {
        qg_status s = fail_errno(err, "write", f->path);
        qg_file_out_abort(f);
        return s;
    }
    int closed = close(f->fd);
    f->fd = -1;
    if (closed != 0)
        return fail_errno(err, "write", f->path);
    sync_dir(f->dir);
    return QG_OK;
}

qg_status qg_file_write(const char *path, qg_str content, qg_err *err)
{
    qg_arena *arena = qg_arena_create();
    qg_file_out *f = NULL;
    QG_NEED(arena, err);
    qg_status s = qg_file_out_open(&f, arena, path, err);
    if (s == QG_OK)
        s = qg_file_out_write(f, content.ptr, content.len, err);
    if (s == QG_OK)
        s = qg_file_out_commit(f, err);
    qg_arena_free(arena);
    return s;
}

qg_status qg_dir_make(const char *path, qg_err *err)
{
    char part[PATH_MAX];
    size_t n = strlen(path);

    if (n >= sizeof part)
        return qg_fail(err, QG_EARG, "path of %zu bytes is too long", n);
    memcpy(part, path, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        char c = part[i];
        part[i] = '\0';
        int failed = mkdir(part, 0777) != 0 ? errno : 0;
        if (failed && !qg_dir_exists(part)) {
            errno = failed; /* looking has set its own */
            return fail_errno(err, "make directory", part);
        }
        part[i] = c;
    }
    return QG_OK;
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    remove(path);
    return 0;
}

void qg_dir_remove(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

struct qg_dir_out {
    bool open, replace;
    char *path, *temporary, *parent;
};

void qg_dir_out_abort(qg_dir_out *d)
{
    if (d->open)
        qg_dir_remove(d->temporary);
    d->open = false;
}

static void abort_dir_deferred(void *d)
{
    qg_dir_out_abort(d);
}

qg_status qg_dir_out_open(qg_dir_out **out, qg_arena *arena, const char *path, bool replace,
                          qg_err *err)
{
    static unsigned counter;
    struct stat st;
    qg_str target = qg_str_from(path);
    qg_dir_out *d = QG_NEW(arena, qg_dir_out);

    QG_NEED(d, err);
    while (target.len > 1 && target.ptr[target.len - 1] == '/')
        target.len--;
    d->path = qg_str_dup(arena, target);
    QG_NEED(d->path, err);
    d->parent = qg_path_dir(arena, d->path);
    d->temporary = qg_arena_format(arena, "%s.tmp-%ld-%u", d->path, (long)getpid(), counter++);
    if (!d->parent || !d->temporary || !qg_arena_defer(arena, abort_dir_deferred, d))
        return qg_fail(err, QG_ENOMEM, "out of memory");
    d->replace = replace;
    if (lstat(d->path, &st) == 0 && !(replace && S_ISDIR(st.st_mode)))
        return qg_fail(err, QG_EEXISTS, "'%s' exists already: remove it or name another", d->path);
    QG_PASS(qg_dir_make(d->parent, err));
    if (mkdir(d->temporary, 0777) != 0)
        return fail_errno(err, "make directory", d->temporary);
    d->open = true;
    *out = d;
    return QG_OK;
}

const char *qg_dir_out_path(const qg_dir_out *d)
{
    return d->temporary;
}

/* 0, or -1 with errno. The two folders change names in one step, so that there always is one. */
static int move_in_place(const qg_dir_out *d)
{
    if (!d->replace || !qg_dir_exists(d->path))
        return rename(d->temporary, d->path);
    if (renameat2(AT_FDCWD, d->temporary, AT_FDCWD, d->path, RENAME_EXCHANGE) != 0)
        return -1;
    qg_dir_remove(d->temporary);
    return 0;
}

qg_status qg_dir_out_commit(qg_dir_out *d, qg_err *err)
{
    sync_dir(d->temporary);
    if (move_in_place(d) != 0) {
        qg_status s = errno == ENOTEMPTY ? qg_fail(err, QG_EEXISTS, "'%s' exists already", d->path)
                                         : fail_errno(err, "write", d->path);
        qg_dir_out_abort(d);
        return s;
    }
    d->open = false;
    sync_dir(d->parent);
    return QG_OK;
}

static void unlock(void *fd)
{
    close((int)(intptr_t)fd);
}

qg_status qg_file_lock(qg_arena *arena, const char *path, qg_err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666), held;

    if (fd < 0)
        return fail_errno(err, "open", path);
    do
        held = flock(fd, LOCK_EX);
    while (held != 0 && errno == EINTR);
    if (held == 0 && qg_arena_defer(arena, unlock, (void *)(intptr_t)fd))
        return QG_OK;
    qg_status s = held ? fail_errno(err, "lock", path) : qg_fail(err, QG_ENOMEM, "out of memory");
    close(fd);
    return s;
}

bool qg_file_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

bool qg_dir_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int64_t qg_file_size(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) ? (int64_t)st.st_size : -1;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static qg_status list_dir(DIR *d, char ***names, size_t *n_names, qg_arena *arena, const char *path,
                          qg_err *err)
{
    size_t n = 0, cap = 16;
    char **list = QG_NEW_N(arena, char *, cap);
    QG_NEED(list, err);
    for (;;) {
        errno = 0;
        const struct dirent *e = readdir(d);
        if (!e && errno)
            return fail_errno(err, "list", path);
        if (!e)
            break;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (n == cap) {
            char **more = QG_NEW_N(arena, char *, cap * 2);
            QG_NEED(more, err);
            memcpy(more, list, n * sizeof *list);
            list = more;
            cap *= 2;
        }
        list[n] = qg_str_dup(arena, qg_str_from(e->d_name));
        QG_NEED(list[n], err);
        n++;
    }
    qsort(list, n, sizeof *list, by_name);
    *names = list;
    *n_names = n;
    return QG_OK;
}

qg_status qg_dir_list(char ***names, size_t *n_names, qg_arena *arena, const char *path,
                      qg_err *err)
{
    DIR *d = opendir(path);
    if (!d)
        return fail_errno(err, "list", path);
    qg_status s = list_dir(d, names, n_names, arena, path, err);
    closedir(d);
    return s;
}

char *qg_path_join(qg_arena *arena, const char *dir, const char *name)
{
    if (name[0] == '/' || strcmp(dir, ".") == 0 || !dir[0])
        return qg_str_dup(arena, qg_str_from(name));
    return qg_arena_format(arena, dir[strlen(dir) - 1] == '/' ? "%s%s" : "%s/%s", dir, name);
}

char *qg_path_dir(qg_arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return qg_str_dup(arena, QG_STR("."));
    return qg_str_dup(arena, (qg_str){path, slash == path ? 1 : (size_t)(slash - path)});
}

const char *qg_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}
