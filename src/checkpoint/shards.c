/* The weights of a folder: see shards.h.
 *
 * Opening lists the folder, decides which files hold the weights, opens each once and sorts all
 * tensors by name; duplicates are then neighbours, and the index, sorted the same way, must match
 * line by line. Invariant: `entries` is sorted by name, without repeats.
 */
#include "checkpoint/shards.h"

#include "base/file.h"
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#define SINGLE_NAME "model.safetensors"
#define INDEX_NAME  "model.safetensors.index.json"
#define SUFFIX      QG_STR(".safetensors")

enum { MAX_INDEX_BYTES = 32 << 20 };

/* A tensor and where it lies, or (from the index) where it should lie. */
typedef struct entry {
    const char *name, *shard;
    const qg_tensor *tensor;
} entry;

struct qg_checkpoint {
    const char *folder;
    size_t n_shards, n_entries, n_bytes;
    const qg_safetensors **shards;
    entry *entries;
};

typedef struct names {
    const char **list;
    size_t n;
} names;

static int by_name(const void *a, const void *b)
{
    return strcmp(((const entry *)a)->name, ((const entry *)b)->name);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool has_name(const names *files, const char *name)
{
    return bsearch(&name, files->list, files->n, sizeof *files->list, by_text) != NULL;
}

/* "model-00001-of-00002.safetensors" */
static bool is_numbered_shard(const char *name)
{
    return strstr(name, "-of-") != NULL;
}

static bool is_pickle(qg_str name)
{
    return qg_str_ends(name, QG_STR(".bin")) || qg_str_ends(name, QG_STR(".pt")) ||
           qg_str_ends(name, QG_STR(".pth"));
}

static qg_status fail_pickle(const char *name, qg_err *err)
{
    return qg_fail_about(
        err, QG_ENOSUP, "weights-pickled", NULL,
        "'%s' is pickled, which can run code when it is read, and is not supported; "
        "convert the folder with scripts/convert-bin.py",
        name);
}

/* Without an index: model.safetensors, or the only .safetensors file whatever its name (older
 * quantizers). */
static qg_status find_single(const char **out, const names *files, const char *folder, qg_err *err)
{
    const char *found = NULL, *pickle = NULL, *numbered = NULL;
    size_t n_found = 0;

    for (size_t i = 0; i < files->n; i++) {
        qg_str name = qg_str_from(files->list[i]);
        if (qg_str_is(name, SINGLE_NAME)) {
            *out = SINGLE_NAME;
            return QG_OK;
        }
        if (is_pickle(name)) {
            pickle = pickle ? pickle : name.ptr;
        } else if (qg_str_ends(name, SUFFIX)) {
            if (is_numbered_shard(name.ptr))
                numbered = name.ptr;
            found = name.ptr;
            n_found++;
        }
    }
    if (numbered)
        return qg_fail(err, QG_ENOTFOUND, "'%s' holds the shard '%s' but no %s", folder, numbered,
                       INDEX_NAME);
    if (n_found > 1)
        return qg_fail(err, QG_ENOTFOUND,
                       "'%s' holds %zu .safetensors files, but none is called %s", folder, n_found,
                       SINGLE_NAME);
    if (n_found == 0 && pickle)
        return fail_pickle(pickle, err);
    if (n_found == 0)
        return qg_fail(err, QG_ENOTFOUND, "'%s' holds no weights (%s, or shards with %s)", folder,
                       SINGLE_NAME, INDEX_NAME);
    *out = found;
    return QG_OK;
}

/* A shard is a plain name in the folder: no path leads out of it. */
static qg_status check_shard_name(qg_str name, const names *files, qg_err *err)
{
    if (is_pickle(name))
        return fail_pickle(name.ptr, err);
    if (memchr(name.ptr, '/', name.len) || memchr(name.ptr, '\0', name.len) ||
        !qg_str_ends(name, SUFFIX))
        return qg_fail(err, QG_EFORMAT,
                       "shard '" QG_STR_PRI
                       "' is no plain name of a .safetensors file in the folder",
                       QG_STR_ARG(name));
    if (!has_name(files, name.ptr))
        return qg_fail(err, QG_ENOTFOUND, "shard '%s' is missing from the folder", name.ptr);
    return QG_OK;
}

/* Reads the index into entries (sorted by name) without tensors yet, and the distinct shard names.
 */
static qg_status read_index(entry **entries, size_t *n_entries, names *shards, qg_arena *arena,
                            const char *path, const names *files, qg_err *err)
{
    const qg_json *root, *map;
    size_t n = 0;

    QG_PASS(qg_json_read(&root, arena, path, MAX_INDEX_BYTES, err));
    map = qg_json_get(root, "weight_map");
    if (qg_json_type_of(map) != QG_JSON_OBJECT)
        return qg_fail(err, QG_EFORMAT, "'weight_map' is %s, an object was expected",
                       qg_json_type_name(map));
    if (qg_json_len(map) == 0)
        return qg_fail(err, QG_EFORMAT, "'weight_map' is empty");
    *entries = QG_NEW_N(arena, entry, qg_json_len(map));
    shards->list = QG_NEW_N(arena, const char *, qg_json_len(map));
    if (!*entries || !shards->list)
        return qg_fail(err, QG_ENOMEM, "out of memory");
    for (qg_json_iter it = {0}; qg_json_next(map, &it); n++) {
        qg_str shard;
        if (!qg_json_str(it.value, &shard))
            return qg_fail(err, QG_EFORMAT, "tensor '%s' maps to %s, a file name was expected",
                           it.key.ptr, qg_json_type_name(it.value));
        QG_TRY(check_shard_name(shard, files, err), err, "tensor '%s'", it.key.ptr);
        (*entries)[n] = (entry){.name = it.key.ptr, .shard = shard.ptr};
        shards->list[n] = shard.ptr;
    }
    *n_entries = n;
    qsort(*entries, n, sizeof **entries, by_name);
    qsort(shards->list, n, sizeof *shards->list, by_text);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || strcmp(shards->list[i], shards->list[shards->n - 1]) != 0)
            shards->list[shards->n++] = shards->list[i];
    if (shards->n > QG_CHECKPOINT_MAX_SHARDS)
        return qg_fail(err, QG_EFORMAT, "it names %zu shards, the limit is %d", shards->n,
                       QG_CHECKPOINT_MAX_SHARDS);
    return QG_OK;
}

