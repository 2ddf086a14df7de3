/* Events of authd's own in the audit; see store/audit.h. */
#ifndef AUTHD_AUDIT_H
#define AUTHD_AUDIT_H

#include "authd/state.h"
#include "authd/store/store.h"

/* In the transaction of what it tells of: both are on disk, or neither. 0 or
 * -errno. */
int auth_audit(struct authd *a, struct nx_db *db, const struct auth_event *e);
/* What changed nothing, as a wrong password: on its own and unsynced, behind
 * what people wait for. Lost when memory is out or the disk full, with a line in
 * the log. */
void auth_audit_alone(struct authd *a, const struct auth_event *e);

#endif
