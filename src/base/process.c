/* A child process in lines: see process.h. Reading keeps what came after a line for the next call.
 */
#include "base/process.h"

#include "base/clock.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* A signal between the look at the flag and poll() is seen after a slice. */
enum { CHUNK = 1 << 16, LOG_TAIL = 4096, PATIENCE_MS = 500, SLICE_MS = 1000 };

static const volatile sig_atomic_t *stop;

void qg_process_stop_on(const volatile sig_atomic_t *flag)
{
    stop = flag;
}

struct qg_process {
    pid_t pid; /* 0: reaped */
    int socket, log;
    int wait_status;
    char *pending; /* bytes read and not handed out, from the counted allocator */
    size_t n_pending, cap_pending;
};

static void become(const char *const argv[], int socket, int log, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* died before prctl */
        _exit(127);
    dup2(socket, STDIN_FILENO);
    dup2(socket, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_DFL);
    execv(argv[0], (char *const *)(uintptr_t)argv);
    dprintf(STDERR_FILENO, "cannot start '%s': %s\n", argv[0], strerror(errno));
    _exit(127);
}

static int open_log(void)
{
    const char *dir = getenv("TMPDIR");
    int fd = open(dir && dir[0] ? dir : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    return fd >= 0 ? fd : open("/dev/null", O_RDWR | O_CLOEXEC);
}

static void end_deferred(void *data)
{
    qg_process_end(data);
}

qg_status qg_process_start(qg_process **out, qg_arena *arena, const char *const argv[], qg_err *err)
{
    int pair[2];
    qg_process *p = QG_NEW(arena, qg_process);
    pid_t parent = getpid();

    QG_NEED(p, err);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return qg_fail(err, QG_EIO, "cannot make a socket pair: %s", strerror(errno));
    *p = (qg_process){.socket = pair[0], .log = open_log()};
    p->pid = fork();
    if (p->pid == 0)
        become(argv, pair[1], p->log, parent);
    int failed = p->pid < 0 ? errno : 0;
    close(pair[1]);
    if (failed) {
        p->pid = 0;
        qg_process_end(p);
        return qg_fail(err, qg_status_of_errno(failed), "cannot start a process: %s",
                       strerror(failed));
    }
    if (!qg_arena_defer(arena, end_deferred, p)) {
        qg_process_end(p);
        return qg_fail(err, QG_ENOMEM, "out of memory");
    }
    *out = p;
    return QG_OK;
}

int qg_process_id(const qg_process *p)
{
    return (int)p->pid;
}

/* Reaps the child; waits for it at most `ms` milliseconds. */
static bool reap(qg_process *p, int ms)
{
    for (int waited = 0; p->pid > 0; waited++) {
        pid_t r = waitpid(p->pid, &p->wait_status, WNOHANG);
        if (r == p->pid || (r < 0 && errno != EINTR)) {
            p->pid = 0;
            break;
        }
        if (waited >= ms)
            return false;
        usleep(1000);
    }
    return true;
}

static void kill_and_reap(qg_process *p)
{
    if (p->pid > 0 && kill(p->pid, SIGKILL) == 0)
        while (waitpid(p->pid, &p->wait_status, 0) < 0 && errno == EINTR)
            ;
    p->pid = 0;
}

/* The child closed its side: says how it ended. */
static qg_status fail_ended(qg_process *p, qg_err *err)
{
    bool ended = reap(p, 2000);
    if (stop && *stop) /* the signal was for the child as well */
        return qg_fail(err, QG_ESTOPPED, "stopped by a signal");
    if (!ended) {
        kill_and_reap(p);
        return qg_fail(err, QG_EWORKER, "worker closed its output without ending");
    }
    if (WIFSIGNALED(p->wait_status))
        return qg_fail(err, QG_EWORKER, "worker was killed by signal %d (%s)",
                       WTERMSIG(p->wait_status), strsignal(WTERMSIG(p->wait_status)));
    return qg_fail(err, QG_EWORKER, "worker ended with exit code %d before it answered",
                   WEXITSTATUS(p->wait_status));
}

qg_status qg_process_send(qg_process *p, qg_str line, qg_err *err)
{
    static const char feed = '\n';

    for (size_t at = 0; at <= line.len;) {
        const char *from = at < line.len ? line.ptr + at : &feed;
        ssize_t n = send(p->socket, from, at < line.len ? line.len - at : 1, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail_ended(p, err);
        at += (size_t)n;
    }
    return QG_OK;
}

static qg_status read_more(qg_process *p, int64_t deadline_ns, int64_t timeout_ns, qg_err *err)
{
    struct pollfd ready = {.fd = p->socket, .events = POLLIN};
    int64_t left_ms = (deadline_ns - qg_clock_ns()) / 1000000;
    int n = poll(&ready, 1, left_ms < 0 ? 0 : left_ms > SLICE_MS ? SLICE_MS : (int)left_ms + 1);

    if (n == 0 && qg_clock_ns() >= deadline_ns) {
        kill_and_reap(p);
        return qg_fail(err, QG_EWORKER, "worker gave no sign of life for %.0f s and was killed",
                       (double)timeout_ns / 1e9);
    }
    if (n <= 0)
        return QG_OK; /* interrupted: the caller asks again */
    if (p->cap_pending - p->n_pending < CHUNK) {
        size_t cap = p->cap_pending * 2 + CHUNK;
        char *more = qg_mem_realloc(p->pending, cap);
        QG_NEED(more, err);
        p->pending = more;
        p->cap_pending = cap;
    }
    ssize_t got = recv(p->socket, p->pending + p->n_pending, CHUNK, 0);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return QG_OK;
    if (got <= 0)
        return fail_ended(p, err);
    p->n_pending += (size_t)got;
    return QG_OK;
}

qg_status qg_process_line(qg_str *out, qg_arena *arena, qg_process *p, int64_t timeout_ns,
                          qg_err *err)
{
    int64_t deadline_ns = qg_clock_ns() + timeout_ns;
    size_t searched = 0;

    for (;;) {
        char *feed = p->n_pending > searched
                         ? memchr(p->pending + searched, '\n', p->n_pending - searched)
                         : NULL;
        if (feed) {
            size_t n = (size_t)(feed - p->pending);
            char *line = qg_str_dup(arena, (qg_str){p->pending, n});
            QG_NEED(line, err);
            *out = (qg_str){line, n};
            p->n_pending -= n + 1;
            memmove(p->pending, feed + 1, p->n_pending);
            return QG_OK;
        }
        if (stop && *stop)
            return qg_fail(err, QG_ESTOPPED, "stopped by a signal");
        searched = p->n_pending;
        if (searched > QG_PROCESS_LINE_MAX)
            return qg_fail(err, QG_EWORKER, "worker sent a line of more than %zu bytes",
                           QG_PROCESS_LINE_MAX);
        QG_PASS(read_more(p, deadline_ns, timeout_ns, err));
    }
}

const char *qg_process_log(qg_arena *arena, const qg_process *p, int n)
{
    char tail[LOG_TAIL];
    off_t size = lseek(p->log, 0, SEEK_END);
    off_t from = size > LOG_TAIL ? size - LOG_TAIL : 0;
    ssize_t got = size > 0 ? pread(p->log, tail, sizeof tail, from) : 0;
    qg_str text = qg_str_trim((qg_str){tail, got > 0 ? (size_t)got : 0});

    for (size_t at = text.len; at > 0; at--)
        if (text.ptr[at - 1] == '\n' && --n == 0)
            return qg_str_dup(arena, qg_str_sub(text, at, text.len));
    return qg_str_dup(arena, text);
}

void qg_process_end(qg_process *p)
{
    if (p->socket >= 0)
        close(p->socket);
    if (!reap(p, PATIENCE_MS))
        kill_and_reap(p);
    if (p->log >= 0)
        close(p->log);
    qg_mem_free(p->pending);
    *p = (qg_process){.socket = -1, .log = -1};
}
