/*
 * A daemon's output: every line into DIR/log/<program>.log with the time,
 * warnings, errors and what is not a log line at all to the terminal as well.
 */
#ifndef UP_OUTPUT_H
#define UP_OUTPUT_H

#include <stddef.h>
#include <event2/event.h>

#include "packaging/launcher/up.h"

struct up_output;

/* Makes the log file; *ret_fd is the end for the daemon, CLOEXEC, which may be
 * given to one after the other. Dies with a sentence. */
struct up_output *up_output_new(struct event_base *base, const struct up *up,
    const char *name, int *ret_fd);
/* Takes in what is still in the pipe. */
struct up_output *up_output_free(struct up_output *o);
/* Prints its last lines, those that were not on the terminal anyway. */
void up_output_show_last(struct up_output *o);

#endif
