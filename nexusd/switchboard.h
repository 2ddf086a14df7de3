/*
 * The switchboard: who is connected, and who has been introduced to whom.
 *
 * It trusts the kernel's word on a client's uid and nothing a client says. It
 * owns the connections to the programs; the pairs it makes it gives away and
 * never sees again.
 */
#ifndef NX_NEXUSD_SWITCHBOARD_H
#define NX_NEXUSD_SWITCHBOARD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "common/hub.h"
#include "common/log.h"

#define CLIENTS_MAX       64
#define ADMINS_MAX        24
#define GATEWAYS_MAX      8
#define EDGES_MAX         256 /* remembered for status */
#define INTRODUCTIONS_MAX 16  /* handed to one client, not yet taken */
#define REPAIR_WAIT_S     1
#define HELLO_WAIT_S      5

struct client {
	TAILQ_ENTRY(client) entry;
	struct switchboard *board;
	struct nx_peer *peer;
	enum nx_role role;
	uint32_t instance;
	pid_t pid;
	uid_t uid;
	uint64_t since;       /* unix seconds */
	uint32_t wants;       /* mask of roles; 0: all */
	bool ready;           /* has said hello */
	unsigned outstanding; /* introductions sent, not acknowledged */
	uint32_t edges;
	struct event *hello_timer;
};
TAILQ_HEAD(clients, client);

struct edge_record {
	enum nx_role role_a, role_b;
	uint32_t instance_a, instance_b;
	uint64_t generation, since;
	bool used;
};

struct switchboard {
	struct nx_hub *hub;
	struct event_base *base;
	uid_t uids[NX_ROLE_MAX]; /* of each role; (uid_t)-1: no such user */
	gid_t admin_group;       /* (gid_t)-1: none */
	struct clients clients;
	unsigned n_clients;
	uint32_t connects[NX_ROLE_MAX];
	uint32_t refused;
	struct nx_log_rate admins; /* of lines about their coming and going */
	uint64_t generation;       /* of edges and of connections */
	uint64_t since;
	struct event *repair; /* edges that were lost are made again */
	struct edge_record edges[EDGES_MAX];
};

/* Looks up the users of all roles; before the sandbox. 0 or -ENOENT with the
 * missing user in *ret_user. */
int switchboard_init(
    struct switchboard *b, struct event_base *base, const char **ret_user);

/*
 * A new connection. Consumes @fd. @adopted: the instance it had before when it
 * comes from the supervisor's store (it has said hello to the nexusd before and
 * has its edges), else -1. Refusals are logged and counted, the descriptor is
 * closed.
 */
void switchboard_accept(struct switchboard *b, int fd, int adopted);
/* The hub's on_peer. */
void switchboard_peer(struct nx_peer *peer, bool up, void *ctx);

/* introduce.c: makes the pairs @c is to have with everyone who is ready. */
void switchboard_introduce(struct switchboard *b, struct client *c);

/* identity.c: the role of who is at the other end of @fd, NX_ROLE_NONE for
 * nobody we know. */
enum nx_role switchboard_identify(
    const struct switchboard *b, int fd, pid_t *ret_pid, uid_t *ret_uid);

/* fdstore.c: connections outlive nexusd in the supervisor's descriptor store. */
void store_keep(const struct client *c);
void store_forget(const struct client *c);
void store_keep_listener(int fd);
/* Sorts what the supervisor gave back: the listener (or -1), the rest is
 * adopted by the board. */
int store_restore(struct switchboard *b, int n_fds, const char *names);

#endif
