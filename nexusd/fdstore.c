/*
 * The supervisor's descriptor store (sd_notify FDSTORE=1): connections to the
 * programs and the listening socket live on there while nexusd is restarted.
 * What comes back is checked again: the kernel still knows who is behind it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/daemon.h"
#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "nexusd/switchboard.h"

static void
name_of(const struct client *c, char name[64])
{
	(void)snprintf(
	    name, 64, "client-%s-%u", nx_role_name(c->role), c->instance);
}

void
store_keep(const struct client *c)
{
	char name[64], text[128];
	int fd;

	nx_assert(c->peer);
	fd = nx_peer_fd(c->peer);
	name_of(c, name);
	(void)snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=%s", name);
	nx_notify_supervisor(text, &fd, 1);
}

void
store_forget(const struct client *c)
{
	char name[64], text[128];

	name_of(c, name);
	(void)snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=%s", name);
	nx_notify_supervisor(text, NULL, 0);
}

void
store_keep_listener(int fd)
{
	nx_notify_supervisor("FDSTORE=1\nFDNAME=listen", &fd, 1);
}

/* "client-gateway-1": 1. */
static int
instance_in(const char *name)
{
	const char *number = strrchr(name, '-');

	return number ? atoi(number + 1) : 0;
}

/* Edges between the adopted exist; nobody is introduced a second time. */
static void
assume_edges(struct switchboard *b)
{
	struct client *x, *y;
	size_t n = 0;

	TAILQ_FOREACH(x, &b->clients, entry)
		for (y = TAILQ_NEXT(x, entry); y; y = TAILQ_NEXT(y, entry)) {
			if (!nx_role_edge(x->role, y->role) || n >= EDGES_MAX)
				continue;
			nx_assert(!b->edges[n].used);
			b->edges[n++] = (struct edge_record){.role_a = x->role,
			    .instance_a = x->instance,
			    .role_b = y->role,
			    .instance_b = y->instance,
			    .since = x->since,
			    .used = true};
		}
}

int
store_restore(struct switchboard *b, int n_fds, const char *names)
{
	nx_cleanup_free char *copy = names ? strdup(names) : NULL;
	char *rest = copy;
	int listener = -1, fd;

	for (fd = 3; fd < 3 + n_fds; fd++) {
		const char *name = rest ? strsep(&rest, ":") : "";
		int owned = fd;

		if (!nx_fd_is(fd, NX_FD_SEQPACKET)) {
			nx_close(&owned);
			continue;
		}
		if (strcmp(name, "listen") == 0 && listener < 0)
			listener = fd;
		else if (strncmp(name, "client-", 7) == 0)
			switchboard_accept(b, owned, instance_in(name));
		else
			nx_close(&owned);
	}
	assume_edges(b);
	return listener;
}
