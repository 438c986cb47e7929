/* A libcuda.so.1 for tests: a driver that is older than the CUDA runtime in the program, which asks
 * it for its version before all else. Build it with
 *     cc -shared -fPIC -Wl,-soname,libcuda.so.1 -o DIR/libcuda.so.1 ci/fake/cuda.c
 */
int cuDriverGetVersion(int *version)
{
    *version = 11040;
    return 0;
}

int cuInit(unsigned int flags)
{
    (void)flags;
    return 0;
}
