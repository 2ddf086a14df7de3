/*
 * The database and the kernel agree again, after a restart of anybody.
 */
#ifndef NODEMGR_RECOVER_H
#define NODEMGR_RECOVER_H

#include "nodemgr/nodemgr.h"

/* At start, before the loop turns: removes strays, finds what lives, goes on
 * with plans that were under way. */
void recover_all(struct nodemgr *m);
/* storaged, or netd, has come. */
void recover_storage(struct nodemgr *m);
void recover_net(struct nodemgr *m);

#endif
