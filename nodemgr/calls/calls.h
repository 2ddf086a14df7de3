/*
 * The door of calls/: functions (LAMBDA_RUN). One call, one box: its own
 * namespaces, cgroup, uid and tmpfs, no capability, no network, the narrower
 * filter; destroyed afterwards. So many run at a time, so many more wait, and
 * no user has all of either.
 */
#ifndef NODEMGR_CALLS_H
#define NODEMGR_CALLS_H

#include "nodemgr/nodemgr.h"

#define CALL_CODE_MAX   (1U << 20)
#define CALL_OUTPUT_MAX (1U << 20) /* kept, of stdout and of stderr */
#define CALL_CPU        100        /* weight */
#define CALL_PIDS       64

void call_peer_gone(struct nodemgr *m, const struct nx_peer *peer);
/* Kills all, begins no more; nodemgr is going. m->on_idle is called when the
 * last one is gone, at once if there is none. */
void call_stop_all(struct nodemgr *m);

#endif
