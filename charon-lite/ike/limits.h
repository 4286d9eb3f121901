/* SPDX-License-Identifier: Apache-2.0 */
/* Every bound of the protocol core in one place; what a stranger can make us keep or do ends here. */
#ifndef CHARON_IKE_LIMITS_H
#define CHARON_IKE_LIMITS_H

#include "base/base.h"

#define XCHG_ARENA_MAX (512 * 1024)    /* bytes one exchange may keep */
#define OUTBOX_ARENA_MAX (512u << 20)  /* a list of 100,000 SAs fits */
#define MESSAGE_MAX 65535              /* bytes of an IKE message, fragments put together */
#define FRAGMENTS_MAX 128              /* RFC 7383 2.5 allows 65535; 128 of the smallest useful size are 64 KiB */
#define DATAGRAM_MIN 576               /* the smallest that IKE is cut to (RFC 7383 2.5.1) */
#define CUT_TRIES 2                    /* unanswered, then the message is cut smaller (2.5.2) */
#define FRAGMENTS_TIME (30 * USEC_SEC) /* an incomplete message is forgotten */
#define FRAGMENTS_HALF_OPEN (4u << 20) /* bytes that all half-open SAs together may have collected; the oldest give way */
#define INIT_MAX 8192                  /* bytes of an IKE_SA_INIT request: it is kept until IKE_AUTH, and comes in one datagram */
#define NONCE_MIN 16                   /* RFC 7296 2.10 */
#define NONCE_MAX 256
#define NONCES_FIRST 64                        /* the smallest batch that is asked of the hand */
#define NONCES_SOON (2 * USEC_SEC)             /* a batch that lasts less is followed by one twice as large */
#define NONCES_WAIT (2 * USEC_SEC)             /* for the hand, then they are asked for again */
#define COOKIE_MAX 64                          /* RFC 7296 2.6 */
#define COOKIE_LIFE (60 * USEC_SEC)            /* a secret makes cookies so long, and is accepted as long again */
#define INIT_ROUNDS_MAX 6                      /* COOKIE and INVALID_KE_PAYLOAD answers that begin IKE_SA_INIT anew */
#define INIT_ERROR_WAIT (6 * USEC_SEC)         /* after an unprotected error we wait so long for a better answer (2.21.1) */
#define HALF_OPEN_LIFE (30 * USEC_SEC)         /* a responder waits so long for IKE_AUTH */
#define HALF_OPEN_LIFE_CROWDED (10 * USEC_SEC) /* the same while cookies are asked for (RFC 8019 4.1) */
#define HALF_OPEN_LIFE_SUSPECT (4 * USEC_SEC)  /* the same for a source with half of the half-open SAs that it may have */
#define HALF_OPEN_AWAKE 256                    /* more half-open SAs are put by (dormant.c), the oldest first */
#define DORMANT_MESSAGE_MAX 2048               /* bytes of a message of IKE_SA_INIT; with a longer one they are not */
#define DORMANT_SLOT (USEC_SEC / 4)            /* they end with a delay of so much, at most */
#define DORMANT_SLOTS 256                      /* none is half-open for longer */
#define ANSWER_WAIT (20 * USEC_SEC)            /* for vault, judge, hand, worker */
#define PROOFS_FEW 64                          /* under way at vault and judge: always allowed */
#define PROOFS_AHEAD 4                         /* seconds of work that they are given in advance */
#define SILENT_PROBE (30 * USEC_SEC)           /* a responder asks a new IKE SA that stays silent */
#define TRAFFIC_WAIT (500 * USEC_MSEC)         /* for the hand to say when packets last came */
#define REPLY_KEPT (300 * USEC_SEC)            /* an answer can be repeated for so long: "several minutes" (2.1), */
#define REPLY_KEPT_MAX (3600 * USEC_SEC)       /* or longer, where peers are given up later (window_configured) */
#define OVERSLEPT (3 * USEC_SEC)               /* a step that comes so late means that we were suspended */
#define REKEY_MANY 16                          /* with more IKE SAs than that, */
#define REKEY_FIRST_SPREAD 80                  /* the first rekey of each comes so many percent earlier, at most */
#define TEMPORARY_WAIT (3 * USEC_SEC)          /* before a retry after TEMPORARY_FAILURE */
#define TEMPORARY_MAX (180 * USEC_SEC)         /* after several minutes of it the IKE SA is closed (2.25) */
#define PAIRS_WAIT (3 * USEC_SEC)              /* for the peer to make the Child SAs of the other pairs */
#define SPEAK_WAIT (5 * USEC_SEC)              /* for a peer to show by which of two SAs it sends */
#define OLD_SA_LIFE (30 * USEC_SEC)            /* the replaced SA whose deletion the peer owes us */
#define LINGER (5 * USEC_SEC)                  /* a replaced Child SA is heard so long */
#define LINGERING_MAX 1000                     /* pairs, of all peers; the oldest give way */
#define SAME_TIME (30 * USEC_SEC)      /* SAs made within so long of each other may have been begun by both ends at once */
#define SAME_MOMENT (5 * USEC_SEC)     /* ... and were: requests that crossed */
#define SURPLUS_AGE (60 * USEC_SEC)    /* a second IKE SA with the same peer and nothing on it goes after so long */
#define REDUNDANT_WAIT (10 * USEC_SEC) /* a redundant IKE SA whose creator does not close it */
#define RETRY_FIRST (2 * USEC_SEC)     /* back-off of whatever the configuration wants up */
#define RETRY_MAX (120 * USEC_SEC)
#define RETRANSMIT_MAX (60 * USEC_SEC) /* longest wait between two tries */
#define ORDERS_WAITING_MAX 16
#define MEMORY_WAIT USEC_SEC           /* before what was left undone for want of memory is tried again */
#define HINTS_PER_SECOND 10            /* answers to unprotected packets of unknown SAs (2.21.4) */
#define FRUITLESS_PER_SECOND 100       /* IKE_SA_INIT requests that come to nothing; beyond that cookies are asked for */
#define STRANGER_TELLS_PER_SECOND 20   /* sentences about packets of who is not authenticated */
#define QCD_SOON (300 * USEC_SEC)      /* after the start peers may not know yet that we have lost their SAs */
#define QCD_ANSWERS_SOON 500           /* answers with a token a second, then */
#define QCD_ANSWERS 10                 /* and later (RFC 6290 8.1, 9.3) */
#define QCD_ANSWERS_PER_SOURCE 4       /* the same of one /24 or /64 */
#define QCD_ASKED_MAX 64               /* tokens under way from the vault for such answers */
#define QCD_CHECKS 20000               /* tokens of unprotected messages that are looked at in a second */
#define QCD_TOKENS_MAX 8               /* in one message; a taker has to look at 4 (4.5) */
#define REQUESTS_EACH (USEC_SEC / 400) /* a peer's requests in one IKE SA, on average; beyond that none is heard */
#define REQUESTS_AT_ONCE 2000          /* after a quiet time */
#define REQUEST_STEPS 8192             /* Child SAs looked at for a list of the peer's: as much as another request */
#define CREATES_EACH (USEC_SEC / 100)  /* of those that make or rekey an SA; beyond that TEMPORARY_FAILURE (RFC 8019 5) */
#define CREATES_AT_ONCE 1000
#define LINEAGE_MAX 6       /* IKE SAs that are rekeys of one another and that the peer has not deleted yet */
#define DELETES_AT_ONCE 100 /* SPIs in one Delete payload of ours */

#endif
