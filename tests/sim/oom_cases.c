/* SPDX-License-Identifier: Apache-2.0 */
/* What a gateway is doing when it runs out of memory. */
#include "oom.h"
#include "wire/wire.h"

static const char *const peer_name[] = {"to1", "to0"};

static void with_cookies(struct world *w)
{
    w->end[0].globals.limits.cookie_threshold = w->end[1].globals.limits.cookie_threshold = 0;
}

static void with_sleep(struct world *w)
{
    w->end[0].globals.drowsy = w->end[1].globals.drowsy = true;
}

/* The first group of end 0 is none of end 1: INVALID_KE_PAYLOAD. */
static void with_other_group(struct world *w)
{
    w->end[0].plan[0].ike = "aes256gcm16-prfsha256-ecp256-x25519";
    w->end[0].plan[0].child[0].esp = "aes256gcm16-ecp256-x25519";
    w->end[1].plan[0].child[0].esp = "aes256gcm16-x25519";
}

static void with_slow_group(struct world *w)
{
    for (unsigned i = 0; i < 2; i++) {
        w->end[i].plan[0].ike = "aes256gcm16-prfsha256-modp2048";
        w->end[i].plan[0].child[0].esp = "aes256gcm16-modp2048";
    }
}

static void with_nat(struct world *w)
{
    w->net.nat[0] = (struct nat){.on = true, .outside = addr_v4(203, 0, 113, 9), .timeout = 60 * SEC, .next_port = 2000};
    w->end[1].plan[0].remote = (struct addr){0};
}

/* Certificates fill the messages of IKE_AUTH, which go in fragments. */
static void with_certificates(struct world *w)
{
    for (unsigned i = 0; i < 2; i++) {
        w->end[i].certificates = 3;
        w->end[i].plan[0].fragment_size = 576;
    }
}

static void with_two_children(struct world *w)
{
    for (unsigned i = 0; i < 2; i++) {
        struct plan *p = &w->end[i].plan[0];

        p->child[1] = p->child[0];
        p->child[1].name = "two";
        p->child[1].local[0] = i ? "10.11.0.0/16" : "10.10.0.0/16";
        p->child[1].remote[0] = i ? "10.10.0.0/16" : "10.11.0.0/16";
    }
}

static void with_liveness(struct world *w)
{
    for (unsigned i = 0; i < 2; i++)
        w->end[i].plan[0].liveness_us = 5 * SEC;
}

static void rekey_child(struct world *w, unsigned end)
{
    end_order(&w->end[end], ORDER_REKEY, peer_name[end], "net");
}

static void rekey_child_there(struct world *w, unsigned end)
{
    rekey_child(w, 1 - end);
}

/* The old SA reaches its hard limit, perhaps while the answer waits for memory. */
static void rekey_child_there_late(struct world *w, unsigned end)
{
    rekey_child(w, 1 - end);
    LIST_EACH (i, &w->end[end].xfrm.sas) {
        struct sa *s = LIST_ITEM(i, struct sa, link);

        if (s->inbound) {
            s->hard_at = w->now + 100 * MS;
            xfrm_watch(&w->end[end], s);
        }
    }
}

static void rekey_child_both(struct world *w, unsigned end)
{
    rekey_child(w, end);
    rekey_child(w, 1 - end);
}

static void rekey_ike(struct world *w, unsigned end)
{
    end_order(&w->end[end], ORDER_REKEY, peer_name[end], NULL);
}

static void rekey_ike_there(struct world *w, unsigned end)
{
    rekey_ike(w, 1 - end);
}

static void rekey_ike_both(struct world *w, unsigned end)
{
    rekey_ike(w, end);
    rekey_ike(w, 1 - end);
}

static void down_child(struct world *w, unsigned end)
{
    end_order(&w->end[end], ORDER_DOWN, peer_name[end], "net");
}

static void down_child_there(struct world *w, unsigned end)
{
    down_child(w, 1 - end);
}

static void down(struct world *w, unsigned end)
{
    end_order(&w->end[end], ORDER_DOWN, peer_name[end], NULL);
}

static void down_there(struct world *w, unsigned end)
{
    down(w, 1 - end);
}

