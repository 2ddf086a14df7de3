/*
 * What the parts of storaged share: one object, made in main.c, given to every
 * handler. Everything in it belongs to the loop's thread; worker threads see
 * only the job they were handed.
 */
#ifndef STORAGED_STORAGED_H
#define STORAGED_STORAGED_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/conf.h"
#include "common/hub.h"
#include "common/workers.h"

struct catalog;
struct check;
struct collector;
struct compact;
struct copies;
struct downloads;
struct events;
struct expiry;
struct formatter;
struct healer;
struct historian;
struct ledger;
struct proofs;
struct purges;
struct quotas;
struct reserve;
struct scans;
struct scrub;
struct uploads;
struct volumes;

struct storaged_conf {
	struct nx_conf_common common;
	uint64_t quota;        /* bytes a user has unless set otherwise */
	uint64_t threads;      /* for chunk I/O */
	uint64_t upload_idle;  /* seconds without a byte end an upload */
	uint64_t max_uploads;  /* at once */
	uint64_t orphan_grace; /* seconds before an unknown chunk goes aside */
	uint64_t orphan_keep;  /* seconds until it is removed then */
	uint64_t orphans;      /* of a volume, that may go aside at once */
	uint64_t entries;      /* files and folders a user may have */
	uint64_t history;      /* seconds what was deleted is kept */
	uint64_t base_size;   /* bytes of a volume of the platform's; 0: none */
	uint64_t base_max;    /* so many of them */
	uint64_t node_chunks; /* for chunks, percent of a node's storage */
	uint64_t away_grace;  /* seconds before what a lost volume held is
				* copied anew */
	uint64_t move_rate;   /* bytes a second, of copies nobody waits for */
	char *disks;          /* paths, by commas */
	char *compression;    /* of what is written: off or zstd */
	bool encryption;      /* of what is written */
	char *encryption_key; /* files with the keys that open volumes' */
	char *encryption_key_old; /* own; "": none */
	uint64_t scrub_rate;      /* bytes a second; 0: no scrubbing */
	uint64_t scrub_cpu;       /* percent of a core */
	uint64_t scrub_interval;  /* seconds between two cycles' beginnings */
	uint64_t check_interval;  /* the same of checks; 0: only when asked */
	uint64_t events;          /* of a user, that are kept */
	uint64_t events_keep;     /* seconds */
};
extern const struct nx_conf_key storaged_conf_keys[];
extern const size_t storaged_conf_count;

struct storaged {
	struct storaged_conf conf;
	struct event_base *base;
	struct nx_hub *hub;
	struct nx_tickets *tickets;
	struct nx_workers *io;      /* uploads and downloads */
	struct nx_workers *slow;    /* volumes, removals, repairs */
	struct nx_workers *disks;   /* asking each disk how it is */
	struct nx_workers *writers; /* of small chunks */
	struct formatter *formatter;
	struct catalog *catalog;
	struct ledger *ledger; /* its copies on the volumes */
	struct volumes *volumes;
	struct quotas *quotas;
	struct copies *copies;
	struct purges *purges;
	struct scans *scans; /* lists and searches that take a while */
	struct reserve *reserve;
	struct uploads *uploads;
	struct downloads *downloads;
	struct events *events; /* what has changed, and who waits for it */
	struct collector *collector;
	struct compact *compact;
	struct healer *healer;
	struct historian *historian;
	struct proofs *proofs;
	struct scrub *scrub;
	struct expiry *expiry;
	struct check *check;
	uint64_t repaired, corrupt; /* since start */
};

/* An edge came or went: gives authd our ticket key, drops a lost peer's
 * uploads. */
void storaged_on_peer(struct nx_peer *peer, bool up, void *ctx);

#endif
