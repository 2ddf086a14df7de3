/*
 * The door of nodes/: everything about container nodes. The requests about them
 * come through the table of methods (proto/node.proto); this is what the rest of
 * nodemgr has to tell them.
 */
#ifndef NODEMGR_NODES_H
#define NODEMGR_NODES_H

#include "nodemgr/nodemgr.h"

/* Reads the subnet and nodes.db, and begins to measure; @m has conf, base, and
 * its directories. Exits on failure, with a sentence. */
void nodes_open(struct nodemgr *m);
/* The loop is over: leaves the nodes as they are and forgets them. */
void nodes_close(struct nodemgr *m);

/* At start, before the loop turns: removes strays, finds what lives, goes on
 * with plans that were under way. */
void nodes_recover(struct nodemgr *m);

/* A neighbour has come, or one who asked is gone. */
void nodes_peer_came(struct nodemgr *m, const struct nx_peer *peer);
void nodes_peer_gone(struct nodemgr *m, const struct nx_peer *peer);

/*
 * All nodes of @user end and go; their volumes, when nothing of others is in the
 * way. It is on disk when this returns 0, the rest follows, after a restart too.
 * Or -errno.
 */
int nodes_delete_of(struct nodemgr *m, uint64_t user);

#endif
