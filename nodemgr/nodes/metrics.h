/*
 * Measuring what nodes use: every five seconds, a minute is kept.
 */
#ifndef NODEMGR_METRICS_H
#define NODEMGR_METRICS_H

#include "nodemgr/nodes/node.h"

/* Starts sampling. 0 or -ENOMEM. */
int metrics_start(struct nodemgr *m);

#endif
