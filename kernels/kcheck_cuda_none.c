/* The CUDA tier of a harness that was built without it: absent. */
#include "kernels/kcheck.h"

double *kc_device_ns;

int kc_cuda_slots(qgk_table *table, int is_portable)
{
    (void)table;
    (void)is_portable;
    return 0;
}

int kc_cuda_is_new(size_t slot)
{
    (void)slot;
    return 0;
}

int kc_cuda_open(void)
{
    return 0;
}
