/*
 * nodemgr's whole inside on one loop with its neighbours: a storaged whose
 * volumes are directories, a netd that only looks at the socket it gets, an
 * authd and an admin. The neighbours can be told to fail.
 */
#ifndef NODEMGR_WORLD_H
#define NODEMGR_WORLD_H

#include <sys/mman.h>
#include <sys/socket.h>

#include "tests/unit/nodemgr_children.h"
#include "tests/unit/nodemgr_lab.h"
#include "common/hub.h"
#include "common/log.h"
#include "proto/serve_nodemgr.h"
#include "nodemgr/calls/calls.h"
#include "nodemgr/nodes/node.h"
#include "nodemgr/nodes/op.h"
#include "nodemgr/nodes/recover.h"
#include "common/reaper.h"
#include "nodemgr/setup.h"
#include "proto/net.pb-c.h"
#include "proto/volume.rpc.h"

static struct {
	struct event_base *base;
	struct nodemgr m;
	struct nx_hub *storage, *net, *auth, *admin;
	uint64_t generation;
	Nx__Method fail, also_fail; /* answered with INTERNAL, or else */
	Nx__Status with;            /* with this */
	bool bogus_volume;          /* a directory instead of a mount */
	uint64_t deleted_user;      /* told to nodemgr together with a detach */
	bool told;                  /* and accepted by it */
	char at_drain[16];          /* what a node's status was then */
	unsigned volumes, links, active;
	char linked[16][NX_ID_LEN + 1]; /* whose link netd made */
} world;

static inline bool
world_fails(struct nx_request *r)
{
	if (r->method->method != world.fail &&
	    r->method->method != world.also_fail)
		return false;
	nx_refuse(r, world.with ? world.with : NX__STATUS__INTERNAL,
	    "as the test wants it");
	return true;
}

static inline void
fake_volume_create(struct nx_request *r, void *ctx)
{
	const Nx__VolumeCreateRequest *q = nx_as_volume_create_request(r->body);
	Nx__VolumeInfo info = NX__VOLUME_INFO__INIT;
	char path[160];

	(void)ctx;
	if (world_fails(r))
		return;
	snprintf(path, sizeof(path), "%s/state/vol-%s", lab.dir, q->node);
	assert_int_equal(mkdir(path, 0755), 0);
	world.volumes++;
	nx_answer(r, &info.base, NULL, 0);
}

static inline void
fake_volume_attach(struct nx_request *r, void *ctx)
{
	const Nx__VolumeRequest *q = nx_as_volume_request(r->body);
	Nx__VolumeInfo info = NX__VOLUME_INFO__INIT;
	char path[160];
	int fd;

	(void)ctx;
	if (world_fails(r))
		return;
	snprintf(path, sizeof(path), "%s/state/vol-%s", lab.dir, q->node);
	fd = world.bogus_volume ? open(path, O_PATH | O_CLOEXEC)
				: nx_mnt_clone(AT_FDCWD, path);
	assert_true(fd >= 0);
	nx_answer(r, &info.base, &fd, 1);
}

static inline void
fake_volume_active(struct nx_request *r, void *ctx)
{
	const Nx__VolumeSetActiveRequest *q =
	    nx_as_volume_set_active_request(r->body);
	Nx__VolumeInfo info = NX__VOLUME_INFO__INIT;

	(void)ctx;
	world.active += q->active ? 1 : 0;
	nx_answer(r, &info.base, NULL, 0);
}

static inline void
note_status(const char *id)
{
	const struct node *n = world.m.nodes;
	Nx__NodeInfo info;

	while (n && strcmp(n->id, id) != 0)
		n = n->next;
	if (!n)
		return;
	node_info(n, &info);
	(void)snprintf(
	    world.at_drain, sizeof(world.at_drain), "%s", info.status);
	node_info_fini(&info);
}

