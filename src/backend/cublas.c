/* cuBLAS: see cublas.h. Our matrices stand row by row, the library's column by column: what it sees
 * is out^T = w x^T with w transposed.
 *
 * What is called of it is declared here, as its manual has it (docs.nvidia.com/cuda/cublas, the
 * same in versions 12 and 13): its headers come with half a gigabyte of library.
 */
#include "backend/cublas.h"

#include <dlfcn.h>

enum { OP_N = 0, OP_T = 1, STATUS_SUCCESS = 0, GEMM_DEFAULT = -1 };
enum { R_32F = 0, R_16F = 2, R_8I = 3, R_32I = 10 }; /* cudaDataType */
enum { COMPUTE_32F = 68, COMPUTE_32I = 72 };

/* name, arguments */
#define FUNCTIONS(X)                                                                               \
    X(Create_v2, (void **handle))                                                                  \
    X(Destroy_v2, (void *handle))                                                                  \
    X(SetStream_v2, (void *handle, void *stream))                                                  \
    X(SetWorkspace_v2, (void *handle, void *workspace, size_t bytes))                              \
    X(GemmEx, (void *handle, int trans_a, int trans_b, int m, int n, int k, const void *alpha,     \
               const void *a, int a_type, int lda, const void *b, int b_type, int ldb,             \
               const void *beta, void *c, int c_type, int ldc, int compute, int algo))

typedef struct library {
    void *open, *handle;
#define X(name, arguments) int(*name) arguments;
    FUNCTIONS(X)
#undef X
} library;

static int product_f16(void *handle, void *out, int ldo, int f32_out, const void *x, const void *w,
                       int m, int n, int k)
{
    const library *l = handle;
    const float one = 1, none = 0;

    return l->GemmEx(l->handle, OP_T, OP_N, n, m, k, &one, w, R_16F, k, x, R_16F, k, &none, out,
                     f32_out ? R_32F : R_16F, ldo, COMPUTE_32F, GEMM_DEFAULT);
}

static int product_i8(void *handle, int32_t *out, int ldo, const int8_t *x, const int8_t *w, int m,
                      int n, int k)
{
    const library *l = handle;
    const int32_t one = 1, none = 0;

    return l->GemmEx(l->handle, OP_T, OP_N, n, m, k, &one, w, R_8I, k, x, R_8I, k, &none, out,
                     R_32I, ldo, COMPUTE_32I, GEMM_DEFAULT);
}

static void library_close(void *data)
{
    library *l = data;

    if (l->handle)
        l->Destroy_v2(l->handle);
    dlclose(l->open);
}

static void *open_any(void)
{
    static const char *const names[] = {"libcublas.so.13", "libcublas.so.12", "libcublas.so"};
    void *open = NULL;

    for (size_t i = 0; i < sizeof names / sizeof *names && !open; i++)
        open = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    return open;
}

static qg_status find_functions(library *l, qg_err *err)
{
#define X(name, arguments)                                                                         \
    *(void **)&l->name = dlsym(l->open, "cublas" #name);                                           \
    if (!l->name)                                                                                  \
        return qg_fail(err, QG_EDEVICE, "cuBLAS lacks 'cublas" #name "': install CUDA 12 or 13");
    FUNCTIONS(X)
#undef X
    return QG_OK;
}

qg_status qg_cublas_open(qgk_blas *out, qg_arena *arena, void *stream, void *workspace, qg_err *err)
{
    library *l = QG_NEW(arena, library);

    QG_NEED(l, err);
    l->open = open_any();
    if (!l->open)
        return qg_fail(err, QG_EDEVICE,
                       "cuBLAS is missing: install libcublas 12 or 13, or put its folder into "
                       "LD_LIBRARY_PATH (%s)",
                       dlerror());
    if (!qg_arena_defer(arena, library_close, l)) {
        dlclose(l->open);
        return qg_fail(err, QG_ENOMEM, "out of memory");
    }
    QG_PASS(find_functions(l, err));
    int status = l->Create_v2(&l->handle);
    if (status == STATUS_SUCCESS)
        status = l->SetStream_v2(l->handle, stream);
    if (status == STATUS_SUCCESS)
        status = l->SetWorkspace_v2(l->handle, workspace, QG_CUBLAS_BYTES);
    if (status != STATUS_SUCCESS)
        return qg_fail(err, QG_EDEVICE, "cuBLAS does not start here (status %d)", status);
    *out = (qgk_blas){.handle = l, .f16 = product_f16, .i8 = product_i8};
    return QG_OK;
}
