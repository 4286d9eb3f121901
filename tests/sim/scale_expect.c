/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many rekeys a minute are to be expected. Each end draws when it rekeys evenly from the last tenth of the soft lifetime L
 * (RFC 7296 2.8; jitter() of ike/), and the earlier one does it: an SA lives t with P(life > t) = ((L - t) / (L / 10))^2 from
 * 0.9 L on. The successor draws anew, so rekeys are a renewal process: with f the density of a life and u(t) the rate of births
 * and rekeys, u = births + f * u. That sum is what stands below, on a grid of GRID seconds.
 *
 * From the same density: a life is 0.933 L on average with a deviation of 0.1 L / sqrt(18), so after k lives those that began
 * together are spread by sqrt(k) times that, and the fullest minute is 1 + 2 exp(-0.0126 k) + 2 exp(-0.0504 k) + ... times the
 * mean: less than 3 from the 28th life on.
 */
#include "scale_expect.h"

#include <stdlib.h>

#define GRID (6 * USEC_SEC)
#define TENTH_MAX 4096 /* grid points in the last tenth */

/* Chances that a life ends in each grid step after 0.9 L; how many. */
static size_t lives(usec_t soft, double *f)
{
    size_t n = (size_t)(soft / 10 / GRID);

    n = n < TENTH_MAX ? n : TENTH_MAX;
    for (size_t i = 0; i < n; i++) {
        double before = 1 - (double)i / (double)n, after = 1 - (double)(i + 1) / (double)n;

        f[i] = before * before - after * after;
    }
    return n;
}

void scale_expect(usec_t soft, usec_t births_for, double births, double *minutes, size_t n_minutes)
{
    size_t per_minute = (size_t)(60 * USEC_SEC / GRID), n = n_minutes * per_minute, first = (size_t)(soft / 10 * 9 / GRID);
    size_t n_births = (size_t)(births_for / GRID);
    double *f = calloc(TENTH_MAX, sizeof(*f)), *u = calloc(n + 1, sizeof(*u));
    size_t n_f;

    if (!f || !u)
        abort();
    n_f = lives(soft, f);
    for (size_t t = 0; t < n; t++) {
        double rekeys = 0;

        for (size_t i = 0; i < n_f && first + i <= t; i++)
            rekeys += f[i] * u[t - first - i];
        u[t] = rekeys + (t < n_births ? births / (double)n_births : 0);
        minutes[t / per_minute] += rekeys;
    }
    free(f);
    free(u);
}
