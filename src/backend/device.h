/* What a device says of itself at a moment. */
#ifndef QG_BACKEND_DEVICE_H
#define QG_BACKEND_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct qg_device_state {
    int64_t used_bytes;      /* of its memory by this process; -1: not known */
    int64_t khz, milliwatts; /* clock of its cores, power; 0: not known */
    int celsius;             /* 0: not known */
    bool throttles;    /* is slower to stay cool, or because the machine's supply tells it to */
    bool power_capped; /* is slower to stay within the power it may draw */
} qg_device_state;

#endif
