/* Between the files of scrubbing only. */
#ifndef STORAGED_SCRUB_INTERNAL_H
#define STORAGED_SCRUB_INTERNAL_H

#include <event2/event.h>

#include "storaged/care/scrub.h"
#include "storaged/volumes/volumes.h"

#define SCRUB_AGAIN_MS 1000     /* something was lacking for a moment */
#define SCRUB_SAVE_US  10000000 /* between two saves while it reads */

/* What a worker thread has. */
struct part {
	struct volume *volume; /* referenced */
	struct chunk_place place;
	struct checksums sums;
	uint32_t offset, len;
	int error;
	uint64_t cpu_us, took_us;
};

struct scrub {
	struct storaged *s;
	struct event *timer;
	bool running, stopped;
	bool asked; /* for a new cycle */
	bool reading, saving, unsaved;
	struct catalog_scrub cycle;
	struct catalog_scrub_pass pass; /* volume 0: none */
	struct catalog_chunk chunk;     /* key 0: none */
	uint32_t offset;
	struct part part;
	struct catalog_scrub_save save;
	uint64_t saved_us, window_us, window_bytes, rate;
};

/* Goes on, from the loop, in @us. */
void scrub_step_in(struct scrub *sc, uint64_t us);
/* Where it is goes to the catalogue; nothing else is done until it is there. */
void scrub_save(struct scrub *sc);
/* What the calling thread has used of a processor so far. */
uint64_t scrub_cpu_us(void);
/* Reads the next part of sc->chunk, which is on @v, and rests. @cpu: what this
 * thread had used when it began to look for what is next. */
void scrub_read_part(struct scrub *sc, struct volume *v, uint64_t cpu);

#endif
