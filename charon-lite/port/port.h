/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port - the words spoken across the door between the still side and the moving side. Headers only.
 *
 * The core hears five things (packet, answer, event, order, tick) and says three (send, ask, tell). Everything slow or
 * privileged is an ask; its answer comes back later as an ordinary input that names the ask's ticket. An answer whose ticket
 * is stale is dropped: what asked is gone.
 *
 *                 packet  answer  event  order  tick
 *                    \      \      |      /     /
 *                     +-----> core_step() -----+
 *                    /             |            \
 *                 send            ask           tell
 *
 * All bytes and lists behind pointers in an input are borrowed for the step; those in an output belong to the outbox and live
 * until outbox_reset().
 */
#ifndef CHARON_PORT_H
#define CHARON_PORT_H

#include "port/ask.h"
#include "port/event.h"
#include "port/tell.h"

/* The addresses of a datagram, as seen on our socket. */
struct path {
    struct endpoint local, remote;
    bool natt; /* the socket of port 4500: the non-ESP marker goes before IKE (RFC 3948 2.2); stripped and added by `net` */
};

enum input_kind { INPUT_PACKET, INPUT_ANSWER, INPUT_EVENT, INPUT_ORDER, INPUT_TICK };
struct input {
    enum input_kind kind;
    usec_t now; /* CLOCK_BOOTTIME */
    union {
        struct {
            struct path path;
            struct span data; /* an IKE message, marker stripped */
        } packet;
        struct answer answer;
        struct event event;
        struct order order;
    } u;
};

enum output_kind { OUTPUT_SEND, OUTPUT_ASK, OUTPUT_TELL };
struct output {
    enum output_kind kind;
    union {
        struct {
            struct path path;
            struct span data;
            bool keepalive; /* data is the one byte 0xff (RFC 3948 2.3), sent without marker */
        } send;
        struct ask ask;
        struct tell tell;
    } u;
};

/* What the core said in one step, in order. */
struct outbox {
    struct output *v;
    size_t n, cap;
    struct arena arena; /* owns all that the outputs point at */
};

#endif
