/*
 * storaged, the distributed file store: ext4 volumes on loop devices, chunks
 * and their replicas on them, the catalogue of files and trees.
 *
 * Trusts nodemgr about nodes, tickets about users, the kernel about admins; the
 * gateway about nothing. Owns <state_dir>/storage and <state_dir>/volumes, the
 * disks it was given, and a mount namespace of its own.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/daemon.h"
#include "common/db.h"
#include "common/err.h"
#include "common/log.h"
#include "storaged/buckets/buckets.h"
#include "storaged/catalog/catalog.h"
#include "storaged/care/care.h"
#include "storaged/downloads/downloads.h"
#include "storaged/events/events.h"
#include "storaged/ledger/ledger.h"
#include "storaged/rescue/rescue.h"
#include "storaged/trees/trees.h"
#include "storaged/sandbox.h"
#include "storaged/storaged.h"
#include "storaged/uploads/uploads.h"
#include "storaged/volumes/volumes.h"
#include "proto/serve_storaged.h"

#define SLOW_THREADS 2
#define WRITERS      8 /* volumes whose segments are synced side by side */
#define DRAIN_MS     20

static struct storaged storaged;
static struct event *stopping;

static void on_peer(struct nx_peer *peer, bool up, void *ctx);

static struct nx_daemon daemon_ = {
    .name = "storaged",
    .role = NX_ROLE_STORAGE,
    .sandbox = &storaged_sandbox,
    .ctx = &storaged,
    .on_peer = on_peer,
    .conf = &storaged.conf,
};

static void
on_peer(struct nx_peer *peer, bool up, void *ctx)
{
	storaged.hub = daemon_.hub; /* the first one comes while connecting */
	storaged_on_peer(peer, up, ctx);
}

static bool
is_idle(const struct storaged *s)
{
	return nx_workers_pending(s->io) == 0 &&
	    nx_workers_pending(s->slow) == 0 &&
	    nx_workers_pending(s->writers) == 0 && compact_idle(s->compact) &&
	    uploads_count(s->uploads) == 0 && check_idle(s->check);
}

/* Jobs under way finish first: what they hold is theirs until then. A write
 * that is answered may be followed by another job. */
static void
try_to_quit(evutil_socket_t fd, short what, void *arg)
{
	struct timeval tv = {.tv_usec = DRAIN_MS * 1000};

	(void)fd;
	(void)what;
	(void)arg;
	if (is_idle(&storaged))
		(void)catalog_flush(storaged.catalog);
	if (is_idle(&storaged))
		nx_daemon_quit(&daemon_);
	else
		(void)evtimer_add(stopping, &tv);
}

static void
on_stop(void *ctx)
{
	struct storaged *s = ctx;

	uploads_stop(s->uploads);
	healer_stop(s->healer);
	scrub_stop(s->scrub);
	compact_stop(s->compact);
	check_stop(s->check);
	collector_stop(s->collector);
	ledger_stop(s->ledger);
	try_to_quit(-1, 0, NULL);
}

static void
open_reserve(struct storaged *s)
{
	char path[512];
	int r;

	(void)snprintf(
	    path, sizeof(path), "%s/storage/reserve", s->conf.common.state_dir);
	r = reserve_new(s->base, path, &s->reserve);
	if (r < 0)
		nx_fatal(r, "the reserve %s", path);
}

/* 1: it cannot be used, @why says why. */
static int
open_catalog(struct storaged *s, char why[256])
{
	char path[512];
	int r;

	if (rescue_needed(s, why))
		return 1;
	(void)snprintf(path, sizeof(path), "%s/storage/storage.db",
	    s->conf.common.state_dir);
	r = catalog_open(s->base, path, &s->catalog);
	if (r == -EBADMSG) {
		(void)snprintf(why, 256, "storage.db is damaged");
		return 1;
	}
	if (r < 0)
		nx_fatal(r, "the catalogue %s", path);
	if (rescue_empty(s, why)) {
		s->catalog = catalog_close(s->catalog);
		return 1;
	}
	nx_db_on_damage(catalog_db(s->catalog), rescue_on_damage, s);
	r = ledger_new(s, &s->ledger);
	if (r == 0)
		r = ledger_begin(s->ledger);
	if (r < 0)
		nx_fatal(r, "copies of the catalogue");
	open_reserve(s);
	return 0;
}

/* Nothing is changed before it is known that there is no newer catalogue. What
 * is mounted now cannot be mounted by who rebuilds it: that is the next start's. */
static void
compare_copies(struct storaged *s)
{
	char why[256];
	int r;

	volumes_look(s->volumes);
	while (!disks_settled(s->volumes))
		(void)event_base_loop(s->base, EVLOOP_ONCE);
	r = ledger_open(s->ledger, why);
	if (r > 0) {
		rescue_remember(s, why);
		nx_fatal(0, "the catalogue is older than its copies: %s", why);
	}
	if (r == 0)
		r = volumes_load_rest(s->volumes);
	if (r < 0)
		nx_fatal(r, "copies of the catalogue");
}

static void
start_threads(struct storaged *s)
{
	int r = nx_workers_new(s->base, (unsigned)s->conf.threads, 0, &s->io);

	if (r == 0)
		r = nx_workers_new(s->base, SLOW_THREADS, 0, &s->slow);
	if (r == 0)
		r = nx_workers_new(s->base, DISKS_MAX, 0, &s->disks);
	if (r < 0)
		nx_fatal(r, "worker threads");
}

