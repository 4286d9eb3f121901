/* SPDX-License-Identifier: Apache-2.0 */
/* What storms found, told again without them: each of these once failed. */
#include "scenario.h"
#include "wire/wire.h"

/* Both ends connect at once. The second Child SA comes up while the first is being rekeyed: the loser of the two has a
 * successor that nobody knew as a double. */
static void double_rekeyed(struct world *w)
{
    w->end[1].plan[0].keep = w->end[1].plan[0].child[0].keep = KEEP_UP;
    net_rule(&w->net,
             (struct rule){.from = 1, .exchange = IKE_SA_INIT, .response = 1, .times = 1, .what = RULE_DELAY, .delay = SEC / 2});
    net_rule(&w->net, (struct rule){.from = 0, .exchange = IKE_AUTH, .response = 0, .times = 1, .what = RULE_DROP});
    go(w);
    world_run(w, SEC * 7 / 10);
    end_order(&w->end[1], ORDER_REKEY, "to0", NULL);
    world_run(w, SEC / 2);
    net_rule(&w->net, (struct rule){.from = 1, .exchange = CREATE_CHILD_SA, .response = 0, .times = 2, .what = RULE_DROP});
    end_order(&w->end[1], ORDER_REKEY, "to0", "net");
    world_run(w, MINUTE);
    if (settle(w, 5 * MINUTE))
        traffic_flows(w);
}

const struct scenario scenarios_found[] = {
    {"double-rekeyed", "of two Child SAs made at once, one is rekeyed before it is known as a double", double_rekeyed, 20, 0},
    {NULL, NULL, NULL, 0, 0},
};
