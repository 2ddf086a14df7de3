/* Between the files of volume_*.c only. */
#ifndef STORAGED_VOLUME_INTERNAL_H
#define STORAGED_VOLUME_INTERNAL_H

#include "common/hub.h"
#include "proto/volume.pb-c.h"
#include "storaged/volumes/volume.h"

struct nx_request;

/* Makes a volume on @d in the background, of @size bytes for chunks and @own for
 * the node, and answers @r with it; NULL: one of the platform's own, base_made()
 * is told. -errno: nothing was begun. */
int volume_make(struct volumes *vs, struct disk *d, struct nx_request *r,
    const char *name, uint64_t size, uint64_t own);
/* Takes away what was left of volumes on @d, which has come. */
void volumes_finish_removals(struct volumes *vs, struct disk *d);
/* Tries again to attach the part with the chunks, in the background; answers @r
 * (may be NULL) with the mount of the node's in it, or why not. */
void
volume_reattach(struct volumes *vs, struct volume *v, struct nx_request *r);
/* Answers with a clone of the mount of the node's part, or why there is none. */
void volume_answer_mount(struct nx_request *r, const struct volume *v);
void volume_answer_not_attached(
    struct nx_request *r, int result, const struct volume_error *error);
/* Answers a request whose reply is VolumeInfo. */
void volume_answer(struct nx_request *r, const struct volume *v);
/* The same with a descriptor. Consumes it. */
void volume_answer_fd(struct nx_request *r, const struct volume *v, int fd);

#endif
