/*
 * A laboratory for storaged: the whole daemon but its main, as root, with real
 * ext4 volumes on loop devices in a mount namespace of its own, and a client
 * on a socketpair for each role that may call it. Nothing shows outside.
 */
#ifndef STORAGED_LAB_H
#define STORAGED_LAB_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/hub.h"
#include "common/id.h"
#include "common/log.h"
#include "proto/auth.pb-c.h"
#include "proto/storage.pb-c.h"
#include "proto/volume.pb-c.h"
#include "proto/serve_storaged.h"
#include "storaged/buckets/buckets.h"
#include "storaged/catalog/catalog.h"
#include "storaged/care/care.h"
#include "storaged/downloads/downloads.h"
#include "storaged/events/events.h"
#include "storaged/volumes/disk_identity.h"
#include "storaged/volumes/loop.h"
#include "storaged/ledger/ledger.h"
#include "storaged/trees/trees.h"
#include "storaged/storaged.h"
#include "storaged/uploads/uploads.h"
#include "storaged/volumes/volumes.h"

#define LAB_NODE(n) "0000000000000000000000000000000" n

static struct {
	char dir[64];
	struct event_base *base;
	struct storaged s;
	struct nx_hub *clients[NX_ROLE_MAX]; /* by the role they play */
	uint64_t generation;
	bool key_given;
	const char *tmpfs; /* options; NULL: an ordinary directory */
	bool copies;       /* of the catalogue are kept on base volumes */
	char why[256];     /* they are newer than it */
	uint64_t base_size, base_max, away_grace; /* of the configuration */
	char *disks;
	uint64_t move_rate;
	bool coded;    /* everything is encrypted, and compressed */
	bool unpacked; /* or not */
} lab = {
#ifdef LAB_CODED
    .coded = true,
#endif
#ifdef LAB_UNPACKED
    .unpacked = true,
#endif
};

/* --- whether it can run here ------------------------------------------------*/

/* NULL, or why not. */
static inline const char *
lab_impossible(void)
{
	if (geteuid() != 0)
		return "needs root";
	if (access("/dev/loop-control", R_OK | W_OK) < 0)
		return "needs loop devices";
	if (access("/usr/sbin/mkfs.ext4", X_OK) < 0)
		return "needs mkfs.ext4";
	return NULL;
}

/* In main: says why and ends well when it cannot. */
#define LAB_OR_SKIP(name)                                                  \
	do {                                                               \
		const char *why_ = lab_impossible();                       \
		if (why_) {                                                \
			printf("1..1\nok 1 - " name " # SKIP %s\n", why_); \
			return 0;                                          \
		}                                                          \
	} while (0)

/* --- the daemon -------------------------------------------------------------*/

static inline void
lab_on_auth_key(struct nx_request *r, void *ctx)
{
	(void)ctx;
	lab.key_given = true;
	nx_answer(r, &nx_empty.base, NULL, 0);
}

static inline void
lab_connect(enum nx_role role)
{
	static const struct nx_handler auth[] = {
	    {NX__METHOD__AUTH_TICKET_KEY, lab_on_auth_key}};
	struct nx_hub_config config = {.base = lab.base, .self = role};
	int pair[2];

	if (role == NX_ROLE_AUTH) {
		config.handlers = auth;
		config.n_handlers = 1;
	}
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0, pair),
	    0);
	lab.clients[role] = nx_hub_free(lab.clients[role]);
	assert_int_equal(nx_hub_new(&config, &lab.clients[role]), 0);
	lab.generation++;
	assert_int_equal(nx_hub_attach(lab.clients[role], NX_ROLE_STORAGE, 0,
			     lab.generation, pair[0]),
	    0);
	assert_int_equal(
	    nx_hub_attach(lab.s.hub, role, 0, lab.generation, pair[1]), 0);
}

/* The peer is gone, from storaged's point of view. */
static inline void
lab_disconnect(enum nx_role role)
{
	lab.clients[role] = nx_hub_free(lab.clients[role]);
	for (int i = 0; i < 5; i++)
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
}

/* A key that opens the volumes' own, the same as long as the lab's directory. */
static inline void
lab_code(struct storaged_conf *conf)
{
	static const char key[] = "000102030405060708090a0b0c0d0e0f"
				  "101112131415161718191a1b1c1d1e1f\n";
	static char path[80];
	int fd;

	conf->compression =
	    (char *)(uintptr_t)(lab.coded && !lab.unpacked ? "zstd" : "off");
	conf->encryption = lab.coded;
	if (!lab.coded || conf->encryption_key)
		return;
	snprintf(path, sizeof(path), "%s/key", lab.dir);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_int_equal(nx_write_full(fd, key, strlen(key)), 0);
	close(fd);
	conf->encryption_key = path;
}

