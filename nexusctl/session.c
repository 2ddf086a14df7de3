/*
 * The connection: nexusctl is an ordinary program of role admin, whose uid the
 * kernel vouches for. The hub is asynchronous; here it is turned until the one
 * answer that is waited for has come.
 */
#include <grp.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <event2/event.h>

#include "common/err.h"
#include "common/id.h"
#include "common/sentence.h"
#include "common/msg.h"
#include "common/wire.h"
#include "nexusctl/clean.h"
#include "nexusctl/ctl.h"
#include "proto/auth.rpc.h"

#define SOCK_DEFAULT "/run/nexus/nexus.sock"
#define PEER_WAIT_US (3ULL * 1000000)

void
ctl_reply_fini(struct ctl_reply *reply)
{
	size_t i;

	nx_message_free(reply->body);
	reply->body = NULL;
	for (i = 0; i < reply->n_fds; i++)
		nx_close(&reply->fds[i]);
	reply->n_fds = 0;
}

static void
on_lost(void *ctx)
{
	struct ctl *c = ctx;

	c->lost = true;
}

/* People are told once, by whatever command needed it, and in sentences: one
 * without words of nexusd's own is the hub's, about a connection that ended. */
static void
on_refused(void *ctx, const struct nx_reply *reply)
{
	struct ctl *c = ctx;

	c->lost = true;
	if (reply->status == NX__STATUS__UNSUPPORTED)
		nx_sentence_behind(reply->error, c->why, sizeof(c->why));
}

static Nx__Status __attribute__((format(printf, 3, 4)))
refuse(struct ctl *c, Nx__Status status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->error, sizeof(c->error), fmt, ap);
	va_end(ap);
	return status;
}

Nx__Status
ctl_refused(struct ctl *c, const struct nx_reply *reply)
{
	nx_sentence_behind(reply->error && *reply->error
		? reply->error
		: nx_status_title(reply->status),
	    c->error, sizeof(c->error));
	return reply->status;
}

static Nx__Status
refuse_connect(struct ctl *c, const char *path, int error)
{
	if (error == -ENOENT || error == -ECONNREFUSED)
		return refuse(c, NX__STATUS__UNAVAILABLE,
		    "nobody is listening on %.200s: is Nexus running? "
		    "--socket or NEXUS_SOCK say where it is",
		    path);
	if (error == -EACCES || error == -EPERM)
		return refuse(c, NX__STATUS__DENIED,
		    "%.200s is for root and the group nexus-admin", path);
	return refuse(
	    c, nx_status_of_errno(error), "%.200s: %s", path, strerror(-error));
}

static Nx__Status
resolve_user(struct ctl *c, const char *name)
{
	Nx__UserGetRequest request = NX__USER_GET_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	char text[65];
	Nx__Status status;

	snprintf(text, sizeof(text), "%s", name);
	request.username = text;
	status = ctl_call(
	    c, nx_ask_auth_user_get(&request), NULL, 0, CTL_QUICK_US, &reply);
	if (status == NX__STATUS__OK)
		c->as_user = ((Nx__UserInfo *)reply.body)->id;
	return status;
}

/* epoll takes no regular files and no /dev/null, which our standard input and
 * output may well be. */
static struct event_base *
new_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (config &&
	    event_config_require_features(config, EV_FEATURE_FDS) == 0)
		base = event_base_new_with_config(config);
	if (config)
		event_config_free(config);
	return base;
}

Nx__Status
ctl_open(struct ctl *c, uint32_t roles)
{
	const char *path = ctl_option(c->args, "socket")->text;
	const char *user = ctl_option(c->args, "user")->text;
	struct nx_hub_config hub = {.self = NX_ROLE_ADMIN, .ctx = c};
	struct nx_wire_config wire = {
	    .on_lost = on_lost, .on_refused = on_refused, .ctx = c};
	int error;

	if (!path)
		path = getenv("NEXUS_SOCK");
	if (!path || !*path)
		path = SOCK_DEFAULT;
	if (user)
		roles |= NX_ROLE_BIT(NX_ROLE_AUTH);
	c->base = new_base();
	if (!c->base)
		return refuse(c, NX__STATUS__INTERNAL, "out of memory");
	hub.base = wire.base = c->base;
	error = nx_hub_new(&hub, &c->hub);
	if (error < 0)
		return refuse_connect(c, path, error);
	wire.hub = c->hub;
	wire.path = path;
	wire.wants = roles;
	error = nx_wire_new(&wire, 1000, &c->wire);
	if (error < 0)
		return refuse_connect(c, path, error);
	return user ? resolve_user(c, user) : NX__STATUS__OK;
}

void
ctl_close(struct ctl *c)
{
	if (c->wire)
		c->wire = nx_wire_free(c->wire);
	if (c->hub)
		c->hub = nx_hub_free(c->hub);
	if (c->base)
		event_base_free(c->base);
	c->base = NULL;
}

static void
wake(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
}

bool
ctl_wait_peer(struct ctl *c, enum nx_role role)
{
	uint64_t end = nx_now_us() + PEER_WAIT_US;
	struct timeval soon = {0, 20000};
	struct event *tick;

	tick = event_new(c->base, -1, EV_PERSIST, wake, NULL);
	if (!tick)
		return false;
	event_add(tick, &soon);
	while (!nx_hub_peer(c->hub, role) && !c->lost && nx_now_us() < end)
		event_base_loop(c->base, EVLOOP_ONCE);
	event_free(tick);
	return nx_hub_peer(c->hub, role) != NULL;
}

