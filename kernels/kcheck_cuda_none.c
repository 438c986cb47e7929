/* The CUDA tier of a harness that was built without it: absent. */
#include "kernels/kcheck.h"

double *kc_device_ns;

int kc_cuda_slots(qgk_table *table)
{
    (void)table;
    return 0;
}

int kc_cuda_open(void)
{
    return 0;
}
