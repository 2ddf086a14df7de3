/*
 * The daemons behind the gateway of the lab: hubs that play authd, storaged and
 * nodemgr. Storage here is a list of what was asked, and bytes in memory.
 */
#ifndef GATEWAYD_DAEMONS_H
#define GATEWAYD_DAEMONS_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include <event2/event.h>
#include <sodium.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/hub.h"
#include "common/id.h"
#include "common/log.h"
#include "gatewayd/gateway.h"
#include "gatewayd/routes/routes.h"
#include "gatewayd/transfer/transfer.h"
#include "proto/auth.pb-c.h"
#include "proto/node.pb-c.h"
#include "proto/care.pb-c.h"
#include "proto/storage.pb-c.h"

struct lab {
	struct event_base *base;
	struct gw gw;
	struct gw_conf conf;
	struct proxies proxies;
	struct http_config http;
	struct nx_hub *auth, *storage, *node;
	struct nx_tickets *tickets, *node_tickets;
	uint16_t port;
	/* authd */
	unsigned checks;
	bool token_dead;
	char login_from[65]; /* the client's address */
	/* nodemgr */
	const char *function_says;
	size_t function_len;
	uint64_t call, cancelled;
	/* storaged: uploads */
	unsigned opened, finished, aborted;
	uint64_t max_size;
	Nx__Status open_status, finish_status;
	char open_name[256], open_path[4097], finish_path[4097];
	bool into_folder; /* asked for, at OPEN or FINISH */
	bool open_has_size, open_md5, open_sha256, open_wants;
	char open_erasure[9];
	uint32_t open_replicas;
	uint8_t digest[48];
	size_t digest_len;
	uint64_t open_size;
	unsigned put; /* small ones, in one call */
	int pipe;
	struct event *pipe_event;
	bool stop_reading;
	char *got;
	size_t got_len;
	/* storaged: everything else */
	int file; /* what downloads come from */
	uint64_t file_size;
	uint64_t window;   /* bytes a window has at most */
	unsigned windows;  /* asked for */
	unsigned whole;    /* files and ranges in one reply */
	uint64_t break_at; /* offset that cannot be read; 0: none */
	unsigned others;   /* FS_STAT and FS_MOVE: not needed to upload */
	unsigned pages;
	bool drained;
	struct share *hog; /* of the memory for small uploads */
	/* nodemgr */
	bool hold_lambda;        /* a function that does not end */
	struct nx_request *held; /* it */
	bool quiet_lambda;       /* one that says little */
};
static struct lab lab;

#define BODY(type, r) ((const type *)(const void *)(r)->body)

static void
lab_check_token(struct nx_request *r, void *ctx)
{
	Nx__CheckTokenReply reply = NX__CHECK_TOKEN_REPLY__INIT;
	struct nx_ticket t = {.user_id = 7,
	    .audience = NX_ROLE_STORAGE,
	    .expiry_us = nx_now_us() + NX_TICKET_LIFE_US,
	    .rights = NX_RIGHT_ALL};
	const char *token = BODY(Nx__TokenRequest, r)->token;
	struct nx_ticket n;

	(void)ctx;
	lab.checks++;
	if (lab.token_dead || strncmp(token, "good", 4) != 0) {
		nx_refuse(r, NX__STATUS__UNAUTHENTICATED, "no such token");
		return;
	}
	/* "good" is user 7's, "good9" user 9's */
	if (token[4])
		t.user_id = (uint64_t)atoi(token + 4);
	n = t;
	nx_ticket_seal(nx_tickets_key(lab.tickets), &t);
	reply.user_id = t.user_id;
	reply.username = (char[]){"ann"};
	reply.storage_ticket.data = (uint8_t *)&t;
	reply.storage_ticket.len = NX_TICKET_LEN;
	n.audience = NX_ROLE_NODE;
	nx_ticket_seal(nx_tickets_key(lab.node_tickets), &n);
	reply.node_ticket.data = (uint8_t *)&n;
	reply.node_ticket.len = NX_TICKET_LEN;
	reply.valid_until = nx_now_us() + 50 * 1000000ULL;
	nx_answer(r, &reply.base, NULL, 0);
}

