/*
 * A gateway under an attacker's control: same uid, same edges, none of the
 * manners. Started as root by hostile_gateway.sh, it becomes nexus-gateway,
 * connects beside the real one and tries to be somebody it is not.
 *
 *	hostile_gateway SOCKET ADA_TOKEN BOB_TOKEN ADA_FILE ADA_NODE
 *
 * Prints TAP. What it holds is what such an attacker would hold: the tokens of
 * two users who are signed in meanwhile, and the ids of what is Ada's.
 */
#include <grp.h>
#include <libgen.h>
#include <pwd.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/err.h"
#include "common/id.h"
#include "common/log.h"
#include "proto/auth.pb-c.h"
#include "proto/node.pb-c.h"
#include "proto/storage.pb-c.h"
#include "tests/integration/hostile/lab.h"

/* --- the attempts ------------------------------------------------------------*/

static void
without_a_ticket(struct gateway *g)
{
	is(list_files(g, NULL, 0), NX__STATUS__UNAUTHENTICATED,
	    "no ticket, no files");
	is(list_nodes(g, NULL, 0), NX__STATUS__UNAUTHENTICATED,
	    "no ticket, no nodes");
	is(check_token(g, "eyJhbGciOiJub25lIn0.e30.", NULL),
	    NX__STATUS__UNAUTHENTICATED, "no ticket for a made-up token");
}

/* Every byte of a real ticket, changed. */
static void
forged(struct gateway *g, const struct tickets *t)
{
	uint8_t copy[NX_TICKET_LEN];
	unsigned wrong = 0;
	size_t i;

	for (i = 0; i < NX_TICKET_LEN; i++) {
		memcpy(copy, t->storage, sizeof(copy));
		copy[i] ^= (uint8_t)(1U << (i % 8));
		wrong += list_files(g, copy, sizeof(copy)) !=
		    NX__STATUS__UNAUTHENTICATED;
		memcpy(copy, t->node, sizeof(copy));
		copy[i] ^= (uint8_t)(1U << (i % 8));
		wrong += list_nodes(g, copy, sizeof(copy)) !=
		    NX__STATUS__UNAUTHENTICATED;
	}
	ok(wrong == 0, "a ticket with any one bit changed is none");
	wrong = 0;
	for (i = 0; i < NX_TICKET_LEN; i++)
		wrong +=
		    list_files(g, t->storage, i) != NX__STATUS__UNAUTHENTICATED;
	ok(wrong == 0, "nor is one that is cut short");
}

static void
made_up(struct gateway *g, const struct tickets *t, uint64_t victim)
{
	struct nx_ticket ticket;
	struct nx_ticket_key key = {0};

	memcpy(&ticket, t->storage, NX_TICKET_LEN);
	ticket.user_id = victim;
	is(list_files(g, &ticket, NX_TICKET_LEN), NX__STATUS__UNAUTHENTICATED,
	    "another user's id in one's own ticket");
	memcpy(&ticket, t->storage, NX_TICKET_LEN);
	ticket.expiry_us += 3600 * 1000000ULL;
	is(list_files(g, &ticket, NX_TICKET_LEN), NX__STATUS__UNAUTHENTICATED,
	    "a ticket made to live longer");
	memcpy(&ticket, t->storage, NX_TICKET_LEN);
	ticket.epoch--;
	is(list_files(g, &ticket, NX_TICKET_LEN), NX__STATUS__UNAUTHENTICATED,
	    "a ticket of another epoch");
	/* Sealed with a key of one's own. */
	memcpy(&ticket, t->storage, NX_TICKET_LEN);
	key.epoch = ticket.epoch;
	ticket.user_id = victim;
	nx_ticket_seal(&key, &ticket);
	is(list_files(g, &ticket, NX_TICKET_LEN), NX__STATUS__UNAUTHENTICATED,
	    "a ticket sealed with a key of one's own");
	is(list_nodes(g, t->storage, NX_TICKET_LEN),
	    NX__STATUS__UNAUTHENTICATED, "storaged's ticket shown to nodemgr");
	is(list_files(g, t->node, NX_TICKET_LEN), NX__STATUS__UNAUTHENTICATED,
	    "nodemgr's ticket shown to storaged");
}

