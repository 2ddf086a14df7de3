/*
 * The volumes and which of them a chunk goes to. Belongs to the loop's thread;
 * worker threads use a volume's store while the job that was given it holds a
 * reference.
 */
#ifndef STORAGED_VOLUME_H
#define STORAGED_VOLUME_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/id.h"
#include "storaged/catalog/catalog.h"
#include "storaged/chunks/chunks.h"
#include "storaged/volumes/fault.h"
#include "storaged/volumes/attach.h"
#include "storaged/volumes/disk.h"
#include "storaged/volumes/own.h"
#include "storaged/volumes/volume_image.h"
#include "storaged/volumes/volume_key.h"

struct storaged;

enum volume_state {
	VOLUME_MAKING,
	VOLUME_READY,
	VOLUME_DRAINING, /* still read, no longer written */
	VOLUME_GOING,    /* its replicas are forgotten, the image goes */
};

struct volume {
	TAILQ_ENTRY(volume) entry;
	int64_t key;              /* in the catalogue */
	struct disk *disk;        /* the one it is on */
	char node[NX_ID_LEN + 1]; /* its id, or "base-1" */
	bool base;                /* the platform's own, without a node */
	uint64_t size;            /* of the part with the chunks */
	enum volume_state state;
	bool active;                       /* its node runs */
	bool suspect;                      /* a write or sync failed */
	enum catalog_volume_intent intent; /* an operator's */
	bool attached;
	bool attaching;     /* being tried again, MAKING meanwhile */
	uint64_t away_us;   /* CLOCK_MONOTONIC: not attached since; 0: it is */
	bool away_over;     /* the grace time has passed */
	char away_why[256]; /* a sentence; "": it is there, or unknown */
	uint64_t proof_us;  /* CLOCK_MONOTONIC: suspect, to be proven then */
	unsigned proof_wait_s;
	uint64_t away_files;   /* that lack a replica for it */
	bool deleting;         /* a request to delete it is being worked on */
	bool emptied;          /* it is to be, and is; care/evacuate.c */
	uint64_t stuck;        /* chunks that have nowhere to go from it */
	uint64_t rate, left_s; /* how the emptying goes: bytes a second */
	uint64_t removal_us;   /* CLOCK_MONOTONIC: not tried before */
	bool unfinished;       /* GOING: its image could not be removed yet */
	struct volume_mounted mounted;
	struct volume_own own;     /* the node's part, where it is apart */
	struct chunk_store *store; /* NULL unless attached */
	unsigned refs;             /* jobs that use the store */
	uint64_t in_flight;        /* bytes of chunks being written */
	uint64_t room, room_at;    /* what volume_room found, and when */
	int64_t turn;              /* weighted round-robin */
	struct catalog_turn trash; /* whose is unlinked next */
	void (*idle)(struct volume *v, void *arg); /* refs fell to 0 */
	void *idle_arg;
	/* files its owner was told would be lost with it, by key, sorted */
	int64_t *named;
	size_t n_named;
};
TAILQ_HEAD(volume_list, volume);

struct volumes {
	struct storaged *s;
	const struct volume_image_ops *image;
	struct volume_env env; /* the state directory's */
	int nowhere;           /* a directory without images */
	struct volume_keys *keys;
	struct disk_list disks;
	bool only_looking;       /* volumes_look */
	unsigned adopting;       /* disks that are being taken in */
	unsigned disk_lists;     /* how often there were others (disk_list.h) */
	bool noting, note_again; /* the state directory's is written */
	struct volume_list list;
	char base_note[200]; /* why there is not one more base volume */
	bool base_wanted;    /* base_want */
	void (*watcher)(void *arg);
	void *watcher_arg;
	struct event *tick;
	uint64_t doubts; /* how often one turned out not to be trusted */
	void (*going)(struct volume *v, void *arg); /* volumes_on_going */
	void *going_arg;
};

/*
 * Prepares directories below the state directory and a private mount
 * namespace; before the drop is fine, before threads a must.
 */
int volumes_new(struct storaged *s, struct volumes **ret_volumes);
/* Borrows @f; needed before a volume is created. */
void volumes_set_formatter(struct volumes *vs, struct formatter *f);
/* Reads the catalogue, finishes what a crash interrupted, attaches the rest.
 * A volume that cannot be attached is logged and stays in the list. */
int volumes_load(struct volumes *vs);
/* @going is called before a volume goes: who writes there forgets it. */
void volumes_on_going(
    struct volumes *vs, void (*going)(struct volume *v, void *arg), void *arg);
void volumes_going(struct volumes *vs, struct volume *v);
/* Unmounts everything. */
struct volumes *volumes_free(struct volumes *vs);

/* Calls @watcher whenever a volume has come, gone or become another: one that
 * looks after replicas looks again. */
void volumes_watch(struct volumes *vs, void (*watcher)(void *arg), void *arg);
void volumes_changed(struct volumes *vs);
/* The disks are looked at, and what is there is attached, but nothing is made,
 * removed or taken in before volumes_start: until disks_settled. After the
 * worker threads. */
void volumes_look(struct volumes *vs);
/* What a crash interrupted on the state directory's disk is finished; the loop
 * does not turn yet. 0 or -errno. */
