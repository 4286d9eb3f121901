/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions and their answers. One struct for each direction, flat, with a member per kind, so that the same words serve a
 * function call in the simulator and a socketpair in the daemon. `peer` and `child` are indexes of the configuration
 * generation `generation`.
 */
#ifndef CHARON_PORT_ASK_H
#define CHARON_PORT_ASK_H

#include "base/base.h"
#include "suite/id.h"
#include "suite/keymat.h"
#include "suite/ts.h"

/* Names a question, or an SA; survives what it names. Slot 0: nobody waits for an answer, and none need be given. */
struct ticket {
    uint32_t slot, round;
};

enum ask_to { ASK_HAND, ASK_VAULT, ASK_JUDGE, ASK_WORKER, ASK_AAA, ASK_FETCH };
enum ask_kind {
    /* worker: key exchanges that are slow */
    ASK_KE_GENERATE, /* ke.alg -> private, public */
    ASK_KE_DERIVE,   /* ke.alg, private, peer -> shared */
    ASK_KE_BOTH,     /* a responder's: ke.alg, peer -> public, shared */
    /* vault: our AUTH. For a PSK also the peer's (the judge has the other methods) */
    ASK_AUTH_MAKE,  /* auth -> method, data, certs */
    ASK_AUTH_CHECK, /* auth + peer's data -> verdict; and our AUTH with it where `ours` is there and the verdict is yes */
    /* hand */
    ASK_CHILD_INSTALL,  /* child: SAs of both directions (or inbound only) and their policies, one batch */
    ASK_CHILD_OUTBOUND, /* child: the outbound SA now, and the policies point to it (RFC 7296 2.8, responder of a rekey). By
                         * `old_spi_in` nothing is sent any more once that is done */
    ASK_CHILD_REMOVE,   /* child.spi_in, spi_out: its SAs go; policies fall back to another SA, or to what the configuration says.
                         * `inbound_only`: they stay for now, but nothing is sent by them where another SA takes their place */
    ASK_CHILD_UPDATE,   /* child: new outer addresses or ports, same keys (2.23, NAT mapping) */
    ASK_CHILD_QUERY,    /* child.spi_in, spi_out -> bytes, packets, last use */
    ASK_ACQUIRE_DONE,   /* acquire.seq: a negotiation failed; free the larval SA */
    /* fetch */
    ASK_RESOLVE, /* resolve.name (a host name, or an address in text) -> addresses, and ours towards each */
    /* hand: our nonces of IKE_SA_INIT. It takes one verdict for each that it issued, so that no proof counts twice */
    ASK_NONCES, /* nonces.count -> as many nonces, or fewer */
    /* vault: our token for a pair of IKE SPIs (RFC 6290), the same after every restart */
    ASK_TOKEN, /* token.spi_i, spi_r -> token */
};

#define NONCE_LEN 32          /* of ours: at least half the PRF's key size, at least 16 (RFC 7296 2.10); fits every PRF here */
#define NONCES_BATCH_MAX 1024 /* in one answer */
#define TOKEN_LEN 16          /* of ours (RFC 6290 5: 16 to 128): an answer with one is about as long as the question */

/* Reqids, by which our SAs are recognised in the kernel. A configured child has a fixed one, shared by its trap policy and all
 * SAs that replace one another; children of a connection with many peers (remote `any`) get one each from the second range. */
#define REQID_FIRST 0x43000000u
#define REQID_LAST 0x44ffffffu
#define REQID_OURS(reqid) ((reqid) >= REQID_FIRST && (reqid) <= REQID_LAST)
static inline uint32_t reqid_configured(uint16_t connection, uint16_t child)
{
    return REQID_FIRST | (uint32_t)connection << 8 | (child & 0xffu);
}
static inline uint32_t reqid_dynamic(uint32_t counter)
{
    return 0x44000000u | (counter & 0xffffffu);
}

/* Which of our configured peers, and its process-wide handle from the verdict (0 = none yet). */
struct peer_ref {
    uint32_t generation;
    uint16_t connection;
    uint32_t handle;
};

/* AUTH by RFC 7296 2.15 and RFC 7427: who answers builds the signed octets by itself. */
struct ask_auth {
    struct peer_ref peer;
    bool we_initiated; /* the IKE SA's original initiator is us */
    const struct alg *prf;
    struct span sk_p;    /* SK_pi or SK_pr of the side whose AUTH this is */
    struct span message; /* that side's IKE_SA_INIT message, whole */
    struct span nonce;   /* the other side's nonce data. ASK_AUTH_CHECK: ours, to which the hand holds the verdict */
    struct addr local;   /* our outer address: our ID where the configuration names none (PSK) */
    uint16_t hashes;     /* peer's SIGNATURE_HASH_ALGORITHMS as bits 1 << number (RFC 7427 4, RFC 8420); 0 = announced none */
    /* ASK_AUTH_CHECK only */
    struct id id;   /* what the peer claims */
    uint8_t method; /* enum auth_method of wire/ */
    struct span data;
    const struct span *certs; /* X.509 in DER, in the order received; the first is the peer's own */
    size_t n_certs;
    /* To the vault, by a responder: our AUTH too, in the same answer, if the peer is accepted. Of it sk_p, message, nonce, and
     * what is for ASK_AUTH_MAKE only; the rest is as here. NULL = not wanted */
    const struct ask_auth *ours;
    /* ASK_AUTH_MAKE only */
    const struct span *cert_requests; /* 20-byte hashes that the peer asked for; none: send what the configuration says */
    size_t n_cert_requests;
    uint64_t spi_i, spi_r; /* of the IKE SA, for our token (RFC 6290); 0 = none wanted */
};

