/* The machine: see machine.h. CPU model from /proc/cpuinfo, memory and peaks from /proc. */
#include "measure/machine.h"

#include "base/file.h"
#include "base/hash.h"
#include "build_info.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

/* Value of the first line "KEY <blanks> : VALUE" of a file under /proc; "" where there is none. */
static qg_str proc_value(qg_arena *arena, const char *path, const char *key)
{
    qg_str text, line;

    if (qg_file_read(&text, arena, path, 4 << 20, NULL) != QG_OK)
        return QG_STR("");
    while (qg_str_split(&text, '\n', &line)) {
        qg_str name;
        if (qg_str_split(&line, ':', &name) && qg_str_is(qg_str_trim(name), key) && line.ptr)
            return qg_str_trim(line);
    }
    return QG_STR("");
}

/* "1234 kB" to bytes. */
static int64_t kilobytes(qg_str value)
{
    int64_t n;
    qg_str number;

    if (!qg_str_split(&value, ' ', &number) || !qg_str_to_int(number, &n))
        return 0;
    return n * 1024;
}

static int64_t bytes_in(const char *path, const char *key)
{
    qg_arena *arena = qg_arena_create();
    int64_t bytes = arena ? kilobytes(proc_value(arena, path, key)) : 0;
    qg_arena_free(arena);
    return bytes;
}

int64_t qg_machine_peak_rss(void)
{
    return bytes_in("/proc/self/status", "VmHWM");
}

int64_t qg_machine_available(void)
{
    return bytes_in("/proc/meminfo", "MemAvailable");
}

int64_t qg_machine_folder_bytes(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    struct stat st;
    int64_t bytes = 0;

    while (dir && (entry = readdir(dir)) != NULL)
        if (fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 && S_ISREG(st.st_mode))
            bytes += st.st_size;
    if (dir)
        closedir(dir);
    return bytes;
}

/* "cpu" and "cuda": "cpu+cuda". *is_new where a word was added. */
static qg_status add_word(const char **words, bool *is_new, qg_arena *arena, const char *word,
                          qg_err *err)
{
    qg_str rest = qg_str_from(*words ? *words : ""), piece;

    if (!word)
        return QG_OK;
    while (qg_str_split(&rest, '+', &piece))
        if (qg_str_is(piece, word))
            return QG_OK;
    *words = *words ? qg_arena_format(arena, "%s+%s", *words, word) : word;
    QG_NEED(*words, err);
    *is_new = true;
    return QG_OK;
}

qg_status qg_machine_join(qg_machine *m, qg_arena *arena, const qg_machine *other, qg_err *err)
{
    char hex[QG_HASH_HEX];
    bool is_new = false;

    if (!m->device) {
        *m = *other;
        return QG_OK;
    }
    QG_PASS(add_word(&m->device, &is_new, arena, other->device, err));
    QG_PASS(add_word(&m->tier, &is_new, arena, other->tier, err));
    QG_PASS(add_word(&m->gpu, &is_new, arena, other->gpu, err));
    if (!is_new)
        return QG_OK;
    char *facts = qg_arena_format(arena, "%s|%s", m->fingerprint ? m->fingerprint : "",
                                  other->fingerprint ? other->fingerprint : "");
    QG_NEED(facts, err);
    QG_PASS(qg_hash_text(hex, qg_str_from(facts), err));
    m->fingerprint = qg_str_dup(arena, (qg_str){hex, 16});
    QG_NEED(m->fingerprint, err);
    return QG_OK;
}

qg_status qg_machine_describe(qg_machine *out, qg_arena *arena, const qg_engine_info *info,
                              qg_err *err)
{
    char hex[QG_HASH_HEX];
    struct utsname u;

    *out = (qg_machine){.n_cpus = (int)sysconf(_SC_NPROCESSORS_ONLN),
                        .memory_bytes = kilobytes(proc_value(arena, "/proc/meminfo", "MemTotal")),
                        .device = info->device,
                        .tier = info->tier,
                        .n_threads = info->n_threads,
                        .compiler = QG_BUILD_COMPILER,
                        .flags = QG_BUILD_FLAGS " " QG_BUILD_MODE};
    if (uname(&u) == 0) {
        out->host = qg_str_dup(arena, qg_str_from(u.nodename));
        out->os = qg_arena_format(arena, "%s %s %s", u.sysname, u.release, u.machine);
    }
    out->cpu = qg_str_dup(arena, proc_value(arena, "/proc/cpuinfo", "model name"));
    char *facts =
        qg_arena_format(arena, "%s|%s|%s|%d|%s|%s", out->cpu ? out->cpu : "", info->device,
                        info->tier, info->n_threads, QG_BUILD_COMPILER, out->flags);
    if (info->gpu) {
        out->gpu = qg_str_dup(arena, qg_str_from(info->gpu));
        facts = facts ? qg_arena_format(arena, "%s|%s", facts, info->gpu) : NULL;
    }
    if (!out->host || !out->os || !out->cpu || !facts || (info->gpu && !out->gpu))
        return qg_fail(err, QG_ENOMEM, "out of memory");
    QG_PASS(qg_hash_text(hex, qg_str_from(facts), err));
    out->fingerprint = qg_str_dup(arena, (qg_str){hex, 16});
    QG_NEED(out->fingerprint, err);
    return QG_OK;
}
