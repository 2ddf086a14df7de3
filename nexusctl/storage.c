/* nexusctl storage: looking after what is kept, now and not when it is due. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/id.h"
#include "nexusctl/clean.h"
#include "nexusctl/ctl.h"
#include "proto/care.rpc.h"

#define LOOK_MS    500
#define LOOK_TRIES 120

/* Until the cycle, or a later one that was asked for meanwhile, is over. */
static int
await(struct ctl *c, uint64_t cycle, struct ctl_reply *ret_reply)
{
	const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000};

	for (;;) {
		const Nx__ScrubStatusReply *now;
		int exit = ctl_ask(c, nx_ask_storage_scrub_status(), ret_reply);

		if (exit != 0)
			return exit;
		now = nx_as_scrub_status_reply(ret_reply->body);
		if (now->cycle >= cycle && now->ended_at != 0)
			return 0;
		ctl_reply_fini(ret_reply);
		(void)nanosleep(&pause, NULL);
	}
}

static int
show_over(struct ctl *c, const struct ctl_reply *reply)
{
	const Nx__ScrubStatusReply *now = nx_as_scrub_status_reply(reply->body);
	int exit = ctl_done(c, reply->body, "cycle",
	    "cycle %" PRIu64 " is over: %" PRIu64 " replicas (%s) were read, "
	    "%" PRIu64 " were bad and %" PRIu64 " missing",
	    now->cycle, now->chunks, nx_size_format(now->bytes), now->bad,
	    now->missing);

	if (now->skipped > 0)
		ctl_say(
		    stderr, "nexusctl: passed over: %s\n", now->skipped_note);
	if (exit != 0 || now->damaged_files == 0)
		return exit;
	return ctl_failf(c, NX__STATUS__CORRUPT,
	    "files that are good in no copy: %" PRIu64
	    "; nexusctl file ls --damaged lists them",
	    now->damaged_files);
}

int
ctl_storage_scrub(struct ctl *c)
{
	ctl_cleanup_reply struct ctl_reply begun = {0}, over = {0};
	int exit = ctl_ask(c, nx_ask_storage_scrub(), &begun);
	uint64_t cycle;

	if (exit != 0)
		return exit;
	cycle = nx_as_scrub_reply(begun.body)->cycle;
	if (!ctl_flag(c, "wait"))
		return ctl_done(c, begun.body, "cycle",
		    "cycle %" PRIu64 " begins; nexusctl status shows how it "
		    "goes",
		    cycle);
	exit = await(c, cycle, &over);
	return exit ? exit : show_over(c, &over);
}

/* --- check ------------------------------------------------------------------*/

/* Until that run, or a later one, is over. */
static int
await_check(struct ctl *c, uint64_t run, struct ctl_reply *ret_reply)
{
	const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000};

	for (;;) {
		int exit = ctl_ask(c, nx_ask_storage_check_status(), ret_reply);

		if (exit != 0 ||
		    nx_as_check_status_reply(ret_reply->body)->over >= run)
			return exit;
		ctl_reply_fini(ret_reply);
		(void)nanosleep(&pause, NULL);
	}
}

static int
show_checked(struct ctl *c, const struct ctl_reply *reply)
{
	const Nx__CheckStatusReply *now = nx_as_check_status_reply(reply->body);
	int exit;

	if (now->error[0])
		return ctl_failf(c, NX__STATUS__INTERNAL,
		    "the catalogue could not be looked at: %s", now->error);
	exit = ctl_done(c, reply->body, "run",
	    "run %" PRIu64 " is over: %" PRIu64 " things disagreed, %" PRIu64
	    " were mended, %" PRIu64 " are left",
	    now->over, now->found, now->mended, now->left);
	for (size_t i = 0; i < now->n_said; i++)
		ctl_say(stderr, "nexusctl: %s\n", now->said[i]);
	if (exit != 0 || now->left == 0)
		return exit;
	return ctl_failf(c, NX__STATUS__CORRUPT,
	    "the catalogue disagrees with itself: nexusctl storage check "
	    "--repair mends what can be mended");
}

int
ctl_storage_check(struct ctl *c)
{
	ctl_cleanup_reply struct ctl_reply begun = {0}, over = {0};
	Nx__CheckRequest q = NX__CHECK_REQUEST__INIT;
	uint64_t run;
	int exit;

	q.repair = ctl_flag(c, "repair");
	exit = ctl_ask(c, nx_ask_storage_check(&q), &begun);
	if (exit != 0)
		return exit;
	run = nx_as_check_reply(begun.body)->run;
	if (!ctl_flag(c, "wait"))
		return ctl_done(c, begun.body, "run",
		    "run %" PRIu64 " begins; nexusctl status shows what comes "
		    "of it",
		    run);
	exit = await_check(c, run, &over);
	return exit ? exit : show_checked(c, &over);
}

/* --- rebuild ----------------------------------------------------------------*/

static int
await_rebuild(struct ctl *c, struct ctl_reply *ret_reply)
{
	const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000};

	for (;;) {
		int exit =
		    ctl_ask(c, nx_ask_storage_rebuild_status(), ret_reply);

		if (exit != 0 ||
		    strcmp(nx_as_rebuild_status_reply(ret_reply->body)->state,
			"running") != 0)
			return exit;
		ctl_reply_fini(ret_reply);
		(void)nanosleep(&pause, NULL);
	}
}

/* storaged lets go of a damaged catalogue and is started anew. */
static int
await_lost(struct ctl *c)
{
	const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000};

	for (int i = 0; i < LOOK_TRIES; i++) {
		ctl_cleanup_reply struct ctl_reply now = {0};
		Nx__Status status;

		(void)nanosleep(&pause, NULL);
		status = ctl_call(c, nx_ask_storage_rebuild_status(), NULL, 0,
		    CTL_QUICK_US, &now);
		if (status == NX__STATUS__OK &&
		    strcmp(nx_as_rebuild_status_reply(now.body)->state,
			"none") != 0)
			return 0;
	}
	return ctl_failf(c, NX__STATUS__UNAVAILABLE,
	    "storaged does not come back; see its log");
}

static int
begin_rebuild(struct ctl *c)
{
	Nx__RebuildRequest q = NX__REBUILD_REQUEST__INIT;
	bool again = true;
	int exit = 0;

	q.partial = ctl_flag(c, "partial");
	while (again && exit == 0) {
		ctl_cleanup_reply struct ctl_reply begun = {0};

		exit = ctl_ask(c, nx_ask_storage_rebuild(&q), &begun);
		again = exit == 0 && nx_as_rebuild_reply(begun.body)->again;
		if (again)
			exit = await_lost(c);
	}
	return exit;
}

int
ctl_storage_rebuild(struct ctl *c)
{
	ctl_cleanup_reply struct ctl_reply over = {0};
	const Nx__RebuildStatusReply *now;
	int exit = begin_rebuild(c);

	if (exit == 0)
		exit = await_rebuild(c, &over);
	if (exit != 0)
		return exit;
	now = nx_as_rebuild_status_reply(over.body);
	if (strcmp(now->state, "failed") == 0)
		return ctl_failf(c, NX__STATUS__CORRUPT, "%s", now->why);
	/* It may have been started again before it was asked. */
	if (strcmp(now->state, "done") != 0)
		return ctl_done(c, over.body, "state",
		    "the catalogue is there again; nexusctl status shows it");
	return ctl_done(c, over.body, "state",
	    "the catalogue is there again, with all %" PRIu64 " commits; "
	    "%" PRIu64 " things disagree in it; the old one is %s",
	    now->commits, now->found, now->aside);
}
