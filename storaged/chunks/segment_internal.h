/* Between the files of segments only. */
#ifndef STORAGED_SEGMENT_INTERNAL_H
#define STORAGED_SEGMENT_INTERNAL_H

#include <pthread.h>

#include "storaged/chunks/segments.h"

#define SEGMENTS_DIR ".segments"
#define FREE_MAX     4 /* emptied files that wait to be used again */
#define KEPT_MAX     4 /* that stay open for reading */
#define NAME_SIZE    16

/* One that must not go: it is appended to, or rows will refer to it. */
struct held {
	LIST_ENTRY(held) entry;
	uint32_t number;
	uint64_t n; /* places nobody has settled */
	bool current;
};

/* One that stays open for segments_read_now; -1: none. */
struct kept {
	int fd;
	uint32_t number;
};

struct segments {
	const struct chunk_store *store; /* whose they are; borrowed */
	int parent;                      /* of the chunks; borrowed */
	char volume[NX_ID_LEN + 1];
	uint64_t limit; /* bytes of one */
	struct segment_queue queue;

	pthread_mutex_t mutex; /* for what follows */
	int dir;               /* -1: there has been no segment yet */
	uint32_t last;         /* the largest number there ever was */
	uint32_t first_ours;   /* smaller ones were there before us */
	uint32_t rotten;       /* one whose header is: nothing goes there */
	LIST_HEAD(, held) held;
	uint32_t frees[FREE_MAX];
	unsigned n_frees;
	struct kept kept[KEPT_MAX];
	unsigned next_kept; /* is where the next goes, around */

	/* the one that is appended to; whoever writes has it alone */
	struct {
		int fd; /* -1: none */
		struct held *held;
		uint64_t generation;
		uint64_t at;      /* where the next batch begins */
		uint64_t written; /* the file's blocks are, up to here */
	} to;
};

/* segments.c, with the mutex: is there anything in it that is held? */
bool segments_is_held(struct segments *s, uint32_t number);

/* segment_now.c. */
void segments_init_kept(struct segments *s);
void segments_free_kept(struct segments *s);
/* @fd is @number's, open for reading; a copy is kept, unless it could be gone. */
void segments_keep(struct segments *s, uint32_t number, int fd);
/* With the mutex: it is given back. */
void segments_drop_kept(struct segments *s, uint32_t number);

/* segment_append.c: the queue's. */
void segments_write(struct segment_queue *queue, struct chunk_appends *batch);
/* Nothing is appended to the current one any more. */
void segments_seal(struct segments *s);

/* segment_files.c. Names and makes files; takes care of the directory. */
void segments_name(uint32_t number, bool free, char ret_name[NAME_SIZE]);
/* 0, or -errno; s->dir is open then. */
int segments_make_dir(struct segments *s);
/* A file to append to becomes s->to: one that waits, but for the last of these,
 * or a new one; with @last only what waits, the last too. 0 or -errno. */
int segments_next(struct segments *s, bool last);
/* Zeros up to @end. 0 or -errno. */
int segments_fill(int fd, uint64_t *written, uint64_t end);

#endif
