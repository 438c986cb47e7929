/* Progress: see progress.h. The time left is elapsed * (1 - done) / done, shown once 2 % are done.
 */
#include "base/progress.h"

#include "base/clock.h"

#include <string.h>
#include <unistd.h>

enum { BAR = 24 };

void qg_progress_line(char out[128], const char *label, double done, int64_t elapsed_ns)
{
    char bar[BAR + 1], left[32] = "";

    done = done < 0 ? 0 : done > 1 ? 1 : done;
    int full = (int)(done * BAR);
    memset(bar, '-', BAR);
    memset(bar, '#', (size_t)full);
    bar[BAR] = '\0';
    if (done >= 0.02) {
        int64_t s = (int64_t)((double)elapsed_ns / 1e9 * (1 - done) / done + 0.5);
        snprintf(left, sizeof left, "  %lld:%02d left", (long long)(s / 60), (int)(s % 60));
    }
    snprintf(out, 128, "%.40s [%s] %3d %%%s", label, bar, (int)(done * 100), left);
}

void qg_progress_begin(qg_progress *p, FILE *to, const char *label)
{
    *p = (qg_progress){.to = isatty(fileno(to)) ? to : NULL, .start_ns = qg_clock_ns()};
    snprintf(p->label, sizeof p->label, "%s", label);
}

void qg_progress_update(qg_progress *p, double done)
{
    char line[128];
    int64_t now_ns = qg_clock_ns();

    if (!p->to || now_ns - p->drawn_ns < 100000000)
        return;
    p->drawn_ns = now_ns;
    p->shown = true;
    qg_progress_line(line, p->label, done, now_ns - p->start_ns);
    fprintf(p->to, "\r\x1b[K%s", line);
    fflush(p->to);
}

void qg_progress_end(qg_progress *p)
{
    if (p->to && p->shown) {
        fputs("\r\x1b[K", p->to);
        fflush(p->to);
    }
    p->shown = false;
}
