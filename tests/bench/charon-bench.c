/* SPDX-License-Identifier: Apache-2.0 */
/*
 * charon-bench - the load generator: thousands of initiators in one process, on the daemon's own core and sockets, against any
 * IKEv2 responder. tests/bench/README.md has examples; --help the options.
 *
 *     options --> course: whom to begin, and when --> fleet: cores, sockets, answers --> the network
 *                       ^------ what happened -------'
 */
#include "tests/bench/charon-bench.d/course.h"
#include "tests/bench/charon-bench.d/deluge.h"

#include <string.h>

int main(int argc, char **argv)
{
    static struct options o; /* what it points at lives as long */
    int err;

    if (argc > 1 && strcmp(argv[1], "flood") == 0)
        return deluge_main(argc - 1, argv + 1);
    err = options_read(argc, argv, &o);
    return err ? err : course_run(&o);
}
