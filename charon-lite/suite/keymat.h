/* SPDX-License-Identifier: Apache-2.0 */
/* The key schedule: RFC 7296 2.13 (prf+), 2.14 (SKEYSEED and SK_*), 2.17 (KEYMAT), 2.18 (IKE SA rekey). */
#ifndef CHARON_SUITE_KEYMAT_H
#define CHARON_SUITE_KEYMAT_H

#include "suite/proposal.h"

struct ike_keys {
    struct secret d, ai, ar, ei, er, pi, pr; /* SK_d ... SK_pr; ai and ar are empty with AEAD */
};
void ike_keys_done(struct ike_keys *);
/* The same in one block, as the key stream has them; what only AUTH needs (pi, pr) stands last. */
size_t ike_keys_len(const struct suite *, bool with_auth);
struct ike_keys ike_keys_view(const struct suite *, struct span block); /* borrowed: never done */
/* Keys of one Child SA, both directions; integ is empty with AEAD. i2r carries data from the exchange's initiator to its
 * responder. */
struct child_keys {
    struct secret encr_i2r, integ_i2r, encr_r2i, integ_r2i;
};
void child_keys_done(struct child_keys *);

/* out = the first len bytes of prf+(key, seed parts concatenated) (2.13). At most 255 blocks: ERR_LIMIT past that. */
int prf_plus(const struct alg *prf, struct span key, const struct span *seed, size_t n_seed, uint8_t *out, size_t len) MUST_USE;
/* SKEYSEED = prf(Ni | Nr, g^ir) (2.14). A PRF with a fixed key size takes half its key from each nonce (2.14: AES-XCBC, AES-CMAC
 * take the first 8 bytes of each). Nonces are whole nonce data. */
int skeyseed_first(const struct alg *prf, struct span ni, struct span nr, struct span g_ir, struct secret *out) MUST_USE;
/* SKEYSEED = prf(SK_d of the old SA, g^ir | Ni | Nr) with the old SA's PRF (2.18). */
int skeyseed_rekey(const struct alg *old_prf, struct span old_sk_d, struct span g_ir, struct span ni, struct span nr,
                   struct secret *out) MUST_USE;
/* {SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr} = prf+(SKEYSEED, Ni | Nr | SPIi | SPIr); SPIs as they stand on the wire.
 */
int ike_keys_derive(const struct suite *, struct span skeyseed, struct span ni, struct span nr, uint64_t spi_i, uint64_t spi_r,
                    struct ike_keys *out) MUST_USE;
int ike_keys_block(const struct suite *, struct span skeyseed, struct span ni, struct span nr, uint64_t spi_i, uint64_t spi_r,
                   bool with_auth, struct secret *out) MUST_USE;
/* KEYMAT = prf+(SK_d, [g^ir] | Ni | Nr), cut by 2.17. `prf` is the IKE SA's; g_ir is empty without PFS. */
int child_keys_derive(const struct suite *child, const struct alg *prf, struct span sk_d, struct span g_ir, struct span ni,
                      struct span nr, struct child_keys *out) MUST_USE;

#endif
