/*
 * Small secret files: written once, durable before they are used, refused when
 * anybody else could have touched them.
 */
#ifndef AUTHD_KEYFILE_H
#define AUTHD_KEYFILE_H

#include <stddef.h>

/* The whole file @name in @dirfd, at most @max bytes, NUL-terminated; free it.
 * Its length, or -ENOENT, -EPERM (mode, owner or kind), -EBADMSG (too long). */
int auth_keyfile_read(
    int dirfd, const char *name, size_t max, unsigned char **ret_data);
/* Makes @name with mode 0600; durable when this returns 0. -EEXIST when there
 * is one already. */
int
auth_keyfile_write(int dirfd, const char *name, const void *data, size_t len);

#endif
