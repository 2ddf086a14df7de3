/*
 * A file's pages, looked at where they are: in the page cache, without a copy of
 * them, which takes longer than their checksums do. What sendfile takes later are
 * these very pages.
 *
 * A page that cannot be read any more (it was dropped meanwhile, and the disk
 * fails) is no death of the program: the kernel says it with SIGBUS, and pages_end
 * then says that what was seen means nothing. In any thread, one at a time in each.
 */
#ifndef STORAGED_PAGES_H
#define STORAGED_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pages {
	const uint8_t *data;
	size_t len;
	bool broken;
};

/*
 * [@offset, @offset + @len) of @fd, if all of it is in the page cache: -EAGAIN
 * when it is not, or the file ends before, so that nobody waits for a disk here,
 * in the middle of a fault. Other -errno: it is no file that can be looked at.
 * @offset is a multiple of the page size, @len more than 0.
 */
int pages_begin(struct pages *ret_pages, int fd, uint64_t offset, size_t len);
/* 0; -EIO: some of it was not there when it was looked at. */
int pages_end(struct pages *pages);

#endif