static void
somebody_elses(struct gateway *g, const struct tickets *bob)
{
	Nx__FileRequest file = NX__FILE_REQUEST__INIT;
	Nx__OpenReadRequest open_read = NX__OPEN_READ_REQUEST__INIT;
	Nx__NodeRequest node = NX__NODE_REQUEST__INIT;
	Nx__NodeStopRequest stop = NX__NODE_STOP_REQUEST__INIT;
	Nx__NodeDeleteRequest del = NX__NODE_DELETE_REQUEST__INIT;
	const struct {
		enum nx_role role;
		Nx__Method method;
		const ProtobufCMessage *m;
	} calls[] = {
	    {NX_ROLE_STORAGE, NX__METHOD__FILE_STAT, &file.base},
	    {NX_ROLE_STORAGE, NX__METHOD__FILE_DELETE, &file.base},
	    {NX_ROLE_STORAGE, NX__METHOD__FILE_OPEN_READ, &open_read.base},
	    {NX_ROLE_NODE, NX__METHOD__NODE_GET, &node.base},
	    {NX_ROLE_NODE, NX__METHOD__NODE_START, &node.base},
	    {NX_ROLE_NODE, NX__METHOD__NODE_METRICS, &node.base},
	    {NX_ROLE_NODE, NX__METHOD__NODE_STOP, &stop.base},
	    {NX_ROLE_NODE, NX__METHOD__NODE_DELETE, &del.base},
	};
	struct args a = {.ticket_len = NX_TICKET_LEN};
	size_t i;

	file.id = open_read.id = (char *)(uintptr_t)ada_file;
	open_read.max_segments = 1;
	node.node = stop.node = del.node = (char *)(uintptr_t)ada_node;
	del.force = true;
	for (i = 0; i < NX_ARRAY_SIZE(calls); i++) {
		a.ticket =
		    calls[i].role == NX_ROLE_STORAGE ? bob->storage : bob->node;
		is(call(
		       g, calls[i].role, calls[i].method, calls[i].m, &a, NULL),
		    NX__STATUS__NOT_FOUND, "%s of what is somebody else's",
		    nx_method_find((uint32_t)calls[i].method)->name);
	}
	stop.node = (char *)(uintptr_t) "";
	stop.all = true;
	a.ticket = bob->node;
	i = (size_t)call(
	    g, NX_ROLE_NODE, NX__METHOD__NODE_STOP, &stop.base, &a, NULL);
	ok(i == NX__STATUS__DENIED || i == NX__STATUS__INVALID,
	    "a user does not stop all nodes (%s)", status_name((int)i));
}

static void
for_others(struct gateway *g, const struct tickets *t, uint64_t victim)
{
	struct args a = {.ticket = t->storage,
	    .ticket_len = NX_TICKET_LEN,
	    .as_user = victim};

	is(call(g, NX_ROLE_STORAGE, NX__METHOD__FILE_LIST, NULL, &a, NULL),
	    NX__STATUS__DENIED, "a gateway acts for nobody without a ticket");
}

