/* `quantgate doctor [MODEL...]`: what is wrong with model folders, and what this machine has. */
#include "backend/backend.h"
#include "base/json.h"
#include "base/units.h"
#include "build_info.h"
#include "cli/cli.h"
#include "doctor/doctor.h"
#include "measure/machine.h"
#include "report/sarif.h"

typedef struct doctor_options {
    const char *quantization, *activations;
    bool json, sarif;
} doctor_options;

static const qg_option options[] = {
    QG_TEXT("quantization", doctor_options, quantization, "METHOD",
            "what the folder shall be: fp16, int8, gptq or awq"),
    QG_TEXT("activations", doctor_options, activations, "int8|float",
            "with --quantization int8 over a plain folder (int8)"),
    QG_FLAG("json", doctor_options, json, "machine and findings as one JSON object"),
    QG_FLAG("sarif", doctor_options, sarif, "the findings as SARIF 2.1.0, for code scanning"),
    {0},
};

/* What this machine has; the GPU's part is NULL or 0 without one. */
typedef struct equipment {
    qg_machine machine;
    const char *driver; /* NULL: not known */
    qg_device_state device;
    int64_t device_free; /* bytes */
    bool observed;
} equipment;

static void note(qg_findings *findings, const char *id, const char *what, const char *why)
{
    qg_finding_add_about(findings, QG_SEVERITY_NOTE, (qg_place){"this machine", 0, 0},
                         (qg_finding){.id = id}, "%s: %s", what, why);
}

static void look_at_gpu(equipment *q, const qg_backend *cuda, qg_findings *findings)
{
    q->driver = cuda->driver;
    q->device_free = cuda->available(cuda);
    q->observed = cuda->observe;
    if (cuda->observe)
        cuda->observe(&q->device, cuda);
    else
        note(findings, "no-nvml", "clock, temperature and device memory are not known",
             cuda->unobserved);
}

static qg_status look_at_machine(equipment *q, qg_arena *arena, qg_findings *findings, qg_err *err)
{
    qg_backend *cpu, *cuda;
    qg_err why = {0};
    bool has_gpu =
        qg_backend_open(&cuda, arena, &(qg_backend_options){.device = "cuda"}, &why) == QG_OK;

    *q = (equipment){0};

    QG_PASS(qg_backend_open(&cpu, arena, &(qg_backend_options){.device = "cpu"}, err));
    QG_PASS(qg_machine_describe(&q->machine, arena,
                                &(qg_engine_info){.device = cpu->name,
                                                  .gpu = has_gpu ? cuda->about : NULL,
                                                  .tier = cpu->table.tier,
                                                  .n_threads = cpu->ctx.n_threads},
                                err));
    if (has_gpu)
        look_at_gpu(q, cuda, findings);
    else
        note(findings, "no-gpu", "no GPU", why.message);
    return QG_OK;
}

static void put_machine(qg_json_writer *w, const equipment *q)
{
    const qg_machine *machine = &q->machine;

    qg_json_write_key(w, "machine");
    qg_json_write_object(w);
    qg_json_put_text(w, "cpu", machine->cpu);
    qg_json_put_int(w, "cpus", machine->n_cpus);
    qg_json_put_int(w, "threads", machine->n_threads);
    qg_json_put_text(w, "tier", machine->tier);
    qg_json_put_int(w, "memory_bytes", machine->memory_bytes);
    qg_json_put_text(w, "os", machine->os);
    qg_json_put_text(w, "gpu", machine->gpu);
    qg_json_put_text(w, "driver", q->driver);
    if (machine->gpu)
        qg_json_put_int(w, "device_free_bytes", q->device_free);
    if (q->observed) {
        qg_json_put_int(w, "clock_khz", q->device.khz);
        qg_json_put_int(w, "power_mw", q->device.milliwatts);
        qg_json_put_int(w, "celsius", q->device.celsius);
        qg_json_put_bool(w, "throttles", q->device.throttles);
        qg_json_put_bool(w, "power_capped", q->device.power_capped);
    }
    qg_json_put_text(w, "version", QG_BUILD_VERSION);
    qg_json_put_text(w, "compiler", machine->compiler);
    qg_json_write_close(w);
}

