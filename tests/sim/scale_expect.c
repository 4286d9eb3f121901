/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many rekeys a minute are to be expected. Each end draws when it rekeys evenly from the last part p of the soft lifetime L,
 * and the earlier one does it: an SA lives t with P(life > t) = ((L - t) / (pL))^2 from (1 - p) L on (RFC 7296 2.8; rekey_after()
 * of ike/). p is a tenth, but four fifths for the first of many, so that what came up together is spread at once. The successor
 * draws anew, so rekeys are a renewal process: with f0 and f the densities of a first and of another life and r(t) the rate of
 * rekeys, r = f0 * births + f * r. That sum is what stands below, on a grid of GRID seconds.
 *
 * From the same densities: the first rekeys come at 2 / (0.8 L) at most, 2.3 times the mean rate of 1 / (0.933 L), and what
 * follows is spread wider: never three times.
 */
#include "scale_expect.h"

#include <stdlib.h>

#define GRID (6 * USEC_SEC)
#define LIFE_MAX 8192 /* grid points in what is drawn from */

/* Chances that a life ends in each grid step after the first when it may; how many steps, and that first. */
struct density {
    double f[LIFE_MAX];
    size_t n, first;
};

static struct density *density_of(usec_t soft, unsigned percent)
{
    struct density *d = calloc(1, sizeof(*d));

    if (!d)
        abort();
    d->n = (size_t)(soft / 100 * percent / GRID);
    d->n = d->n < LIFE_MAX ? d->n : LIFE_MAX;
    d->first = (size_t)(soft / 100 * (100 - percent) / GRID);
    for (size_t i = 0; i < d->n; i++) {
        double before = 1 - (double)i / (double)d->n, after = 1 - (double)(i + 1) / (double)d->n;

        d->f[i] = before * before - after * after;
    }
    return d;
}

/* Who began at u[] ends at t. */
static double ends_at(const struct density *d, const double *u, size_t t)
{
    double n = 0;

    for (size_t i = 0; i < d->n && d->first + i <= t; i++)
        n += d->f[i] * u[t - d->first - i];
    return n;
}

void scale_expect(usec_t soft, usec_t births_for, double births, double *minutes, size_t n_minutes)
{
    size_t per_minute = (size_t)(60 * USEC_SEC / GRID), n = n_minutes * per_minute, n_births = (size_t)(births_for / GRID);
    double *born = calloc(n + 1, sizeof(*born)), *rekeyed = calloc(n + 1, sizeof(*rekeyed));
    struct density *first = density_of(soft, 80), *other = density_of(soft, 10);

    if (!born || !rekeyed)
        abort();
    for (size_t t = 0; t < n_births; t++)
        born[t] = births / (double)n_births;
    for (size_t t = 0; t < n; t++) {
        rekeyed[t] = ends_at(first, born, t) + ends_at(other, rekeyed, t);
        minutes[t / per_minute] += rekeyed[t];
    }
    free(first);
    free(other);
    free(born);
    free(rekeyed);
}
