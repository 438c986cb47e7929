/* Names of devices: see device.h. */
#include "suite/device.h"

const char *qg_device_name(qg_device d)
{
    static const char *const names[] = {"auto", "cpu", "cuda"};
    return names[d];
}

bool qg_device_find(qg_device *out, qg_str name)
{
    static const char several[] = "cuda:";
    const size_t n = sizeof several - 1;
    int64_t index;

    for (int d = QG_DEVICE_AUTO; d <= QG_DEVICE_CUDA; d++) {
        *out = (qg_device)d;
        if (qg_str_is(name, qg_device_name(*out)))
            return true;
    }
    return qg_str_starts(name, qg_str_from(several)) && name.len > n && name.ptr[n] >= '0' &&
           name.ptr[n] <= '9' && qg_str_to_int((qg_str){name.ptr + n, name.len - n}, &index);
}