static qg_status write_json(qg_buf *out, const equipment *q, const qg_findings *f, qg_err *err)
{
    qg_json_writer w;

    qg_json_write_begin(&w, out);
    qg_json_write_object(&w);
    put_machine(&w, q);
    qg_json_write_key(&w, "findings");
    qg_json_write_array(&w);
    for (size_t i = 0; i < f->n; i++) {
        qg_json_write_object(&w);
        qg_json_put_text(&w, "id", f->at[i].id);
        qg_json_put_text(&w, "severity", qg_severity_name(f->at[i].severity));
        qg_json_put_text(&w, "folder", f->at[i].place.file);
        qg_json_put_text(&w, "tensor", f->at[i].tensor);
        qg_json_put_text(&w, "message", f->at[i].message);
        qg_json_put_text(&w, "fix", f->at[i].suggestion);
        qg_json_write_close(&w);
    }
    qg_json_write_end_array(&w);
    qg_json_write_close(&w);
    QG_PASS(qg_json_write_end(&w, err));
    qg_buf_char(out, '\n');
    return QG_OK;
}

static void write_gpu(qg_buf *out, const equipment *q)
{
    char memory[QG_UNIT_TEXT];

    qg_buf_format(out, "%s", q->machine.gpu);
    if (q->device_free >= 0)
        qg_buf_format(out, ", %s free",
                      qg_unit_print(memory, QG_UNIT_BYTES, (double)q->device_free));
    if (q->observed)
        qg_buf_format(out, ", %lld MHz, %.0f W, %d C%s%s", (long long)q->device.khz / 1000,
                      (double)q->device.milliwatts / 1000, q->device.celsius,
                      q->device.throttles ? ", throttles" : "",
                      q->device.power_capped ? ", at its power limit" : "");
    qg_buf_char(out, '\n');
}

static void write_text(qg_buf *out, const equipment *q, const qg_findings *f, int n_folders)
{
    const qg_machine *machine = &q->machine;
    char memory[QG_UNIT_TEXT];

    qg_buf_format(out, "%s, %d cores, %d threads, tier %s, %s of memory\n", machine->cpu,
                  machine->n_cpus, machine->n_threads, machine->tier,
                  qg_unit_print(memory, QG_UNIT_BYTES, (double)machine->memory_bytes));
    if (machine->gpu)
        write_gpu(out, q);
    qg_findings_format(out, f);
    qg_buf_format(out, "%d folder%s: %zu error%s, %zu warning%s\n", n_folders,
                  n_folders == 1 ? "" : "s", f->n_errors, f->n_errors == 1 ? "" : "s",
                  f->n_warnings, f->n_warnings == 1 ? "" : "s");
}

static qg_status doctor(qg_cli *cli, qg_err *err)
{
    const doctor_options *o = cli->options;
    qg_findings findings;
    equipment q;
    qg_buf out;

    if (o->json && o->sarif)
        return qg_fail(err, QG_EARG, "'--json' and '--sarif' exclude each other");
    qg_findings_begin(&findings, cli->run);
    QG_PASS(look_at_machine(&q, cli->run, &findings, err));
    for (int i = 0; i < cli->n_args; i++)
        QG_PASS(qg_doctor_examine(
            &findings, cli->args[i],
            &(qg_doctor_options){.quantization = o->quantization, .activations = o->activations},
            err));
    qg_buf_init(&out, cli->run);
    if (o->json)
        QG_PASS(write_json(&out, &q, &findings, err));
    else if (o->sarif)
        QG_PASS(qg_sarif_write(&out, &findings, QG_BUILD_VERSION, err));
    else
        write_text(&out, &q, &findings, cli->n_args);
    QG_NEED(!out.failed, err);
    cli->exit_code = findings.n_errors ? 2 : 0;
    return qg_cli_write(qg_buf_view(&out), err);
}

const qg_command qg_cmd_doctor = {
    .name = "doctor",
    .arguments = "[MODEL...]",
    .summary = "find what is wrong with model folders, and with this machine",
    .details = "Everything wrong in a folder is a finding with an id, the tensor and what to do. "
               "Nothing is\nloaded. Exit 2 if there is an error, else 0.",
    .example = "quantgate doctor models/llama-gptq\n"
               "  quantgate doctor --sarif models/llama-gptq > doctor.sarif",
    .min_args = 0,
    .max_args = -1,
    .options = options,
    .options_size = sizeof(doctor_options),
    .run = doctor,
};
