/* SplitMix64 (Steele, Lea and Flood 2014; constants of Vigna's public reference code): numbers that
 * look random, the same on every machine for the same seed. Number n of a stream, counted from 1,
 * is qg_random_mix(seed + n * QG_RANDOM_STEP), so a stream can be read in order or anywhere. Not
 * for secrets.
 */
#ifndef QG_BASE_RANDOM_H
#define QG_BASE_RANDOM_H

#include <stdint.h>

#define QG_RANDOM_STEP 0x9e3779b97f4a7c15u

/* A permutation of 64-bit numbers; 0 stays 0. */
static inline uint64_t qg_random_mix(uint64_t z)
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* The next number of the stream whose seed *state was at first. */
static inline uint64_t qg_random_next(uint64_t *state)
{
    return qg_random_mix(*state += QG_RANDOM_STEP);
}

#endif
