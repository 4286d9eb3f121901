/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/options.h"
#include "daemon/steward.h"

int main(int argc, char **argv)
{
    struct options o;
    int status = options_read(argc, argv, &o);

    if (status >= 0)
        return status;
    return o.check ? steward_check(&o) : steward_run(&o);
}
