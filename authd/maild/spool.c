/* The queue's files. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "authd/maild/spool.h"
#include "common/fd.h"

#define MAGIC    "nexus-mail 1"
#define FILE_MAX (64U << 10)

/* What is not finished: "t" and the id. */
static void
draft_name(const char *id, char name[NX_ID_LEN + 2])
{
	snprintf(name, NX_ID_LEN + 2, "t%.32s", id);
}

static int
remove_draft(const char *name, void *arg)
{
	struct maild_spool *s = arg;

	if (name[0] != 't')
		return 0;
	return unlinkat(s->dir, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

static int
walk(struct maild_spool *s, int (*each)(const char *name, void *arg), void *arg)
{
	int fd = openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d) {
		r = -errno;
		nx_close(&fd);
		return r;
	}
	while (r == 0 && (e = readdir(d)))
		if (e->d_name[0] != '.')
			r = each(e->d_name, arg);
	closedir(d);
	return r;
}

int
maild_spool_open(struct maild_spool *s, const char *dir)
{
	char path[4096];
	int r;

	snprintf(path, sizeof(path), "%s/queue", dir);
	s->dir = -1;
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	s->dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (s->dir < 0)
		return -errno;
	/* Only this program writes here. */
	r = walk(s, remove_draft, s);
	if (r < 0)
		maild_spool_close(s);
	return r;
}

void
maild_spool_close(struct maild_spool *s)
{
	nx_close(&s->dir);
}

/* --- one mail ---------------------------------------------------------------*/

static int
write_draft(struct maild_spool *s, const char *name,
    const struct maild_mail *mail, uint64_t created_at)
{
	nx_cleanup_fd int fd = openat(s->dir, name,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	char head[1024];
	int len, r;

	if (fd < 0)
		return -errno;
	len = snprintf(head, sizeof(head),
	    MAGIC " %" PRIu64 " %" PRIu64 " %zu\n%s\n%s\n", created_at,
	    mail->expires_at, mail->len, mail->to, mail->subject);
	if (len < 0 || (size_t)len >= sizeof(head) ||
	    (size_t)len + mail->len > FILE_MAX)
		return -EMSGSIZE;
	r = nx_write_full(fd, head, (size_t)len);
	if (r == 0)
		r = nx_write_full(fd, mail->text, mail->len);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	return r;
}

int
maild_spool_add(struct maild_spool *s, const struct maild_mail *mail,
    uint64_t created_at, char ret_id[NX_ID_LEN + 1])
{
	char id[NX_ID_LEN + 1], draft[NX_ID_LEN + 2];
	int r;

	nx_id_new(id);
	draft_name(id, draft);
	r = write_draft(s, draft, mail, created_at);
	if (r == 0 && renameat(s->dir, draft, s->dir, id) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlinkat(s->dir, draft, 0);
		return r;
	}
	/* Whoever hears of a failure may send it again: it must not go twice. */
	if (fsync(s->dir) < 0) {
		r = -errno;
		(void)unlinkat(s->dir, id, 0);
		return r;
	}
	memcpy(ret_id, id, sizeof(id));
	return 0;
}

/* Cuts the first line off *at; its length is below @max. NULL: it is not. */
static const char *
line(char **at, size_t max)
{
	char *start = *at, *end = strchr(start, '\n');

	if (!end || (size_t)(end - start) >= max)
		return NULL;
	*end = '\0';
	*at = end + 1;
	return start;
}

static int
parse(char *file, size_t size, struct maild_spooled *head, char **ret_text,
    size_t *ret_len)
{
	char *at = file;
	const char *first = line(&at, 128);
	const char *to = first ? line(&at, sizeof(head->to)) : NULL;
	const char *subject = to ? line(&at, sizeof(head->subject)) : NULL;
	size_t len;

	if (!subject ||
	    sscanf(first, MAGIC " %" SCNu64 " %" SCNu64 " %zu",
		&head->created_at, &head->expires_at, &len) != 3 ||
	    len != size - (size_t)(at - file) || !maild_address_valid(to) ||
	    head->expires_at <= head->created_at)
		return -EBADMSG;
	snprintf(head->to, sizeof(head->to), "%s", to);
	snprintf(head->subject, sizeof(head->subject), "%s", subject);
	*ret_text = strndup(at, len);
	*ret_len = len;
	return *ret_text ? 0 : -ENOMEM;
}

int
maild_spool_read(struct maild_spool *s, const char *id,
    struct maild_spooled *ret_head, char **ret_text, size_t *ret_len)
{
	char *file = NULL;
	int len = nx_read_file(s->dir, id, FILE_MAX, &file), r = len;

	if (len >= 0 && strlen(file) != (size_t)len)
		r = -EBADMSG;
	else if (len >= 0)
		r = parse(file, (size_t)len, ret_head, ret_text, ret_len);
	if (len >= 0)
		explicit_bzero(file, (size_t)len);
	free(file);
	return r;
}

int
maild_spool_remove(struct maild_spool *s, const char *id)
{
	if (unlinkat(s->dir, id, 0) < 0 && errno != ENOENT)
		return -errno;
	return fsync(s->dir) < 0 ? -errno : 0;
}

struct walking {
	int (*each)(const char *id, void *arg);
	void *arg;
};

static int
ids_only(const char *name, void *arg)
{
	struct walking *w = arg;

	return nx_id_valid(name) ? w->each(name, w->arg) : 0;
}

int
maild_spool_walk(
    struct maild_spool *s, int (*each)(const char *id, void *arg), void *arg)
{
	struct walking w = {each, arg};

	return walk(s, ids_only, &w);
}
