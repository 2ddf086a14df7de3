/*
 * NODE_CREATE: what is accepted.
 */
#ifndef NODEMGR_CREATE_H
#define NODEMGR_CREATE_H

#include "nodemgr/nodemgr.h"

void create_handle(struct nx_request *r, void *ctx);

#endif
