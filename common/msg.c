/*
 * Frames on edges. The receive path trusts nothing: not the length, not the
 * control data, not the number of descriptors, not a byte of the content.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/limits.h"
#include "common/msg.h"
#include "common/rights.h"

/* --- bounded unpacking ------------------------------------------------------
 *
 * An arena per message: blocks of memory that are freed together. The message
 * itself is the first thing protobuf-c allocates, so that the arena is found
 * again from it.
 */
#define ARENA_MAX   (256U * 1024)
#define ARENA_BLOCK 4096U

struct block {
	struct block *next;
	size_t size, used;
	_Alignas(16) uint8_t memory[];
};

struct arena {
	struct block *blocks; /* newest first; the first made ends the list */
	size_t total;
};

static void *
arena_alloc(void *data, size_t size)
{
	struct arena *a = data;
	struct block *b = a->blocks;
	void *p;

	size = (size + 15) & ~(size_t)15;
	if (size > ARENA_MAX)
		return NULL;
	if (!b || b->size - b->used < size) {
		size_t want = size > ARENA_BLOCK ? size : ARENA_BLOCK;

		if (a->total + want > ARENA_MAX)
			return NULL;
		b = malloc(sizeof(*b) + want);
		if (!b)
			return NULL;
		*b = (struct block){.next = a->blocks, .size = want};
		a->blocks = b;
		a->total += want;
	}
	p = b->memory + b->used;
	b->used += size;
	return p;
}

static void
arena_free(void *data, void *p)
{
	(void)data;
	(void)p;
}

static void
blocks_free(struct block *b)
{
	while (b) {
		struct block *next = b->next;

		free(b);
		b = next;
	}
}

/* What precedes every message handed out: the way back to its blocks. */
struct anchor {
	struct block *blocks;
};
#define ANCHOR 16

ProtobufCMessage *
nx_message_unpack(const ProtobufCMessageDescriptor *descriptor,
    const uint8_t *data, size_t len, const char **ret_field)
{
	struct arena arena = {0};
	ProtobufCAllocator allocator = {arena_alloc, arena_free, &arena};
	struct anchor *anchor = arena_alloc(&arena, ANCHOR);
	ProtobufCMessage *m = NULL;

	if (anchor)
		m = protobuf_c_message_unpack(
		    descriptor, &allocator, len, data);
	/* protobuf-c allocates the message first, right behind the anchor. */
	if (m && (uint8_t *)m == (uint8_t *)anchor + ANCHOR &&
	    nx_message_check(m, ret_field) == 0) {
		anchor->blocks = arena.blocks;
		return m;
	}
	blocks_free(arena.blocks);
	return NULL;
}

void
nx_message_free(ProtobufCMessage *message)
{
	if (message) {
		struct anchor *anchor = (void *)((uint8_t *)message - ANCHOR);

		blocks_free(anchor->blocks);
	}
}

/* --- receiving --------------------------------------------------------------*/

static void
close_all(int *fds, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		nx_close(&fds[i]);
}

void
nx_frame_fini(struct nx_frame *frame)
{
	nx_assert(frame->n_fds <= NX_FRAME_FDS);
	close_all(frame->fds, frame->n_fds);
	frame->n_fds = 0;
	if (frame->envelope)
		nx_message_free(&frame->envelope->base);
	frame->envelope = NULL;
}

static int
receive(int sock, uint8_t *buf, size_t *ret_len, struct nx_frame *frame)
{
	ssize_t len = nx_recv_fds(sock, buf, NX_FRAME_MAX, frame->fds,
	    NX_FRAME_FDS, MSG_DONTWAIT, &frame->n_fds);

	if (len == -EAGAIN)
		return 0;
	if (len == 0 || len == -ECONNRESET)
		return -EPIPE;
	if (len < 0)
		return (int)len;
	*ret_len = (size_t)len;
	return 1;
}

int
nx_frame_recv(int sock, struct nx_frame *ret_frame)
{
	static uint8_t buf[NX_FRAME_MAX];
	struct nx_frame frame = {0};
	ProtobufCMessage *m;
	size_t len = 0;
	int r = receive(sock, buf, &len, &frame);

	if (r <= 0) {
		nx_frame_fini(&frame);
		return r;
	}
	m = nx_message_unpack(&nx__envelope__descriptor, buf, len, NULL);
	frame.envelope = (Nx__Envelope *)m;
	if (!m || frame.envelope->version != NX_PROTO_VERSION ||
	    frame.envelope->n_fds != frame.n_fds) {
		nx_frame_fini(&frame);
		return -EPROTO;
	}
	*ret_frame = frame;
	return 1;
}

/* --- sending ----------------------------------------------------------------*/

ssize_t
nx_frame_pack(Nx__Envelope *envelope, size_t n_fds, uint8_t *buf)
{
	envelope->version = NX_PROTO_VERSION;
	envelope->n_fds = (uint32_t)n_fds;
	if (nx__envelope__get_packed_size(envelope) > NX_FRAME_MAX)
		return -EMSGSIZE;
	return (ssize_t)nx__envelope__pack(envelope, buf);
}

int
nx_frame_send(
    int sock, const uint8_t *data, size_t len, const int *fds, size_t n_fds)
{
	int r;

	nx_assert(n_fds <= NX_FRAME_FDS);
	r = nx_send_fds(sock, data, len, fds, n_fds, MSG_DONTWAIT);
	return r == -ECONNRESET || r == -ENOTCONN ? -EPIPE : r;
}
