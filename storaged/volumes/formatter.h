/*
 * The one program storaged runs: mkfs.ext4. A child process forked at start
 * does it, with no capability and a filter of its own, so that storaged itself,
 * which has CAP_SYS_ADMIN, can neither fork nor exec.
 *
 * The child trusts storaged (it is storaged) and owns nothing; it ends when
 * storaged does.
 */
#ifndef STORAGED_FORMATTER_H
#define STORAGED_FORMATTER_H

#include <stdint.h>

struct formatter;

/* Forks. Call it after the drop, before threads, edges and the filter. */
int formatter_start(struct formatter **ret_formatter);
struct formatter *formatter_stop(struct formatter *f);

/*
 * Makes an ext4 in @image, a file open for writing of @size bytes, and waits
 * for it. From any thread, one at a time. 0 or -errno; @error, of 256 bytes,
 * gets what mkfs said.
 */
int formatter_run(struct formatter *f, int image, uint64_t size, char *error);

#endif
