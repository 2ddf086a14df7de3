/* See disk_list.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "storaged/storaged.h"
#include "storaged/volumes/disk_list.h"
#include "storaged/volumes/volume.h"

#define LINE_MAX_LEN (NX_ID_LEN + 1 + CATALOG_DISK_PATH + 1)
#define FILE_MAX     (DISKS_MAX * LINE_MAX_LEN)

char *
disk_list_text(const struct volumes *vs)
{
	char *text = calloc(1, FILE_MAX + LINE_MAX_LEN + 1);
	const struct disk *d;
	size_t len = 0;

	TAILQ_FOREACH(d, &vs->disks, entry)
		if (text && d->key != 0 && !d->removing && len < FILE_MAX)
			len += (size_t)snprintf(text + len, LINE_MAX_LEN + 1,
			    "%s %s\n", d->identity, d->path);
	return text;
}

/* --- in a thread ------------------------------------------------------------*/

static bool
is_that(int dir, const char *text)
{
	nx_cleanup_free char *have = NULL;

	return nx_read_file(dir, DISK_LIST_FILE, FILE_MAX, &have) >= 0 &&
	    strcmp(have, text) == 0;
}

int
disk_list_write(int dir, const char *text)
{
	nx_cleanup_fd int fd = -1;

	if (is_that(dir, text))
		return 0;
	(void)unlinkat(dir, DISK_LIST_FILE ".new", 0);
	fd = openat(dir, DISK_LIST_FILE ".new",
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (nx_write_full(fd, text, strlen(text)) < 0 || fsync(fd) < 0 ||
	    renameat(dir, DISK_LIST_FILE ".new", dir, DISK_LIST_FILE) < 0) {
		int r = -errno;

		(void)unlinkat(dir, DISK_LIST_FILE ".new", 0);
		return r;
	}
	return fsync(dir) < 0 ? -errno : 0;
}

static bool
read_line(const char *line, size_t len, struct disk_listed *ret_listed)
{
	struct disk_listed l = {0};

	if (len <= NX_ID_LEN + 1 || len >= LINE_MAX_LEN ||
	    line[NX_ID_LEN] != ' ')
		return false;
	memcpy(l.identity, line, NX_ID_LEN);
	memcpy(l.path, line + NX_ID_LEN + 1, len - NX_ID_LEN - 1);
	if (!nx_id_valid(l.identity) || disk_path_bad(l.path))
		return false;
	*ret_listed = l;
	return true;
}

size_t
disk_list_read(int dir, struct disk_listed *ret_listed, size_t max)
{
	nx_cleanup_free char *text = NULL;
	size_t n = 0;

	if (nx_read_file(dir, DISK_LIST_FILE, FILE_MAX, &text) < 0)
		return 0;
	for (const char *line = text; *line && n < max;) {
		size_t len = strcspn(line, "\n");

		n += read_line(line, len, &ret_listed[n]);
		line += len + (line[len] == '\n');
	}
	return n;
}

/* --- the state directory's --------------------------------------------------*/

struct noting {
	struct volumes *vs;
	char *text;
	int dir, result;
};

static void
note_work(void *arg)
{
	struct noting *job = arg;

	job->result = disk_list_write(job->dir, job->text);
}

static void begin(struct volumes *vs);

static void
note_done(void *arg)
{
	struct noting *job = arg;
	struct volumes *vs = job->vs;

	vs->noting = false;
	if (job->result < 0)
		nx_warn("event=disks-not-noted error=\"%s\" note=\"a rebuild "
			"knows those that nexus.conf names\"",
		    strerror(-job->result));
	nx_close(&job->dir);
	free(job->text);
	free(job);
	if (vs->note_again)
		begin(vs);
}

/* What was open before the drop is still ours: the directory of mount points is
 * below that of the catalogue. */
static void
begin(struct volumes *vs)
{
	struct noting *job = calloc(1, sizeof(*job));

	vs->note_again = vs->noting;
	if (vs->noting || !job) {
		free(job);
		return;
	}
	job->vs = vs;
	job->dir = openat(
	    vs->nowhere, "..", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	job->text = disk_list_text(vs);
	if (job->dir >= 0 && job->text &&
	    nx_workers_submit(vs->s->slow, note_work, note_done, job) == 0) {
		vs->noting = true;
		return;
	}
	nx_close(&job->dir);
	free(job->text);
	free(job);
}

void
disk_list_changed(struct volumes *vs)
{
	struct disk *d;

	if (vs->only_looking)
		return; /* volumes_start comes here */
	vs->disk_lists++;
	begin(vs);
	TAILQ_FOREACH(d, &vs->disks, entry)
		if (d->key != 0 && !d->away)
			disk_look(vs, d);
}
