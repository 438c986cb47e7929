/* Names of devices, as suites and the command line say them. The class is what budgets, goldens and
 * cases are about; of several devices of one class the name says which. */
#ifndef QG_SUITE_DEVICE_H
#define QG_SUITE_DEVICE_H

#include "base/str.h"

typedef enum qg_device { QG_DEVICE_AUTO, QG_DEVICE_CPU, QG_DEVICE_CUDA } qg_device;

const char *qg_device_name(qg_device d); /* "auto", "cpu", "cuda" */
/* The class of "auto", "cpu", "cuda" or "cuda:N"; false for another name. */
bool qg_device_find(qg_device *out, qg_str name);

#endif
