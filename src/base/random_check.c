/* Unit tests of base/random: the first numbers of two streams as other implementations publish
 * them: seed 0 as xoshiro256** is seeded by Vigna's reference code, seed 1234567 as on Rosetta Code
 * ("Pseudo-random numbers/Splitmix64").
 */
#include "base/random.h"

#include "check_suites.h"

static const struct stream {
    uint64_t seed, number[5];
} streams[] = {
    {0,
     {0xe220a8397b1dcdafu, 0x6e789e6aa1b965f4u, 0x06c45d188009454fu, 0xf88bb8a8724c81ecu,
      0x1b39896a51a8749bu}},
    {1234567,
     {6457827717110365317u, 3203168211198807973u, 9817491932198370423u, 4593380528125082431u,
      16408922859458223821u}},
};

START_TEST(numbers_are_the_published_ones)
{
    const struct stream *s = &streams[_i];
    uint64_t state = s->seed;

    for (uint64_t n = 0; n < 5; n++) {
        ck_assert_uint_eq(qg_random_mix(s->seed + (n + 1) * QG_RANDOM_STEP), s->number[n]);
        ck_assert_uint_eq(qg_random_next(&state), s->number[n]);
    }
}
END_TEST

Suite *random_check(void)
{
    Suite *s = suite_create("random_check");
    TCase *t = tcase_create("random");

    tcase_add_loop_test(t, numbers_are_the_published_ones, 0, 2);
    suite_add_tcase(s, t);
    return s;
}
