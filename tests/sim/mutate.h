/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hostile messages, one by one: a real core (the puppet's gate) waits for a message of some kind, and what it gets is that
 * message with one thing wrong, before it is sealed (so that the inner readers see it, with a good ICV) or after.
 *
 *     mutate_kinds*.c   brings the gate to where it waits for a message of a kind, and makes the honest one
 *     mutate_cases.c    the n-th wrong form of it
 *     mutate_look.c     the core and its kernel from inside, as one number
 *     mutate_shot.c     lets it have one, and judges what became of it
 */
#ifndef SIM_MUTATE_H
#define SIM_MUTATE_H

#include "puppet.h"

#define MUTANT_MAX 8192

/* An honest message that the gate waits for. */
struct mutant {
    const struct kind *kind;
    struct puppet *p;
    struct path path; /* as the gate sees it */
    uint8_t bytes[MUTANT_MAX];
    size_t len;
    bool sealed, fragment;
    size_t plain_at, plain_len; /* of the plaintext in `bytes`: glass does not hide it */
    struct secret key;          /* that it is sealed with */
    uint32_t ids;               /* how far message IDs have moved since it was made */
};

enum kind_flags {
    KIND_PROVES = 1, /* it carries the peer's proof: UP only when identity and proof are as they were */
    KIND_INIT = 2,   /* it is signed by a later proof: whatever is changed, the peers never get UP with it */
};
struct kind {
    const char *name;
    bool (*make)(struct mutant *);  /* p, path and bytes; false when the world would not go there */
    bool (*works)(struct mutant *); /* the honest one has been delivered: did it do what it should */
    unsigned flags, number;
    const char *words;
};
extern const struct kind mutate_init[], mutate_auth[], mutate_child[], mutate_info[];
const struct kind *mutate_kind(size_t n); /* NULL past the end */

/* For the kinds: what is under construction becomes the mutant, as the next request, as an answer, as fragment i of n. */
bool mutant_request(struct mutant *, uint8_t exchange);
bool mutant_reply(struct mutant *, const struct said *to);
bool mutant_fragment(struct mutant *, uint8_t exchange, uint32_t id, bool response, size_t i, size_t n);
void mutant_deliver(struct mutant *, struct span bytes); /* to the gate, now */
void mutant_settle(struct mutant *);                     /* until nothing is under way in the gate's other rooms */

/* The cases of a message. */
struct wrong {
    uint8_t bytes[MUTANT_MAX + 4096];
    size_t len;
    uint8_t plain[MUTANT_MAX]; /* of a sealed one that was changed before sealing */
    size_t plain_len;
    uint8_t first;
    char what[80];
};
size_t wrong_count(const struct mutant *);
void wrong_make(const struct mutant *, size_t n, struct wrong *);
void wrong_honest(const struct mutant *, struct wrong *); /* the message itself, with its message ID moved on */

/* The gate from inside. */
struct look {
    uint64_t all;    /* of everything that lasts */
    uint64_t steady; /* of the same without message IDs, kept answers and times of the last packet */
    size_t ike_sas, up, children, kernel;
    bool busy;          /* an exchange is under way */
    bool there;         /* the IKE SA of the mutant is */
    uint32_t next_id;   /* of its peer's requests */
    bool usable, alike; /* it is UP; the kernel holds what the core says and nothing else */
};
void look_at_gate(const struct mutant *, struct look *);

enum shot { SHOT_KEPT, SHOT_ANSWERED, SHOT_TAKEN, SHOT_GONE, SHOT_WRONG, SHOTS };
/* Delivers case n. KEPT: everything is as before, but for counters. ANSWERED: only the window moved on, by one. In both cases
 * `now` is up to date and another shot may follow. */
enum shot mutant_shoot(struct mutant *, size_t n, struct look *now);
/* After TAKEN or GONE, and after honest(): nothing is left over and the gate is well; the end of the mutant's world. */
bool mutant_aftermath(struct mutant *, const struct wrong *);
/* The honest message still works. */
bool mutant_honest(struct mutant *);
const struct wrong *mutant_last(void); /* what was shot last */

#endif
