/*
 * nexusctl fs events: what has changed, a line each. Programs get a JSON object
 * a line, and every one has its cursor; with --quiet only the last is printed,
 * to go on with.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/err.h"
#include "common/id.h"
#include "nexusctl/clean.h"
#include "nexusctl/ctl.h"
#include "proto/events.rpc.h"

#define WAIT_S 20U /* shorter than any call may take */

static void
print_time(uint64_t at)
{
	time_t t = (time_t)at;
	char text[32] = "-";
	struct tm tm;

	if (localtime_r(&t, &tm))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	printf("%s  ", text);
}

static void
print_event(const Nx__EventInfo *e)
{
	print_time(e->at);
	printf("%-8s%-8s%-10s", e->change, e->kind, nx_size_format(e->size));
	if (e->bucket[0])
		ctl_say(stdout, "%s:%.*s\n", e->bucket, (int)e->key.len,
		    e->key.len ? (const char *)e->key.data : "");
	else if (e->old_path[0])
		ctl_say(stdout, "%s -> %s\n", e->old_path, e->path);
	else
		ctl_say(stdout, "%s\n", e->path);
}

static void
print_page(struct ctl *c, const Nx__EventsReply *m)
{
	for (size_t i = 0; i < m->n_events; i++) {
		if (c->json)
			(void)ctl_print_json_line(
			    ctl_json(&m->events[i]->base));
		else if (!c->quiet)
			print_event(m->events[i]);
	}
	(void)fflush(stdout);
}

/* Whoever wants to go on from here is told how. */
static void
print_next(struct ctl *c, const char *next)
{
	if (c->quiet)
		ctl_say(stdout, "%s\n", next);
	else
		ctl_say(
		    stderr, "nexusctl: to go on from here: --since %s\n", next);
}

int
ctl_fs_events(struct ctl *c)
{
	Nx__EventsRequest q = NX__EVENTS_REQUEST__INIT;
	bool follow = ctl_flag(c, "follow");
	char since[65];

	(void)snprintf(since, sizeof(since), "%s",
	    ctl_option(c->args, "since")->set ? ctl_option_text(c, "since")
					      : "");
	q.since = since;
	q.wait = follow ? WAIT_S : 0;
	for (;;) {
		ctl_cleanup_reply struct ctl_reply reply = {0};
		const Nx__EventsReply *m;
		int exit = ctl_ask(c, nx_ask_fs_events(&q), &reply);

		if (exit != 0)
			return exit;
		m = nx_as_events_reply(reply.body);
		print_page(c, m);
		(void)snprintf(since, sizeof(since), "%s", m->next);
		if (!follow && !m->more)
			break;
	}
	print_next(c, since);
	return 0;
}
