/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has been proved to be whom: what vault and judge told the hand. A verdict is a handle for "configured connection C"; it
 * survives IKE rekeys and reloads that leave the connection as it was. The least recently used are forgotten when there are more
 * than any number of SAs could need; such a peer has to authenticate again.
 */
#ifndef CHARON_DAEMON_VERDICTS_H
#define CHARON_DAEMON_VERDICTS_H

#include "conf/conf.h"
#include "port/ask.h"

struct verdicts;
struct verdicts *verdicts_new(struct conf *, size_t max); /* takes a reference */
struct verdicts *verdicts_free(struct verdicts *);
void verdicts_add(struct verdicts *, const struct peer_ref *, usec_t until); /* until: the proof (a certificate) ends then */
bool verdicts_hold(struct verdicts *, const struct peer_ref *, usec_t now);
/* A new snapshot: handles go on for connections that are the same in it. */
void verdicts_configure(struct verdicts *, struct conf *);
size_t verdicts_count(const struct verdicts *);

#endif
