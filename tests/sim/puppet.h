/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scripted peer: it holds keys and says whatever a test wants it to say, right or wrong, through wire/ and suite/ alone. At the
 * other end of the false network is one real core, `gate` (192.0.2.1, 10.0.0.0/16); the puppet is 192.0.2.2 with 10.1.0.0/16.
 * Because it shares no line with ike/, mistakes of the core do not cancel out here.
 *
 *     say_*()    put a payload into the message under construction
 *     request()  send it as a request of ours; reply() as the answer to what was heard
 *     hear()     what the gate sends next, opened; NULL = silence
 */
#ifndef SIM_PUPPET_H
#define SIM_PUPPET_H

#include "wire/wire.h"
#include "world.h"

/* An IKE SA as the puppet knows it. */
struct pupil {
    bool initiator; /* is the puppet its original initiator */
    uint64_t spi_i, spi_r;
    struct suite suite;
    struct ike_keys keys;
    struct secret ni, nr;
    const struct alg *ke;
    struct secret ke_private, shared;
    uint8_t ke_public[1100];
    struct buf init_ours, init_theirs;
    uint32_t next_ours; /* message ID of our next request */
    uint64_t iv;
};

/* A datagram of the gate. Lives as long as the puppet. */
struct said {
    struct ike_header h;
    struct payload *in; /* what is inside SK where it is sealed; of a fragment NULL */
    struct span bytes;
    struct endpoint src, dst;
    bool sealed, response;
    uint16_t number, total; /* of a fragment */
};

#define PUPPET_INBOX 512
struct puppet {
    struct world *w;
    struct end *gate;
    struct dice dice;
    struct endpoint here, there; /* where it sends from and to */
    struct arena arena;          /* of everything said and heard */
    struct payload_list out;     /* the message under construction */
    struct ike_header head;      /* request() and reply() start from it: tests spoil it by setting `spoil` */
    void (*spoil)(struct ike_header *);
    struct pupil sa[8], *ike; /* `ike` is the one in use */
    struct pupil *heir;       /* under construction by a rekey */
    struct span sent;         /* the last datagram, as sent */
    struct span inbox[PUPPET_INBOX];
    struct endpoint inbox_src[PUPPET_INBOX], inbox_dst[PUPPET_INBOX];
    size_t n_inbox, n_heard;
    bool repeats;                          /* hear repeated datagrams too */
    uint32_t next_spi;                     /* of ESP */
    uint32_t spi_in, spi_out;              /* of the last Child SA: ours, the gate's */
    struct secret child_ni, child_private; /* of the CREATE_CHILD_SA under way; with PFS, the private value */
    const struct alg *child_ke;            /* NULL without PFS */
    const char *psk, *id, *gate_id, *words, *esp, *local, *remote; /* what it says unless told otherwise */
    bool natd_wrong_source, natd_wrong_destination;                /* pretend a NAT */
    bool transport;
};

/* A gate with one tunnel to the puppet, not yet started: change gate->plan[0] before puppet_start(). */
struct puppet *puppet_new(enum keep);
void puppet_start(struct puppet *);
void puppet_free(struct puppet *);
void pupil_done(struct pupil *); /* wipes and frees what it owns */

/* Building a message. Everything goes to p->out. */
void say(struct puppet *); /* begin anew */
struct payload *say_raw(struct puppet *, uint8_t type, const void *body, size_t len);
struct payload *say_notify(struct puppet *, uint16_t type, const void *data, size_t len);
struct payload *say_notify_spi(struct puppet *, uint16_t type, uint8_t protocol, uint32_t spi);
/* Proposals in words, separated by blanks, numbered from 1, each with this SPI (spi_len 0, 4 or 8). */
struct payload *say_sa(struct puppet *, uint8_t protocol, const char *words, uint64_t spi, uint8_t spi_len);
struct proposal *proposal_of(struct payload *sa, size_t i);
struct payload *say_nonce(struct puppet *, size_t len);
struct payload *say_ke(struct puppet *, struct pupil *, const struct alg *); /* makes a fresh value */
struct payload *say_id(struct puppet *, uint8_t type, uint8_t id_type, const char *text);
struct payload *say_psk(struct puppet *); /* AUTH of the puppet, in p->ike */
/* Selectors in words: "10.1.0.0/16", "10.1.0.0/16[6/22]" (protocol/port), separated by blanks; "" = none. */
struct payload *say_ts(struct puppet *, uint8_t type, const char *words);
struct payload *say_delete(struct puppet *, uint8_t protocol, const uint32_t *spis, size_t n);
void unsay(struct puppet *, uint8_t type); /* take the first payload of that type out again */
struct payload *find_out(struct puppet *, uint8_t type);
const struct alg *group(struct puppet *, const char *word);

