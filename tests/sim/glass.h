/* SPDX-License-Identifier: Apache-2.0 */
/*
 * glass - algorithms that behave like their namesakes (numbers, lengths, failures) but hide nothing: a ciphertext is the
 * plaintext, an ICV is a keyed checksum, a key exchange works in a tiny field. With them traces can be read, messages can be
 * changed inside SK{} and sealed again, and a virtual week takes a moment. Never outside tests.
 */
#ifndef SIM_GLASS_H
#define SIM_GLASS_H

#include "suite/alg.h"

extern const struct alg_registry glass_registry;

/* The plaintext chain inside the SK payload of a message sealed with the glass aes256gcm16: from after the IV up to the pad
 * length byte. SPAN_NONE when it is not there. */
struct span glass_inside(struct span sealed);
/* The keyed checksum that glass ciphers use as ICV (16 bytes): to seal a changed message again. 0 or ERR_MEMORY. */
int glass_icv(struct span key, struct span iv, struct span aad, struct span in, uint8_t out[16]);

#endif
