/*
 * Descriptors over local sockets (SCM_RIGHTS, unix(7)), with every check that a
 * receiver of them has to make. Edges have frames on top of this (common/msg.h);
 * gates, the formatter and the notify sockets use it as it is.
 */
#ifndef NX_RIGHTS_H
#define NX_RIGHTS_H

#include <stddef.h>
#include <sys/types.h>

#define NX_RIGHTS_MAX 253 /* SCM_MAX_FD of the kernel */

/*
 * One message of at most @len bytes with at most @max descriptors (of them at
 * most NX_RIGHTS_MAX), which are put into @fds, CLOEXEC, their number into
 * *ret_n; the caller owns them. @flags: MSG_DONTWAIT or 0. Returns the bytes; 0
 * is the end, or an empty datagram.
 * -EPROTO when the message or its control data was cut (which is also how it
 * looks when our table of descriptors is full), when more came than @max, when
 * descriptors came without a byte, or control data of another kind: whatever it
 * carried has been closed. Another -errno from recvmsg(2), but for EINTR.
 * @fds and *ret_n stay as they are then.
 */
ssize_t nx_recv_fds(int sock, void *data, size_t len, int *fds, size_t max,
    int flags, size_t *ret_n);

/*
 * One message with @n descriptors, all or nothing; borrows @fds. @flags as
 * above. 0, -EIO when only a part went out, or -errno from sendmsg(2), but for
 * EINTR; a closed peer is -EPIPE or -ECONNRESET and never SIGPIPE.
 */
int nx_send_fds(int sock, const void *data, size_t len, const int *fds,
    size_t n, int flags);

#endif
