/*
 * Uploads into storaged's pipe. Backpressure is the pipe being full: then the
 * socket is not read, TCP's window closes, and the client waits for storaged's
 * disks.
 *
 *	state      open  pipe  waiting  what ends it
 *	new        no    -1    no       upload_open()
 *	opening    no    -1    yes      storaged's answer: a pipe, or a refusal
 *	flowing    yes   yes   no       a full pipe; all of it; upload_fini()
 *	full       yes   yes   yes      room in the pipe
 *	finishing  no    -1    no       storaged's answer: a file, or a refusal
 *
 * Whatever ends the request while it is open aborts it: storaged keeps no byte
 * of an upload that was not finished. One of which what came counts (u->keeps) is
 * finished instead, by whatever ends the request.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "gatewayd/transfer/upload.h"
#include "proto/storage.rpc.h"

#define FINISH_S 300U /* the last chunks' fsync and their replicas' */

static void
on_pipe(evutil_socket_t fd, short what, void *arg)
{
	struct upload *u = arg;

	(void)fd;
	(void)what;
	/* The event is gone as soon as the pipe is closed. */
	nx_assert(u->waiting && u->open && u->pipe >= 0);
	u->waiting = false;
	exchange_pause(&u->req->x, false);
	if (!u->req->x.ended)
		u->on_room(u->req);
}

void
upload_init(struct upload *u, struct req *r, req_fn *on_room)
{
	*u = (struct upload){.req = r, .pipe = -1, .on_room = on_room};
}

/* --- places ----------------------------------------------------------------*/

/* One user, or many from one address, must leave places to others. Who has none
 * is never in the way: whether there is a first one for them storaged decides,
 * which knows whose are slow. */
static bool
may_take_place(const struct req *r)
{
	struct share *const of[2] = {r->user, r->x.share};
	uint64_t all = r->gw->conf->max_uploads;

	nx_assert(r->user);
	if (r->user->held[SHARE_UPLOADS] == 0)
		return true;
	for (size_t i = 0; i < NX_ARRAY_SIZE(of); i++)
		if (!share_is_fair(r->gw->shares, of[i], SHARE_UPLOADS, all))
			return false;
	return true;
}

static bool
take_place(struct upload *u)
{
	struct req *r = u->req;
	struct share *const of[2] = {r->user, r->x.share};
	struct shares *shares = r->gw->shares;
	size_t i;

	if (u->holders[0])
		return true; /* it is asked once more */
	if (!may_take_place(r))
		return false;
	for (i = 0; i < NX_ARRAY_SIZE(of); i++) {
		if (!of[i])
			continue;
		u->holders[i] = shares_get(shares, of[i]->family, of[i]->key);
		share_take(shares, u->holders[i], SHARE_UPLOADS, 1);
	}
	return true;
}

static void
leave_place(struct upload *u)
{
	struct shares *shares = u->req->gw->shares;

	for (size_t i = 0; i < NX_ARRAY_SIZE(u->holders); i++) {
		share_give(shares, u->holders[i], SHARE_UPLOADS, 1);
		shares_put(shares, u->holders[i]);
		u->holders[i] = NULL;
	}
}

/* --- opening ---------------------------------------------------------------*/

static void
on_opened(struct req *r, const struct nx_reply *reply)
{
	const Nx__OpenUploadReply *m = nx_as_open_upload_reply(reply->body);
	struct upload *u = req_upload(r);

	nx_assert(!u->open && u->pipe < 0);
	u->waiting = false;
	u->id = m->upload;
	u->open = true;
	u->max = m->max_size;
	if (reply->n_fds != 1 || nx_fd_nonblock(reply->fds[0], true) < 0) {
		req_fail_status(r, NX__STATUS__INTERNAL,
		    "The storage service gave no pipe.");
		return;
	}
	u->pipe = nx_take_fd(&reply->fds[0]);
	event_assign(&u->writable, r->gw->base, u->pipe, EV_WRITE, on_pipe, u);
	u->on_open(r);
}

void
upload_ask(struct upload *u, struct nx_ask ask, req_fn *again, req_fn *on_open)
{
	struct req_call_opts opts = {.again = again};

	if (!take_place(u)) {
		req_fail(u->req, 429, "limit",
		    "So many uploads are under way that no further place is "
		    "yours; wait for one of them to end.");
		return;
	}
	u->waiting = true;
	u->on_open = on_open;
	req_call(u->req, ask, &opts, on_opened);
}

void
upload_open(
    struct upload *u, Nx__OpenUploadRequest *m, req_fn *again, req_fn *on_open)
{
	m->about = &u->about.message;
	m->md5 = u->digest.sent[DIGEST_MD5];
	m->sha256 = u->digest.sent[DIGEST_SHA256];
	m->want_sha256 = u->digest.wants_sha256;
	upload_ask(u, nx_ask_file_open_upload(m), again, on_open);
}

/* --- content ---------------------------------------------------------------*/

/* Until then the client is asked for no rate: it is not the one who waits. */
static enum upload_result
wait_for_room(struct upload *u)
{
	nx_assert(u->open && !u->waiting);
	u->waiting = true;
	exchange_pause(&u->req->x, true);
	if (event_add(&u->writable, NULL) < 0) {
		exchange_abort(&u->req->x);
		return UPLOAD_ENDED;
	}
	return UPLOAD_FULL;
}

