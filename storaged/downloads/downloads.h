/*
 * The door of downloads: descriptors of chunks whose bytes were checked just
 * before. The caller sends them on; it can neither write to them nor open them
 * again.
 *
 * What is promised is in docs/storage.md: every block is read and compared with
 * its checksum before the descriptor is given away, through the page cache of
 * the very file that is sent. A block that is bad in one replica comes from
 * another; the content is refused only where a block is good nowhere. Who has
 * begun to read a file reads it to its end, whatever becomes of it meanwhile.
 */
#ifndef STORAGED_DOWNLOADS_H
#define STORAGED_DOWNLOADS_H

#include "proto/serve_storaged.h"
#include "common/hub.h"
#include "storaged/storaged.h"

/* The downloads under way. NULL: no memory. */
struct downloads *downloads_new(struct storaged *s);
/* Workers must have ended. Returns NULL. */
struct downloads *downloads_free(struct downloads *ds);

/* Ends the downloads of a peer that is gone, of a user that was deleted. */
void downloads_peer_gone(struct downloads *ds, const struct nx_peer *peer);
void downloads_user_gone(struct downloads *ds, uint64_t user);
size_t downloads_count(const struct downloads *ds);

#endif
