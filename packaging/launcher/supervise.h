/*
 * The daemons' lives: started nexusd first, restarted when they fail, stopped
 * in reverse.
 */
#ifndef UP_SUPERVISE_H
#define UP_SUPERVISE_H

#include "packaging/launcher/up.h"

struct up_supervisor;

/* Everything that can fail for reasons of the host fails here, with a sentence,
 * before anything runs. */
struct up_supervisor *up_supervisor_new(struct up *up);
struct up_supervisor *up_supervisor_free(struct up_supervisor *s);

/* Starts them all and waits until they are ready. 0 then, or when the person
 * asked to stop; -1 when one of them could not start. */
int up_start(struct up_supervisor *s);
/* Has the person asked to stop? */
bool up_asked(const struct up_supervisor *s);
/* Until the person asks to stop. */
void up_watch(struct up_supervisor *s);
/* Stops the nodes, then the daemons. Returns how many of them had to be
 * killed. */
unsigned up_stop(struct up_supervisor *s);

#endif
