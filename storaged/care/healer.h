/*
 * What makes replicas whole again, one at a time in the background: a replica
 * a reader found bad is checked and rewritten from a good one; a chunk with
 * too few is copied to one more volume; a volume about to go is emptied first.
 * Copy, verify, commit, and only then forget the old one.
 *
 * Trusts no replica that it has not read itself; owns the order in which all
 * of this happens, reports before drains before what is degraded.
 */
#ifndef STORAGED_HEALER_H
#define STORAGED_HEALER_H

#include <stdbool.h>
#include <stdint.h>

#include "storaged/storaged.h"

struct volume;

struct healer *healer_new(struct storaged *s);
/* What is under way ends, and nothing begins any more: what is left to be copied
 * is found again after the next start. */
void healer_stop(struct healer *h);
/* Workers must have ended. */
struct healer *healer_free(struct healer *h);

/* A reader could not use the replica of @chunk on @volume. */
void healer_report(struct healer *h, int64_t chunk, int64_t volume);
/* So many reports are not worked off yet. */
size_t healer_reports(const struct healer *h);
/* Something changed (a node came, a volume went): look for what is degraded. */
void healer_kick(struct healer *h);

/* What a drain could not save: files by their content, sorted, each once. */
struct drain_risk {
	int64_t file;
	uint64_t owner;
	uint64_t n; /* files that have it */
	bool gone;  /* the chunk is missing everywhere: lost before */
};
struct drained {
	uint64_t moved; /* chunks that are somewhere else now too */
	struct drain_risk *risks;
	size_t n_risks;
	int why;    /* -errno: what kept the first of them; -ENOSPC: no room */
	int failed; /* -errno: the catalogue could not tell all of it */
};
/* Borrows @result. */
typedef void healer_drained(const struct drained *result, void *arg);

/*
 * Sees to it that every chunk on @v has a replica elsewhere that was read,
 * whole, during the drain: bad ones are rewritten, missing ones made. @v takes
 * no new chunks meanwhile. @done gets what could not be done, however much it
 * is; nothing has been taken away yet. 0, or -ENOMEM: then it is not called.
 */
int healer_drain(
    struct healer *h, struct volume *v, healer_drained *done, void *arg);

/* Files with fewer replicas than they want, of which the catalogue knows: exact
 * while they are few, else as of some time ago. 0 or -errno. */
int healer_degraded(struct healer *h, uint64_t *ret_files);

/* Chunks with copies on one disk that could be on two. */
uint64_t healer_unspread(const struct healer *h);

#endif
