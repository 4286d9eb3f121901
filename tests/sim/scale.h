/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One hub with very many peers over virtual days: real cores, glass algorithms, a model kernel for each core that knows of each
 * Child SA only its SPIs, and steady flows of packets that are reckoned, not sent.
 *
 *     hub <--delay--> SCALE_CORES cores with guests/SCALE_CORES connections each, which begin one each second
 *      |                  |
 *      +-- asks, answered after a while, in order; AUTH with a cost where `auth_cost` says so
 *
 * There are no laws after each step: what is counted is who is up, what would not arrive, rekeys by the minute, memory.
 */
#ifndef SIM_SCALE_H
#define SIM_SCALE_H

#include "dice.h"
#include "ike/core.h"

#define SCALE_CORES 60
#define SCALE_SETTLES (60 * USEC_SEC) /* what is being replaced is gone so much later */
#define SCALE_MINUTE (60 * USEC_SEC)

struct scale;
struct scale_guest;

/* A Child SA in the model kernel of a site. */
struct scale_sa {
    struct map_node node;
    struct list of_guest;
    struct scale_guest *guest;
    uint32_t spi_in, spi_out;
    bool in, out; /* which of its halves are installed */
    usec_t made, heard;
};

struct scale_site {
    struct scale *scale;
    struct core *core;
    struct conf *conf;
    struct outbox out;
    struct heap_node due;
    struct map sas; /* by the inbound SPI */
    usec_t auth_cost, busy_until;
    int64_t bytes, peak; /* allocated in its steps less what was freed; 0 with sanitizers */
    uint64_t steps, sent, facts[FACT_COUNT], asks[16], overdue;
};

enum { TO_HUB, TO_GUEST };
struct scale_guest {
    struct scale_site *site;
    struct list sas[2]; /* at the end that a direction goes to; the newest last */
    bool flows[2];      /* packets go that way, all the time */
    bool up;
    usec_t up_at;
    uint32_t ike, child; /* that are up: of the last list */
    bool crowded;        /* it had more than one then */
};

struct scale_minute {
    uint32_t ike, child; /* rekeys at the hub */
};

struct scale {
    usec_t now, began, delay;
    struct dice dice;
    struct rng rng;
    struct scale_site hub, crowd[SCALE_CORES];
    struct scale_guest *guests;
    size_t n_guests, n_up;
    uint32_t handles;
    struct heap queue, sites;
    struct scale_minute *minutes;
    size_t n_minutes, each; /* each: guests of a core */
    uint64_t probes[2];     /* liveness requests: INFORMATIONAL of the smallest size, by who hears them */
    usec_t probe_first[2];  /* the first of them since scale_probes_forget() */
    uint64_t lost;          /* moments at which a flow would have lost packets */
    uint64_t digest;        /* of all that was sent */
};

struct scale_setup {
    uint64_t seed;
    size_t guests;
    usec_t lasts;         /* at most */
    const char *liveness; /* as in a file */
    bool default_limits;  /* but for a source, for each guest shall be one; else none that counts here */
    usec_t auth_cost;     /* the hub's vault is busy for so long with each AUTH, in order, as the process is */
};

struct scale *scale_new(const struct scale_setup *);
struct scale *scale_free(struct scale *);
void scale_run(struct scale *, usec_t until);
void scale_flow(struct scale *, unsigned direction, bool flows); /* of all guests */
void scale_probes_forget(struct scale *);
size_t scale_minute_of(const struct scale *, usec_t at);
/* Asks the hub for all its SAs, and again after a while: how many guests had no IKE SA or Child SA that is up once, or more than
 * one of either both times. */
size_t scale_wanting(struct scale *);
void scale_stop(struct scale *); /* all cores say goodbye, and time passes until they have */

/* scale_kernel.c */
int scale_kernel_does(struct scale_site *, const struct ask *, struct answer *); /* 0 or ERR_* */
struct scale_guest *scale_guest_at(struct scale *, const struct addr *);
size_t scale_kernel_size(const struct scale_site *);
void scale_flows_settle(struct scale *, struct scale_guest *); /* what flowed until now was heard */
bool scale_arrives(struct scale *, struct scale_guest *, unsigned direction);
size_t scale_orphans(struct scale *, struct scale_guest *); /* SAs that something newer replaced long ago */
void scale_kernel_forget(struct scale *);

#endif