static uint64_t
oldest_upload(void *arg)
{
	return uploads_oldest(arg);
}

static void
make_parts(struct storaged *s)
{
	s->tickets = nx_tickets_new(NX_ROLE_STORAGE);
	s->quotas = quotas_new();
	s->copies = copies_new();
	s->purges = purges_new();
	s->historian = historian_new(s);
	s->scans = scans_new(s);
	s->uploads = uploads_new(s);
	s->downloads = downloads_new(s);
	s->collector = collector_new(s);
	s->compact = compact_new(s);
	s->healer = healer_new(s);
	s->proofs = proofs_new(s);
	s->scrub = scrub_new(s);
	s->expiry = expiry_new(s);
	s->check = check_new(s);
	s->events = events_new(s);
	stopping = evtimer_new(s->base, try_to_quit, NULL);
	if (!s->tickets || !s->quotas || !s->copies || !s->scans ||
	    !s->purges || !s->historian || !s->uploads || !s->downloads ||
	    !s->collector || !s->compact || !s->expiry || !s->healer ||
	    !s->proofs || !s->scrub || !s->check || !s->events || !stopping)
		nx_fatal(-ENOMEM, "starting");
	collector_watch(s->collector, oldest_upload, s->uploads);
	compact_watch(s->compact, oldest_upload, s->uploads);
}

static void
free_parts(struct storaged *s)
{
	s->io = nx_workers_free(s->io);
	s->slow = nx_workers_free(s->slow);
	s->disks = nx_workers_free(s->disks);
	s->writers = nx_workers_free(s->writers);
	/* Whoever waits for a write is still there to be told. */
	copies_stop(s->copies);
	purges_stop(s->purges);
	(void)catalog_flush(s->catalog);
	s->copies = copies_free(s->copies);
	s->purges = purges_free(s->purges);
	s->historian = historian_free(s->historian);
	s->scans = scans_free(s->scans);
	s->events = events_free(s->events);
	s->check = check_free(s->check);
	s->expiry = expiry_free(s->expiry);
	s->scrub = scrub_free(s->scrub);
	s->proofs = proofs_free(s->proofs);
	s->healer = healer_free(s->healer);
	s->compact = compact_free(s->compact);
	s->collector = collector_free(s->collector);
	s->uploads = uploads_free(s->uploads);
	s->downloads = downloads_free(s->downloads);
	s->catalog = catalog_close(s->catalog);
	s->ledger = ledger_free(s->ledger); /* it is on volumes */
	s->volumes = volumes_free(s->volumes);
	s->reserve = reserve_free(s->reserve);
	s->quotas = quotas_free(s->quotas);
	s->tickets = nx_tickets_free(s->tickets);
	s->formatter = formatter_stop(s->formatter);
}

/* A fresh system takes files as soon as it says that it is ready. Where the
 * disk has no room for the first base volume, it starts all the same. */
static void
await_base_volume(struct storaged *s)
{
	if (s->conf.base_size > 0 && s->conf.base_size < VOLUME_SIZE_MIN)
		nx_fatal(0, "[storaged] base_size is 0 (none) or at least 16M");
	volumes_start(s->volumes);
	while (volumes_starting(s->volumes))
		(void)event_base_loop(s->base, EVLOOP_ONCE);
}

int
main(int argc, char **argv)
{
	struct storaged *s = &storaged;
	char why[256];
	int r, status;

	daemon_.conf_keys = storaged_conf_keys;
	daemon_.n_conf_keys = storaged_conf_count;
	daemon_.handlers = storaged_handlers;
	daemon_.n_handlers = storaged_handlers_count;
	daemon_.on_stop = on_stop;
	nx_daemon_start(&daemon_, argc, argv);
	s->base = daemon_.base;

	if (strcmp(s->conf.compression, "off") != 0 &&
	    strcmp(s->conf.compression, "zstd") != 0)
		nx_fatal(0, "[storaged] compression is off or zstd, not %s",
		    s->conf.compression);
	r = volumes_new(s, &s->volumes);
	if (r < 0)
		nx_fatal(r, "volumes below %s", s->conf.common.state_dir);
	nx_daemon_drop(&daemon_);
	r = formatter_start(&s->formatter);
	if (r < 0)
		nx_fatal(r, "starting the child for mkfs.ext4");
	volumes_set_formatter(s->volumes, s->formatter);
	r = checksum_setup();
	if (r == 0)
		r = seal_setup();
	if (r < 0)
		nx_fatal(r, "MD5 and AES from libcrypto");

	if (open_catalog(s, why) != 0)
		return rescue_run(s, &daemon_, why);
	/* Before the volumes, which are told of them. */
	r = nx_workers_new(s->base, WRITERS, 0, &s->writers);
	if (r < 0)
		nx_fatal(r, "threads for segments");
	r = volumes_load(s->volumes);
	if (r < 0)
		nx_fatal(r, "loading the volumes");
	make_parts(s);
	start_threads(s);
	compare_copies(s);
	await_base_volume(s);
	daemon_.tickets = s->tickets;
	nx_daemon_connect(&daemon_);
	s->hub = daemon_.hub;
	historian_start(s->historian);
	collector_sweep(s->collector);
	healer_kick(s->healer);
	scrub_start(s->scrub);
	compact_start(s->compact);
	ledger_start(s->ledger);
	check_start(s->check);

	status = nx_daemon_run(&daemon_);
	free_parts(s);
	return rescue_status(status);
}
