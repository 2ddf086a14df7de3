/*
 * Opening everything that nodemgr works with, after the drop.
 */
#ifndef NODEMGR_SETUP_H
#define NODEMGR_SETUP_H

#include "nodemgr/nodemgr.h"

/* @m has conf, base and init; all else is filled in. Exits on failure, with a
 * sentence. */
void nodemgr_open(struct nodemgr *m);
/* Leaves the nodes as they are. */
void nodemgr_close(struct nodemgr *m);

#endif
