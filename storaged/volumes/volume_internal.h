/* Between the files of volume_*.c only. */
#ifndef STORAGED_VOLUME_INTERNAL_H
#define STORAGED_VOLUME_INTERNAL_H

#include "common/hub.h"
#include "proto/storage.pb-c.h"
#include "storaged/volumes/volume.h"

/* Answers a request whose reply is VolumeInfo. */
void volume_answer(struct nx_request *r, const struct volume *v);
/* The same with a descriptor. Consumes it. */
void volume_answer_fd(struct nx_request *r, const struct volume *v, int fd);
void volume_info(
    struct storaged *s, const struct volume *v, Nx__VolumeInfo *ret_info);

#endif
