/* SPDX-License-Identifier: Apache-2.0 */
/* A doubly linked ring; its links live inside what they link. */
#ifndef CHARON_BASE_LIST_H
#define CHARON_BASE_LIST_H

#include "base.h"

struct list {
    struct list *next, *prev;
};
static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}
static inline bool list_empty(const struct list *l)
{
    return l->next == l || !l->next;
}
static inline void list_append(struct list *head, struct list *item)
{
    item->prev = head->prev;
    item->next = head;
    head->prev->next = item;
    head->prev = item;
}
/* Take an item out; a zeroed or initialised item is left as it is. */
static inline void list_remove(struct list *item)
{
    if (!item->next)
        return;
    item->prev->next = item->next;
    item->next->prev = item->prev;
    list_init(item);
}
static inline size_t list_count(const struct list *head)
{
    size_t n = 0;

    for (const struct list *i = head->next; i != head; i = i->next)
        n++;
    return n;
}
#define LIST_ITEM(ptr, type, member) CONTAINER_OF(ptr, type, member)
/* Walk a ring; the current item may be removed, no other. */
#define LIST_EACH(it, head)                                                                                                      \
    for (struct list *it = (head)->next, *it##_next = it->next; it != (head); it = it##_next, it##_next = it->next)

#endif