static void reload_same(struct world *w, unsigned end)
{
    end_reload(&w->end[end]);
}

/* What waits for memory to be sent does not hang on the configuration that it was made by. Twice: the hand keeps the last one. */
static void reload_meanwhile(struct world *w, unsigned end)
{
    for (unsigned i = 0; i < 2; i++) {
        bool on = oom.on;

        world_run(w, 200 * MS);
        oom.on = false; /* a reload without memory is reload-same */
        end_reload(&w->end[end]);
        oom.on = on;
    }
}

static void reload_other(struct world *w, unsigned end)
{
    struct plan *p = &w->end[end].plan[0];

    p->child[0].rekey_us += 60 * SEC;
    p->child[1] = p->child[0];
    p->child[1].name = "two";
    p->child[1].local[0] = end ? "10.11.0.0/16" : "10.10.0.0/16";
    p->child[1].remote[0] = end ? "10.10.0.0/16" : "10.11.0.0/16";
    p->child[1].keep = KEEP_ANSWER; /* the other end does not know it */
    end_reload(&w->end[end]);
}

static void move(struct world *w, unsigned end)
{
    (void)end;
    net_nat_rebind(&w->net.nat[0]);
    flow_start(w, 0, 1, "10.0.0.5", "10.1.0.5", 200 * MS); /* by its packets end 1 finds the new mapping */
}

static void lost(struct world *w, unsigned end)
{
    end_lose_sas(&w->end[end]);
}

static void nothing(struct world *w, unsigned end)
{
    (void)w;
    (void)end;
}

const struct oom_case oom_cases[] = {
    {"handshake", NULL, false, NULL, 3 * SEC, false},
    {"handshake-cookie", with_cookies, false, NULL, 3 * SEC, false},
    {"handshake-put-by", with_sleep, false, NULL, 3 * SEC, false},
    {"handshake-other-group", with_other_group, false, NULL, 3 * SEC, false},
    {"handshake-slow-group", with_slow_group, false, NULL, 3 * SEC, false},
    {"handshake-nat", with_nat, false, NULL, 3 * SEC, false},
    {"handshake-certificates", with_certificates, false, NULL, 3 * SEC, false},
    {"handshake-two-children", with_two_children, false, NULL, 3 * SEC, false},
    {"handshake-reload", with_certificates, false, reload_meanwhile, 3 * SEC, false},
    {"rekey-child", NULL, true, rekey_child, 8 * SEC, false},
    {"rekey-child-there", NULL, true, rekey_child_there, 8 * SEC, false},
    {"rekey-child-there-late", NULL, true, rekey_child_there_late, 8 * SEC, false},
    {"rekey-child-both", NULL, true, rekey_child_both, 8 * SEC, false},
    {"rekey-child-group", with_other_group, true, rekey_child, 8 * SEC, false},
    {"rekey-child-slow", with_slow_group, true, rekey_child, 8 * SEC, false},
    {"rekey-ike", NULL, true, rekey_ike, 8 * SEC, false},
    {"rekey-ike-there", NULL, true, rekey_ike_there, 8 * SEC, false},
    {"rekey-ike-both", NULL, true, rekey_ike_both, 8 * SEC, false},
    {"rekey-ike-slow", with_slow_group, true, rekey_ike, 8 * SEC, false},
    {"rekey-ike-two-children", with_two_children, true, rekey_ike, 8 * SEC, false},
    {"down-child", NULL, true, down_child, 3 * SEC, true},
    {"down-child-there", NULL, true, down_child_there, 3 * SEC, true},
    {"down", NULL, true, down, 3 * SEC, true},
    {"down-there", NULL, true, down_there, 3 * SEC, true},
    {"reload-same", NULL, true, reload_same, 3 * SEC, false},
    {"reload-other", NULL, true, reload_other, 3 * SEC, false},
    {"liveness", with_liveness, true, nothing, 12 * SEC, false},
    {"nat-rebinding", with_nat, true, move, 5 * SEC, false},
    {"lost-sas", NULL, true, lost, 5 * SEC, false},
};
const size_t oom_n_cases = COUNT_OF(oom_cases);
