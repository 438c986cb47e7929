/* NVML, the driver's library, opened at run time: what a GPU says of itself. Without it nothing
 * fails, only nothing is known.
 *
 * Memory is that of this process where the driver lists it, which it does not do in a container of
 * other process ids; else what the device has in use more than when it was opened here, which is
 * right where nobody else uses it.
 */
#ifndef QG_BACKEND_NVML_H
#define QG_BACKEND_NVML_H

#include "backend/device.h"
#include "base/arena.h"
#include "base/err.h"

typedef struct qg_nvml qg_nvml;

/* The device at a PCI address ("0000:3b:00.0"), before this process has used it: what is in use now
 * is others'. *out lives as long as the arena. QG_EDEVICE: there is no library, or it does not know
 * the device. */
qg_status qg_nvml_open(qg_nvml **out, qg_arena *arena, const char *pci_address, qg_err *err);

const char *qg_nvml_driver(const qg_nvml *n); /* its version, "550.54.15" */
void qg_nvml_observe(qg_device_state *out, const qg_nvml *n);

#endif
