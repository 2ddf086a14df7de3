/* Between the files of compaction only. */
#ifndef STORAGED_COMPACT_INTERNAL_H
#define STORAGED_COMPACT_INTERNAL_H

#include <event2/event.h>
#include <sys/queue.h>

#include "storaged/care/compact.h"
#include "storaged/care/pace.h"
#include "storaged/catalog/catalog.h"
#include "storaged/volumes/volumes.h"

#define COMPACT_BYTES (1U << 20) /* moved at once */
#define AGAIN_US      10000000   /* when something was lacking, or in use */

/* One record on its way. */
struct moving {
	struct catalog_chunk chunk;
	struct chunk_place from; /* held */
	struct chunk_append append;
	uint8_t *data;
	int error; /* 0: so far so good */
};

/* A segment from which nothing is anybody's any more, until nobody reads in it
 * who asked for its place before. */
struct emptied {
	TAILQ_ENTRY(emptied) entry;
	int64_t volume;
	uint32_t number;
	uint64_t due_us;
};

/* What of one user's records died, as long as it may not be free: since the last
 * walk began, before that, and before the one before, which has been seen and waits
 * until nobody reads there. */
#define DEAD_WALKS 3U
struct dead {
	LIST_ENTRY(dead) entry;
	uint64_t user, bytes[DEAD_WALKS];
};

struct compact {
	struct storaged *s;
	struct event *timer;
	struct pace pace;
	bool running, stopped;
	bool busy; /* a job, appends or a write is under way */
	uint64_t look_us, wait_us;

	/* the walk: volumes by their keys, segments by their numbers */
	int64_t volume_key;          /* INT64_MAX: none is under way */
	bool listed;                 /* what is there is known */
	struct volume *volume;       /* referenced, of what is under way */
	struct chunk_segment *files; /* what is there, sorted */
	size_t n_files, room_files, at_file;
	uint32_t after;
	int result;

	/* the segment that is being emptied, or looked at before it is */
	struct catalog_segment segment; /* number 0: none */
	struct chunk_segment file;
	bool more_than_known;
	uint64_t from; /* where to go on */
	unsigned left; /* records that could not be moved */
	struct moving moving[CATALOG_MOVES];
	size_t n_moving;
	unsigned out; /* appends under way */
	struct catalog_segment_move move;

	uint64_t (*oldest)(void *arg);
	void *oldest_arg;
	TAILQ_HEAD(, emptied) emptied;
	struct emptied *retiring;
	struct catalog_segment_gone gone;
	struct compact_status st;
	uint64_t told;           /* of st.moved, in the log */
	uint64_t kept, dead;     /* of this walk */
	LIST_HEAD(, dead) deads; /* compact_dead.c */
	uint64_t died;           /* of all users, since the last walk began */
	uint64_t walked_us;      /* when that was */
};

/* compact_dead.c: as for catalog_on_died. */
void compact_died(uint64_t user, uint64_t bytes, void *arg);
/* A walk begins. */
void compact_dead_walk(struct compact *c);
void compact_dead_fini(struct compact *c);

/* Goes on, from the loop, in @us; the usual rest after @took of the loop. */
void compact_in(struct compact *c, uint64_t us);
void compact_rest(struct compact *c, uint64_t took);
/* compact_retire.c: @number of the volume of the walk is empty. */
void compact_emptied(struct compact *c, uint32_t number);
/* Is there one whose time has come? Starts with it. */
bool compact_retire(struct compact *c);
void compact_retire_fini(struct compact *c);
/* compact_move.c: moves the next records of c->segment, or ends with it. */
void compact_move(struct compact *c);

#endif
