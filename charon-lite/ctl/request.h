/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHARON_CTL_REQUEST_H
#define CHARON_CTL_REQUEST_H

#include "ctl/ctl.h"

/* What a line asks. Strings live in the arena. */
struct ctl_line {
    struct ctl_request request; /* `id`, `uid`, `pid` are for the caller to fill */
    long long id;               /* the client's, or -1 */
};
/* 0, or ERR_BAD with a sentence that says what to change; out->id is right whenever it could be read. */
int ctl_line_read(struct span line, struct arena *, struct ctl_line *out, struct text *why) MUST_USE;

#endif
