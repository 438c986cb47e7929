/* Signals: see interrupt.h. The handler only sets a flag and writes, as handlers may; that waiting
 * ends is base/process's part, since a handler without SA_RESTART interrupts its poll. */
#include "cli/interrupt.h"

#include "base/process.h"

#include <unistd.h>

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
    static const char text[] =
        "quantgate: stopping, to keep what was measured; a second signal ends at once\n";

    if (caught)
        _exit(3);
    caught = number;
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
        return; /* nobody reads it */
}

const volatile sig_atomic_t *qg_interrupt_catch(void)
{
    struct sigaction action = {.sa_handler = on_signal};

    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    qg_process_stop_on(&caught);
    return &caught;
}

const char *qg_interrupt_name(void)
{
    return caught == SIGINT ? "SIGINT" : caught ? "SIGTERM" : NULL;
}
