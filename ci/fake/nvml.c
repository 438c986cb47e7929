/* A libnvidia-ml.so.1 for tests: one device, whose numbers stand in the environment. Declared as in
 * the manual, docs.nvidia.com/deploy/nvml-api. Build it with
 *     cc -shared -fPIC -Wl,-soname,libnvidia-ml.so.1 -o DIR/libnvidia-ml.so.1 ci/fake/nvml.c
 * -DOLD makes that of a driver from before 510. A number that is not set is refused
 * (NVML_ERROR_NOT_SUPPORTED).
 *     FAKE_NVML_BUS        PCI address of the device
 *     FAKE_NVML_USED       bytes in use on it
 *     FAKE_NVML_OTHER, FAKE_NVML_OWN    bytes of another process, and of this one
 *     FAKE_NVML_MHZ, _MILLIWATTS, _CELSIUS, _REASONS
 *     FAKE_NVML_INIT       what nvmlInit answers
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OK = 0, NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7 };

typedef struct nvmlProcessInfo {
    unsigned int pid;
    unsigned long long usedGpuMemory;
    unsigned int gpuInstanceId;
    unsigned int computeInstanceId;
} nvmlProcessInfo_t;

typedef struct nvmlMemory {
    unsigned long long total, free, used;
} nvmlMemory_t;

static int device;

static int answer(const char *name, unsigned long long *out)
{
    const char *text = getenv(name);

    if (!text)
        return NOT_SUPPORTED;
    *out = strtoull(text, NULL, 0);
    return OK;
}

static int small(const char *name, unsigned int *out)
{
    unsigned long long value;
    int status = answer(name, &value);

    if (status == OK)
        *out = (unsigned int)value;
    return status;
}

int nvmlInit_v2(void)
{
    unsigned int status = OK;

    small("FAKE_NVML_INIT", &status);
    return (int)status;
}

int nvmlShutdown(void)
{
    return OK;
}

int nvmlSystemGetDriverVersion(char *version, unsigned int length)
{
    snprintf(version, length, "550.54.15");
    return OK;
}

int nvmlDeviceGetHandleByPciBusId_v2(const char *address, void **out)
{
    const char *own = getenv("FAKE_NVML_BUS");

    if (!own || strcmp(own, address) != 0)
        return NOT_FOUND;
    *out = &device;
    return OK;
}

#ifndef OLD
int nvmlDeviceGetComputeRunningProcesses_v3(void *d, unsigned int *count, nvmlProcessInfo_t *infos)
{
    nvmlProcessInfo_t all[2] = {{.pid = 1}, {.pid = (unsigned int)getpid()}};
    unsigned int n = 0, room = *count;

    (void)d;
    n += answer("FAKE_NVML_OTHER", &all[n].usedGpuMemory) == OK;
    if (answer("FAKE_NVML_OWN", &all[1].usedGpuMemory) == OK)
        all[n++] = all[1];
    *count = n;
    if (n > room)
        return INSUFFICIENT_SIZE;
    memcpy(infos, all, n * sizeof *all);
    return OK;
}
#endif

int nvmlDeviceGetMemoryInfo(void *d, nvmlMemory_t *memory)
{
    (void)d;
    memset(memory, 0, sizeof *memory);
    return answer("FAKE_NVML_USED", &memory->used);
}

int nvmlDeviceGetClockInfo(void *d, int type, unsigned int *mhz)
{
    (void)d;
    return type == 1 ? small("FAKE_NVML_MHZ", mhz) : NOT_SUPPORTED; /* NVML_CLOCK_SM */
}

int nvmlDeviceGetPowerUsage(void *d, unsigned int *milliwatts)
{
    (void)d;
    return small("FAKE_NVML_MILLIWATTS", milliwatts);
}

int nvmlDeviceGetTemperature(void *d, int sensor, unsigned int *celsius)
{
    (void)d;
    return sensor == 0 ? small("FAKE_NVML_CELSIUS", celsius) : NOT_SUPPORTED;
}

int nvmlDeviceGetCurrentClocksThrottleReasons(void *d, unsigned long long *reasons)
{
    (void)d;
    return answer("FAKE_NVML_REASONS", reasons);
}
