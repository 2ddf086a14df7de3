/*
 * What goes up in whichever way: through a pipe that storaged reads, decided before
 * and answered when it is durable.
 */
#ifndef NEXUSCTL_SEND_H
#define NEXUSCTL_SEND_H

#include <sys/stat.h>

#include "nexusctl/ctl.h"

/* Opens the local file, or standard input for "-". Exit code. */
int
ctl_source_open(struct ctl *c, const char *path, struct stat *st, int *ret_fd);
/* Asks for the pipe with @open, sends what @source says from where it stands to
 * its end, and finishes. */
Nx__Status ctl_send(struct ctl *c, struct nx_ask open, const char *name,
    int source, uint64_t size, struct ctl_reply *ret_reply);
/* The same for a local file, whose size goes to where @open has it. Exit code; 0:
 * *ret_reply is a FinishUploadReply with a file. */
int ctl_upload(struct ctl *c, const char *local, struct nx_ask open,
    protobuf_c_boolean *has_size, uint64_t *size, struct ctl_reply *ret_reply);
/* Says that a file is there. */
int ctl_upload_done(struct ctl *c, const Nx__FinishUploadReply *done);
/* A file that may be sent in several goes; see --resume. */
int ctl_resume(
    struct ctl *c, const char *local, const Nx__OpenUploadRequest *asked);
/* object put --part. */
int ctl_object_put_parts(struct ctl *c);
/* Fetches a file by its id. Exit code. */
int ctl_fetch(struct ctl *c, const char *id, const char *local);

#endif