static void
lab_login(struct nx_request *r, void *ctx)
{
	Nx__AuthMessageReply reply = NX__AUTH_MESSAGE_REPLY__INIT;

	(void)ctx;
	snprintf(lab.login_from, sizeof(lab.login_from), "%s",
	    BODY(Nx__LoginInitRequest, r)->client);
	nx_answer(r, &reply.base, NULL, 0);
}

static void
lab_logout(struct nx_request *r, void *ctx)
{
	(void)ctx;
	lab.token_dead = true;
	nx_answer(r, &nx_empty.base, NULL, 0);
}

static void
lab_on_pipe(evutil_socket_t fd, short what, void *arg)
{
	static char buf[1 << 20];
	ssize_t n;

	(void)what;
	(void)arg;
	if (lab.stop_reading)
		return;
	n = read(fd, buf, sizeof(buf));
	if (n <= 0) {
		event_del(lab.pipe_event);
		return;
	}
	lab.got = realloc(lab.got, lab.got_len + (size_t)n + 1);
	memcpy(lab.got + lab.got_len, buf, (size_t)n);
	lab.got_len += (size_t)n;
	lab.got[lab.got_len] = '\0';
}

static void
lab_close_pipe(void)
{
	if (lab.pipe_event)
		event_free(lab.pipe_event);
	lab.pipe_event = NULL;
	nx_close(&lab.pipe);
}

static void
lab_open_upload(struct nx_request *r, void *ctx)
{
	const Nx__OpenUploadRequest *m = BODY(Nx__OpenUploadRequest, r);
	Nx__OpenUploadReply reply = NX__OPEN_UPLOAD_REPLY__INIT;
	int ends[2];

	(void)ctx;
	lab.opened++;
	snprintf(lab.open_name, sizeof(lab.open_name), "%s", m->name);
	snprintf(lab.open_path, sizeof(lab.open_path), "%s", m->path);
	snprintf(lab.open_erasure, sizeof(lab.open_erasure), "%s", m->erasure);
	lab.open_replicas = m->replicas;
	lab.into_folder = m->into_folder;
	lab.open_md5 = m->md5;
	lab.open_sha256 = m->sha256;
	lab.open_wants = m->want_sha256;
	lab.open_has_size = m->has_size;
	lab.open_size = m->size;
	if (lab.open_status != NX__STATUS__OK) {
		nx_refuse(r, lab.open_status, "not this one");
		return;
	}
	if (m->has_size && m->size > lab.max_size) {
		nx_refuse(r, NX__STATUS__QUOTA, "too much");
		return;
	}
	lab_close_pipe();
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	lab.pipe = ends[0];
	lab.got_len = 0;
	lab.pipe_event = event_new(
	    lab.base, ends[0], EV_READ | EV_PERSIST, lab_on_pipe, NULL);
	if (!lab.stop_reading)
		event_add(lab.pipe_event, NULL);
	reply.upload = 5;
	reply.max_size = lab.max_size;
	nx_answer(r, &reply.base, &ends[1], 1);
}

static void
lab_finish_upload(struct nx_request *r, void *ctx)
{
	Nx__FinishUploadReply reply = NX__FINISH_UPLOAD_REPLY__INIT;
	Nx__FileInfo file = NX__FILE_INFO__INIT;

	(void)ctx;
	lab.finished++;
	lab.digest_len = BODY(Nx__FinishUploadRequest, r)->digest.len;
	if (lab.digest_len > 0)
		memcpy(lab.digest,
		    BODY(Nx__FinishUploadRequest, r)->digest.data,
		    lab.digest_len);
	snprintf(lab.finish_path, sizeof(lab.finish_path), "%s",
	    BODY(Nx__FinishUploadRequest, r)->path);
	lab.into_folder |= BODY(Nx__FinishUploadRequest, r)->into_folder;
	if (lab.finish_status != NX__STATUS__OK) {
		nx_refuse(r, lab.finish_status, "the disk is full");
		return;
	}
	while (lab.pipe >= 0 && event_pending(lab.pipe_event, EV_READ, NULL))
		lab_on_pipe(lab.pipe, EV_READ, NULL);
	assert_int_equal(BODY(Nx__FinishUploadRequest, r)->size, lab.got_len);
	file.id = (char[]){"0123456789abcdef0123456789abcdef"};
	file.name = lab.open_name;
	file.size = lab.got_len;
	file.chunks = 1;
	reply.file = &file;
	reply.path = lab.open_path[0] ? lab.open_path : lab.finish_path;
	nx_answer(r, &reply.base, NULL, 0);
}

