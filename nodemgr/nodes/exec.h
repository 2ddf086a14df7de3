/*
 * Commands that nodemgr's clients run in nodes (NODE_EXEC).
 */
#ifndef NODEMGR_JOB_H
#define NODEMGR_JOB_H

#include "nodemgr/nodemgr.h"

void job_handle(struct nx_request *r, void *ctx);
/* A caller is gone: what it ran is killed. */
void job_peer_gone(struct nodemgr *m, const struct nx_peer *peer);

#endif
