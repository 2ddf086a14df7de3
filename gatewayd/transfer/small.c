/* See small.h. */
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/fd.h"
#include "gatewayd/transfer/small.h"
#include "proto/storage.rpc.h"

#define TIMEOUT_S 300U  /* as for a large one's end */
#define LEAST     1024U /* what an empty one holds */

static size_t
held(size_t size)
{
	return size > LEAST ? size : LEAST;
}

/* One user, or many from one address, must leave memory to others. */
static bool
take_memory(struct small *s, struct req *r, size_t n)
{
	struct share *const of[2] = {r->user, r->x.share};
	struct shares *shares = r->gw->shares;

	for (size_t i = 0; i < NX_ARRAY_SIZE(of); i++)
		if (!share_is_fair(
			shares, of[i], SHARE_GATHERED, SMALL_ALL - SMALL_MAX))
			return false;
	for (size_t i = 0; i < NX_ARRAY_SIZE(of); i++) {
		if (!of[i])
			continue;
		s->holders[i] = shares_get(shares, of[i]->family, of[i]->key);
		share_take(shares, s->holders[i], SHARE_GATHERED, n);
	}
	return true;
}

bool
small_begin(struct small *s, struct req *r)
{
	const struct http_head *head = &r->x.head;
	uint64_t size = head->framing == HTTP_LENGTH ? head->content_length : 0;

	nx_assert(!s->data);
	if (head->framing == HTTP_CHUNKED || size > SMALL_MAX ||
	    exchange_expects(&r->x) || !take_memory(s, r, held((size_t)size)))
		return false;
	s->size = (size_t)size;
	s->data = malloc(s->size + 1);
	if (!s->data)
		small_fini(s, r);
	return s->data != NULL;
}

void
small_fini(struct small *s, struct req *r)
{
	struct shares *shares = r->gw->shares;

	for (size_t i = 0; i < NX_ARRAY_SIZE(s->holders); i++) {
		share_give(
		    shares, s->holders[i], SHARE_GATHERED, held(s->size));
		shares_put(shares, s->holders[i]);
	}
	free(s->data);
	*s = (struct small){0};
}

void
small_add(struct small *s, const char *data, size_t len)
{
	nx_assert(s->data && len <= s->size - s->len);
	memcpy(s->data + s->len, data, len);
	s->len += len;
}

static void
say_digest(Nx__PutRequest *m, struct digest *digest)
{
	if (digest->sent[DIGEST_MD5]) {
		m->md5.data = digest->value[DIGEST_MD5];
		m->md5.len = 16;
	}
	if (digest->sent[DIGEST_SHA256]) {
		m->sha256.data = digest->value[DIGEST_SHA256];
		m->sha256.len = 32;
	}
	m->want_sha256 = digest->wants_sha256;
}

void
small_send(struct small *s, struct req *r, Nx__PutRequest *m,
    struct digest *digest, struct about *about, req_fn *again, req_reply_fn *fn)
{
	struct req_call_opts opts = {.timeout_s = TIMEOUT_S, .again = again};
	nx_cleanup_fd int fd = -1;

	nx_assert(s->data);
	m->size = s->len;
	m->about = &about->message;
	say_digest(m, digest);
	if (s->len + about->bytes <= SMALL_MESSAGE) {
		m->content.data = (uint8_t *)s->data;
		m->content.len = s->len;
	} else {
		fd = nx_memfd_sealed("upload", s->data, s->len);
		if (fd < 0) {
			req_fail_status(r, NX__STATUS__UNAVAILABLE,
			    "Out of memory; try again.");
			return;
		}
		opts.fds = &fd;
		opts.n_fds = 1;
	}
	exchange_hold(&r->x);
	req_call(r, nx_ask_file_put(m), &opts, fn);
}