static qg_status open_shards(qg_checkpoint *c, qg_arena *arena, const names *shards, qg_err *err)
{
    c->shards = QG_NEW_N(arena, const qg_safetensors *, shards->n);
    QG_NEED(c->shards, err);
    for (size_t i = 0; i < shards->n; i++) {
        const char *path = qg_path_join(arena, c->folder, shards->list[i]);
        QG_NEED(path, err);
        QG_PASS(qg_safetensors_open(&c->shards[i], arena, path, err));
        c->n_entries += qg_safetensors_count(c->shards[i]);
    }
    c->n_shards = shards->n;
    return QG_OK;
}

/* All tensors of all shards, by name. */
static qg_status collect(qg_checkpoint *c, qg_arena *arena, qg_err *err)
{
    size_t n = 0;

    c->entries = QG_NEW_N(arena, entry, c->n_entries);
    QG_NEED(c->entries, err);
    for (size_t s = 0; s < c->n_shards; s++) {
        const char *shard = qg_path_base(qg_safetensors_path(c->shards[s]));
        for (size_t i = 0; i < qg_safetensors_count(c->shards[s]); i++) {
            const qg_tensor *t = qg_safetensors_at(c->shards[s], i);
            c->entries[n++] = (entry){t->name, shard, t};
            c->n_bytes += t->n_bytes; /* of one mapping each: cannot overflow */
        }
    }
    qsort(c->entries, n, sizeof *c->entries, by_name);
    for (size_t i = 1; i < n; i++)
        if (by_name(&c->entries[i - 1], &c->entries[i]) == 0)
            return qg_fail_about(err, QG_EFORMAT, "tensor-duplicate", c->entries[i].name,
                                 "duplicate tensor '%s': it is in '%s' and in '%s'",
                                 c->entries[i].name, c->entries[i - 1].shard, c->entries[i].shard);
    return QG_OK;
}

/* Index and shards must tell the same: both lists are sorted by name. */
static qg_status compare_index(const qg_checkpoint *c, const entry *index, size_t n_index,
                               qg_err *err)
{
    for (size_t i = 0, k = 0; i < n_index || k < c->n_entries; i++, k++) {
        int order = i == n_index ? 1 : k == c->n_entries ? -1 : by_name(&index[i], &c->entries[k]);
        if (order < 0)
            return qg_fail_about(err, QG_EFORMAT, "tensor-missing", index[i].name,
                                 "tensor '%s' is missing from shard '%s'", index[i].name,
                                 index[i].shard);
        if (order > 0)
            return qg_fail(err, QG_EFORMAT, "shard '%s' holds tensor '%s', which is not listed",
                           c->entries[k].shard, c->entries[k].name);
        if (strcmp(index[i].shard, c->entries[k].shard) != 0)
            return qg_fail(err, QG_EFORMAT, "tensor '%s' is in shard '%s', not in '%s'",
                           index[i].name, c->entries[k].shard, index[i].shard);
    }
    return QG_OK;
}

static qg_status open_indexed(qg_checkpoint *c, qg_arena *arena, const names *files, qg_err *err)
{
    const char *path = qg_path_join(arena, c->folder, INDEX_NAME);
    entry *index = NULL;
    size_t n_index = 0;
    names shards = {0};

    QG_NEED(path, err);
    QG_TRY(read_index(&index, &n_index, &shards, arena, path, files, err), err, "index '%s'", path);
    QG_PASS(open_shards(c, arena, &shards, err));
    QG_TRY(collect(c, arena, err), err, "folder '%s'", c->folder);
    QG_TRY(compare_index(c, index, n_index, err), err, "index '%s'", path);
    return QG_OK;
}

static qg_status open_single(qg_checkpoint *c, qg_arena *arena, const names *files, qg_err *err)
{
    const char *name = NULL;

    QG_PASS(find_single(&name, files, c->folder, err));
    QG_PASS(open_shards(c, arena, &(names){&name, 1}, err));
    return collect(c, arena, err);
}