struct waiting {
	struct ctl *c;
	struct ctl_reply *reply;
	Nx__Status status;
	bool done;
};

/* The answer lives only during the callback: keep a copy. */
static void
answered(const struct nx_reply *reply, void *arg)
{
	struct waiting *w = arg;
	uint8_t *packed;
	size_t i, len;

	w->done = true;
	w->status = reply->status;
	if (reply->status != NX__STATUS__OK) {
		(void)ctl_refused(w->c, reply);
		return;
	}
	len = protobuf_c_message_get_packed_size(reply->body);
	packed = malloc(len ? len : 1);
	if (packed)
		protobuf_c_message_pack(reply->body, packed);
	w->reply->body = packed
	    ? nx_message_unpack(reply->body->descriptor, packed, len, NULL)
	    : NULL;
	free(packed);
	if (!w->reply->body) {
		w->status = refuse(
		    w->c, NX__STATUS__INTERNAL, "could not keep the answer");
		return;
	}
	for (i = 0; i < reply->n_fds; i++)
		w->reply->fds[i] = nx_take_fd(&reply->fds[i]);
	w->reply->n_fds = reply->n_fds;
}

/* Whose absence it is, in the words of nexusctl status. */
static Nx__Status
refuse_absent(struct ctl *c, enum nx_role role)
{
	const char *user = nx_role_user(role);

	if (c->lost && c->why[0] != '\0')
		return refuse(c, NX__STATUS__UNSUPPORTED, "%s", c->why);
	if (c->lost)
		return refuse(c, NX__STATUS__UNAVAILABLE,
		    "nexusd ended the connection; try again in a moment");
	return refuse(c, NX__STATUS__UNAVAILABLE,
	    "%s is not connected; nexusctl status shows who is",
	    user ? user : nx_role_name(role));
}

/* nexusd ends a connection without a word when it is of no use to the caller;
 * this is its rule, so that it can be said. */
static bool
may_administer(void)
{
	const struct group *admins = getgrnam("nexus-admin");
	gid_t groups[NGROUPS_MAX];
	int n = getgroups(NGROUPS_MAX, groups);

	if (geteuid() == 0 || !admins || getegid() == admins->gr_gid)
		return true;
	for (int i = 0; i < n; i++)
		if (groups[i] == admins->gr_gid)
			return true;
	return false;
}

static Nx__Status
refuse_stranger(struct ctl *c)
{
	return refuse(c, NX__STATUS__DENIED,
	    "you need root or the group nexus-admin for this: sudo nexusctl, "
	    "or sudo usermod -aG nexus-admin YOU and a new login");
}

Nx__Status
ctl_call(struct ctl *c, struct nx_ask ask, const int *fds, size_t n_fds,
    uint64_t timeout_us, struct ctl_reply *ret_reply)
{
	const struct nx_method *m = nx_method_find((uint32_t)ask.method);
	struct nx_call_opts opts = {.timeout_us = timeout_us,
	    .as_user = m->ticket == NX_NEEDS_TICKET ? c->as_user : 0,
	    .fds = fds,
	    .n_fds = n_fds};
	struct ctl_reply none = {0};
	struct waiting w = {c, ret_reply ? ret_reply : &none, 0, false};

	if (!ctl_wait_peer(c, ask.to))
		return may_administer() ? refuse_absent(c, ask.to)
					: refuse_stranger(c);
	if (!nx_call(c->hub, ask, &opts, answered, &w))
		return refuse(c, NX__STATUS__INTERNAL, "out of memory");
	while (!w.done)
		event_base_loop(c->base, EVLOOP_ONCE);
	ctl_reply_fini(&none);
	return w.status == NX__STATUS__UNAVAILABLE && !may_administer()
	    ? refuse_stranger(c)
	    : w.status;
}

int
ctl_ask(struct ctl *c, struct nx_ask ask, struct ctl_reply *ret_reply)
{
	Nx__Status status;

	status = ctl_call(c, ask, NULL, 0, CTL_QUICK_US, ret_reply);
	return status == NX__STATUS__OK ? 0 : ctl_fail(c, status);
}

int
ctl_fail(struct ctl *c, Nx__Status status)
{
	fflush(stdout);
	ctl_say(stderr, "nexusctl: %s\n", c->error);
	return nx_status_exit(status);
}

int
ctl_failf(struct ctl *c, Nx__Status status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->error, sizeof(c->error), fmt, ap);
	va_end(ap);
	return ctl_fail(c, status);
}

/* Generated messages hold char *, and nobody writes through it. */
static char *
unconst(const char *text)
{
	return (char *)(uintptr_t)(text ? text : "");
}

char *
ctl_text(struct ctl *c, const char *label)
{
	return unconst(ctl_hole(c->args, label)->text);
}

char *
ctl_option_text(struct ctl *c, const char *name)
{
	return unconst(ctl_option(c->args, name)->text);
}

uint64_t
ctl_option_number(struct ctl *c, const char *name)
{
	return ctl_option(c->args, name)->number;
}

bool
ctl_flag(struct ctl *c, const char *name)
{
	return ctl_option(c->args, name)->set;
}
