/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire - bytes to plain structs and back (RFC 7296 3, RFC 7383 2.5). It keeps no state, decides nothing, and never
 * dereferences a length that it has not compared. What is read points into the datagram and into the caller's arena;
 * what is written comes only from our own structs. One file per payload family; the table in payload.c is the list.
 *
 *     datagram --msg_read_header--> ike_header --msg_read_payloads--> list of struct payload --msg_write--> datagram
 */
#ifndef CHARON_WIRE_H
#define CHARON_WIRE_H

#include "suite/id.h"
#include "suite/proposal.h"
#include "suite/ts.h"

#define IKE_HEADER_LEN 28
#define IKE_DATAGRAM_MAX 65535
#define IKE_PAYLOADS_MAX 200 /* payloads in one message; more is malformed to us */

enum exchange_type {
    IKE_SA_INIT = 34,
    IKE_AUTH = 35,
    CREATE_CHILD_SA = 36,
    INFORMATIONAL = 37,
    IKE_SESSION_RESUME = 38,
    IKE_INTERMEDIATE = 43
};
enum { IKE_FLAG_INITIATOR = 0x08, IKE_FLAG_VERSION = 0x10, IKE_FLAG_RESPONSE = 0x20 };

enum payload_type {
    PAYLOAD_NONE = 0,
    PAYLOAD_SA = 33,
    PAYLOAD_KE = 34,
    PAYLOAD_IDI = 35,
    PAYLOAD_IDR = 36,
    PAYLOAD_CERT = 37,
    PAYLOAD_CERTREQ = 38,
    PAYLOAD_AUTH = 39,
    PAYLOAD_NONCE = 40,
    PAYLOAD_NOTIFY = 41,
    PAYLOAD_DELETE = 42,
    PAYLOAD_VENDOR = 43,
    PAYLOAD_TSI = 44,
    PAYLOAD_TSR = 45,
    PAYLOAD_SK = 46,
    PAYLOAD_CP = 47,
    PAYLOAD_EAP = 48,
    PAYLOAD_SKF = 53,
};
/* A set of payload types 33..96, one bit each: PAYLOAD_BIT(PAYLOAD_SA) | ... */
typedef uint64_t payload_set;
#define PAYLOAD_BIT(type) ((payload_set)1 << ((type)-33))

enum notify_type {
    UNSUPPORTED_CRITICAL_PAYLOAD = 1,
    INVALID_IKE_SPI = 4,
    INVALID_MAJOR_VERSION = 5,
    INVALID_SYNTAX = 7,
    INVALID_MESSAGE_ID = 9,
    INVALID_SPI = 11,
    NO_PROPOSAL_CHOSEN = 14,
    INVALID_KE_PAYLOAD = 17,
    AUTHENTICATION_FAILED = 24,
    SINGLE_PAIR_REQUIRED = 34,
    NO_ADDITIONAL_SAS = 35,
    INTERNAL_ADDRESS_FAILURE = 36,
    FAILED_CP_REQUIRED = 37,
    TS_UNACCEPTABLE = 38,
    INVALID_SELECTORS = 39,
    UNACCEPTABLE_ADDRESSES = 40,
    UNEXPECTED_NAT_DETECTED = 41,
    TEMPORARY_FAILURE = 43,
    CHILD_SA_NOT_FOUND = 44,
    NOTIFY_ERROR_MAX = 16383, /* up to here errors, above status (RFC 7296 3.10.1) */
    INITIAL_CONTACT = 16384,
    SET_WINDOW_SIZE = 16385,
    ADDITIONAL_TS_POSSIBLE = 16386,
    IPCOMP_SUPPORTED = 16387,
    NAT_DETECTION_SOURCE_IP = 16388,
    NAT_DETECTION_DESTINATION_IP = 16389,
    COOKIE = 16390,
    USE_TRANSPORT_MODE = 16391,
    HTTP_CERT_LOOKUP_SUPPORTED = 16392,
    REKEY_SA = 16393,
    ESP_TFC_PADDING_NOT_SUPPORTED = 16394,
    NON_FIRST_FRAGMENTS_ALSO = 16395,
    MOBIKE_SUPPORTED = 16396,
    CHILDLESS_IKEV2_SUPPORTED = 16418,
    QUICK_CRASH_DETECTION = 16419, /* RFC 6290 */
    IKEV2_FRAGMENTATION_SUPPORTED = 16430,
    SIGNATURE_HASH_ALGORITHMS = 16431,
};

enum auth_method {
    AUTH_RSA = 1,
    AUTH_PSK = 2,
    AUTH_DSS = 3,
    AUTH_ECDSA_256 = 9,
    AUTH_ECDSA_384 = 10,
    AUTH_ECDSA_521 = 11,
    AUTH_NULL = 13,
    AUTH_SIGNATURE = 14, /* RFC 7427 */
};
enum cert_encoding { CERT_X509_SIGNATURE = 4, CERT_CRL = 7, CERT_HASH_AND_URL = 12 };
enum cp_type { CFG_REQUEST = 1, CFG_REPLY = 2, CFG_SET = 3, CFG_ACK = 4 };