int volumes_load_rest(struct volumes *vs);
/* From here on base volumes are made as they are needed, the first one at once
 * (base_making), and what is away is looked for. After the worker threads. */
void volumes_start(struct volumes *vs);
/* A base volume is being made, or disks are looked at for the first time: who
 * starts waits for that. */
bool volumes_starting(const struct volumes *vs);

struct volume *volume_find(struct volumes *vs, const char *node);
struct volume *volume_by_key(struct volumes *vs, int64_t key);
struct volume *
volume_new(struct volumes *vs, struct disk *d, const char *node, uint64_t size);
/* The image with its chunks. */
struct volume_part volume_part(const struct volume *v);
/* As its row has it. */
struct catalog_volume volume_row(const struct volume *v);
/* Nothing of it is mounted here. */
void volume_not_mounted(struct volume *v);
/* Takes it off the list; nothing may refer to it any more. */
void volume_drop(struct volumes *vs, struct volume *v);
/* Takes over what attaching gave; on failure that is detached. */
int volume_set_mounted(
    struct volumes *vs, struct volume *v, struct volume_mounted *mounted);
/* Attaching failed: remembers why, says it once. */
void volume_not_attached(
    struct volume *v, int result, const struct volume_error *error);

void volume_ref(struct volume *v);
void volume_unref(struct volume *v);
/* The same, and what is at @place of it stays there meanwhile. */
void volume_hold(struct volume *v, const struct chunk_place *place);
void volume_release(struct volume *v, const struct chunk_place *place);
/* Calls @idle when the last reference goes, at once if there is none. */
void volume_when_idle(
    struct volume *v, void (*idle)(struct volume *v, void *arg), void *arg);

/* May chunks be read from it? May new ones go there? */
bool volume_readable(const struct volume *v);
bool volume_writable(const struct volume *v);
/* Bytes of chunks it can still take. */
uint64_t volume_room(struct volume *v);
/* @error, -errno, came from @v: when it is the volume's own fault (fault.h),
 * remembers, also in the catalogue, that it is not to be trusted. */
void volume_suspect(struct volumes *vs, struct volume *v, int error);

/* The catalogue has the replicas of @chunk, which were held until now. */
void volumes_settle(struct volumes *vs, const struct catalog_chunk *chunk);

/* Remembers, also in the catalogue, that it proved well. */
void volume_trust(struct volumes *vs, struct volume *v);
/* Remembers an operator's intent, also in the catalogue, then @done. -errno at
 * once: nothing was begun. */
int volume_intend(struct volumes *vs, struct volume *v,
    enum catalog_volume_intent intent, catalog_done *done, void *arg);
/* Is it to be emptied, for its own sake or because its disk is leaving? */
bool volume_leaving(const struct volume *v);
/* In one word, the worst first: making, going, away, failed, draining, suspect,
 * idle (its node does not run) or good. */
const char *volume_condition(const struct volume *v);
/* Volumes that should be there and cannot be reached. */
bool volume_away(const struct volume *v);

/* --- placement --------------------------------------------------------------*/

unsigned volumes_active(const struct volumes *vs);
/* Bytes all writable volumes can still take. */
uint64_t volumes_room(const struct volumes *vs);
/*
 * Adds candidates for a chunk of @size bytes to @put, best first: round-robin
 * weighted by room, those with room for all of it before the others. Each gets
 * a reference, returned by volumes_put_done; @known: that many bytes will come,
 * others should count on them. Number of candidates.
 */
size_t volumes_place(
    struct volumes *vs, struct chunk_put *put, uint64_t size, bool known);
/*
 * The volumes for the @parts of a stripe (catalog_stripe.h) of @size bytes each:
 * spread over disks as evenly as can be, the best of each, and behind them what
 * may take the place of a part that fails: of part i those at i + n * @parts. No
 * references: ask again by key. How many, less than @parts when there are too
 * few.
 */
#define STRIPE_PLAN 24U
size_t volumes_plan_stripe(struct volumes *vs, uint64_t size, unsigned parts,
    int64_t ret_keys[STRIPE_PLAN]);
/* As volumes_place, of what was planned for the part @part; 0: nothing of it can
 * be written to any more. */
size_t
volumes_place_planned(struct volumes *vs, struct chunk_put *put, uint64_t size,
    bool known, const int64_t *keys, size_t n, unsigned part, unsigned parts);
/* After the put: references back, failures remembered. */
void volumes_put_done(struct volumes *vs, struct chunk_put *put);
/* Volumes by their keys: which may not be chosen, and which hold the replicas
 * that a new one is to be apart from. */
struct placed {
	const int64_t * not ;
	size_t n_not;
	const int64_t *beside;
	size_t n_beside;
	unsigned most; /* of those on its disk; UINT_MAX: any number */
};
/* The best volume for one more replica of @size bytes, on the disk with the
 * fewest of those it is beside that has room; NULL: none. */
struct volume *volumes_place_one(
    struct volumes *vs, uint64_t size, const struct placed *placed);
/* How many of the volumes @keys are on @d. */
unsigned volumes_on_disk(
    struct volumes *vs, const struct disk *d, const int64_t *keys, size_t n);

#endif
