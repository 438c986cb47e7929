/* NVML: see nvml.h. What is called of it is declared here, as its manual has it (docs.nvidia.com/
 * deploy/nvml-api): the names with a version are those of drivers since 510, older than any that
 * runs CUDA 12. A driver that refuses a question leaves the answer unknown.
 */
#include "backend/nvml.h"

#include <dlfcn.h>
#include <unistd.h>

enum { SUCCESS = 0, CLOCK_SM = 1, TEMPERATURE_GPU = 0, PROCESSES = 64 };

/* nvmlClocksEventReasons (until driver 535: ThrottleReasons) that are told; the others are the wish
 * of a user, or idleness. */
enum {
    POWER_CAP = 0x4,
    HW_SLOWDOWN = 0x8,
    SW_THERMAL = 0x20,
    HW_THERMAL = 0x40,
    HW_POWER_BRAKE = 0x80,
};

typedef struct process_info { /* nvmlProcessInfo_t, of version 2 and 3 */
    unsigned pid;
    unsigned long long used;
    unsigned gpu_instance, compute_instance;
} process_info;

typedef struct memory_info { /* nvmlMemory_t */
    unsigned long long total, free, used;
} memory_info;

/* name, arguments */
#define FUNCTIONS(X)                                                                               \
    X(Init_v2, (void))                                                                             \
    X(Shutdown, (void))                                                                            \
    X(SystemGetDriverVersion, (char *version, unsigned size))                                      \
    X(DeviceGetHandleByPciBusId_v2, (const char *address, void **device))                          \
    X(DeviceGetComputeRunningProcesses_v3, (void *device, unsigned *n, process_info *list))        \
    X(DeviceGetMemoryInfo, (void *device, memory_info *memory))                                    \
    X(DeviceGetClockInfo, (void *device, int clock, unsigned *mhz))                                \
    X(DeviceGetPowerUsage, (void *device, unsigned *milliwatts))                                   \
    X(DeviceGetTemperature, (void *device, int sensor, unsigned *celsius))                         \
    X(DeviceGetCurrentClocksThrottleReasons, (void *device, unsigned long long *reasons))

struct qg_nvml {
    void *open, *device;
    bool has_begun;
    char driver[96];
    int64_t before; /* bytes in use when it was opened, -1: not known */
#define X(name, arguments) int(*name) arguments;
    FUNCTIONS(X)
#undef X
};

static void library_close(void *data)
{
    qg_nvml *n = data;

    if (n->has_begun)
        n->Shutdown();
    dlclose(n->open);
}

static qg_status find_functions(qg_nvml *n, qg_err *err)
{
#define X(name, arguments)                                                                         \
    *(void **)&n->name = dlsym(n->open, "nvml" #name);                                             \
    if (!n->name)                                                                                  \
        return qg_fail(err, QG_EDEVICE, "NVML lacks 'nvml" #name "': update the driver");
    FUNCTIONS(X)
#undef X
    return QG_OK;
}

static int64_t used_on_device(const qg_nvml *n)
{
    memory_info memory;

    return n->DeviceGetMemoryInfo(n->device, &memory) == SUCCESS ? (int64_t)memory.used : -1;
}

static qg_status find_device(qg_nvml *n, const char *address, qg_err *err)
{
    int status = n->Init_v2();

    if (status != SUCCESS)
        return qg_fail(err, QG_EDEVICE, "NVML does not start here (status %d)", status);
    n->has_begun = true;
    if (n->SystemGetDriverVersion(n->driver, sizeof n->driver) != SUCCESS)
        n->driver[0] = '\0';
    status = n->DeviceGetHandleByPciBusId_v2(address, &n->device);
    if (status != SUCCESS)
        return qg_fail(err, QG_EDEVICE, "NVML does not know the device at %s (status %d)", address,
                       status);
    n->before = used_on_device(n);
    return QG_OK;
}

qg_status qg_nvml_open(qg_nvml **out, qg_arena *arena, const char *pci_address, qg_err *err)
{
    qg_nvml *n = QG_NEW(arena, qg_nvml);

    QG_NEED(n, err);
    n->open = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!n->open)
        return qg_fail(err, QG_EDEVICE,
                       "NVML is missing: a driver brings it; in a container add the capability "
                       "'utility' (%s)",
                       dlerror());
    if (!qg_arena_defer(arena, library_close, n)) {
        dlclose(n->open);
        return qg_fail(err, QG_ENOMEM, "out of memory");
    }
    QG_PASS(find_functions(n, err));
    QG_PASS(find_device(n, pci_address, err));
    *out = n;
    return QG_OK;
}

const char *qg_nvml_driver(const qg_nvml *n)
{
    return n->driver[0] ? n->driver : NULL;
}

/* Bytes of this process in the driver's list; -1: it is not there, or without a number. */
static int64_t used_by_this(const qg_nvml *n)
{
    process_info list[PROCESSES];
    unsigned count = PROCESSES, pid = (unsigned)getpid();

    if (n->DeviceGetComputeRunningProcesses_v3(n->device, &count, list) != SUCCESS)
        return -1; /* of so many processes ours is one that cannot be told from the others */
    for (unsigned i = 0; i < count; i++)
        if (list[i].pid == pid && list[i].used <= INT64_MAX) /* all ones: not known */
            return (int64_t)list[i].used;
    return -1;
}

static int64_t used_more(const qg_nvml *n)
{
    int64_t now = used_on_device(n);

    if (now < 0 || n->before < 0)
        return -1;
    return now > n->before ? now - n->before : 0;
}

void qg_nvml_observe(qg_device_state *out, const qg_nvml *n)
{
    unsigned mhz, milliwatts, celsius;
    unsigned long long reasons;

    *out = (qg_device_state){.used_bytes = used_by_this(n)};
    if (out->used_bytes < 0)
        out->used_bytes = used_more(n);
    if (n->DeviceGetClockInfo(n->device, CLOCK_SM, &mhz) == SUCCESS)
        out->khz = (int64_t)mhz * 1000;
    if (n->DeviceGetPowerUsage(n->device, &milliwatts) == SUCCESS)
        out->milliwatts = milliwatts;
    if (n->DeviceGetTemperature(n->device, TEMPERATURE_GPU, &celsius) == SUCCESS)
        out->celsius = (int)celsius;
    if (n->DeviceGetCurrentClocksThrottleReasons(n->device, &reasons) != SUCCESS)
        return;
    out->throttles = reasons & (HW_SLOWDOWN | SW_THERMAL | HW_THERMAL | HW_POWER_BRAKE);
    out->power_capped = reasons & POWER_CAP;
}
