/*
 * storaged without its catalogue. When that is missing, damaged or older than
 * its copies, nothing may be done in the belief that it is all there is: every
 * request is answered UNAVAILABLE with a sentence that names the command, and
 * only that command is served. It makes the catalogue anew from the copies on
 * the volumes, looks at all of it, puts it in place and lets storaged be
 * started again.
 *
 * Owns <state_dir>/storage/storage.lost, which says why, over restarts.
 */
#ifndef STORAGED_RESCUE_H
#define STORAGED_RESCUE_H

#include "common/daemon.h"
#include "storaged/storaged.h"

/* Status with which a supervisor starts it again, after a rebuild. */
#define RESCUE_AGAIN 75

/* Is the catalogue known to be lost, or is it not there though volumes are?
 * Before it is opened. */
bool rescue_needed(struct storaged *s, char ret_why[256]);
/* It is open: does it know nothing of volumes that are there? */
bool rescue_empty(struct storaged *s, char ret_why[256]);
/* Remembers @why, so that the next start comes here. */
void rescue_remember(struct storaged *s, const char *why);
/* The catalogue's pages turn out to be bad while it is used: remembers that and
 * ends the program. For nx_db_on_damage. */
void rescue_on_damage(const char *why, void *arg);
/* The program's exit status, though @status is how its loop ended: it may have
 * to be started again. */
int rescue_status(int status);
/* Instead of everything else. Returns the exit status. */
int rescue_run(struct storaged *s, struct nx_daemon *d, const char *why);

#endif