/* OPEN, the content and FINISH in one. */
static void
lab_put(struct nx_request *r, void *ctx)
{
	const Nx__PutRequest *m = BODY(Nx__PutRequest, r);
	Nx__FinishUploadReply reply = NX__FINISH_UPLOAD_REPLY__INIT;
	Nx__FileInfo file = NX__FILE_INFO__INIT;

	(void)ctx;
	lab.put++;
	snprintf(lab.open_name, sizeof(lab.open_name), "%s", m->name);
	snprintf(lab.open_path, sizeof(lab.open_path), "%s", m->path);
	snprintf(lab.open_erasure, sizeof(lab.open_erasure), "%s", m->erasure);
	lab.open_replicas = m->replicas;
	lab.into_folder = m->into_folder;
	lab.open_md5 = m->md5.len > 0;
	lab.open_sha256 = m->sha256.len > 0;
	lab.open_wants = m->want_sha256;
	lab.open_has_size = true;
	lab.open_size = m->size;
	lab.digest_len = m->md5.len + m->sha256.len;
	if (m->md5.len > 0)
		memcpy(lab.digest, m->md5.data, m->md5.len);
	if (m->sha256.len > 0)
		memcpy(lab.digest + m->md5.len, m->sha256.data, m->sha256.len);
	if (lab.open_status != NX__STATUS__OK) {
		nx_refuse(r, lab.open_status, "not this one");
		return;
	}
	if (m->size > lab.max_size) {
		nx_refuse(r, NX__STATUS__QUOTA, "too much");
		return;
	}
	if (lab.finish_status != NX__STATUS__OK) {
		nx_refuse(r, lab.finish_status, "the disk is full");
		return;
	}
	lab.finished++;
	lab.got = realloc(lab.got, m->size + 1);
	lab.got_len = m->size;
	if (r->n_fds > 0)
		assert_int_equal(
		    pread(r->fds[0], lab.got, m->size, 0), m->size);
	else {
		assert_int_equal(m->content.len, m->size);
		if (m->size > 0)
			memcpy(lab.got, m->content.data, m->size);
	}
	lab.got[lab.got_len] = '\0';
	file.id = (char[]){"0123456789abcdef0123456789abcdef"};
	file.name = lab.open_name;
	file.size = lab.got_len;
	file.chunks = 1;
	reply.file = &file;
	reply.path = lab.open_path;
	nx_answer(r, &reply.base, NULL, 0);
}

static void
lab_abort_upload(struct nx_request *r, void *ctx)
{
	(void)ctx;
	lab.aborted++;
	nx_answer(r, &nx_empty.base, NULL, 0);
}

/* What is short comes in the reply, where that was asked for. */
static bool
lab_read_short(struct nx_request *r, Nx__OpenReadReply *reply)
{
	const Nx__OpenReadRequest *m = BODY(Nx__OpenReadRequest, r);
	uint64_t end = m->length ? m->offset + m->length : lab.file_size;
	static uint8_t buf[65536];

	if (end - m->offset > m->in_reply)
		return false;
	lab.whole++;
	reply->whole = true;
	reply->content.data = buf;
	reply->content.len = end - m->offset;
	assert_int_equal(
	    pread(lab.file, buf, end - m->offset, (off_t)m->offset),
	    end - m->offset);
	nx_answer(r, &reply->base, NULL, 0);
	return true;
}

static void
lab_file(Nx__FileInfo *file)
{
	static char id[] = "0123456789abcdef0123456789abcdef";
	static char name[] = "a \"b\".bin", md5[] = "etag-1";

	*file = (Nx__FileInfo)NX__FILE_INFO__INIT;
	file->id = id;
	file->name = name;
	file->size = lab.file_size;
	file->md5 = md5;
}

static void
lab_file_stat(struct nx_request *r, void *ctx)
{
	Nx__FileInfo file;

	(void)ctx;
	lab_file(&file);
	nx_answer(r, &file.base, NULL, 0);
}