static inline void
lab_start(void)
{
	struct storaged *s = &lab.s;
	struct nx_hub_config config = {.base = lab.base,
	    .self = NX_ROLE_STORAGE,
	    .handlers = storaged_handlers,
	    .n_handlers = storaged_handlers_count,
	    .ctx = s,
	    .on_peer = storaged_on_peer};
	char path[256];

	s->base = lab.base;
	s->conf.common.state_dir = lab.dir;
	s->conf.quota = 500ULL << 20;
	s->conf.threads = 4;
	s->conf.upload_idle = s->conf.upload_idle ? s->conf.upload_idle : 60;
	s->conf.max_uploads = 256;
	s->conf.orphan_grace = 600;
	s->conf.orphan_keep = 604800;
	s->conf.orphans = 64;
	s->conf.entries = s->conf.entries ? s->conf.entries : 1000000;
	s->conf.away_grace = lab.away_grace ? lab.away_grace : 600;
	s->conf.disks = lab.disks;
	s->conf.move_rate = lab.move_rate ? lab.move_rate : 1ULL << 40;
	s->conf.base_size = lab.base_size;
	s->conf.base_max = lab.base_max;
	s->conf.node_chunks = s->conf.node_chunks ? s->conf.node_chunks : 100;
	s->conf.events = 10000;
	s->conf.events_keep = 604800;
	lab_code(&s->conf);
	assert_int_equal(volumes_new(s, &s->volumes), 0);
	assert_int_equal(formatter_start(&s->formatter), 0);
	volumes_set_formatter(s->volumes, s->formatter);
	assert_int_equal(checksum_setup(), 0);
	assert_int_equal(seal_setup(), 0);
	snprintf(path, sizeof(path), "%s/storage/storage.db", lab.dir);
	assert_int_equal(catalog_open(s->base, path, &s->catalog), 0);
	assert_int_equal(ledger_new(s, &s->ledger), 0);
	assert_int_equal(ledger_begin(s->ledger), 0);
	snprintf(path, sizeof(path), "%s/storage/reserve", lab.dir);
	assert_int_equal(reserve_new(s->base, path, &s->reserve), 0);
	assert_int_equal(nx_workers_new(s->base, 4, 0, &s->writers), 0);
	assert_int_equal(volumes_load(s->volumes), 0);
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
	assert_int_equal(nx_workers_new(s->base, 4, 0, &s->io), 0);
	assert_int_equal(nx_workers_new(s->base, 2, 0, &s->slow), 0);
	assert_int_equal(nx_workers_new(s->base, DISKS_MAX, 0, &s->disks), 0);
	if (lab.copies) {
		volumes_look(s->volumes);
		while (!disks_settled(s->volumes))
			event_base_loop(s->base, EVLOOP_ONCE);
		assert_int_equal(ledger_open(s->ledger, lab.why), 0);
	}
	assert_int_equal(volumes_load_rest(s->volumes), 0);
	volumes_start(s->volumes);
	while (volumes_starting(s->volumes))
		event_base_loop(s->base, EVLOOP_ONCE);
	config.tickets = s->tickets;
	assert_int_equal(nx_hub_new(&config, &s->hub), 0);
	if (lab.copies)
		ledger_start(s->ledger);
	scrub_start(s->scrub); /* off, unless a test set a rate */
	check_start(s->check); /* only when a test asks */
	lab_connect(NX_ROLE_ADMIN);
	lab_connect(NX_ROLE_NODE);
	lab_connect(NX_ROLE_GATEWAY);
}

/* Runs the loop until nothing is under way in the workers. */
static inline void
lab_settle(void)
{
	for (int quiet = 0; quiet < 10;) {
		struct collector_status care;

		event_base_loop(lab.base, EVLOOP_NONBLOCK);
		collector_status(lab.s.collector, &care);
		if (nx_workers_pending(lab.s.io) ||
		    nx_workers_pending(lab.s.disks) ||
		    nx_workers_pending(lab.s.slow) ||
		    nx_workers_pending(lab.s.writers) || care.busy)
			quiet = 0;
		else
			quiet++;
		usleep(500);
	}
}

