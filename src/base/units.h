/* Quantities with their unit: parse what a user writes, print what a person reads.
 *
 * Inside the program a quantity is a double in the canonical unit of its kind:
 *   duration ns · memory bytes · share fraction (96 % is 0.96) · points percentage points (1 pp is
 *   1.0) · ratio (0.32x is 0.32) · speed tokens a second · age days · plain the number itself
 * A number without its unit is refused where the kind has one: "60" might be ms or s.
 */
#ifndef QG_BASE_UNITS_H
#define QG_BASE_UNITS_H

#include "base/err.h"
#include "base/str.h"

typedef enum qg_unit {
    QG_UNIT_PLAIN,    /* no unit: perplexity, nats, tokens     */
    QG_UNIT_DURATION, /* ns us ms s, canonical ns              */
    QG_UNIT_BYTES,    /* B KiB MiB GiB, canonical B            */
    QG_UNIT_SHARE,    /* %, canonical fraction                 */
    QG_UNIT_POINTS,   /* pp, canonical percentage points       */
    QG_UNIT_RATIO,    /* x                                     */
    QG_UNIT_SPEED,    /* tok/s                                 */
    QG_UNIT_DAYS,     /* d                                     */
    QG_UNIT_N
} qg_unit;

/* Reads "60 ms", "5.5GiB", "99.5 %", "0.32x": a decimal number, blanks or none, the unit, exactly
 * as spelled above. QG_EFORMAT says what was written, and which units are accepted with an example.
 */
qg_status qg_unit_parse(double *out, qg_unit unit, qg_str text, qg_err *err);

enum { QG_UNIT_TEXT = 48 };

/* For people: four significant digits and the unit of a fitting size ("12.35 ms", "5.5 GiB"). An
 * infinite value or NaN prints as "-". Returns `out`. */
const char *qg_unit_print(char out[QG_UNIT_TEXT], qg_unit unit, double value);
/* For two values that must be told apart: all digits in the smallest unit ("12345678 B"). */
const char *qg_unit_print_exact(char out[QG_UNIT_TEXT], qg_unit unit, double value);

const char *qg_unit_accepted(qg_unit unit); /* "ns, us, ms or s"; "" for plain numbers */
const char *qg_unit_example(qg_unit unit);  /* "60 ms"                                 */

#endif
