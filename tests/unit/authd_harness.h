/*
 * A whole authd in the test's own process: real database, keys, workers and
 * hub, with the test on the other end of its edges as gateway, admin, storage,
 * node and mail. The clock is the machine's plus what a test adds.
 */
#ifndef AUTHD_HARNESS_H
#define AUTHD_HARNESS_H

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "proto/serve_authd.h"
#include "authd/authd.h"
#include "authd/flows/audit.h"
#include "authd/flows/flow.h"
#include "authd/flows/flows.h"
#include "authd/flows/notice.h"
#include "authd/store/store.h"
#include "authd/credentials/token.h"
#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "common/log.h"
#include "common/msg.h"
#include "proto/auth.pb-c.h"
#include "proto/mail.rpc.h"

static int64_t h_shift_us; /* what the test added to both clocks */
static int64_t h_wall_shift_us;

static uint64_t
h_mono(void)
{
	return nx_now_us() + (uint64_t)h_shift_us;
}

static uint64_t
h_wall(void)
{
	return (uint64_t)((int64_t)nx_wall_us() + h_shift_us + h_wall_shift_us);
}

struct h_mail {
	char to[256], subject[256], text[2048], code[8];
};

struct harness {
	char dir[64];
	struct event_base *base;
	struct auth_conf conf;
	struct authd a;
	struct nx_hub *auth, *ends[NX_ROLE_MAX];
	uint64_t generation;
	/* what came in at the ends */
	struct h_mail mail; /* the last one */
	unsigned mails, revokes[NX_ROLE_MAX], deletes[NX_ROLE_MAX];
	bool last_whole; /* the last revocation was of all sessions */
	Nx__Status mail_status, notice_status; /* what the ends answer */
};

/* The reply of one call; body is unpacked anew, free it with h_free. */
struct h_reply {
	bool done;
	Nx__Status status;
	char error[512];
	uint32_t retry_s;
	ProtobufCMessage *body;
};

static inline void
h_find_code(struct h_mail *m)
{
	const char *p;

	m->code[0] = '\0';
	for (p = m->text; *p; p++)
		if (strspn(p, "0123456789") == 6) {
			memcpy(m->code, p, 6);
			m->code[6] = '\0';
			return;
		}
}

static inline void
h_on_mail(struct nx_request *r, void *ctx)
{
	const Nx__MailSendRequest *q = nx_as_mail_send_request(r->body);
	struct harness *h = ctx;

	h->mails++;
	snprintf(h->mail.to, sizeof(h->mail.to), "%s", q->to);
	snprintf(h->mail.subject, sizeof(h->mail.subject), "%s", q->subject);
	snprintf(h->mail.text, sizeof(h->mail.text), "%s", q->text);
	h_find_code(&h->mail);
	if (h->mail_status == NX__STATUS__OK)
		nx_answer(r, &nx_empty.base, NULL, 0);
	else
		nx_refuse(r, h->mail_status, "no");
}

static inline void
h_on_revoke(struct nx_request *r, void *ctx)
{
	const Nx__Revoke *q = nx_as_revoke(r->body);
	struct harness *h = ctx;
	enum nx_role self =
	    r->hub == h->ends[NX_ROLE_NODE] ? NX_ROLE_NODE : NX_ROLE_STORAGE;

	h->revokes[self]++;
	h->last_whole = q->session.len == 0;
	if (h->notice_status == NX__STATUS__OK)
		nx_answer(r, &nx_empty.base, NULL, 0);
	else
		nx_refuse(r, h->notice_status, "no");
}

static inline void
h_on_deleted(struct nx_request *r, void *ctx)
{
	struct harness *h = ctx;
	enum nx_role self =
	    r->hub == h->ends[NX_ROLE_NODE] ? NX_ROLE_NODE : NX_ROLE_STORAGE;

	h->deletes[self]++;
	if (h->notice_status == NX__STATUS__OK)
		nx_answer(r, &nx_empty.base, NULL, 0);
	else
		nx_refuse(r, h->notice_status, "no");
}

