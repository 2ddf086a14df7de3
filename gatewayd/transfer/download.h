/*
 * Sending a file: read-only descriptors from storaged, window by window, to the
 * client with sendfile. While one window goes out the next is asked for, so
 * storaged verifies ahead of the network.
 */
#ifndef GW_DOWNLOAD_H
#define GW_DOWNLOAD_H

#include "gatewayd/routes/routes.h"

/* Answers GET or HEAD with the raw file @id, or the file at @path. */
void download_start(struct req *r, const char *id, const char *path);

#endif
