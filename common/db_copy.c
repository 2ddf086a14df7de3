/* Copying a database in use; see db_copy.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/db_copy.h"
#include "common/db_internal.h"
#include "common/err.h"
#include "common/fd.h"

#define FORMAT_AT  18 /* in the file: how it is written and read */
#define FORMAT_OLD 1  /* without a log of its own */

struct nx_db_copy {
	struct nx_db *db;
	sqlite3 *to;
	sqlite3_backup *backup;
	char *path;
};

/* The copy is new and nobody's yet: nothing of it has to outlive a crash. */
static int
open_target(const char *path, sqlite3 **ret_to)
{
	sqlite3 *to = NULL;
	int r = nx_db_errno_of(sqlite3_open_v2(path, &to,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW |
		SQLITE_OPEN_NOMUTEX,
	    NULL));

	if (r == 0 && chmod(path, 0600) < 0)
		r = -errno;
	if (r == 0)
		r = nx_db_errno_of(sqlite3_exec(to,
		    "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=OFF;"
		    "PRAGMA synchronous=OFF; PRAGMA cache_size=-1024;",
		    NULL, NULL, NULL));
	if (r < 0)
		sqlite3_close(to);
	else
		*ret_to = to;
	return r;
}

int
nx_db_copy_new(struct nx_db *db, const char *path, struct nx_db_copy **ret_copy)
{
	struct nx_db_copy *c = calloc(1, sizeof(*c));
	int r = 0;

	if (!c)
		return -ENOMEM;
	c->db = db;
	c->path = strdup(path);
	if (!c->path)
		r = -ENOMEM;
	if (r == 0 && unlink(path) < 0 && errno != ENOENT)
		r = -errno;
	if (r == 0)
		r = open_target(path, &c->to);
	if (r == 0) {
		c->backup =
		    sqlite3_backup_init(c->to, "main", db->sqlite, "main");
		r = c->backup ? 0 : nx_db_errno_of(sqlite3_errcode(c->to));
	}
	if (r < 0)
		nx_db_copy_free(c);
	else
		*ret_copy = c;
	return r;
}

/* It came from a database with a log, and says so itself. */
static int
without_log(const char *path)
{
	static const uint8_t format[2] = {FORMAT_OLD, FORMAT_OLD};
	nx_cleanup_fd int fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = pwrite(fd, format, sizeof(format), FORMAT_AT);
	return n < 0 ? -errno : n == sizeof(format) ? 0 : -EIO;
}

static void
close_target(struct nx_db_copy *c)
{
	if (c->backup)
		(void)sqlite3_backup_finish(c->backup);
	c->backup = NULL;
	sqlite3_close(c->to);
	c->to = NULL;
}

int
nx_db_copy_step(struct nx_db_copy *c, int pages)
{
	int rc;

	nx_assert(c->backup);
	rc = sqlite3_backup_step(c->backup, pages);
	if (rc == SQLITE_OK)
		return 1;
	close_target(c);
	if (rc == SQLITE_DONE)
		return without_log(c->path);
	return nx_db_errno_of(rc);
}

struct nx_db_copy *
nx_db_copy_free(struct nx_db_copy *c)
{
	if (c) {
		close_target(c);
		free(c->path);
		free(c);
	}
	return NULL;
}