/* Brings the edge between authd and @role up, in a new generation. */
static inline void
h_attach(struct harness *h, enum nx_role role)
{
	static const struct nx_handler mail[] = {
	    {NX__METHOD__MAIL_SEND, h_on_mail}};
	static const struct nx_handler notices[] = {
	    {NX__METHOD__AUTH_REVOKE, h_on_revoke},
	    {NX__METHOD__AUTH_USER_DELETED, h_on_deleted}};
	bool is_mail = role == NX_ROLE_MAIL;
	bool hears = role == NX_ROLE_STORAGE || role == NX_ROLE_NODE;
	struct nx_hub_config c = {.base = h->base,
	    .self = role,
	    .ctx = h,
	    .handlers = is_mail ? mail : notices,
	    .n_handlers = is_mail ? 1
		: hears           ? 2
				  : 0};
	int fds[2];

	if (!h->ends[role])
		assert_int_equal(nx_hub_new(&c, &h->ends[role]), 0);
	assert_int_equal(
	    socketpair(
		AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
	    0);
	h->generation++;
	assert_int_equal(
	    nx_hub_attach(h->auth, role, 0, h->generation, fds[0]), 0);
	assert_int_equal(nx_hub_attach(h->ends[role], NX_ROLE_AUTH, 0,
			     h->generation, fds[1]),
	    0);
}

/* The daemon behind @role goes away. */
static inline void
h_detach(struct harness *h, enum nx_role role)
{
	int i;

	h->ends[role] = nx_hub_free(h->ends[role]);
	for (i = 0; i < 10; i++)
		event_base_loop(h->base, EVLOOP_NONBLOCK);
}

static inline void
h_start_authd(struct harness *h)
{
	struct nx_hub_config c = {.base = h->base,
	    .self = NX_ROLE_AUTH,
	    .handlers = authd_handlers,
	    .n_handlers = authd_handlers_count,
	    .ctx = &h->a,
	    .on_peer = auth_on_peer};
	char error[256] = "";
	int r;

	memset(&h->a, 0, sizeof(h->a));
	h->a.conf = &h->conf;
	h->a.base = h->base;
	h->a.clock = (struct auth_clock){h_mono, h_wall};
	r = auth_open(&h->a, h->dir, 0, error);
	if (r < 0)
		fail_msg("auth_open: %s: %s", error, strerror(-r));
	assert_int_equal(nx_hub_new(&c, &h->auth), 0);
	h->a.hub = h->auth;
}

static inline void
h_stop_authd(struct harness *h)
{
	auth_close(&h->a);
	h->auth = nx_hub_free(h->auth);
}

static inline void
h_remove(const char *dir)
{
	struct dirent *e;
	DIR *d = opendir(dir);
	char *path;

	while (d && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		assert_true(asprintf(&path, "%s/%s", dir, e->d_name) > 0);
		if (unlink(path) < 0)
			h_remove(path);
		free(path);
	}
	if (d)
		closedir(d);
	rmdir(dir);
}

static char h_open[] = "open", h_rp_id[] = "localhost";
static char h_origins[] = "http://localhost:8941";

static inline int
h_setup(void **state)
{
	struct harness *h = calloc(1, sizeof(*h));

	nx_log_open("test", false);
	h_shift_us = h_wall_shift_us = 0;
	strcpy(h->dir, "/tmp/nexus-auth-XXXXXX");
	assert_non_null(mkdtemp(h->dir));
	h->base = event_base_new();
	h->conf = (struct auth_conf){.token_hours = 24,
	    .session_days = 30,
	    .refresh_window = 10,
	    .reauth_minutes = 10,
	    .codes_per_hour = 20,
	    .registrations_per_address = 300,
	    .failures_per_address = 300,
	    .failures_per_login = 30,
	    .failures_per_account = 100,
	    .guesses_per_account = 30,
	    .keys_per_user = 5,
	    .audit_days = 400,
	    .audit_rows = 1000000,
	    .registration = h_open,
	    .rp_id = h_rp_id,
	    .origins = h_origins};
	h_start_authd(h);
	h_attach(h, NX_ROLE_MAIL);
	h_attach(h, NX_ROLE_GATEWAY);
	h_attach(h, NX_ROLE_ADMIN);
	*state = h;
	return 0;
}

static inline int
h_teardown(void **state)
{
	struct harness *h = *state;
	size_t i;

	h_stop_authd(h);
	for (i = 0; i < NX_ROLE_MAX; i++)
		nx_hub_free(h->ends[i]);
	event_base_free(h->base);
	h_remove(h->dir);
	free(h);
	return 0;
}

static inline void
h_on_reply(const struct nx_reply *reply, void *arg)
{
	struct h_reply *out = arg;
	uint8_t buf[NX_BODY_MAX];
	size_t len;

	out->done = true;
	out->status = reply->status;
	out->retry_s = reply->retry_s;
	snprintf(out->error, sizeof(out->error), "%s", reply->error);
	if (reply->body) {
		len = protobuf_c_message_pack(reply->body, buf);
		out->body = protobuf_c_message_unpack(
		    reply->body->descriptor, NULL, len, buf);
	}
}

static inline void
h_begin(struct harness *h, enum nx_role role, Nx__Method method,
    const ProtobufCMessage *request, struct h_reply *out)
{
	/* However busy the machine is: hashes take their time. */
	const struct nx_call_opts patient = {.timeout_us = 120 * 1000000ULL};

	memset(out, 0, sizeof(*out));
	assert_non_null(nx_call(h->ends[role],
	    (struct nx_ask){NX_ROLE_AUTH, method, request}, &patient,
	    h_on_reply, out));
}

static inline void
h_wait(struct harness *h, struct h_reply *out)
{
	while (!out->done)
		event_base_loop(h->base, EVLOOP_ONCE);
}

/* Lets the loop run for a moment. */
static inline void
h_settle(struct harness *h)
{
	struct timeval tv = {.tv_usec = 30000};

	event_base_loopexit(h->base, &tv);
	event_base_dispatch(h->base);
}

static inline void
h_free(struct h_reply *out)
{
	if (out->body)
		protobuf_c_message_free_unpacked(out->body, NULL);
	out->body = NULL;
}

static inline Nx__Status
h_register_from(struct harness *h, const char *name, const char *password,
    const char *email, const char *client, struct h_reply *out)
{
	Nx__RegisterInitRequest q = NX__REGISTER_INIT_REQUEST__INIT;

	q.username = (char *)(uintptr_t)name;
	q.password = (char *)(uintptr_t)password;
	q.email = (char *)(uintptr_t)email;
	q.client = (char *)(uintptr_t)client;
	h_begin(
	    h, NX_ROLE_GATEWAY, NX__METHOD__AUTH_REGISTER_INIT, &q.base, out);
	h_wait(h, out);
	h_free(out);
	return out->status;
}

static inline Nx__Status
h_register(struct harness *h, const char *name, const char *password,
    const char *email)
{
	struct h_reply out;

	return h_register_from(h, name, password, email, "192.0.2.1", &out);
}

static inline Nx__Status
h_login_from(struct harness *h, const char *name, const char *password,
    const char *client, struct h_reply *out)
{
	Nx__LoginInitRequest q = NX__LOGIN_INIT_REQUEST__INIT;

	q.username = (char *)(uintptr_t)name;
	q.password = (char *)(uintptr_t)password;
	q.client = (char *)(uintptr_t)client;
	h_begin(h, NX_ROLE_GATEWAY, NX__METHOD__AUTH_LOGIN_INIT, &q.base, out);
	h_wait(h, out);
	h_free(out);
	return out->status;
}

static inline Nx__Status
h_login(struct harness *h, const char *name, const char *password)
{
	struct h_reply out;

	return h_login_from(h, name, password, "192.0.2.1", &out);
}

/* Verifies; the token into @ret_token (2049 bytes) when it is not NULL. */
static inline Nx__Status
h_verify_from(struct harness *h, Nx__Method method, const char *email,
    const char *code, const char *client, char *ret_token, struct h_reply *out)
{
	Nx__VerifyRequest q = NX__VERIFY_REQUEST__INIT;

	q.email = (char *)(uintptr_t)email;
	q.code = (char *)(uintptr_t)code;
	q.client = (char *)(uintptr_t)client;
	h_begin(h, NX_ROLE_GATEWAY, method, &q.base, out);
	h_wait(h, out);
	if (out->body && ret_token)
		strcpy(ret_token, ((Nx__VerifyReply *)out->body)->token);
	h_free(out);
	return out->status;
}

static inline Nx__Status
h_verify(struct harness *h, Nx__Method method, const char *email,
    const char *code, char *ret_token)
{
	struct h_reply out;

	return h_verify_from(
	    h, method, email, code, "192.0.2.1", ret_token, &out);
}

#define REGISTER_VERIFY NX__METHOD__AUTH_REGISTER_VERIFY
#define LOGIN_VERIFY    NX__METHOD__AUTH_LOGIN_VERIFY
#define PASSWORD        "correct horse battery"

/* A user with an open session. */
static inline void
h_user(struct harness *h, const char *name, char *ret_token)
{
	char email[128];

	snprintf(email, sizeof(email), "%s@example.org", name);
	assert_int_equal(h_register(h, name, PASSWORD, email), NX__STATUS__OK);
	assert_int_equal(
	    h_verify(h, REGISTER_VERIFY, email, h->mail.code, ret_token),
	    NX__STATUS__OK);
}

/* AUTH_CHECK_TOKEN or AUTH_LOGOUT; keep: the caller frees the body. */
static inline Nx__Status
h_token(struct harness *h, Nx__Method method, const char *token,
    struct h_reply *out)
{
	Nx__TokenRequest q = NX__TOKEN_REQUEST__INIT;

	q.token = (char *)(uintptr_t)token;
	h_begin(h, NX_ROLE_GATEWAY, method, &q.base, out);
	h_wait(h, out);
	return out->status;
}

static inline Nx__Status
h_check(struct harness *h, const char *token)
{
	struct h_reply out;

	h_token(h, NX__METHOD__AUTH_CHECK_TOKEN, token, &out);
	h_free(&out);
	return out.status;
}

/* storaged or nodemgr introduces its key. */
static inline void
h_give_key(
    struct harness *h, enum nx_role role, const struct nx_tickets *tickets)
{
	Nx__TicketKey q = NX__TICKET_KEY__INIT;
	const struct nx_ticket_key *key = nx_tickets_key(tickets);
	struct h_reply out;

	q.epoch = key->epoch;
	q.key = (ProtobufCBinaryData){
	    NX_TICKET_KEY_LEN, (uint8_t *)(uintptr_t)key->key};
	h_begin(h, role, NX__METHOD__AUTH_TICKET_KEY, &q.base, &out);
	h_wait(h, &out);
	h_free(&out);
	assert_int_equal(out.status, NX__STATUS__OK);
}

static inline void
h_advance(int64_t seconds)
{
	h_shift_us += seconds * 1000000;
}

#endif