qg_status qg_checkpoint_open(const qg_checkpoint **out, qg_arena *arena, const char *folder,
                             qg_err *err)
{
    char **listing;
    names files;
    qg_checkpoint *c = QG_NEW(arena, qg_checkpoint);

    QG_NEED(c, err);
    c->folder = qg_str_dup(arena, qg_str_from(folder));
    QG_NEED(c->folder, err);
    if (qg_file_exists(folder))
        return qg_fail(err, QG_EARG, "'%s' is a file, the folder of a model was expected", folder);
    QG_TRY(qg_dir_list(&listing, &files.n, arena, folder, err), err, "opening the model");
    files.list = (const char **)listing;
    QG_PASS(has_name(&files, INDEX_NAME) ? open_indexed(c, arena, &files, err)
                                         : open_single(c, arena, &files, err));
    *out = c;
    return QG_OK;
}

qg_status qg_checkpoint_imagine(const qg_checkpoint **out, qg_arena *arena,
                                const qg_tensor_spec *specs, const void *const *data,
                                size_t n_specs, qg_err *err)
{
    qg_checkpoint *c = QG_NEW(arena, qg_checkpoint);
    qg_tensor *tensors = QG_NEW_N(arena, qg_tensor, n_specs);

    QG_NEED(c && tensors, err);
    *c = (qg_checkpoint){.folder = "", .n_entries = n_specs};
    c->entries = QG_NEW_N(arena, entry, n_specs);
    QG_NEED(c->entries, err);
    for (size_t i = 0; i < n_specs; i++) {
        qg_tensor *t = &tensors[i];
        *t = (qg_tensor){.name = specs[i].name,
                         .dtype = specs[i].dtype,
                         .n_dims = specs[i].n_dims,
                         .data = data ? data[i] : NULL,
                         .aligned = !data};
        memcpy(t->shape, specs[i].shape, sizeof t->shape);
        if (!qg_tensor_spec_bytes(&specs[i], &t->n_bytes))
            return qg_fail(err, QG_EARG, "tensor '%s' has an impossible shape", t->name);
        t->n_elements = (int64_t)(t->n_bytes / qgk_dtype_bytes(t->dtype));
        c->n_bytes += t->n_bytes;
        c->entries[i] = (entry){.name = t->name, .tensor = t};
    }
    qsort(c->entries, n_specs, sizeof *c->entries, by_name);
    *out = c;
    return QG_OK;
}

const char *qg_checkpoint_folder(const qg_checkpoint *c)
{
    return c->folder;
}

size_t qg_checkpoint_n_shards(const qg_checkpoint *c)
{
    return c->n_shards;
}

const qg_safetensors *qg_checkpoint_shard(const qg_checkpoint *c, size_t i)
{
    return c->shards[i];
}

size_t qg_checkpoint_count(const qg_checkpoint *c)
{
    return c->n_entries;
}

const qg_tensor *qg_checkpoint_at(const qg_checkpoint *c, size_t i)
{
    return c->entries[i].tensor;
}

const qg_tensor *qg_checkpoint_find(const qg_checkpoint *c, const char *name)
{
    const entry key = {.name = name};
    const entry *e = bsearch(&key, c->entries, c->n_entries, sizeof key, by_name);
    return e ? e->tensor : NULL;
}

size_t qg_checkpoint_bytes(const qg_checkpoint *c)
{
    return c->n_bytes;
}

/* Name and length go before the content, so that no two sets of files give the same stream. */
static void add_file(qg_hash *h, const char *name, qg_str content)
{
    uint64_t n = content.len;
    unsigned char length[8];

    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)(n >> 8 * i);
    qg_hash_add(h, name, strlen(name) + 1);
    qg_hash_add(h, length, sizeof length);
    qg_hash_add(h, content.ptr, content.len);
}

static qg_status hash_folder(const qg_checkpoint *c, qg_arena *arena, char hex[QG_HASH_HEX],
                             qg_err *err)
{
    static const char *const configs[] = {"config.json", "generation_config.json",
                                          "quantize_config.json", "quant_config.json"};
    qg_hash *h;

    QG_PASS(qg_hash_begin(&h, arena, err));
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        qg_str content;
        const char *path = qg_path_join(arena, c->folder, configs[i]);
        QG_NEED(path, err);
        if (!qg_file_exists(path))
            continue;
        QG_PASS(qg_file_map(&content, arena, path, err));
        add_file(h, configs[i], content);
    }
    for (size_t i = 0; i < c->n_shards; i++)
        add_file(h, qg_path_base(qg_safetensors_path(c->shards[i])),
                 qg_safetensors_bytes(c->shards[i]));
    qg_hash_end(h, hex);
    return QG_OK;
}

qg_status qg_checkpoint_hash(const qg_checkpoint *c, char hex[QG_HASH_HEX], qg_err *err)
{
    qg_arena *arena = qg_arena_create();

    QG_NEED(arena, err);
    qg_status s = hash_folder(c, arena, hex, err);
    qg_arena_free(arena);
    return s;
}
