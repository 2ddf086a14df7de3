/*
 * Between the files of the removal only: removal.c decides what becomes of a
 * volume, removal_refuse.c says why it stays, removal_image.c takes down what
 * nothing refers to any more. A job belongs to its request: whoever answers
 * that ends the job.
 */
#ifndef STORAGED_REMOVAL_INTERNAL_H
#define STORAGED_REMOVAL_INTERNAL_H

#include "common/hub.h"
#include "storaged/care/healer.h"
#include "storaged/care/removal.h"
#include "storaged/catalog/catalog.h"
#include "storaged/storaged.h"
#include "storaged/volumes/volumes.h"

#define LOST_MAX   64U /* files named in the answer */
#define PLACE_SIZE 512

struct lost {
	char id[NX_ID_LEN + 1], name[PLACE_SIZE];
	uint64_t owner;
};

struct delete_job {
	struct storaged *s;
	struct nx_request *request; /* NULL: nobody waits */
	struct volume *volume;
	bool force, lose_files, drain;
	uint64_t owner;
	unsigned rounds;
	uint64_t doubts; /* when the drain began */
	uint64_t moved, n_lost;
	int64_t *losable; /* files, by key, sorted */
	size_t n_losable;
	struct lost *lost; /* the first of them */
	size_t n_named;
	struct catalog_volume_op op;
	struct catalog_forget forget;
	struct catalog_barrier barrier;
	struct volume_own own; /* the thread's, which unmounts it */
	int result;
};

void removal_free(struct delete_job *job);

/* Nothing has been taken away: the volume goes on as before. Refuses with
 * @error; or says what would be lost, @own files of who asks and @others' files,
 * and remembers the own ones if it has told of them: a second request with force
 * covers those. */
void removal_call_off_errno(struct delete_job *job, int error);
void removal_refuse(struct delete_job *job, const struct drained *result,
    uint64_t own, uint64_t others);
/* The same for the sake of job->forget.kept, which nobody may lose. */
void removal_refuse_kept(struct delete_job *job);

/* volume_when_idle's @idle: the image and the loop device go, then the row;
 * answers. The catalogue has forgotten it. */
void removal_take_down(struct volume *v, void *arg);
void removal_answer(struct delete_job *job);

#endif