static inline void
fake_volume_delete(struct nx_request *r, void *ctx)
{
	const Nx__VolumeDeleteRequest *q = nx_as_volume_delete_request(r->body);
	Nx__VolumeDeleteReply reply = NX__VOLUME_DELETE_REPLY__INIT;
	char path[160], gone[160];

	(void)ctx;
	note_status(q->node);
	if (world_fails(r))
		return;
	if (q->drain) {
		nx_answer(r, &reply.base, NULL, 0);
		return;
	}
	snprintf(path, sizeof(path), "%s/state/vol-%s", lab.dir, q->node);
	snprintf(gone, sizeof(gone), "%s/state/gone-%s", lab.dir, q->node);
	if (rename(path, gone) == 0)
		world.volumes--;
	nx_answer(r, &reply.base, NULL, 0);
}

/* The place of @node's link, or with "" a free one. */
static inline char *
link_of(const char *node)
{
	size_t i;

	for (i = 0; i < NX_ARRAY_SIZE(world.linked); i++)
		if (!strcmp(world.linked[i], node))
			return world.linked[i];
	return NULL;
}

static inline void
fake_net_attach(struct nx_request *r, void *ctx)
{
	const Nx__NetAttachRequest *q = (const Nx__NetAttachRequest *)r->body;
	Nx__NetAttachReply reply = NX__NET_ATTACH_REPLY__INIT;

	(void)ctx;
	if (world_fails(r))
		return;
	if (!link_of(q->node)) {
		snprintf(link_of(""), NX_ID_LEN + 1, "%s", q->node);
		world.links++;
	}
	nx_answer(r, &reply.base, NULL, 0);
}

static inline void
user_told(const struct nx_reply *reply, void *arg)
{
	(void)arg;
	world.told = reply->status == NX__STATUS__OK;
}

static inline void
fake_net_detach(struct nx_request *r, void *ctx)
{
	const Nx__NetDetachRequest *q = (const Nx__NetDetachRequest *)r->body;
	Nx__UserDeleted deleted = NX__USER_DELETED__INIT;

	(void)ctx;
	if (link_of(q->node)) {
		link_of(q->node)[0] = '\0';
		world.links--;
	}
	nx_answer(r, &nx_empty.base, NULL, 0);
	if (!world.deleted_user)
		return;
	deleted.user_id = world.deleted_user;
	world.deleted_user = 0;
	assert_non_null(nx_call(world.auth,
	    (struct nx_ask){
		NX_ROLE_NODE, NX__METHOD__AUTH_USER_DELETED, &deleted.base},
	    NULL, user_told, NULL));
}

static inline void
fake_ticket_key(struct nx_request *r, void *ctx)
{
	(void)ctx;
	nx_answer(r, &nx_empty.base, NULL, 0);
}

static inline struct nx_hub *
world_hub(enum nx_role self, const struct nx_handler *handlers, size_t n)
{
	struct nx_hub_config config = {.base = world.base,
	    .self = self,
	    .handlers = handlers,
	    .n_handlers = n};
	struct nx_hub *hub;

	assert_int_equal(nx_hub_new(&config, &hub), 0);
	return hub;
}

/* A new generation of the edge between nodemgr and @hub of @role. */
static inline void
world_link(struct nx_hub *hub, enum nx_role role)
{
	int pair[2];

	world.generation++;
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0, pair),
	    0);
	assert_int_equal(
	    nx_hub_attach(hub, NX_ROLE_NODE, 0, world.generation, pair[0]), 0);
	assert_int_equal(
	    nx_hub_attach(world.m.hub, role, 0, world.generation, pair[1]), 0);
}

