/* Between the files of upload*.c only. */
#ifndef STORAGED_UPLOAD_INTERNAL_H
#define STORAGED_UPLOAD_INTERNAL_H

#include <sys/queue.h>

#include "storaged/catalog/catalog.h"
#include "storaged/chunks/chunks.h"
#include "storaged/uploads/intent.h"
#include "storaged/uploads/lane.h"
#include "storaged/uploads/uploads.h"
#include "storaged/volumes/volumes.h"

enum upload_state {
	UPLOAD_OPEN,
	UPLOAD_COMMITTING, /* the transaction is under way */
	UPLOAD_FAILED,     /* undone or being undone; waits for FINISH */
};

/* What the worker that reads the pipe gets and gives back. */
struct pump {
	int fd;
	struct lane *lane;               /* NULL: none, and the grant is 0 */
	struct erasure_encoder *encoder; /* NULL: none */
	struct digest *digest;           /* NULL: nobody will ask */
	uint64_t grant; /* bytes it may take; 0: look whether there is more */
	uint64_t got;
	bool eof, drained, over;
	int error;
	struct nx_job job, told;
};

/* Where the SHA-256 of a resumable upload stood at the end of a chunk. */
struct upload_mark {
	STAILQ_ENTRY(upload_mark) entry;
	uint8_t state[DIGEST_STATE];
};
STAILQ_HEAD(upload_marks, upload_mark);

struct upload {
	TAILQ_ENTRY(upload) entry;
	struct uploads *us;
	uint64_t id;
	const struct nx_peer *peer; /* compared, never followed */
	uint64_t began;
	struct intent in; /* what was asked for */

	/* the flow */
	enum upload_state state;
	int pipe;
	struct event *readable, *idle;
	uint64_t received;
	uint64_t progress; /* received when the idle timer was set */
	/* how fast it comes: since when, from what, and in the window before */
	uint64_t window_began, window_start, rate;
	bool pumping, eof, dead;
	bool full; /* no volume could take the chunk that comes now */
	unsigned syncing;
	struct pump pump;
	struct lane *lane; /* the chunk that is being filled */
	bool evicting;     /* volumes that go have places in it */
	struct catalog_chunk *chunks;
	uint32_t n_chunks, room_chunks;
	struct upload_stripe *stripe, *coding; /* upload_stripe.h */

	/* of a resumable upload */
	struct upload_marks marks;
	bool committing;   /* a piece */
	uint32_t n_pieces; /* of the chunks, that were committed */
	struct catalog_chunk piece[ERASURE_PARTS_MAX]; /* one, or a stripe */
	uint32_t n_piece, next_piece;

	/* the end */
	struct nx_request *finish;
	uint64_t finish_size;
	struct catalog_commit commit;
	Nx__Status status; /* of UPLOAD_FAILED */
	char why[384];
};
TAILQ_HEAD(upload_list, upload);

struct uploads {
	struct storaged *s;
	struct stock *stock; /* of the pieces of all */
	struct upload_list list;
	struct intents intents; /* of these and of what comes in one call */
	struct puts *puts;
	size_t count;
	uint64_t first_id, next_id;
};

/* Was @id given by this process, and not by the one before a restart? */
bool uploads_gave(const struct uploads *us, uint64_t id);

struct upload *upload_new(struct uploads *us, uint64_t owner);
/* Bytes on volumes that those under way will still take. */
uint64_t uploads_room_taken(const struct uploads *us);
/* Moves it on as far as it goes now. May free it. */
void upload_step(struct upload *u);
/* Nothing of it shall be; the first reason counts. May free it. */
void upload_fail(struct upload *u, Nx__Status status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Room for @n chunks more in its list. 0 or -ENOMEM. */
int upload_make_room(struct upload *u, uint32_t n);
/* Somebody may be waiting for the pipe: from here on there is a reader. */
int upload_start(struct upload *u, int pipe);
void upload_fail_errno(struct upload *u, int error);
/* After a failure, when all jobs are back: undoes it, tells who asked. May free
 * it. */
void upload_settle(struct upload *u);
void upload_stop_reading(struct upload *u);
/* The pipe has ended and everything is durable: if it is what was announced,
 * and FINISH has come, makes it a file (upload_finish.c). */
void upload_conclude(struct upload *u);
/* Frees one that never started. */
void upload_free(struct upload *u);

/* Resumable ones (upload_pieces.c). */
bool upload_has_pieces(const struct upload *u);
/* The chunk that was filled has ended. 0 or -ENOMEM. */
int upload_mark(struct upload *u);
void upload_unmark(struct upload *u); /* forgets them all */
/* The next in order, if it is durable. False: it has failed, and may be gone. */
bool upload_commit_piece(struct upload *u);
/* Instead of upload_conclude. May free it. */
void upload_end_pieces(struct upload *u);

/* Shares (upload_share.c). May @user have one more upload under way? A slow one
 * of somebody who has more may have to give way, and end, for it. */
bool upload_take_place(struct uploads *us, uint64_t user);
/* Bytes have come. */
void upload_count_rate(struct upload *u);

/* Volumes go (upload_evict.c): forgets their parts in the chunk being filled.
 * False when they were the last ones. Only while the lane rests. */
bool upload_evict(struct upload *u);
/* volumes_on_going: @v is about to go; uploads forget what they have there, and end
 * when it was the only replica. */
void uploads_volume_going(struct volume *v, void *arg);
void upload_fail_volume(struct upload *u);

/* Jobs (upload_jobs.c). They end in upload_pumped and upload_synced. */
void upload_submit_pump(struct upload *u);
/* A lane for @put: consumed, but on failure. */
int upload_open_lane(struct upload *u, struct chunk_put *put);
void upload_pumped(struct upload *u);
/* The lane of chunk @index is over. Consumes it. */
void
upload_synced(struct upload *u, struct lane *lane, uint32_t index, int result);
/* Removes chunks nobody will refer to, and what is left of @put. Consumes
 * @put and @chunks. In the background; what it misses the collector finds. */
void upload_discard(struct storaged *s, struct chunk_put *put,
    struct catalog_chunk *chunks, uint32_t n_chunks);

#endif
