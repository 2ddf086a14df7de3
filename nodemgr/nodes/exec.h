/*
 * Commands that nodemgr's clients run in nodes (NODE_EXEC, NODE_EXEC_WAIT).
 */
#ifndef NODEMGR_EXEC_H
#define NODEMGR_EXEC_H

#include "nodemgr/nodemgr.h"

struct node;

/* A caller is gone: what it ran is killed. */
void exec_peer_gone(struct nodemgr *m, const struct nx_peer *peer);
/* Kills what the nodemgr before this one ran in @n: its callers are gone. */
void exec_adopt(const struct node *n);
/* Forgets all of them, at the very end; they stay for the next nodemgr. */
void exec_close(struct nodemgr *m);

#endif
