/* SPDX-License-Identifier: Apache-2.0 */
#include "test_main.h"

int main(void)
{
    return test_scenarios("sim liar", scenarios_liar);
}