/* An upload belongs to whom it was opened for. */
static void
hijack(struct gateway *g, const struct tickets *ada, const struct tickets *bob)
{
	Nx__OpenUploadRequest open_upload = NX__OPEN_UPLOAD_REQUEST__INIT;
	Nx__FinishUploadRequest finish = NX__FINISH_UPLOAD_REQUEST__INIT;
	Nx__AbortUploadRequest abort_upload = NX__ABORT_UPLOAD_REQUEST__INIT;
	struct args a = {.ticket = ada->storage, .ticket_len = NX_TICKET_LEN};
	struct nx_frame frame = {0};
	Nx__OpenUploadReply *reply;

	open_upload.name = (char *)(uintptr_t) "hijacked";
	is(call(g, NX_ROLE_STORAGE, NX__METHOD__FILE_OPEN_UPLOAD,
	       &open_upload.base, &a, &frame),
	    NX__STATUS__OK, "an upload is opened");
	if (!frame.envelope)
		return;
	reply = (Nx__OpenUploadReply *)nx_message_unpack(
	    &nx__open_upload_reply__descriptor, frame.envelope->body.data,
	    frame.envelope->body.len, NULL);
	finish.upload = abort_upload.upload = reply ? reply->upload : 0;
	a.ticket = bob->storage;
	is(call(g, NX_ROLE_STORAGE, NX__METHOD__FILE_FINISH_UPLOAD,
	       &finish.base, &a, NULL),
	    NX__STATUS__NOT_FOUND, "somebody else does not finish it");
	ok(call(g, NX_ROLE_STORAGE, NX__METHOD__FILE_ABORT_UPLOAD,
	       &abort_upload.base, &a, NULL) != GONE,
	    "nor, saying abort, break the edge");
	a.ticket = ada->storage;
	finish.upload += 1000000;
	is(call(g, NX_ROLE_STORAGE, NX__METHOD__FILE_FINISH_UPLOAD,
	       &finish.base, &a, NULL),
	    NX__STATUS__UNAVAILABLE, "one that does not exist is not there");
	nx_close(&frame.fds[0]);
	call(g, NX_ROLE_STORAGE, NX__METHOD__FILE_ABORT_UPLOAD,
	    &abort_upload.base, &a, NULL);
	nx_message_free((ProtobufCMessage *)reply);
	nx_frame_fini(&frame);
}

/* Every method a gateway has no business with, on every edge it has. */
static void
not_its_own(struct gateway *g, const struct tickets *t)
{
	static const enum nx_role roles[] = {
	    NX_ROLE_SWITCH, NX_ROLE_AUTH, NX_ROLE_STORAGE, NX_ROLE_NODE};
	struct args a = {.ticket_len = NX_TICKET_LEN};
	unsigned wrong = 0, n = 0;
	size_t i, k;
	int status;

	for (i = 0; i < NX_ARRAY_SIZE(roles); i++)
		for (k = 0; k < nx_methods_count; k++) {
			const struct nx_method *m = &nx_methods[k];

			if ((m->callers & NX_ROLE_BIT(NX_ROLE_GATEWAY)) &&
			    (m->callees & NX_ROLE_BIT(roles[i])))
				continue;
			if (m->method == NX__METHOD__SWITCH_HELLO)
				continue; /* that is said to anyone */
			a.ticket =
			    roles[i] == NX_ROLE_NODE ? t->node : t->storage;
			status = call(g, roles[i], m->method, NULL, &a, NULL);
			n++;
			if (status == NX__STATUS__DENIED)
				continue;
			wrong++;
			printf("# %s on the edge to %s: %s\n", m->name,
			    nx_role_name(roles[i]), status_name(status));
			if (status == GONE)
				break;
		}
	ok(wrong == 0, "%u calls of methods that are not its own are denied",
	    n);
}

/* Asks and never listens; opens and never closes. */
static void
greedy(const struct tickets *t)
{
	Nx__OpenUploadRequest open_upload = NX__OPEN_UPLOAD_REQUEST__INIT;
	struct args a = {.ticket = t->storage, .ticket_len = NX_TICKET_LEN};
	Nx__Envelope e = NX__ENVELOPE__INIT;
	struct gateway g = {.call_id = 0};
	struct nx_frame frames[600] = {0};
	size_t i, n = 0;
	int status = 0;

	gateway_open(&g);
	e.method = NX__METHOD__FILE_LIST;
	e.ticket.data = (uint8_t *)(uintptr_t)t->storage;
	e.ticket.len = NX_TICKET_LEN;
	for (i = 0; i < 20000; i++) {
		e.call_id = i + 1;
		if (send_frame(g.edge[NX_ROLE_STORAGE], &e, NULL, 0) == -EPIPE)
			break;
	}
	gateway_close(&g);
	ok(true, "asked %zu times without listening", i);
	gateway_open(&g);
	open_upload.name = (char *)(uintptr_t) "greedy";
	for (n = 0; n < NX_ARRAY_SIZE(frames) && status == 0; n++)
		status = call(&g, NX_ROLE_STORAGE, NX__METHOD__FILE_OPEN_UPLOAD,
		    &open_upload.base, &a, &frames[n]);
	ok(status == NX__STATUS__LIMIT || status == NX__STATUS__QUOTA,
	    "uploads under way are limited (after %zu: %s)", n,
	    status_name(status));
	for (i = 0; i < n; i++)
		nx_frame_fini(&frames[i]);
	is(list_files(&g, t->storage, NX_TICKET_LEN), NX__STATUS__OK,
	    "and others are served meanwhile");
	gateway_close(&g);
}