static void
on_broken(struct req *r, const struct nx_reply *reply)
{
	(void)reply;
	req_fail_status(r, NX__STATUS__INTERNAL,
	    "The storage service gave up on this upload.");
}

/* storaged closed its end. Only FINISH can tell why. */
static enum upload_result
broken(struct upload *u)
{
	exchange_pause(&u->req->x, true);
	upload_finish(u, on_broken);
	return UPLOAD_ENDED;
}

void
upload_refuse_quota(struct upload *u)
{
	char text[128];

	snprintf(text, sizeof(text),
	    "your quota leaves %s: delete something first",
	    nx_size_format(u->max));
	req_fail_status(u->req, NX__STATUS__QUOTA, text);
}

static enum upload_result
too_much(struct upload *u)
{
	upload_refuse_quota(u);
	return UPLOAD_ENDED;
}

enum upload_result
upload_write(struct upload *u, const char *data, size_t len, size_t *ret_n)
{
	ssize_t n;

	nx_assert(!u->waiting && u->pipe >= 0 && u->written <= u->max);
	if (len > u->max - u->written)
		return too_much(u);
	do
		n = write(u->pipe, data, len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? wait_for_room(u) : broken(u);
	u->written += (uint64_t)n;
	*ret_n = (size_t)n;
	return UPLOAD_OK;
}

enum upload_result
upload_read(struct upload *u, struct http_span *ret_content)
{
	static const enum upload_result results[] = {
	    [EXCHANGE_DATA] = UPLOAD_OK,
	    [EXCHANGE_NOTHING] = UPLOAD_EMPTY,
	    [EXCHANGE_DONE] = UPLOAD_OK,
	    [EXCHANGE_CUT] = UPLOAD_EOF,
	    [EXCHANGE_ENDED] = UPLOAD_ENDED,
	};

	return results[exchange_read(&u->req->x, ret_content)];
}

enum upload_result
upload_splice(struct upload *u, size_t len)
{
	struct pollfd p = {.fd = u->pipe, .events = POLLOUT};
	uint64_t left = exchange_body_left(&u->req->x);
	ssize_t n;

	nx_assert(!u->waiting && u->pipe >= 0 && left > 0);
	if (len > left)
		len = (size_t)left;
	if (len > u->max - u->written)
		return too_much(u);
	n = exchange_splice(&u->req->x, u->pipe, len);
	if (n > 0) {
		u->written += (uint64_t)n;
		return UPLOAD_OK;
	}
	if (n == 0)
		return UPLOAD_EOF;
	if (n == -EPIPE)
		return broken(u);
	if (n != -EAGAIN) {
		exchange_abort(&u->req->x);
		return UPLOAD_ENDED;
	}
	/* The socket is empty, or the pipe is full. Ask the pipe. */
	if (poll(&p, 1, 0) == 1)
		return p.revents & POLLERR ? broken(u) : UPLOAD_EMPTY;
	return wait_for_room(u);
}

/* --- the end ---------------------------------------------------------------*/

static void
close_pipe(struct upload *u)
{
	if (u->pipe < 0)
		return;
	event_del(&u->writable);
	nx_close(&u->pipe);
}

static void
finish(struct req *r)
{
	Nx__FinishUploadRequest m = NX__FINISH_UPLOAD_REQUEST__INIT;
	struct req_call_opts opts = {.timeout_s = FINISH_S, .again = finish};
	struct upload *u = req_upload(r);
	uint8_t values[DIGEST_ALL_MAX];

	m.upload = u->id;
	m.size = u->written;
	m.digest.data = values;
	m.digest.len = digest_join(&u->digest, values);
	if (u->path) {
		m.path = u->path;
		m.into_folder = true;
		m.condition = condition_message(&u->condition);
	}
	u->open = false; /* whatever the answer, it is not ours to abort */
	req_call(r, nx_ask_file_finish_upload(&m), &opts, u->on_finished);
}

void
upload_finish(struct upload *u, req_reply_fn *on_finished)
{
	nx_assert(u->open);
	close_pipe(u);
	exchange_hold(&u->req->x);
	u->on_finished = on_finished;
	finish(u->req);
}

static void
ignore(const struct nx_reply *reply, void *arg)
{
	(void)reply;
	(void)arg;
}

void
upload_fini(struct upload *u)
{
	Nx__AbortUploadRequest m = NX__ABORT_UPLOAD_REQUEST__INIT;
	Nx__FinishUploadRequest end = NX__FINISH_UPLOAD_REQUEST__INIT;
	struct nx_call_opts opts = {0};
	const struct token *token = u->req->token;

	close_pipe(u);
	leave_place(u);
	about_fini(&u->about);
	if (!u->open || !token || !token->has_storage)
		return;
	u->open = false;
	m.upload = end.upload = u->id;
	end.size = u->written;
	opts.ticket = token->storage;
	opts.timeout_us = FINISH_S * 1000000ULL;
	(void)nx_call(u->req->gw->hub,
	    u->keeps ? nx_ask_file_finish_upload(&end)
		     : nx_ask_file_abort_upload(&m),
	    &opts, ignore, NULL);
}
