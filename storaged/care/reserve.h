/*
 * A few MiB put by on the disk of the catalogue: on a full disk even a
 * deletion has to write first. They are given up when one fails for lack of
 * room, and taken back when there is some again. They are for deleting alone:
 * until they are back, whatever makes the catalogue grow is refused.
 */
#ifndef STORAGED_RESERVE_H
#define STORAGED_RESERVE_H

#include <event2/event.h>
#include <stdbool.h>

struct reserve;

/* The file is @path. Having no room for it is not an error. 0 or -errno. */
int reserve_new(
    struct event_base *base, const char *path, struct reserve **ret_reserve);
struct reserve *reserve_free(struct reserve *r);
/* True when there was something to give up: try again. */
bool reserve_give(struct reserve *r);
/* Are they put by? If not, nothing new may be written. Tries to take them back
 * at most once a second. */
bool reserve_held(struct reserve *r);

#endif
