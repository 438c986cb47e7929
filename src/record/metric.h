/* Every number that quantgate judges: one list, read by the suite's schema, the measuring rooms,
 * the judges and the reports.
 *
 * A metric has a name (as in suites, records and reports), a kind of unit (base/units.h; values are
 * canonical: ns, bytes, fraction, ...), a direction (a budget on a cost is an upper bound, on a
 * benefit a lower one), the section of the suite that its budgets stand in, the least and the
 * greatest limit that make sense, and its one definition.
 *
 * A *sample* of latency is one run of a static batch: `ttft` of its last sequence, the mean `tpot`
 * of its sequences; percentiles are taken over samples. The forms `*_vs_fp16` are the ratio of the
 * case's value to that of the suite's reference, measured in the same run; of latencies the medians
 * are compared.
 */
#ifndef QG_RECORD_METRIC_H
#define QG_RECORD_METRIC_H

#include "base/str.h"
#include "base/units.h"

typedef enum qg_direction { QG_COST, QG_BENEFIT } qg_direction;
typedef enum qg_section { QG_QUALITY, QG_PERFORMANCE } qg_section;

/* X(ID, name, unit, direction, section, percentile or 0, least, greatest, unit word, definition) */
#define QG_METRIC_LATENCY(X, ID, name, text)                                                       \
    X(ID##_P50, name "_p50", DURATION, COST, PERFORMANCE, 50, 0, 1e15, "", text ", median")        \
    X(ID##_P95, name "_p95", DURATION, COST, PERFORMANCE, 95, 0, 1e15, "",                         \
      text ", 95th percentile")                                                                    \
    X(ID##_P99, name "_p99", DURATION, COST, PERFORMANCE, 99, 0, 1e15, "", text ", 99th percentile")
#define QG_METRIC_MEMORY(X, ID, name, text)                                                        \
    X(ID, name, BYTES, COST, PERFORMANCE, 0, 0, 1e15, "", text)
#define QG_METRIC_RATIO(X, ID, name, direction)                                                    \
    X(ID##_VS_FP16, name "_vs_fp16", RATIO, direction, PERFORMANCE, 0, 0, 1e6, "",                 \
      name " divided by that of the reference, measured in the same run")

#define QG_METRIC_LIST(X)                                                                          \
    QG_METRIC_LATENCY(X, TTFT, "ttft", "time from request to first token")                         \
    QG_METRIC_LATENCY(X, TPOT, "tpot",                                                             \
                      "time per output token: (end - first token) / (tokens - 1)")                 \
    QG_METRIC_LATENCY(X, ITL, "itl", "time between two tokens, each gap")                          \
    QG_METRIC_LATENCY(X, E2E, "e2e", "time from request to last token")                            \
    X(THROUGHPUT, "throughput", SPEED, BENEFIT, PERFORMANCE, 0, 0, 1e12, "",                       \
      "output tokens over the wall time of the batch run, prefill included")                       \
    QG_METRIC_MEMORY(X, MEMORY_PEAK, "memory_peak", "greatest sum of the memory ledger")           \
    QG_METRIC_MEMORY(X, WEIGHTS, "weights", "ledger: bytes of weights")                            \
    QG_METRIC_MEMORY(X, KV_CACHE, "kv_cache", "ledger: bytes of the KV cache")                     \
    QG_METRIC_MEMORY(X, ACTIVATIONS, "activations", "ledger: bytes of activations")                \
    QG_METRIC_MEMORY(X, WORKSPACE, "workspace", "ledger: bytes of workspace")                      \
    QG_METRIC_MEMORY(X, DEVICE_PEAK, "device_peak",                                                \
                     "greatest device memory as the driver sees it")                               \
    QG_METRIC_MEMORY(X, HOST_PEAK, "host_peak", "greatest resident set of the worker process")     \
    QG_METRIC_RATIO(X, TTFT, "ttft", COST)                                                         \
    QG_METRIC_RATIO(X, TPOT, "tpot", COST)                                                         \
    QG_METRIC_RATIO(X, ITL, "itl", COST)                                                           \
    QG_METRIC_RATIO(X, E2E, "e2e", COST)                                                           \
    QG_METRIC_RATIO(X, THROUGHPUT, "throughput", BENEFIT)                                          \
    QG_METRIC_RATIO(X, MEMORY_PEAK, "memory_peak", COST)                                           \
    QG_METRIC_RATIO(X, WEIGHTS, "weights", COST)                                                   \
    QG_METRIC_RATIO(X, KV_CACHE, "kv_cache", COST)                                                 \
    QG_METRIC_RATIO(X, ACTIVATIONS, "activations", COST)                                           \
    QG_METRIC_RATIO(X, WORKSPACE, "workspace", COST)                                               \
    QG_METRIC_RATIO(X, DEVICE_PEAK, "device_peak", COST)                                           \
    QG_METRIC_RATIO(X, HOST_PEAK, "host_peak", COST)                                               \
    X(PPL, "ppl", PLAIN, COST, QUALITY, 0, 1, 1e12, "",                                            \
      "perplexity of the text: exp of the mean negative log-likelihood of a token")                \
    X(NLL, "nll", PLAIN, COST, QUALITY, 0, 0, 1e3, "nats",                                         \
      "mean negative log-likelihood of a token of the text")                                       \
    X(PPL_INCREASE, "ppl_increase", SHARE, COST, QUALITY, 0, -1, 1e6, "",                          \
      "ppl relative to that of the reference over the same tokens, minus 1")                       \
    X(KLD_MEAN, "kld_mean", PLAIN, COST, QUALITY, 0, 0, 1e3, "nats",                               \
      "KL(reference || case) over the whole vocabulary, mean over tokens")                         \
    X(KLD_P99, "kld_p99", PLAIN, COST, QUALITY, 99, 0, 1e3, "nats",                                \
      "KL(reference || case) over the whole vocabulary, 99th percentile over tokens within 1 %")   \
    X(KLD_MAX, "kld_max", PLAIN, COST, QUALITY, 0, 0, 1e3, "nats",                                 \
      "KL(reference || case) over the whole vocabulary, greatest of all tokens")                   \
    X(KLD_TOPK, "kld_topk", PLAIN, COST, QUALITY, 0, 0, 1e3, "nats",                               \
      "lower bound of kld_mean from the golden's top-k log-probabilities")                         \
    X(GOLDEN_LOGPROB_MAX, "golden_logprob_max", PLAIN, COST, QUALITY, 0, 0, 1e3, "nats",           \
      "greatest difference from the FP16 golden's stored log-probabilities")                       \
    X(GOLDEN_LOGPROB_P99, "golden_logprob_p99", PLAIN, COST, QUALITY, 99, 0, 1e3, "nats",          \
      "99th percentile of the differences from the FP16 golden's stored log-probabilities")        \
    X(DRIFT_LOGPROB_MAX, "drift_logprob_max", PLAIN, COST, QUALITY, 0, 0, 1e3, "nats",             \
      "greatest difference from the log-probabilities of the case's own golden")                   \
    X(DRIFT_SAME_TOP, "drift_same_top", SHARE, BENEFIT, QUALITY, 0, 0, 1, "",                      \
      "share of positions whose best token is that of the case's own golden")                      \
    X(DRIFT_KLD_TOPK, "drift_kld_topk", PLAIN, COST, QUALITY, 0, 0, 1e3, "nats",                   \
      "kld_topk against the case's own golden")                                                    \
    X(SAME_TOP, "same_top", SHARE, BENEFIT, QUALITY, 0, 0, 1, "",                                  \
      "share of the text's tokens where the best prediction is that of the reference, live in "    \
      "the "                                                                                       \
      "same run; of the prompts' positions, by its golden, where there is no text or the case is " \
      "the reference's own")                                                                       \
    X(DP_RMS, "dp_rms", SHARE, COST, QUALITY, 0, 0, 1, "",                                         \
      "root mean square of the change of the true token's probability against the reference")      \
    X(DLOGPROB_P99, "dlogprob_p99", PLAIN, COST, QUALITY, 99, 0, 1e3, "nats",                      \
      "change of the true token's log-probability against the reference, either way, 99th "        \
      "percentile over tokens within 1 %")                                                         \
    X(GREEDY_MATCH, "greedy_match", PLAIN, BENEFIT, QUALITY, 0, 0, 1e6, "tokens",                  \
      "greedy tokens before the first difference from the golden, least of all prompts")           \
    X(GREEDY_SAME, "greedy_same", SHARE, BENEFIT, QUALITY, 0, 0, 1, "",                            \
      "share of the prompts whose greedy continuation is that of the reference, live in the same " \
      "run; a difference counts where the reference preferred its token by more than 0.01 nats")   \
    X(ACCURACY, "accuracy", SHARE, BENEFIT, QUALITY, 0, 0, 1, "",                                  \
      "share of the tasks' questions that are answered right")                                     \
    X(ACCURACY_DROP, "accuracy_drop", POINTS, COST, QUALITY, 0, -100, 100, "",                     \
      "accuracy of the reference minus that of the case")

typedef enum qg_metric {
#define X(id, name, unit, direction, section, percentile, least, greatest, word, text)             \
    QG_METRIC_##id,
    QG_METRIC_LIST(X)
#undef X
        QG_METRIC_N
} qg_metric;

typedef struct qg_metric_info {
    const char *name;
    qg_unit unit;
    qg_direction direction;
    qg_section section;
    int percentile;         /* 50, 95, 99; 0 where it is none                           */
    double least, greatest; /* limits outside are refused; canonical                    */
    const char *word;       /* what a plain number counts: "nats", "tokens"; else ""    */
    const char *text;       /* the definition                                           */
} qg_metric_info;

const qg_metric_info *qg_metric_info_of(qg_metric m); /* static */
bool qg_metric_find(qg_metric *out, qg_str name);
/* For a ratio (`tpot_vs_fp16`): the metric that is compared (QG_METRIC_TPOT_P50); else false. */
bool qg_metric_compared(qg_metric *out, qg_metric ratio);
/* Whether `value` keeps the budget `limit`, in the metric's direction; equality keeps it. */
bool qg_metric_within(qg_metric m, double value, double limit);
/* "12.35 ms", "0.0123 nats": qg_unit_print with the metric's word. Returns `out`. */
const char *qg_metric_print(char out[QG_UNIT_TEXT], qg_metric m, double value);

#endif
