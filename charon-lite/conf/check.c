/* SPDX-License-Identifier: Apache-2.0 */
/* The rules between settings. */
#include "conf/rows.h"

#include <string.h>

void drafts_check(struct reading *r)
{
    (void)r;
}
