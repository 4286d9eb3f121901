/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_MEMORY_H
#define SIM_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes allocated by the whole program; 0 in sanitizer builds. */
size_t memory_in_use(void);

/* Asked before each allocation of the program and its libraries, where it is set; true = there is no memory. Not in sanitizer
 * builds. */
extern bool (*memory_refuses)(void);

#endif
