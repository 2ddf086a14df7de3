/*
 * A disk that fails when it is told to: a file system (FUSE) of two files, `disk`,
 * which is to be the back of a loop device and whose bytes are in IMAGE, and
 * `control`, which takes rules and tells how often each was met.
 *
 *	faultdisk MOUNTPOINT IMAGE
 *
 * A rule is a line, written at once (fault_disk.py):
 *
 *	OP ACTION [at FROM TO] [has WORD]
 *
 * OP is read, write or flush; ACTION is eio, enospc, or to wait before each: so many
 * milliseconds (wait MS, a slow disk) or until so many after the rule came (hang MS,
 * one that does not answer for that long). It holds for what
 * touches the bytes FROM to TO, and for what has WORD in it; without either, for
 * all. The first rule that fits decides. `mend` forgets all rules, and who waits
 * goes on. What is read is not cached, or a read would be no read of the disk.
 */
#define FUSE_USE_VERSION 31
#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/err.h"

#define RULES 64
#define WORD  64

enum op { OP_READ, OP_WRITE, OP_FLUSH, OPS };

static const char *const op_names[OPS] = {"read", "write", "flush"};

struct rule {
	enum op op;
	int error; /* -errno, or 0: it waits @ms */
	long ms;
	struct timespec until; /* not longer, if it is set */
	off_t from, to;
	char word[WORD]; /* empty: whatever is in it */
	uint64_t met;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t mended = PTHREAD_COND_INITIALIZER;
static struct rule rules[RULES];
static unsigned n_rules, times_mended;

static int image = -1;
static off_t image_size;

/* --- rules ------------------------------------------------------------------*/

static bool
fits(const struct rule *r, enum op op, const char *data, size_t len,
    off_t offset)
{
	if (r->op != op)
		return false;
	if (op != OP_FLUSH &&
	    (offset >= r->to || offset + (off_t)len <= r->from))
		return false;
	return r->word[0] == '\0' ||
	    (data && memmem(data, len, r->word, strlen(r->word)));
}

static struct timespec
after(long ms)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += ms % 1000 * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

static void
wait_mended(const struct rule *r)
{
	struct timespec until = r->until.tv_sec > 0 ? r->until : after(r->ms);
	unsigned before = times_mended;

	while (before == times_mended)
		if (pthread_cond_timedwait(&mended, &lock, &until) != 0)
			break;
}

/* What becomes of it: 0, maybe later, or -errno. */
static int
judge(enum op op, const char *data, size_t len, off_t offset)
{
	int error = 0;

	(void)pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < n_rules; i++)
		if (fits(&rules[i], op, data, len, offset)) {
			rules[i].met++;
			error = rules[i].error;
			if (error == 0)
				wait_mended(&rules[i]);
			break;
		}
	(void)pthread_mutex_unlock(&lock);
	return error;
}

static int
parse_action(struct rule *r, char **next)
{
	const char *action = strtok_r(NULL, " \n", next);
	const char *ms;

	if (!action)
		return -EINVAL;
	if (strcmp(action, "eio") == 0)
		r->error = -EIO;
	else if (strcmp(action, "enospc") == 0)
		r->error = -ENOSPC;
	else if (!(ms = strtok_r(NULL, " \n", next)))
		return -EINVAL;
	else
		r->ms = strtol(ms, NULL, 10);
	if (strcmp(action, "hang") == 0)
		r->until = after(r->ms);
	return 0;
}

/* What it holds for. */
static int
parse_scope(struct rule *r, char **next)
{
	const char *word, *value;

	while ((word = strtok_r(NULL, " \n", next))) {
		value = strtok_r(NULL, " \n", next);
		if (value && strcmp(word, "has") == 0 && strlen(value) < WORD) {
			(void)strcpy(r->word, value);
			continue;
		}
		if (!value || strcmp(word, "at") != 0)
			return -EINVAL;
		r->from = strtoll(value, NULL, 10);
		value = strtok_r(NULL, " \n", next);
		if (!value)
			return -EINVAL;
		r->to = strtoll(value, NULL, 10);
	}
	return 0;
}

