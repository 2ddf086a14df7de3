/*
 * Moving what is left of a segment, some records at a time:
 *
 *	read	a worker: each from the disk, held against its checksums
 *	append	the writers: all of them in as few syncs as can be
 *	verify	a worker: what was appended is read back, from the disk
 *	rows	one transaction: whoever still is where it was is elsewhere now
 *
 * Whatever ends in between leaves every row where it was, or where its record
 * is: on the disk, both of them. A record that cannot be read is reported to the
 * healer, who appends a good one elsewhere; then the segment is empty too.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/care/compact_internal.h"
#include "storaged/care/healer.h"
#include "storaged/care/reading.h"

/* --- the end of a batch -----------------------------------------------------*/

static void
forget_batch(struct compact *c)
{
	for (size_t i = 0; i < c->n_moving; i++) {
		struct moving *m = &c->moving[i];

		chunk_settle(c->volume->store, m->append.at);
		chunk_settle(c->volume->store, m->from.at);
		free(m->data);
		*m = (struct moving){0};
	}
	c->n_moving = 0;
	volume_unref(c->volume);
	c->volume = NULL;
	c->busy = false;
}

/* The volume cannot have it done now. */
static void
give_up(struct compact *c, int error)
{
	nx_warn("event=segment-not-emptied node=%s segment=%" PRIu32
		" error=\"%s\"",
	    c->volume->node, c->segment.number, strerror(-error));
	volume_suspect(c->s->volumes, c->volume, error);
	c->segment.number = 0;
	forget_batch(c);
	compact_rest(c, 0);
}

static void
moved(int result, void *arg)
{
	struct compact *c = arg;

	if (result < 0) {
		give_up(c, result);
		return;
	}
	c->st.moved += c->move.n;
	forget_batch(c);
	compact_rest(c, 0);
}

/* --- rows -------------------------------------------------------------------*/

static void
change_rows(struct compact *c)
{
	c->move = (struct catalog_segment_move){
	    .volume = c->volume->key, .done = moved, .arg = c};
	for (size_t i = 0; i < c->n_moving; i++) {
		const struct moving *m = &c->moving[i];

		if (m->error == 0)
			c->move.moves[c->move.n++] = (struct catalog_moved){
			    m->chunk.key, m->from.at, m->append.at};
	}
	if (c->move.n > 0) {
		catalog_segment_move(c->s->catalog, &c->move);
		return;
	}
	forget_batch(c);
	compact_rest(c, 0);
}

/* --- verifying --------------------------------------------------------------*/

static struct chunk_place
new_place(const struct moving *m)
{
	return (struct chunk_place){
	    m->chunk.id, m->append.at, m->chunk.sums.size};
}

static void
verify_work(void *arg)
{
	struct compact *c = arg;

	c->result = 0;
	for (size_t i = 0; i < c->n_moving && c->result == 0; i++) {
		const struct moving *m = &c->moving[i];
		struct chunk_place place = new_place(m);

		if (m->error == 0)
			c->result = reading_whole(
			    c->volume->store, &place, &m->chunk.sums);
	}
	if (c->result == -EBADMSG)
		c->result = -EIO; /* it took it and gives another */
}

static void
verify_done(void *arg)
{
	struct compact *c = arg;

	if (c->result < 0)
		give_up(c, c->result);
	else
		change_rows(c);
}

/* --- appending --------------------------------------------------------------*/

static void
all_appended(struct compact *c)
{
	int r = 0;

	for (size_t i = 0; i < c->n_moving && r == 0; i++)
		if (c->moving[i].error == 0)
			r = c->moving[i].append.result;
	if (r == 0)
		r = nx_workers_submit(c->s->slow, verify_work, verify_done, c);
	if (r < 0)
		give_up(c, r);
}

static void
appended(struct chunk_append *append)
{
	struct compact *c = append->arg;

	nx_assert(c->out > 0);
	if (--c->out == 0)
		all_appended(c);
}

