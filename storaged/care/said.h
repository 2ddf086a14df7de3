/*
 * What has been said of replicas, so that the log tells of each finding once,
 * however often readers come to the same one. A bounded number of the latest is
 * remembered, in memory: what falls out is news again. Between the files of
 * care only.
 */
#ifndef STORAGED_SAID_H
#define STORAGED_SAID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SAID_MAX 256

struct said {
	struct {
		int64_t chunk, volume; /* keys; chunk 0: nothing */
		int finding;
	} list[SAID_MAX];
	size_t next;
};

/* Notes @finding, whatever that is to the caller. False: it is what was noted
 * of this replica before. */
bool
said_is_news(struct said *said, int64_t chunk, int64_t volume, int finding);
/* It is as it should be: whatever is found next is news. */
void said_forget(struct said *said, int64_t chunk, int64_t volume);

#endif