/* RFC 7296 3.1. SPIs in host order of their 8 wire bytes read big-endian. */
struct ike_header {
    uint64_t spi_i, spi_r;
    uint8_t next, major, minor, exchange, flags;
    uint32_t message_id, length;
};

struct cp_attribute {
    uint16_t type;
    struct span value;
};

struct payload {
    struct payload *next;
    uint8_t type;
    bool critical;
    size_t offset;    /* of its generic header in the message (reading only) */
    struct span body; /* without the generic header (reading only) */
    union {
        struct proposals sa; /* several proposals, several transforms */
        struct {
            uint16_t group;
            struct span data;
        } ke;
        struct id id;
        struct {
            uint8_t encoding;
            struct span data;
        } cert; /* CERT and CERTREQ */
        struct {
            uint8_t method;
            struct span data;
        } auth;
        struct span nonce;
        struct {
            uint16_t type;
            uint8_t protocol;
            struct span spi, data;
        } notify;
        struct {
            uint8_t protocol, spi_size;
            uint16_t count;
            struct span spis; /* count * spi_size bytes */
        } del;
        struct span vendor;
        struct ts_list ts; /* selectors of a type that we do not know are left out; n may then be 0 */
        struct {
            uint8_t type;
            const struct cp_attribute *v;
            size_t n;
        } cp;
        struct span eap;
        struct {
            uint8_t inner;          /* type of the first payload inside */
            uint16_t number, total; /* SKF; 0 for SK */
            struct span sealed;     /* IV, ciphertext, ICV */
            size_t aad_len;         /* bytes from the start of the message to `sealed` (RFC 5282 5.1, RFC 7383 2.5.3) */
        } sk;
    } u;
};

/* Where and why reading stopped. */
struct wire_error {
    size_t offset;   /* byte of the message */
    uint8_t payload; /* its type, 0 = the header */
    bool critical;   /* an unknown critical payload: answer UNSUPPORTED_CRITICAL_PAYLOAD (RFC 7296 2.5) */
    char text[160];
};

/* The header of a datagram without its non-ESP marker. Checks that 28 bytes are there and that Length fits the datagram
 * (RFC 7296 3.1); bytes past Length are no part of the message, the caller cuts them off. Versions and exchanges are the caller's
 * to judge. 0, ERR_SHORT or ERR_BAD. */
int msg_read_header(struct span datagram, struct ike_header *out, struct wire_error *why) MUST_USE;
void msg_write_header(struct buf *, const struct ike_header *);
/* The chain of payloads in `chain`, the first of type `first`; `at` is where the chain starts in the message, for offsets.
 * Reading stops after SK or SKF. Unknown payload types are kept with their body; an unknown critical one ends reading with
 * ERR_UNSUPPORTED. Lists go to the arena; bytes point into the chain. 0, ERR_BAD, ERR_SHORT, ERR_UNSUPPORTED or ERR_LIMIT; on
 * an error *out is what was read before it, for tools to show and for nobody to act on. `why` may be NULL. */
int msg_read_payloads(struct arena *, uint8_t first, struct span chain, size_t at, struct payload **out,
                      struct wire_error *why) MUST_USE;
/* Write a chain (next-payload bytes and lengths included). The type of the first goes to the message header or the SK payload. */
void msg_write_payloads(struct buf *, const struct payload *first);
/* A whole clear message: header with `next` and `length` filled in, then the chain. */
void msg_write(struct buf *, const struct ike_header *, const struct payload *first);

/* Building: append a zeroed payload to a list; NULL when the arena failed. */
struct payload_list {
    struct arena *arena;
    struct payload *first, **end;
    bool failed;
};
void payload_list_init(struct payload_list *, struct arena *);
struct payload *payload_add(struct payload_list *, uint8_t type);
/* The common one: a notify. `spi` and `data` are borrowed until the list is written. */
struct payload *notify_add(struct payload_list *, uint8_t protocol, struct span spi, uint16_t type, struct span data);
/* Put a payload (a cookie, 2.6) before all others. */
void payload_add_first(struct payload_list *, struct payload *);

/* Finding in a list that was read. */
const struct payload *payload_find(const struct payload *list, uint8_t type);
const struct payload *payload_after(const struct payload *p, uint8_t type); /* the next of that type after p */
const struct payload *notify_find(const struct payload *list, uint16_t type);
payload_set payload_types(const struct payload *list); /* the set of types in it */

/* IANA names, NULL where unknown. */
const char *exchange_name(uint8_t exchange);
const char *payload_name(uint8_t type);
const char *notify_name(uint16_t type);
const char *auth_method_name(uint8_t method);
const char *protocol_name(uint8_t protocol);
/* The whole message as indented readable lines, for tools and debug logs. Never prints beyond `out`. */
void msg_format(const struct alg_registry *, const struct ike_header *, const struct payload *, struct text *out);

#endif