static void
append_all(struct compact *c)
{
	c->out = 1;
	for (size_t i = 0; i < c->n_moving; i++) {
		struct moving *m = &c->moving[i];

		if (m->error < 0)
			continue;
		m->append = (struct chunk_append){.id = m->chunk.id,
		    .data = m->data,
		    .length = m->chunk.sums.size,
		    .reserved = true,
		    .done = appended,
		    .arg = c};
		c->out++;
		chunk_append(c->volume->store, &m->append);
	}
	if (--c->out == 0)
		all_appended(c);
}

/* --- reading ----------------------------------------------------------------*/

static int
check_data(const struct moving *m)
{
	const struct checksums *sums = &m->chunk.sums;

	for (uint32_t at = 0; at < sums->size; at += CRC_BLOCK) {
		uint32_t n =
		    sums->size - at < CRC_BLOCK ? sums->size - at : CRC_BLOCK;

		if (checksum_crc(m->data + at, n) != sums->crc[at / CRC_BLOCK])
			return -EBADMSG;
	}
	return 0;
}

static int
read_one(struct chunk_store *store, struct moving *m)
{
	struct chunk_reader *reader;
	int r;

	m->data = malloc(m->chunk.sums.size + 1);
	if (!m->data)
		return -ENOMEM;
	r = chunk_open_cold(store, &m->from, &reader);
	if (r < 0)
		return r;
	r = chunk_read_at(reader, m->data, m->chunk.sums.size, 0);
	chunk_close(reader);
	return r < 0 ? r : check_data(m);
}

static void
read_work(void *arg)
{
	struct compact *c = arg;

	for (size_t i = 0; i < c->n_moving; i++)
		c->moving[i].error = read_one(c->volume->store, &c->moving[i]);
}

static void
read_done(void *arg)
{
	struct compact *c = arg;

	for (size_t i = 0; i < c->n_moving; i++) {
		const struct moving *m = &c->moving[i];

		if (m->error == 0)
			continue;
		c->left++;
		if (volume_fault_of(m->error) != FAULT_OURS)
			healer_report(
			    c->s->healer, m->chunk.key, c->volume->key);
	}
	append_all(c);
}

/* --- the next ones ----------------------------------------------------------*/

/* How many from c->from on; at least one, if there is one. */
static int
fetch(struct compact *c)
{
	uint64_t end = (uint64_t)(c->segment.number + 1) << 32, bytes = 0;
	struct catalog_chunk chunk;
	int n = 0;

	while (n < (int)CATALOG_MOVES && bytes < COMPACT_BYTES) {
		struct moving *m = &c->moving[n];
		int r = catalog_segment_next(
		    c->s->catalog, c->volume_key, c->from, end, &chunk, 1);

		if (r <= 0)
			return n > 0 ? n : r;
		*m = (struct moving){.chunk = chunk};
		m->from = catalog_place(
		    &chunk, catalog_replica_on(&chunk, c->volume_key));
		c->from = m->from.at + 1;
		bytes += chunk.sums.size;
		n++;
	}
	return n;
}

static void
end_segment(struct compact *c)
{
	if (c->left == 0)
		compact_emptied(c, c->segment.number);
	c->segment.number = 0;
	compact_in(c, 0);
}

void
compact_move(struct compact *c)
{
	struct volume *v = volume_by_key(c->s->volumes, c->volume_key);
	int n = v && v->attached && v->state == VOLUME_READY && !v->suspect
	    ? fetch(c)
	    : -ENODEV;

	if (n <= 0) {
		if (n < 0)
			c->left++;
		end_segment(c);
		return;
	}
	c->busy = true;
	c->volume = v;
	volume_ref(v);
	c->n_moving = (size_t)n;
	for (size_t i = 0; i < c->n_moving; i++)
		chunk_hold(v->store, c->moving[i].from.at);
	if (nx_workers_submit(c->s->slow, read_work, read_done, c) < 0) {
		c->segment.number = 0;
		forget_batch(c);
		compact_in(c, AGAIN_US);
	}
}