/* Windows of at most lab.window bytes, two segments each when they can. */
static void
lab_open_read(struct nx_request *r, void *ctx)
{
	const Nx__OpenReadRequest *m = BODY(Nx__OpenReadRequest, r);
	Nx__OpenReadReply reply = NX__OPEN_READ_REPLY__INIT;
	Nx__ReadSegment segments[2] = {
	    NX__READ_SEGMENT__INIT, NX__READ_SEGMENT__INIT};
	Nx__ReadSegment *list[2] = {&segments[0], &segments[1]};
	uint64_t end = m->length ? m->offset + m->length : lab.file_size;
	uint64_t at = m->offset;
	Nx__FileInfo file;
	char path[64];
	int fds[2];

	(void)ctx;
	lab.windows++;
	if (lab.break_at && at >= lab.break_at) {
		nx_refuse(r, NX__STATUS__CORRUPT, "damaged");
		return;
	}
	lab_file(&file);
	reply.file = &file;
	if (lab_read_short(r, &reply))
		return;
	reply.segments = list;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", lab.file);
	while (at < end && reply.n_segments < 2 &&
	    reply.n_segments < m->max_segments) {
		Nx__ReadSegment *s = list[reply.n_segments];

		s->offset = at;
		s->length = end - at < lab.window ? end - at : lab.window;
		fds[reply.n_segments] = open(path, O_RDONLY | O_CLOEXEC);
		assert_true(fds[reply.n_segments++] >= 0);
		at += s->length;
	}
	reply.next = at < end ? at : 0;
	nx_answer(r, &reply.base, fds, reply.n_segments);
}

static void
lab_file_list(struct nx_request *r, void *ctx)
{
	const Nx__FileListRequest *m = BODY(Nx__FileListRequest, r);
	Nx__FileListReply reply = NX__FILE_LIST_REPLY__INIT;
	Nx__FileInfo file, *list[1] = {&file};
	static char place[] = "/d/a";
	unsigned page = (unsigned)atoi(m->after);
	char next[16] = "";

	(void)ctx;
	lab_file(&file);
	if (m->damaged)
		file.place = place;
	reply.files = list;
	reply.n_files = lab.pages > 0;
	if (page + 1 < lab.pages)
		snprintf(next, sizeof(next), "%u", page + 1);
	reply.next = next;
	nx_answer(r, &reply.base, NULL, 0);
}

static void
lab_fs_other(struct nx_request *r, void *ctx)
{
	(void)ctx;
	lab.others++;
	nx_refuse(r, NX__STATUS__NOT_FOUND, "no such path");
}

static void
lab_usage(struct nx_request *r, void *ctx)
{
	Nx__UsageReply reply = NX__USAGE_REPLY__INIT;

	(void)ctx;
	assert_int_equal(r->who.user_id, 7);
	reply.quota = 1000;
	nx_answer(r, &reply.base, NULL, 0);
}

/* A function that says a lot, all of which JSON has to escape. */
static void
lab_lambda(struct nx_request *r, void *ctx)
{
	static char said[4 << 20];
	const size_t len = lab.quiet_lambda ? 16 : sizeof(said);
	Nx__LambdaRunReply reply = NX__LAMBDA_RUN_REPLY__INIT;
	int fds[2];

	(void)ctx;
	lab.call = BODY(Nx__LambdaRunRequest, r)->number;
	if (lab.function_says) {
		fds[0] =
		    nx_memfd_sealed("out", lab.function_says, lab.function_len);
		fds[1] = nx_memfd_sealed("err", "", 0);
		nx_answer(r, &reply.base, fds, 2);
		return;
	}
	if (lab.hold_lambda) {
		lab.held = r;
		return;
	}
	memset(said, 1, sizeof(said));
	fds[0] = nx_memfd_sealed("out", said, len);
	fds[1] = nx_memfd_sealed("err", said, len);
	nx_answer(r, &reply.base, fds, 2);
}

static inline void
lab_release_lambda(void)
{
	lab.hold_lambda = false;
	lab_lambda(nx_take_ptr(lab.held), NULL);
}

static void
lab_cancel(struct nx_request *r, void *ctx)
{
	(void)ctx;
	lab.cancelled = BODY(Nx__LambdaCancelRequest, r)->number;
	nx_answer(r, NULL, NULL, 0);
	if (lab.held)
		nx_refuse(nx_take_ptr(lab.held), NX__STATUS__DEADLINE,
		    "it was cancelled");
}

#endif