static inline void
world_open_nodemgr(void)
{
	struct nx_hub_config config = {.self = NX_ROLE_NODE,
	    .handlers = nodemgr_handlers,
	    .n_handlers = nodemgr_handlers_count,
	    .ctx = &world.m,
	    .on_peer = nodemgr_on_peer};
	static char state[96], subnet[] = "10.0.42.1/29", cgroup[] = "auto",
			       limits[] = "best-effort", empty[] = "";

	snprintf(state, sizeof(state), "%s/state", lab.dir);
	memset(&world.m, 0, sizeof(world.m));
	world.m.conf = (struct nodemgr_conf){
	    .common = {.state_dir = state, .subnet = subnet},
	    .cgroup = cgroup,
	    .limits = limits,
	    .init = empty,
	    .id_base = LAB_BASE,
	    .log_size = 1 << 20,
	    .functions = 4,
	    .function_queue = 8};
	world.m.base = config.base = world.base;
	world.m.init = lab.init;
	nodemgr_open(&world.m);
	config.tickets = world.m.tickets;
	assert_int_equal(nx_hub_new(&config, &world.m.hub), 0);
	recover_all(&world.m);
	world_link(world.auth, NX_ROLE_AUTH);
	world_link(world.storage, NX_ROLE_STORAGE);
	world_link(world.net, NX_ROLE_NET);
	world_link(world.admin, NX_ROLE_ADMIN);
}

/* As a SIGKILL would: the nodes stay. */
static inline void
world_close_nodemgr(void)
{
	reap_the_dying(world.base);
	world.m.hub = nx_hub_free(world.m.hub);
	nodemgr_close(&world.m);
}

static inline void
world_open(void)
{
	static const struct nx_handler storage[] = {
	    {NX__METHOD__VOLUME_CREATE, fake_volume_create},
	    {NX__METHOD__VOLUME_ATTACH, fake_volume_attach},
	    {NX__METHOD__VOLUME_SET_ACTIVE, fake_volume_active},
	    {NX__METHOD__VOLUME_DELETE, fake_volume_delete},
	};
	static const struct nx_handler net[] = {
	    {NX__METHOD__NET_ATTACH, fake_net_attach},
	    {NX__METHOD__NET_DETACH, fake_net_detach},
	};
	static const struct nx_handler auth[] = {
	    {NX__METHOD__AUTH_TICKET_KEY, fake_ticket_key},
	};

	world.base = event_base_new();
	world.storage = world_hub(NX_ROLE_STORAGE, storage, 4);
	world.net = world_hub(NX_ROLE_NET, net, 2);
	world.auth = world_hub(NX_ROLE_AUTH, auth, 1);
	world.admin = world_hub(NX_ROLE_ADMIN, NULL, 0);
	world_open_nodemgr();
}

/* --- asking as an admin -------------------------------------------------------- */

struct answer {
	bool done;
	Nx__Status status;
	char error[512];
	ProtobufCMessage *body;
	int fds[4];
	size_t n_fds;
};

static inline void
on_answer(const struct nx_reply *reply, void *arg)
{
	struct answer *a = arg;
	uint8_t buf[65536];
	size_t i;

	a->done = true;
	a->status = reply->status;
	snprintf(a->error, sizeof(a->error), "%s", reply->error);
	if (reply->body)
		a->body = protobuf_c_message_unpack(reply->body->descriptor,
		    NULL, protobuf_c_message_pack(reply->body, buf), buf);
	for (i = 0; i < reply->n_fds && i < 4; i++)
		a->fds[a->n_fds++] = nx_take_fd(&reply->fds[i]);
}

static inline void
ask_async(struct answer *a, struct nx_hub *hub, Nx__Method method,
    const ProtobufCMessage *request, uint64_t user, const int *fds,
    size_t n_fds)
{
	const struct nx_call_opts opts = {.timeout_us = 60000000,
	    .as_user = user,
	    .fds = fds,
	    .n_fds = n_fds};

	memset(a, 0, sizeof(*a));
	nx_call(hub, (struct nx_ask){NX_ROLE_NODE, method, request}, &opts,
	    on_answer, a);
}

static inline void
turn(void)
{
	struct timeval tv = {.tv_usec = 20000};

	event_base_loopexit(world.base, &tv);
	event_base_loop(world.base, EVLOOP_ONCE);
}

static inline void
settle(struct answer *a)
{
	while (!a->done)
		event_base_loop(world.base, EVLOOP_ONCE);
}

