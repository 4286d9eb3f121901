/* SPDX-License-Identifier: Apache-2.0 */
/* Prints what the rows of the configuration say of themselves: docs/configuration.md and docs/configuration.schema.json. */
#include <stdio.h>
#include <string.h>

#include "conf/conf.h"

int main(int argc, char **argv)
{
    const char *what = argc == 2 ? argv[1] : "";
    struct buf out;

    buf_init(&out, 1 << 20);
    if (strcmp(what, "manual") == 0) {
        conf_manual(&out);
    } else if (strcmp(what, "schema") == 0) {
        conf_schema(&out);
    } else {
        fprintf(stderr, "usage: conf-doc manual | schema\n");
        return 2;
    }
    if (out.failed || fwrite(out.p, 1, out.len, stdout) != out.len)
        return 1;
    buf_done(&out);
    return fflush(stdout) == 0 ? 0 : 1;
}
