/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_MEMORY_H
#define SIM_MEMORY_H

#include <stddef.h>

/* Bytes allocated by the whole program; 0 in sanitizer builds. */
size_t memory_in_use(void);

#endif
