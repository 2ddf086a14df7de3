/*
 * What a function writes: a pipe read into a buffer of bounded size.
 */
#ifndef NODEMGR_OUTPUT_H
#define NODEMGR_OUTPUT_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct output {
	int fd; /* read end; -1: at its end */
	struct event *event;
	char *data;
	size_t len, room, max;
	uint64_t dropped; /* bytes beyond @max */
	void (*on_drop)(void *arg);
	void *arg;
};

/* A pipe; its write end in *ret_write. @on_drop runs for each piece that is
 * dropped. 0 or -errno. */
int output_open(struct output *o, struct event_base *base, size_t max,
    void (*on_drop)(void *arg), void *arg, int *ret_write);
/* Reads what is there until the end, without waiting. */
void output_drain(struct output *o);
void output_fini(struct output *o);

#endif