/* Whole messages, ready to be changed and sent. */
void say_init(struct puppet *);                                        /* a new IKE SA, begun by the puppet: SA KE Ni NATD FRAG */
void say_auth(struct puppet *);                                        /* IDi AUTH SA TSi TSr */
void say_child(struct puppet *, uint32_t rekeys, const char *ke_word); /* CREATE_CHILD_SA; rekeys 0 = a new one; KE or NULL */
void say_rekey_ike(struct puppet *, const char *words);                /* the heir is p->heir until heir_take() */
void say_init_answer(struct puppet *, const struct said *);            /* as responder; keys are made */
void say_auth_answer(struct puppet *, const struct said *);
void say_child_answer(struct puppet *, const struct said *, const char *ke_word); /* takes what is asked; echoes selectors */
void say_rekey_ike_answer(struct puppet *, const struct said *);                  /* p->heir is complete */

/* Sending. */
void request(struct puppet *, uint8_t exchange); /* next message ID */
void request_id(struct puppet *, uint8_t exchange, uint32_t id);
void reply(struct puppet *, const struct said *);
void again(struct puppet *); /* the last datagram once more */
void send_bytes(struct puppet *, struct span);
struct span message_make(struct puppet *, uint8_t exchange, uint32_t id, bool response); /* without sending it */
/* The same, sealed or in clear whatever the exchange is. */
struct span message_clear(struct puppet *, uint8_t exchange, uint32_t id, bool response);
struct span message_sealed(struct puppet *, uint8_t exchange, uint32_t id, bool response);
/* The message under construction in fragments of `each` bytes of plaintext, kept in out[]; their number. Nothing is sent. */
size_t fragments_make(struct puppet *, uint8_t exchange, uint32_t id, bool response, size_t each, struct span *out, size_t max);
/* One fragment of given number and total. */
struct span fragment_make(struct puppet *, uint8_t exchange, uint32_t id, bool response, uint8_t first, struct span plain,
                          uint16_t number, uint16_t total);

/* Hearing. */
const struct said *hear(struct puppet *); /* within a second */
const struct said *hear_for(struct puppet *, usec_t);
const struct said *ask(struct puppet *, uint8_t exchange); /* request(), and the next message heard */
void tend(struct puppet *, usec_t);                        /* time passes; liveness checks are answered, nothing else is heard */
bool silence(struct puppet *);                             /* nothing within a second */
bool has(const struct said *, uint16_t notify);
const struct payload *part(const struct said *, uint8_t type);
uint16_t error_of(const struct said *); /* the first error notify; 0 = none */
uint32_t esp_spi(const struct said *);  /* of the SA payload heard */
bool ts_are(struct puppet *, const struct said *, uint8_t type, const char *words);

/* Conversations that go well; false (and the world failed) if not. */
bool init_take(struct puppet *, const struct said *); /* the gate's IKE_SA_INIT answer: keys */
bool heir_take(struct puppet *, const struct said *); /* the gate's answer to say_rekey_ike(); p->ike is the heir then */
bool up(struct puppet *);                             /* the puppet initiates */
bool up_there(struct puppet *);                       /* the gate initiates (its plan keeps it up) */
bool keyed(struct puppet *);                          /* the puppet's IKE_SA_INIT done */

/* The gate from inside. */
size_t ike_sas(struct puppet *, const char *state);
size_t children(struct puppet *, const char *state);

#endif
