/*
 * Files as clients see them.
 */
#ifndef GW_REPLY_FILE_H
#define GW_REPLY_FILE_H

#include "gatewayd/routes/req.h"
#include "proto/storage.pb-c.h"

/* {id, name, size, chunks_count, status, ...} */
void json_file(struct buf *b, const char *name, const Nx__FileInfo *f);
/* The answer to an upload: the file, and for one in the tree also message and
 * path. */
void reply_uploaded(struct req *r, int status, const Nx__FinishUploadReply *m);
/* {name, type, size, ...} */
/* Its members, within an object. */
void entry_members(struct buf *b, const Nx__FsEntry *e);
void json_entry(struct buf *b, const char *name, const Nx__FsEntry *e);

#endif
