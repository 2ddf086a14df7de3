/*
 * Notify sockets and the descriptor store. What a daemon says is checked like any
 * stranger's word.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/rights.h"
#include "packaging/launcher/notify.h"

#define STORE_MAX 128
#define NAME_LEN  63

struct up_notify {
	const struct up_program *program;
	int sock;
	struct event *ev;
	up_notice_fn *fn;
	void *arg;
	size_t n;
	int fds[STORE_MAX];
	char names[STORE_MAX][NAME_LEN + 1];
	char joined[STORE_MAX * (NAME_LEN + 1)];
};

/* What one datagram says. */
struct notice {
	bool ready, stopping, alive, store, remove;
	char name[NAME_LEN + 1];
};

static void
store_drop(struct up_notify *n, size_t i)
{
	nx_close(&n->fds[i]);
	n->n--;
	n->fds[i] = n->fds[n->n];
	memmove(n->names[i], n->names[n->n], sizeof(n->names[i]));
}

static void
store_remove(struct up_notify *n, const char *name)
{
	for (size_t i = n->n; i-- > 0;)
		if (strcmp(n->names[i], name) == 0)
			store_drop(n, i);
}

/* A connection whose other side is gone is of no use to anyone. */
static void
store_sweep(struct up_notify *n)
{
	for (size_t i = n->n; i-- > 0;) {
		struct pollfd p = {.fd = n->fds[i]};

		if (poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR)))
			store_drop(n, i);
	}
}

/* A program that was given its own back stores it again at every start: what is
 * kept already, under this name, is kept once. */
static bool
store_has(const struct up_notify *n, int fd, const char *name)
{
	struct stat new, old;

	if (fstat(fd, &new) < 0 || !S_ISSOCK(new.st_mode))
		return false;
	for (size_t i = 0; i < n->n; i++)
		if (strcmp(n->names[i], name) == 0 &&
		    fstat(n->fds[i], &old) == 0 && old.st_dev == new.st_dev &&
		    old.st_ino == new.st_ino)
			return true;
	return false;
}

static void
store_add(struct up_notify *n, int *fd, const char *name)
{
	store_sweep(n);
	if (store_has(n, *fd, name))
		return;
	if (n->n >= n->program->keeps || n->n >= STORE_MAX) {
		up_warn("%s wants more than %u descriptors kept; one is lost.",
		    n->program->name, n->program->keeps);
		return;
	}
	snprintf(n->names[n->n], sizeof(n->names[n->n]), "%s", name);
	n->fds[n->n++] = nx_take_fd(fd);
}

/* systemd's rule: printable ASCII, no ':', which separates names. */
static bool
name_valid(const char *name)
{
	if (!*name || strlen(name) > NAME_LEN)
		return false;
	for (const char *c = name; *c; c++)
		if (*c <= ' ' || *c > '~' || *c == ':')
			return false;
	return true;
}

static void
parse(char *text, struct notice *ret)
{
	char *save, *l;

	*ret = (struct notice){.name = "stored"};
	for (l = strtok_r(text, "\n", &save); l;
	     l = strtok_r(NULL, "\n", &save)) {
		if (strcmp(l, "READY=1") == 0)
			ret->ready = true;
		else if (strcmp(l, "STOPPING=1") == 0)
			ret->stopping = true;
		else if (strcmp(l, "WATCHDOG=1") == 0)
			ret->alive = true;
		else if (strcmp(l, "FDSTORE=1") == 0)
			ret->store = true;
		else if (strcmp(l, "FDSTOREREMOVE=1") == 0)
			ret->remove = true;
		else if (strncmp(l, "FDNAME=", 7) == 0 && name_valid(l + 7))
			snprintf(ret->name, sizeof(ret->name), "%s", l + 7);
	}
}

static void
act(struct up_notify *n, const struct notice *notice, int *fds, size_t n_fds)
{
	if (notice->remove)
		store_remove(n, notice->name);
	for (size_t i = 0; notice->store && i < n_fds; i++)
		store_add(n, &fds[i], notice->name);
	if (notice->ready)
		n->fn(UP_NOTICE_READY, n->arg);
	if (notice->stopping)
		n->fn(UP_NOTICE_STOPPING, n->arg);
	if (notice->alive)
		n->fn(UP_NOTICE_ALIVE, n->arg);
}

static void
on_readable(evutil_socket_t sock, short what, void *arg)
{
	struct up_notify *n = arg;
	struct notice notice;
	char text[4096];
	int fds[NX_RIGHTS_MAX];
	size_t n_fds = 0;
	ssize_t len = nx_recv_fds((int)sock, text, sizeof(text) - 1, fds,
	    NX_RIGHTS_MAX, MSG_DONTWAIT, &n_fds);

	(void)what;
	if (len == -EPROTO)
		up_warn("a notification of %s was cut short and is ignored.",
		    n->program->name);
	if (len < 0)
		return;
	text[len] = '\0';
	parse(text, &notice);
	act(n, &notice, fds, n_fds);
	for (size_t i = 0; i < n_fds; i++)
		nx_close(&fds[i]);
}

struct up_notify *
up_notify_new(struct event_base *base, const struct up_program *p, uid_t uid,
    up_notice_fn *fn, void *arg)
{
	struct up_notify *n = calloc(1, sizeof(*n));
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	if (!n)
		up_die("out of memory");
	n->program = p;
	n->fn = fn;
	n->arg = arg;
	snprintf(
	    un.sun_path, sizeof(un.sun_path), UP_ROOT "/notify/%s", p->name);
	n->sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (n->sock < 0 ||
	    bind(n->sock, (struct sockaddr *)&un, sizeof(un)) < 0 ||
	    chmod(un.sun_path, 0600) < 0 || chown(un.sun_path, uid, 0) < 0)
		up_die("cannot make %s: %s", un.sun_path, strerror(errno));
	n->ev = event_new(base, n->sock, EV_READ | EV_PERSIST, on_readable, n);
	if (!n->ev || event_add(n->ev, NULL) < 0)
		up_die("cannot watch %s", un.sun_path);
	return n;
}

struct up_notify *
up_notify_free(struct up_notify *n)
{
	if (!n)
		return NULL;
	while (n->n)
		store_drop(n, n->n - 1);
	event_free(n->ev);
	nx_close(&n->sock);
	free(n);
	return NULL;
}

struct up_pass
up_notify_kept(struct up_notify *n)
{
	size_t len = 0;

	store_sweep(n);
	n->joined[0] = '\0';
	for (size_t i = 0; i < n->n; i++)
		len += (size_t)snprintf(n->joined + len,
		    sizeof(n->joined) - len, "%s%s", i ? ":" : "", n->names[i]);
	return (struct up_pass){.fds = n->fds, .n = n->n, .names = n->joined};
}
