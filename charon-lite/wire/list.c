/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of payloads: building and finding. */
#include "wire/wire.h"

void payload_list_init(struct payload_list *l, struct arena *arena)
{
    *l = (struct payload_list){.arena = arena};
    l->end = &l->first;
}

struct payload *payload_add(struct payload_list *l, uint8_t type)
{
    struct payload *p = arena_new(l->arena, struct payload);

    if (!p) {
        l->failed = true;
        return NULL;
    }
    p->type = type;
    *l->end = p;
    l->end = &p->next;
    return p;
}

struct payload *notify_add(struct payload_list *l, uint8_t protocol, struct span spi, uint16_t type, struct span data)
{
    struct payload *p = payload_add(l, PAYLOAD_NOTIFY);

    if (p) {
        p->u.notify.type = type;
        p->u.notify.protocol = protocol;
        p->u.notify.spi = spi;
        p->u.notify.data = data;
    }
    return p;
}

void payload_add_first(struct payload_list *l, struct payload *p)
{
    if (!p)
        return;
    p->next = l->first;
    l->first = p;
    if (!p->next)
        l->end = &p->next;
}

const struct payload *payload_find(const struct payload *list, uint8_t type)
{
    while (list && list->type != type)
        list = list->next;
    return list;
}

const struct payload *payload_after(const struct payload *p, uint8_t type)
{
    return p ? payload_find(p->next, type) : NULL;
}

const struct payload *notify_find(const struct payload *list, uint16_t type)
{
    const struct payload *p = payload_find(list, PAYLOAD_NOTIFY);

    while (p && p->u.notify.type != type)
        p = payload_after(p, PAYLOAD_NOTIFY);
    return p;
}

payload_set payload_types(const struct payload *list)
{
    payload_set set = 0;

    for (; list; list = list->next)
        if (list->type >= 33 && list->type <= 96)
            set |= PAYLOAD_BIT(list->type);
    return set;
}
