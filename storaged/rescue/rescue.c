/* See rescue.h. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/ticket_edge.h"
#include "proto/serve_storaged.h"
#include "storaged/care/care.h"
#include "storaged/catalog/catalog.h"
#include "storaged/rescue/rescue_internal.h"

#define LOST    "storage.lost"
#define IMAGES  32
#define QUIT_MS 1500 /* so that who asked hears of it */

/* NULL: storaged is well. */
static struct rescue *rescue;
static bool again; /* the catalogue that was used is to be rebuilt */

void
rescue_path(const struct storaged *s, char path[512], const char *name)
{
	(void)snprintf(
	    path, 512, "%s/storage/%s", s->conf.common.state_dir, name);
}

/* --- whether ----------------------------------------------------------------*/

static bool
are_images(struct storaged *s)
{
	int fds[IMAGES];
	size_t n = rescue_images(s, fds, IMAGES, NULL);
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		any = any || rescue_any_image(fds[i]);
		nx_close(&fds[i]);
	}
	return any;
}

static bool
read_lost(struct storaged *s, char ret_why[256])
{
	nx_cleanup_fd int fd = -1;
	char path[512];
	ssize_t n;

	rescue_path(s, path, LOST);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, ret_why, 255);
	ret_why[n > 0 ? n : 0] = '\0';
	ret_why[strcspn(ret_why, "\n")] = '\0';
	return true;
}

bool
rescue_needed(struct storaged *s, char ret_why[256])
{
	char path[512];
	struct stat st;

	if (read_lost(s, ret_why))
		return true;
	rescue_path(s, path, "storage.db");
	if ((stat(path, &st) == 0 && st.st_size > 0) || !are_images(s))
		return false;
	(void)snprintf(ret_why, 256,
	    "storage.db is missing, and there are "
	    "volumes");
	return true;
}

bool
rescue_empty(struct storaged *s, char ret_why[256])
{
	uint64_t n = 0;
	int r = catalog_volumes_known(s->catalog, &n);

	if (r < 0 || n > 0 || !are_images(s))
		return false;
	(void)snprintf(
	    ret_why, 256, "storage.db knows no volume, and there are some");
	return true;
}

void
rescue_remember(struct storaged *s, const char *why)
{
	nx_cleanup_fd int fd = -1;
	char path[512], text[260];

	rescue_path(s, path, LOST);
	(void)snprintf(text, sizeof(text), "%.250s\n", why);
	fd = open(
	    path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || nx_write_full(fd, text, strlen(text)) < 0 ||
	    fsync(fd) < 0)
		nx_err("event=not-remembered path=%s", path);
}

void
rescue_on_damage(const char *why, void *arg)
{
	char text[256];

	(void)snprintf(
	    text, sizeof(text), "storage.db is damaged: %.200s", why);
	nx_log(2, "event=catalogue-damaged reason=\"%s\"", why);
	rescue_remember(arg, text);
	_exit(1);
}

/* --- answering --------------------------------------------------------------*/

static void
refuse_all(struct nx_request *r, void *ctx)
{
	(void)ctx;
	nx_refuse(r, NX__STATUS__UNAVAILABLE,
	    "the catalogue of files is lost (%s); an administrator makes it "
	    "anew from the volumes: nexusctl storage rebuild",
	    rescue->why);
}

static void
on_quit(evutil_socket_t fd, short what, void *arg)
{
	struct rescue *re = arg;

	(void)fd;
	(void)what;
	nx_daemon_quit(re->daemon);
}

static void
work_done(void *arg)
{
	const struct timeval soon = {
	    .tv_usec = (QUIT_MS % 1000) * 1000, .tv_sec = QUIT_MS / 1000};
	struct rescue *re = arg;

	re->running = false;
	if (re->result < 0) {
		nx_err("event=rebuild-failed reason=\"%s\"", re->text);
		return;
	}
	nx_info("event=rebuilt commits=%llu records=%llu aside=%s",
	    (unsigned long long)re->commits, (unsigned long long)re->records,
	    re->aside);
	re->again = true;
	(void)evtimer_add(re->quit, &soon);
}

/* The catalogue is used, and the last look at it has found pages that cannot be
 * read: it is let go, and the next start comes here. */