static inline void
lab_stop(void)
{
	struct storaged *s = &lab.s;

	uploads_stop(s->uploads);
	scrub_stop(s->scrub);
	compact_stop(s->compact);
	check_stop(s->check);
	ledger_stop(s->ledger);
	lab_settle();
	s->hub = nx_hub_free(s->hub);
	for (int i = 0; i < NX_ROLE_MAX; i++)
		lab.clients[i] = nx_hub_free(lab.clients[i]);
	s->io = nx_workers_free(s->io);
	s->slow = nx_workers_free(s->slow);
	s->disks = nx_workers_free(s->disks);
	copies_stop(s->copies);
	s->writers = nx_workers_free(s->writers);
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
	s->ledger = ledger_free(s->ledger);
	s->volumes = volumes_free(s->volumes);
	s->reserve = reserve_free(s->reserve);
	s->quotas = quotas_free(s->quotas);
	s->tickets = nx_tickets_free(s->tickets);
	s->formatter = formatter_stop(s->formatter);
	s->repaired = s->corrupt = 0;
}

/* The state directory as a disk of its own that can be filled. */
static inline int
lab_small_disk(void)
{
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -1;
	return mount("lab", lab.dir, "tmpfs", 0, lab.tmpfs);
}

static inline int
lab_setup(void **state)
{
	(void)state;
	snprintf(lab.dir, sizeof(lab.dir), "/tmp/nexus-storage.XXXXXX");
	if (!mkdtemp(lab.dir) || (lab.tmpfs && lab_small_disk() != 0))
		return -1;
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	nx_log_open("lab", getenv("LAB_DEBUG") != NULL);
	lab.base = event_base_new();
	lab_start();
	return 0;
}

static inline int
lab_remove(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static inline int
lab_teardown(void **state)
{
	(void)state;
	lab_stop();
	event_base_free(lab.base);
	lab.base = NULL;
	lab.s.conf.encryption_key = NULL;
	if (lab.tmpfs)
		(void)umount2(lab.dir, MNT_DETACH);
	lab.tmpfs = NULL;
	nftw(lab.dir, lab_remove, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	return 0;
}

/* --- calls ------------------------------------------------------------------*/

static struct {
	bool done;
	Nx__Status status;
	char error[512];
	uint32_t retry_s;
	ProtobufCMessage *body; /* a copy, freed by the next call */
	int fds[16];
	size_t n_fds;
} reply;

static inline void
lab_on_reply(const struct nx_reply *r, void *arg)
{
	(void)arg;
	reply.done = true;
	reply.status = r->status;
	reply.retry_s = r->retry_s;
	snprintf(reply.error, sizeof(reply.error), "%s", r->error);
	if (r->body) {
		uint8_t buf[65536];
		size_t n = protobuf_c_message_pack(r->body, buf);

		reply.body = protobuf_c_message_unpack(
		    r->body->descriptor, NULL, n, buf);
	}
	for (size_t i = 0; i < r->n_fds; i++)
		reply.fds[reply.n_fds++] = nx_take_fd(&r->fds[i]);
}

static inline void
lab_forget_reply(void)
{
	if (reply.body)
		protobuf_c_message_free_unpacked(reply.body, NULL);
	for (size_t i = 0; i < reply.n_fds; i++)
		nx_close(&reply.fds[i]);
	memset(&reply, 0, sizeof(reply));
}

static inline struct nx_call_opts
lab_opts(uint64_t user)
{
	return (struct nx_call_opts){.timeout_us = 60000000, .as_user = user};
}

static inline Nx__Status
lab_call_as(enum nx_role role, const struct nx_call_opts *opts,
    Nx__Method method, const void *request)
{
	lab_forget_reply();
	assert_non_null(nx_call(lab.clients[role],
	    (struct nx_ask){NX_ROLE_STORAGE, method, request}, opts,
	    lab_on_reply, NULL));
	while (!reply.done)
		event_base_loop(lab.base, EVLOOP_ONCE);
	return reply.status;
}

/* As the admin acting for @user; as nodemgr. */
static inline Nx__Status
lab_call(uint64_t user, Nx__Method method, const void *request)
{
	struct nx_call_opts opts = lab_opts(user);

	return lab_call_as(NX_ROLE_ADMIN, &opts, method, request);
}

static inline Nx__Status
lab_node_call(Nx__Method method, const void *request)
{
	struct nx_call_opts opts = lab_opts(0);

	return lab_call_as(NX_ROLE_NODE, &opts, method, request);
}

#define LAB_BODY(type) ((const type *)(const void *)reply.body)
#define LAB_OK(e)                                                        \
	do {                                                             \
		Nx__Status s_ = (e);                                     \
		if (s_ != NX__STATUS__OK)                                \
			fail_msg("%s: %d %s", #e, (int)s_, reply.error); \
	} while (0)

#include "storaged_lab_files.h"

#endif
