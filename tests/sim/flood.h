/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A responder (the hub) under a million packets, and honest peers (the crowd, one core with many connections, each from an
 * address of its own) that want to be served meanwhile. Real cores, real algorithms, the real vault; time is virtual, and there
 * are no laws after each step: what is measured is memory, answers, key exchanges, CPU and who was served when.
 *
 *     strangers --flood_hear()--> hub <--delay--> crowd
 *                                  |
 *                                  +-- answers to strangers --> f->stranger()
 */
#ifndef SIM_FLOOD_H
#define SIM_FLOOD_H

#include "dice.h"
#include "ike/core.h"
#include "wire/wire.h"

struct flood;
struct site {
    struct flood *flood;
    struct core *core;
    struct vault *vault;
    struct conf *conf;
    struct outbox out;
    struct alg_registry algs; /* those of the build, with key exchanges that are counted */
    int64_t bytes, peak;      /* allocated in its steps less what was freed, and the most that it ever was; 0 with sanitizers */
    double cpu_us;            /* of this thread, in its steps */
    uint64_t steps, sent, tells, dh; /* dh: shared secrets computed */
    uint64_t facts[FACT_COUNT], asks[16];
};

struct guest { /* an honest peer: connection cN of the crowd */
    struct map_node node;
    struct addr addr;
    usec_t asked, up;
    uint64_t spi_i, spi_r;
};

struct flood {
    usec_t now, delay;
    struct dice dice;
    struct rng rng;
    struct site hub, crowd;
    struct heap queue; /* what is under way */
    struct guest *guests;
    struct map by_addr;            /* guests */
    size_t n_guests, n_up, n_down; /* n_down: FACT_IKE_DOWN, FACT_PEER_DEAD at either site */
    struct buf init;               /* the first IKE_SA_INIT of a guest, to be copied by strangers */
    struct buf auth;               /* the last IKE_AUTH of a guest */
    uint64_t spi_i, spi_r;         /* of the last IKE_SA_INIT that the hub answered to a guest */
    const struct alg *encr;
    struct secret ei; /* SK_ei of the last IKE SA of a guest (AES-GCM) */
    size_t orders_failed;
    bool mute;                                                          /* what the hub sends to guests is lost */
    bool deaf;                                                          /* IKE_AUTH of guests is lost: they stay half-open */
    uint64_t to_strangers;                                              /* answers, of any kind */
    void (*stranger)(struct flood *, const struct path *, struct span); /* may be NULL */
    void (*carry)(struct flood *, const struct path *, struct span);    /* guests' packets go here, not to the hub; may be NULL */
    char psk[32];
};

/* `daemon` is YAML of the hub's `daemon:` section ("" = defaults). Guest i comes from place(i) (NULL = one /24 each 100 of them,
 * in 10.0.0.0/8). */
struct flood *flood_new(uint64_t seed, const char *daemon, size_t n_guests, struct addr (*place)(size_t));
struct flood *flood_free(struct flood *);
void flood_ask(struct flood *, size_t guest, const char *verb_child); /* guest comes up (NULL), rekeys its IKE SA or a child */
void flood_down(struct flood *, size_t guest);
void flood_wait_up(struct flood *, size_t guest, uint32_t order); /* somebody waits for it to be up */
void flood_run(struct flood *, usec_t until);                     /* virtual time passes; whatever is due happens */
/* A packet of somebody else reaches the hub now. */
void flood_hear(struct flood *, const struct endpoint *from, struct span);
/* One for a guest, whose end `path` is. */
void flood_guest_hears(struct flood *, const struct path *, struct span);
bool flood_is_guest(const struct flood *, const struct addr *);
void flood_list(struct flood *); /* fills the guests' SPIs */
/* The same, after a while; the bytes are copied. */
void flood_post(struct flood *, const struct endpoint *from, struct span, usec_t after);
void flood_event(struct flood *, struct site *, const struct event *);
/* Share of those asked between the two times that were up within `patience`, in percent. */
double flood_served(const struct flood *, usec_t from, usec_t to, usec_t patience);
struct endpoint flood_hub_at(void);

/* Strangers' IKE_SA_INIT: the guests' own first one with another SPI and nonce. */
struct span flood_init(struct flood *, uint64_t spi_i, uint64_t nonce);
/* An answer to it is a COOKIE: its bytes; else SPAN_NONE. */
struct span flood_cookie(struct span answer);
/* The same request with a cookie in front, in memory of the arena. */
struct span flood_with_cookie(struct arena *, struct span init, struct span cookie);
/* Fragment `number` of `total` of an IKE_AUTH request, sealed with f->ei for f->spi_i and f->spi_r. */
struct span flood_fragment(struct flood *, struct arena *, struct span plain, uint16_t number, uint16_t total);
/* A clear message of one notify. */
struct span flood_notify(struct arena *, uint64_t spi_i, uint64_t spi_r, uint8_t exchange, uint8_t flags, uint32_t id,
                         uint16_t type, struct span data);

#endif
