/* Busy machines: see busy.h. */
#include "judge/busy.h"

#include "base/units.h"

typedef struct load {
    double waiting, neighbours, others; /* share of the time; processors; processors */
    bool waits, has_neighbours, has_others, throttles;
} load;

static load load_of(const qg_measurement *m, const qg_machine *machine)
{
    const qg_pressure *p = &m->pressure;
    double time = p->sampled_ns > 0 ? (double)p->sampled_ns : 1;
    load l = {.waiting = (double)(p->delay_ns + p->steal_ns) / time,
              .neighbours = (double)p->neighbours_ns / time,
              .others = (double)p->others_ns / time};

    l.waits = l.waiting > QG_BUSY;
    l.has_neighbours = l.neighbours > QG_BUSY_NEIGHBOURS;
    l.has_others =
        l.others > QG_BUSY_OTHERS && l.others > QG_BUSY_OF_MACHINE * (double)machine->n_cpus;
    l.throttles = p->throttles > 0;
    return l;
}

bool qg_is_busy(const qg_measurement *m, const qg_machine *machine)
{
    load l = load_of(m, machine);
    return l.waits || l.has_neighbours || l.has_others || l.throttles;
}

static void add(qg_buf *b, const char *clause)
{
    qg_buf_format(b, "%s%s", b->len ? " and " : "", clause);
}

const char *qg_busy_text(qg_arena *arena, const qg_measurement *m, const qg_machine *machine)
{
    load l = load_of(m, machine);
    char share[QG_UNIT_TEXT];
    qg_buf b;

    qg_buf_init(&b, arena);
    if (l.waits) {
        qg_unit_print(share, QG_UNIT_SHARE, l.waiting);
        add(&b, "it kept the case waiting ");
        qg_buf_format(&b, "%s of the time", share);
    }
    if (l.has_neighbours || l.has_others) {
        add(&b, "other processes used ");
        if (l.has_others)
            qg_buf_format(&b, "%.2f of %d processors", l.others, machine->n_cpus);
        else
            qg_buf_format(&b, "%.2f of a processor on the same cores", l.neighbours);
    }
    if (l.throttles)
        add(&b, "it throttled");
    return b.failed ? NULL : b.len ? b.ptr : "";
}
