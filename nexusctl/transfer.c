/*
 * Bytes between local files and descriptors of daemons: a local file appears
 * whole or not at all.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "nexusctl/transfer.h"

#define PIECE   (1U << 20)
#define DRAW_US 200000U

void
ctl_progress_begin(
    struct ctl_progress *p, const char *name, uint64_t total, bool quiet)
{
	*p = (struct ctl_progress){.name = name,
	    .total = total,
	    .began_us = nx_now_us(),
	    .shown = !quiet && isatty(STDERR_FILENO)};
}

static void
draw(struct ctl_progress *p, uint64_t now)
{
	static const char marks[] = "##############################";
	double seconds = (double)(now - p->began_us) / 1e6;
	double rate = seconds > 0 ? (double)p->done / seconds : 0;
	char right[64] = "";
	int filled = 0;

	p->drawn_us = now;
	if (p->total > 0) {
		uint64_t left = p->done < p->total ? p->total - p->done : 0;
		uint64_t wait = rate > 0 ? (uint64_t)((double)left / rate) : 0;

		filled =
		    (int)(p->done >= p->total ? 30 : p->done * 30 / p->total);
		snprintf(right, sizeof(right),
		    " of %s, %" PRIu64 ":%02" PRIu64 " left",
		    nx_size_format(p->total), wait / 60, wait % 60);
	}
	fprintf(stderr, "\r%.24s [%.*s%*s] %s%s at %s/s\033[K", p->name, filled,
	    marks, 30 - filled, "", nx_size_format(p->done), right,
	    nx_size_format((uint64_t)rate));
}

void
ctl_progress_add(struct ctl_progress *p, uint64_t bytes)
{
	uint64_t now;

	p->done += bytes;
	if (!p->shown)
		return;
	now = nx_now_us();
	if (now - p->drawn_us >= DRAW_US)
		draw(p, now);
}

void
ctl_progress_end(struct ctl_progress *p)
{
	if (!p->shown)
		return;
	draw(p, nx_now_us());
	fputc('\n', stderr);
}

/* For what splice does not take (a terminal, some file systems). */
static ssize_t
feed_by_copy(int from, int to)
{
	static char buf[65536];
	ssize_t n = read(from, buf, sizeof(buf));
	int error;

	if (n <= 0)
		return n < 0 ? -errno : 0;
	error = nx_write_full(to, buf, (size_t)n);
	return error < 0 ? error : n;
}

int
ctl_feed(int from, int to, struct ctl_progress *p, uint64_t *ret_moved)
{
	uint64_t moved = 0;
	bool splices = true;
	ssize_t n;

	for (;;) {
		if (splices) {
			n = splice(from, NULL, to, NULL, PIECE, SPLICE_F_MOVE);
			if (n < 0 && errno == EINVAL && moved == 0) {
				splices = false;
				continue;
			}
			n = n < 0 ? -errno : n;
		} else {
			n = feed_by_copy(from, to);
		}
		if (n == -EINTR)
			continue;
		if (n < 0)
			return (int)n;
		if (n == 0)
			break;
		moved += (uint64_t)n;
		ctl_progress_add(p, (uint64_t)n);
	}
	*ret_moved = moved;
	return 0;
}

static ssize_t
copy_piece(int from, uint64_t offset, size_t len, int to)
{
	static char buf[65536];
	off_t at = (off_t)offset;
	ssize_t n;
	int error;

	n = sendfile(to, from, &at, len);
	if (n >= 0 || (errno != EINVAL && errno != ENOSYS))
		return n < 0 ? -errno : n;
	/* E.g. a terminal, or a file open for appending. */
	n = pread(
	    from, buf, len < sizeof(buf) ? len : sizeof(buf), (off_t)offset);
	if (n <= 0)
		return n < 0 ? -errno : 0;
	error = nx_write_full(to, buf, (size_t)n);
	return error < 0 ? error : n;
}

int
ctl_copy(
    int from, uint64_t offset, uint64_t length, int to, struct ctl_progress *p)
{
	ssize_t n;

	while (length > 0) {
		n = copy_piece(
		    from, offset, length < PIECE ? length : PIECE, to);
		if (n == -EINTR || n == -EAGAIN)
			continue;
		if (n < 0)
			return (int)n;
		if (n == 0)
			return -ENODATA;
		offset += (uint64_t)n;
		length -= (uint64_t)n;
		ctl_progress_add(p, (uint64_t)n);
	}
	return 0;
}

/* What is not a regular file is written to as it is. */
static int
open_plain(struct ctl_target *t, const char *path)
{
	t->plain = true;
	t->fd = strcmp(path, "-") == 0
	    ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
	    : open(path, O_WRONLY | O_CLOEXEC);
	return t->fd < 0 ? -errno : 0;
}

/* Splits @path into the directory, opened, and the last name. */
static int
open_directory(struct ctl_target *t, const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');
	char directory[4096];

	t->dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->dirfd >= 0) {
		/* The name is what some user chose. */
		if (strchr(name, '/') || strcmp(name, "..") == 0 ||
		    strcmp(name, ".") == 0 || !*name)
			return -EINVAL;
		return snprintf(t->name, sizeof(t->name), "%s", name) >=
			(int)sizeof(t->name)
		    ? -ENAMETOOLONG
		    : 0;
	}
	if (errno != ENOTDIR && errno != ENOENT)
		return -errno;
	if (snprintf(directory, sizeof(directory), "%.*s",
		slash ? (int)(slash - path) + 1 : 1,
		slash ? path : ".") >= (int)sizeof(directory) ||
	    snprintf(t->name, sizeof(t->name), "%s",
		slash ? slash + 1 : path) >= (int)sizeof(t->name))
		return -ENAMETOOLONG;
	if (!t->name[0])
		return -ENOENT;
	t->dirfd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return t->dirfd < 0 ? -errno : 0;
}

int
ctl_target_open(struct ctl_target *t, const char *path, const char *name)
{
	struct stat st;
	char id[NX_ID_LEN + 1];
	int error;

	*t = (struct ctl_target){.fd = -1, .dirfd = -1};
	if (strcmp(path, "-") == 0 ||
	    (stat(path, &st) == 0 && !S_ISREG(st.st_mode) &&
		!S_ISDIR(st.st_mode)))
		return open_plain(t, path);
	error = open_directory(t, path, name);
	if (error < 0)
		return error;
	nx_id_new(id);
	snprintf(
	    t->temporary, sizeof(t->temporary), ".nexusctl-%.12s.part", id);
	t->fd = openat(t->dirfd, t->temporary,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (t->fd < 0) {
		error = -errno;
		t->temporary[0] = '\0';
		return error;
	}
	return 0;
}

int
ctl_target_keep(struct ctl_target *t)
{
	if (t->plain)
		return 0;
	if (fdatasync(t->fd) < 0 && errno != EINVAL)
		return -errno;
	if (renameat(t->dirfd, t->temporary, t->dirfd, t->name) < 0)
		return -errno;
	t->temporary[0] = '\0';
	return 0;
}

void
ctl_target_fini(struct ctl_target *t)
{
	if (t->temporary[0] && t->dirfd >= 0)
		unlinkat(t->dirfd, t->temporary, 0);
	t->temporary[0] = '\0';
	nx_close(&t->fd);
	nx_close(&t->dirfd);
}
