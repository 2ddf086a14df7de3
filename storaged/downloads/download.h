/*
 * Downloads: descriptors of chunks whose bytes were checked just before. The
 * caller sends them on; it can neither write to them nor open them again.
 */
#ifndef STORAGED_DOWNLOAD_H
#define STORAGED_DOWNLOAD_H

#include "common/hub.h"

void download_open_request(struct nx_request *r, void *ctx);

#endif