/* After signing out, what was handed out before is worth nothing: at once, not
 * when it would have expired. */
static void
replayed(struct gateway *g, const struct tickets *t)
{
	Nx__TokenRequest request = NX__TOKEN_REQUEST__INIT;
	uint64_t began;
	int files, nodes;

	request.token = (char *)(uintptr_t)ada_token;
	is(list_files(g, t->storage, NX_TICKET_LEN), NX__STATUS__OK,
	    "a ticket is good before its owner signs out");
	is(call(g, NX_ROLE_AUTH, NX__METHOD__AUTH_LOGOUT, &request.base, NULL,
	       NULL),
	    NX__STATUS__OK, "she signs out");
	began = nx_now_us();
	do {
		files = list_files(g, t->storage, NX_TICKET_LEN);
		nodes = list_nodes(g, t->node, NX_TICKET_LEN);
		if (files != 0 && nodes != 0)
			break;
		usleep(20000);
	} while (nx_now_us() - began < NX_TICKET_LIFE_US / 3);
	is(files, NX__STATUS__UNAUTHENTICATED, "storaged wants it no more");
	is(nodes, NX__STATUS__UNAUTHENTICATED, "nor does nodemgr");
	is(check_token(g, ada_token, NULL), NX__STATUS__UNAUTHENTICATED,
	    "and there are no new ones for that token");
}

static void
become_gateway(const char *path)
{
	static char copy[4096];
	const struct passwd *pw = getpwnam(nx_role_user(NX_ROLE_GATEWAY));

	snprintf(copy, sizeof(copy), "%s", path);
	if (!pw || chdir(dirname(copy)) < 0 || setgroups(0, NULL) < 0 ||
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) < 0)
		nx_fatal(-errno, "become nexus-gateway");
	socket_name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
}

int
main(int argc, char **argv)
{
	struct gateway g = {.call_id = 0};
	struct tickets ada, bob;

	nx_log_open("hostile", false);
	if (argc != 6)
		nx_fatal(0, "see the head of hostile_gateway.c");
	ada_token = argv[2];
	bob_token = argv[3];
	ada_file = argv[4];
	ada_node = argv[5];
	become_gateway(argv[1]);
	ok(gateway_open(&g) == 3 && g.edge[NX_ROLE_AUTH] >= 0 &&
		g.edge[NX_ROLE_STORAGE] >= 0 && g.edge[NX_ROLE_NODE] >= 0,
	    "a gateway is introduced to authd, storaged, nodemgr, nobody else");
	is(check_token(&g, ada_token, &ada), 0, "Ada's token gives tickets");
	is(check_token(&g, bob_token, &bob), 0, "so does Bob's");
	is(list_files(&g, ada.storage, NX_TICKET_LEN), 0, "which are good");
	without_a_ticket(&g);
	forged(&g, &ada);
	made_up(&g, &bob, ada.user_id);
	somebody_elses(&g, &bob);
	for_others(&g, &bob, ada.user_id);
	hijack(&g, &ada, &bob);
	not_its_own(&g, &bob);
	wrong_kinds(&g, &bob);
	frames_that_are_none(&bob);
	greedy(&bob);
	replayed(&g, &ada);
	gateway_close(&g);
	printf("1..%u\n", tests);
	return failures > 0;
}