/* One Child SA as the kernel shall have it. */
struct ask_child {
    struct peer_ref peer;
    uint16_t child;    /* index in the connection */
    uint32_t reqid;    /* ours to choose within the hand's range; equal for all SAs that replace one another */
    uint8_t protocol;  /* PROTOCOL_ESP */
    bool transport;    /* else tunnel */
    bool inbound_only; /* HALF: the responder of a rekey, until the peer deletes the old SA */
    bool replaced;     /* REMOVE: another SA carries the traffic, leave the policies alone */
    bool udp_encap;
    bool we_initiated;                     /* the exchange: which half of `keys` is ours to send with */
    uint32_t spi_in, spi_out;              /* host order; spi_in is ours */
    uint32_t old_spi_in;                   /* UPDATE, INSTALL by rekey, OUTBOUND: the one it replaces, or 0 */
    struct endpoint local, remote;         /* outer addresses; ports are used with udp_encap */
    struct endpoint old_local, old_remote; /* UPDATE */
    struct suite suite;                    /* encr, integ, esn */
    const struct child_keys *keys;
    struct ts_list ts_local, ts_remote;    /* as agreed */
    struct addr local_inner, remote_inner; /* transport mode behind NAT: original addresses (2.23.1), family 0 = as outer */
    uint32_t acquire_seq;                  /* of the ACQUIRE that asked for it, or 0 */
    uint64_t soft_bytes, soft_packets, hard_bytes, hard_packets; /* 0 = none */
    uint32_t soft_seconds, hard_seconds;                         /* of the kernel's own clock; 0 = none */
};

struct ask_ke {
    const struct alg *alg;
    struct span private_value, peer_public;
};

struct ask {
    enum ask_to to;
    enum ask_kind kind;
    struct ticket ticket;
    usec_t deadline; /* when an answer is of no use any more */
    union {
        struct ask_ke ke;
        struct ask_auth auth;
        struct ask_child child;
        struct {
            uint32_t seq, reqid;
        } acquire;
        struct {
            const char *name;
            uint8_t family; /* 4, 6 or 0 = either */
        } resolve;
        struct {
            uint32_t count;
        } nonces;
        struct {
            uint64_t spi_i, spi_r;
        } token;
    } u;
};

/* An authentication result: exactly one value means yes. */
enum verdict {
    VERDICT_NONE = 0,
    VERDICT_ACCEPTED = 0x5a, /* the only yes */
    VERDICT_BAD_AUTH = 1,    /* signature or MAC does not verify */
    VERDICT_BAD_ID = 2,      /* proved, but not the identity that the configuration wants */
    VERDICT_BAD_CERT = 3,    /* chain, validity, usage, constraints */
    VERDICT_BAD_METHOD = 4,  /* a method that the configuration or the key does not allow */
    VERDICT_NO_SECRET = 5,   /* nothing configured to check against */
    VERDICT_BUSY = 6,
};

enum answer_result { ANSWER_OK, ANSWER_FAILED, ANSWER_TIMEOUT };
struct answer {
    struct ticket ticket;
    enum ask_kind kind;
    enum answer_result result;
    const char *why; /* for the operator, when not OK (or not accepted); NULL = nothing to say */
    union {
        struct {
            struct span private_value, public_value, shared;
        } ke;
        struct {
            struct id id; /* ours, as it went into the signed octets: what IDi or IDr must carry */
            uint8_t method;
            struct span data;
            const struct span *certs;
            size_t n_certs;
            struct span token; /* TOKEN_LEN bytes, or none */
        } auth;
        struct {
            enum verdict verdict;
            uint32_t handle;           /* peer_ref.handle from now on */
            usec_t valid_for;          /* how long the proof holds (certificate expiry), USEC_NEVER = no end */
            const struct answer *made; /* as if ASK_AUTH_MAKE had been asked (`ours`); NULL = ask for it */
        } check;
        struct {
            int error; /* ERR_*; ERR_EXISTS = SPI taken: choose another */
        } install;
        struct {
            uint64_t bytes_in, packets_in, bytes_out, packets_out;
            int64_t idle_in_s, idle_out_s; /* seconds since last use; -1 = never used */
        } query;
        struct {
            const struct addr *v;
            size_t n;
            const struct addr *local; /* n of them: the source address that a route to v[i] gives us, family 0 = no route */
        } resolve;
        struct {
            struct span bytes; /* NONCE_LEN for each, one behind the other */
        } nonces;
        struct {
            struct span data; /* TOKEN_LEN bytes */
        } token;
    } u;
};

/* The result where nobody will answer. That our proof cannot be made is the vault's own word, which the peer hears; and who died
 * over the peer's proof may have given the hand its verdict, and spent the nonce. */
static inline enum answer_result answer_unsaid(enum ask_kind kind, bool was_asked)
{
    return kind == ASK_AUTH_MAKE || (was_asked && kind == ASK_AUTH_CHECK) ? ANSWER_TIMEOUT : ANSWER_FAILED;
}

#endif
