/*
 * The platform's own volumes, "base-1" and on: they have no node, are always
 * active, and nobody but the platform makes or removes them, so that files have
 * a home before there is any node and after the last one.
 */
#ifndef STORAGED_BASE_H
#define STORAGED_BASE_H

#include <stdbool.h>
#include <stdint.h>

struct disk;
struct volumes;

/* Is this the name of one? No node has such an id. */
bool base_name_is(const char *name);
/*
 * Makes another one in the background on a disk where none that takes chunks
 * has a quarter of its room left, up to [storaged] base_max of them on each,
 * and not when the disk has no room for a whole one: then volumes->base_note
 * says so, and it is tried again a minute later.
 */
void base_check(struct volumes *vs);
/* Somebody has copies that cannot go anywhere: one more, if that can be. */
void base_want(struct volumes *vs);
/* One is being made. */
bool base_making(const struct volumes *vs);
/* It is over: 0, or -errno and why. */
void base_made(struct volumes *vs, struct disk *d, int result, const char *why);

#endif
