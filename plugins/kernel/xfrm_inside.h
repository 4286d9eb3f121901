/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the xfrm backend share. */
#ifndef CHARON_XFRM_INSIDE_H
#define CHARON_XFRM_INSIDE_H

#include "kernel/backend.h"

/* before the kernel's headers, which then leave out what it has defined */
#include <netinet/in.h>

#include <linux/netlink.h>
#include <linux/xfrm.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

/* Younger than the oldest <linux/xfrm.h> that we build with; the numbers are the kernel's promise. */
#define XFRM_ATTR_SA_DIR 33 /* u8, Linux 6.10 */
#define XFRM_DIR_IN 1
#define XFRM_DIR_OUT 2
#define XFRM_ATTR_MAX 48 /* room for attributes to come */

#define XFRM_RECV_MAX 65536
#define XFRM_BATCH 32 /* messages in a send: their acknowledgements must fit the receive buffer */

struct xfrm {
    struct nl_sock *request, *events, *route, *nft; /* nft is NULL where there is none */
    bool has_direction;                             /* XFRMA_SA_DIR is understood */
    uint8_t *in; /* XFRM_RECV_MAX bytes: what was received last; may hold keys, wiped after use */
};

/* xfrm_talk.c: messages out, results in */
struct nl_msg *xfrm_message(int type, int flags, const void *head, size_t len); /* NULL without memory */
void xfrm_message_free(struct nl_msg *);                                        /* wipes: it may hold keys */
/* Several messages in one send; results[i] = 0 or a negative errno, why[i] the kernel's words. */
void xfrm_send(struct xfrm *, struct nl_msg *const *msgs, size_t n, int *results, char (*why)[KERNEL_WHY_MAX]);
/* One message whose answer is one message; it stays in x->in until xfrm_forget(). NULL and *err set otherwise. */
struct nlmsghdr *xfrm_call(struct xfrm *, struct nl_msg *, int *err);
void xfrm_forget(struct xfrm *);
int xfrm_dump(struct xfrm *, int type, int (*each)(void *ctx, struct nlmsghdr *), void *ctx);
/* A negative errno as an ERR_*, and the sentence that goes with it (which keeps the kernel's own words). */
int xfrm_error(int err, char why[KERNEL_WHY_MAX]);

/* xfrm_words.c: our words to the kernel's and back */
void xfrm_address(const struct addr *, xfrm_address_t *out);
struct addr xfrm_addr_of(const xfrm_address_t *, uint16_t family);
uint16_t xfrm_family(uint8_t family); /* 4, 6 -> AF_INET, AF_INET6 */
void xfrm_selector(const struct selector *, struct xfrm_selector *out);
struct selector xfrm_selector_of(const struct xfrm_selector *);
/* Attributes after a fixed head of head_len bytes, by number; unknown ones are NULL. False when malformed. */
bool xfrm_attributes(struct nlmsghdr *, size_t head_len, struct nlattr *out[XFRM_ATTR_MAX]);
void xfrm_put_mark(struct nl_msg *, uint32_t mark, uint32_t mask, uint32_t if_id);
void xfrm_get_mark(struct nlattr *const attrs[XFRM_ATTR_MAX], uint32_t *mark, uint32_t *mask, uint32_t *if_id);

/* xfrm_sa.c */
struct nl_msg *xfrm_sa_add(const struct xfrm *, const struct kernel_sa *);
struct nl_msg *xfrm_sa_del(const struct sa_name *);
int xfrm_sa_move(struct xfrm *, const struct sa_move *, char why[KERNEL_WHY_MAX]);
int xfrm_larval_free(struct xfrm *, const struct larval *, char why[KERNEL_WHY_MAX]);
int xfrm_sa_get(void *self, const struct sa_name *, struct sa_seen *out);
bool xfrm_sa_read(struct nlmsghdr *, struct sa_seen *out);
int xfrm_dump_sas(void *self, void (*each)(void *ctx, const struct sa_seen *), void *ctx);
bool xfrm_probe_direction(struct xfrm *);

/* xfrm_policy.c */
struct nl_msg *xfrm_policy_put(const struct kernel_policy *, bool replace);
struct nl_msg *xfrm_policy_del(const struct kernel_policy *);
int xfrm_dump_policies(void *self, void (*each)(void *ctx, const struct kernel_policy *), void *ctx);

/* xfrm_mss.c */
int xfrm_clamp(void *self, const struct kernel_clamp *, size_t n, bool automatic, char why[KERNEL_WHY_MAX]);

/* xfrm_notice.c */
bool xfrm_read(void *self, void (*each)(void *ctx, const struct notice *), void *ctx);

#endif
