/* SPDX-License-Identifier: Apache-2.0 */
#include "planted.h"

#include <stddef.h>
#include <string.h>

const char *planted_bug;
#ifdef PLANTED
const bool planted_built = true;
#else
const bool planted_built = false;
#endif

bool planted(const char *name)
{
    return planted_bug && !strcmp(planted_bug, name);
}
