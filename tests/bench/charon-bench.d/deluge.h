/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deluge - `charon-bench flood`: IKE_SA_INIT requests from addresses that are not the sender's, at a rate, and a count of what
 * comes back. Nothing is kept of a request: what its cookie is answered with follows from the answer alone.
 */
#ifndef CHARON_BENCH_DELUGE_H
#define CHARON_BENCH_DELUGE_H

/* argv[0] is "flood". What main() returns. */
int deluge_main(int argc, char **argv);

#endif
