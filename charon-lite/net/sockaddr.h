/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHARON_NET_SOCKADDR_H
#define CHARON_NET_SOCKADDR_H

#include "base/base.h"
#include <sys/socket.h>

socklen_t sockaddr_from(const struct endpoint *, struct sockaddr_storage *out); /* 0 when it has no family */
struct endpoint sockaddr_to(const struct sockaddr *);                           /* family 0 for what is neither IPv4 nor IPv6 */

#endif
