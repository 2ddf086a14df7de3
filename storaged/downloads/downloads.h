/*
 * The door of downloads: descriptors of chunks whose bytes were checked just
 * before. The caller sends them on; it can neither write to them nor open them
 * again.
 *
 * What is promised is in docs/storage.md: every block is read and compared with
 * its checksum before the descriptor is given away, through the page cache of
 * the very file that is sent. A block that is bad in one replica comes from
 * another; the content is refused only where a block is good nowhere.
 */
#ifndef STORAGED_DOWNLOADS_H
#define STORAGED_DOWNLOADS_H

#include "proto/serve_storaged.h"

#endif