static void
let_go_of_damaged(struct nx_request *r, struct storaged *s)
{
	Nx__RebuildReply reply = NX__REBUILD_REPLY__INIT;

	if (!check_bad_pages(s->check)) {
		nx_refuse(r, NX__STATUS__CONFLICT,
		    "the catalogue is there and is used: nothing is to be "
		    "rebuilt; nexusctl storage check looks at it");
		return;
	}
	rescue_remember(s, "a check has found bad pages in storage.db");
	reply.again = true;
	nx_answer_storage_rebuild(r, &reply);
	again = true;
	(void)raise(SIGTERM); /* in order, as if a supervisor said it */
}

/*
 * Safe to grant: only an admin may ask, it is served only when there is no
 * catalogue that could be used, and what is there of one is moved aside.
 */
void
serve_storage_rebuild(
    struct nx_request *r, const Nx__RebuildRequest *q, struct storaged *s)
{
	Nx__RebuildReply reply = NX__REBUILD_REPLY__INIT;
	int e;

	if (!rescue) {
		let_go_of_damaged(r, s);
		return;
	}
	if (!rescue->running && !rescue->again) {
		rescue->partial = q->partial;
		e = nx_workers_submit(
		    rescue->thread, rescue_work, work_done, rescue);
		if (e < 0) {
			nx_refuse_errno(r, e, "rebuilding");
			return;
		}
		rescue->running = true;
		rescue->text[0] = '\0';
	}
	nx_answer_storage_rebuild(r, &reply);
}

void
serve_storage_rebuild_status(struct nx_request *r, struct storaged *s)
{
	static char states[][16] = {
	    "none", "lost", "running", "failed", "done"};
	Nx__RebuildStatusReply reply = NX__REBUILD_STATUS_REPLY__INIT;
	int at = 0;

	(void)s;
	if (rescue && rescue->running)
		at = 2;
	else if (rescue)
		at = rescue->again ? 4 : rescue->text[0] ? 3 : 1;
	reply.state = states[at];
	if (at > 1) {
		reply.why = rescue->text;
		reply.commits = rescue->commits;
		reply.records = rescue->records;
		reply.found = rescue->found;
		reply.aside = rescue->aside;
	} else if (at == 1)
		reply.why = rescue->why;
	nx_answer_storage_rebuild_status(r, &reply);
}

int
rescue_status(int status)
{
	return again && status == 0 ? RESCUE_AGAIN : status;
}

/* --- instead of everything --------------------------------------------------*/

static bool
is_served(Nx__Method method)
{
	return method == NX__METHOD__STORAGE_REBUILD ||
	    method == NX__METHOD__STORAGE_REBUILD_STATUS;
}

static void
on_peer(struct nx_peer *peer, bool up, void *ctx)
{
	(void)ctx;
	/* Whoever has a ticket is told the same as all. */
	if (up && peer->role == NX_ROLE_AUTH)
		nx_tickets_give(rescue->daemon->hub, rescue->s->tickets);
}

static void
on_stop(void *ctx)
{
	(void)ctx;
	nx_daemon_quit(rescue->daemon);
}

int
rescue_run(struct storaged *s, struct nx_daemon *d, const char *why)
{
	static struct rescue only;
	struct nx_handler *handlers =
	    calloc(storaged_handlers_count, sizeof(*handlers));
	int status;

	only = (struct rescue){.s = s, .daemon = d};
	(void)snprintf(only.why, sizeof(only.why), "%s", why);
	only.quit = evtimer_new(s->base, on_quit, &only);
	only.base = event_base_new();
	s->tickets = nx_tickets_new(NX_ROLE_STORAGE);
	if (!handlers || !only.quit || !only.base || !s->tickets ||
	    nx_workers_new(s->base, 1, 0, &only.thread) < 0)
		nx_fatal(-ENOMEM, "starting");
	rescue = &only;
	for (size_t i = 0; i < storaged_handlers_count; i++) {
		handlers[i] = storaged_handlers[i];
		if (!is_served(handlers[i].method))
			handlers[i].fn = refuse_all;
	}
	d->handlers = handlers;
	d->tickets = s->tickets;
	d->on_peer = on_peer;
	d->on_stop = on_stop;
	nx_err("event=catalogue-lost reason=\"%s\" note=\"nothing is served; "
	       "nexusctl storage rebuild makes it anew\"",
	    why);
	nx_daemon_connect(d);
	status = nx_daemon_run(d);
	only.thread = nx_workers_free(only.thread);
	event_free(only.quit);
	event_base_free(only.base);
	free(handlers);
	return only.again ? RESCUE_AGAIN : status;
}
