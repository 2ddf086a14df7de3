/*
 * The segments of one volume: files "<number>" (8 hexadecimal digits) in a
 * directory ".segments" below the chunks', of which one is appended to. Files
 * that were emptied wait as "<number>.free" to be used again: their blocks are
 * written, so that a sync has nothing of the file system's to write (measured:
 * 5,000 syncs a second; 1,500 when blocks are merely reserved, 1,350 when the
 * file grows with each batch). A fresh file is filled with zeros 256 KiB ahead
 * (4,800).
 *
 * A write or sync that fails is final for its segment: nothing is appended to
 * it any more, what was acknowledged before is still there. After a restart
 * every segment is closed and a new one begun.
 *
 * Between the files of chunks only. Calls block; several threads at once.
 */
#ifndef STORAGED_SEGMENTS_H
#define STORAGED_SEGMENTS_H

#include "storaged/chunks/chunk_store.h"
#include "storaged/chunks/segment.h"

struct segments;

/* Of @store, as @spec says; @dirfd is the directory of its chunks. Borrows
 * both. 0 or -errno. */
int segments_new(const struct chunk_store *store, int dirfd,
    const struct chunk_store_spec *spec, struct segments **ret_segments);
/* Nothing may be under way. Accepts NULL; returns NULL. */
struct segments *segments_free(struct segments *s);

struct segment_queue *segments_queue(struct segments *s);
/* See chunk_settle() and its kin in chunk_store.h. */
void segments_hold(struct segments *s, uint64_t at);
void segments_settle(struct segments *s, uint64_t at);
bool segments_are_held(struct segments *s, uint32_t number);
int segments_list(struct segments *s,
    void (*each)(const struct chunk_segment *segment, void *arg), void *arg);
int segments_retire(struct segments *s, uint32_t number);
int segments_spare(struct segments *s);
int segments_scan(struct segments *s, uint32_t number,
    void (*each)(const struct chunk_id *id, uint64_t at, uint32_t length,
	bool good, void *arg),
    void *arg);
/* segment_read.c. The reader is @store's. Of size 0: as long as the record says
 * that it is. */
int segments_open(struct segments *s, struct chunk_store *store,
    const struct chunk_place *place, bool cold,
    struct chunk_reader **ret_reader);
/* segment_now.c: see chunk_read_now(). */
int segments_read_now(
    struct segments *s, const struct chunk_place *place, void *data);
void segments_forget(struct segments *s, const struct chunk_place *place);

/* Opens the file of @number for reading. Descriptor or -errno. */
int segments_open_file(struct segments *s, uint32_t number, int flags);
const char *segments_volume(const struct segments *s);

#endif