static int
parse_rule(char *line, struct rule *ret_rule)
{
	struct rule r = {.op = OPS, .to = INT64_MAX};
	char *next = NULL;
	const char *op = strtok_r(line, " \n", &next);

	for (unsigned i = 0; op && i < OPS; i++)
		if (strcmp(op, op_names[i]) == 0)
			r.op = (enum op)i;
	if (r.op == OPS || parse_action(&r, &next) < 0 ||
	    parse_scope(&r, &next) < 0)
		return -EINVAL;
	*ret_rule = r;
	return 0;
}

static int
control(const char *data, size_t len)
{
	char line[256];
	int r = 0;

	if (len >= sizeof(line))
		return -EINVAL;
	memcpy(line, data, len);
	line[len] = '\0';
	(void)pthread_mutex_lock(&lock);
	if (strncmp(line, "mend", 4) == 0) {
		n_rules = 0;
		times_mended++;
		(void)pthread_cond_broadcast(&mended);
	} else if (n_rules == RULES) {
		r = -ENOSPC;
	} else {
		r = parse_rule(line, &rules[n_rules]);
		n_rules += r == 0;
	}
	(void)pthread_mutex_unlock(&lock);
	return r < 0 ? r : (int)len;
}

/* How often each rule was met, a line each. */
static int
tell(char *buf, size_t size, off_t offset)
{
	char text[RULES * 24];
	size_t len = 0;

	(void)pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < n_rules; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
		    "%" PRIu64 "\n", rules[i].met);
	(void)pthread_mutex_unlock(&lock);
	if ((size_t)offset >= len)
		return 0;
	len -= (size_t)offset;
	len = len < size ? len : size;
	memcpy(buf, text + offset, len);
	return (int)len;
}

/* --- files ------------------------------------------------------------------*/

static bool
is(const char *path, const char *name)
{
	return strcmp(path + 1, name) == 0;
}

static int
fs_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	(void)fi;
	memset(st, 0, sizeof(*st));
	st->st_nlink = 1;
	st->st_mode = S_IFREG | 0600;
	if (is(path, "disk"))
		st->st_size = image_size;
	else if (is(path, ""))
		st->st_mode = S_IFDIR | 0700;
	else if (!is(path, "control"))
		return -ENOENT;
	return 0;
}

static int
fs_open(const char *path, struct fuse_file_info *fi)
{
	fi->direct_io = 1;
	return is(path, "disk") || is(path, "control") ? 0 : -ENOENT;
}

static int
fs_truncate(const char *path, off_t size, struct fuse_file_info *fi)
{
	(void)size;
	(void)fi;
	return is(path, "control") ? 0 : -EPERM;
}

static int
fs_read(const char *path, char *buf, size_t len, off_t offset,
    struct fuse_file_info *fi)
{
	ssize_t n;
	int r;

	(void)fi;
	if (is(path, "control"))
		return tell(buf, len, offset);
	n = pread(image, buf, len, offset);
	if (n < 0)
		return -errno;
	r = judge(OP_READ, buf, (size_t)n, offset);
	return r < 0 ? r : (int)n;
}

static int
fs_write(const char *path, const char *data, size_t len, off_t offset,
    struct fuse_file_info *fi)
{
	int r;

	(void)fi;
	if (is(path, "control"))
		return control(data, len);
	r = judge(OP_WRITE, data, len, offset);
	if (r < 0)
		return r;
	return pwrite(image, data, len, offset) == (ssize_t)len ? (int)len
								: -EIO;
}

static int
fs_fsync(const char *path, int datasync, struct fuse_file_info *fi)
{
	(void)path;
	(void)datasync;
	(void)fi;
	return judge(OP_FLUSH, NULL, 0, 0);
}

static const struct fuse_operations operations = {
    .getattr = fs_getattr,
    .open = fs_open,
    .truncate = fs_truncate,
    .read = fs_read,
    .write = fs_write,
    .fsync = fs_fsync,
};

int
main(int argc, char **argv)
{
	char *fuse_argv[] = {argv[0], NULL, NULL, NULL};
	char stay[] = "-f";

	if (argc == 3)
		image = open(argv[2], O_RDWR | O_CLOEXEC);
	image_size = image < 0 ? -1 : lseek(image, 0, SEEK_END);
	if (image_size <= 0) {
		fprintf(stderr, "usage: faultdisk MOUNTPOINT IMAGE\n");
		return 2;
	}
	fuse_argv[1] = stay;
	fuse_argv[2] = argv[1];
	return fuse_main(3, fuse_argv, &operations, NULL);
}