static inline void
forget_answer(struct answer *a)
{
	size_t i;

	if (a->body)
		protobuf_c_message_free_unpacked(a->body, NULL);
	for (i = 0; i < a->n_fds; i++)
		nx_close(&a->fds[i]);
	memset(a, 0, sizeof(*a));
}

static inline Nx__Status
ask_as(struct answer *a, uint64_t user, Nx__Method method,
    const ProtobufCMessage *request)
{
	ask_async(a, world.admin, method, request, user, NULL, 0);
	settle(a);
	return a->status;
}

static inline Nx__Status
create_node(
    struct answer *a, uint64_t user, const char *name, const char *command)
{
	Nx__NodeCreateRequest q = NX__NODE_CREATE_REQUEST__INIT;
	char *words[3] = {(char *)(uintptr_t) "/bin/sh",
	    (char *)(uintptr_t) "-c", (char *)(uintptr_t)command};

	q.name = (char *)(uintptr_t)name;
	q.storage = 16 << 20;
	q.command = words;
	q.n_command = command ? 3 : 0;
	return ask_as(a, user, NX__METHOD__NODE_CREATE, &q.base);
}

static inline Nx__Status
delete_node(uint64_t user, const char *name, bool force)
{
	Nx__NodeDeleteRequest q = NX__NODE_DELETE_REQUEST__INIT;
	struct answer a;
	Nx__Status status;

	q.node = (char *)(uintptr_t)name;
	q.force = force;
	status = ask_as(&a, user, NX__METHOD__NODE_DELETE, &q.base);
	forget_answer(&a);
	return status;
}

static inline Nx__Status
node_verb(struct answer *a, uint64_t user, Nx__Method method, const char *name)
{
	Nx__NodeRequest q = NX__NODE_REQUEST__INIT;

	q.node = (char *)(uintptr_t)name;
	return ask_as(a, user, method, &q.base);
}

static inline Nx__Status
stop_node(uint64_t user, const char *name)
{
	Nx__NodeStopRequest q = NX__NODE_STOP_REQUEST__INIT;
	struct answer a;
	Nx__Status status;

	q.node = (char *)(uintptr_t)name;
	q.timeout_ms = 500;
	status = ask_as(&a, user, NX__METHOD__NODE_STOP, &q.base);
	forget_answer(&a);
	return status;
}

static inline int
count_cgroups(void)
{
	char path[160];
	struct stat st;

	snprintf(path, sizeof(path), "%s/nodes", lab.cgroup);
	assert_int_equal(stat(path, &st), 0);
	return (int)st.st_nlink - 2;
}

/* Nobody is left: no process, cgroup, volume, link. */
static inline void
assert_nothing_left(void)
{
	int i;

	/* killed before the answer, reaped a moment later */
	for (i = 0; i < 100 && has_children(); i++)
		turn();
	assert_false(has_children());
	assert_null(world.m.nodes);
	assert_int_equal(world.volumes, 0);
	assert_int_equal(world.links, 0);
	assert_int_equal(count_cgroups(), 0);
}

/* No operation is under way. */
static inline bool
idle(void)
{
	const struct node *n;

	for (n = world.m.nodes; n; n = n->next)
		if (n->op)
			return false;
	return true;
}

/* Waits until the node's status is @want and nothing is left to be done. */
static inline bool
becomes(uint64_t user, const char *name, const char *want, char reason[64])
{
	struct answer a;
	const Nx__NodeInfo *info;
	bool is;
	int i;

	for (i = 0; i < 200; i++) {
		assert_int_equal(
		    node_verb(&a, user, NX__METHOD__NODE_GET, name), 0);
		info = (const Nx__NodeInfo *)a.body;
		is = !strcmp(info->status, want) && idle();
		if (is && reason)
			snprintf(reason, 64, "%s", info->exit_reason);
		forget_answer(&a);
		if (is)
			return true;
		turn();
	}
	return false;
}

#endif
