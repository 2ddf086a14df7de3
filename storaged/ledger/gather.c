/* See gather.h. Nothing that is read here is taken for granted. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "storaged/ledger/gather.h"

#define WINDOW (1U << 20)

/* @n more of them; NULL: no memory. */
#define ADD(array, n)                                                         \
	({                                                                    \
		void *more_ = reallocarray(array, (n) + 1, sizeof(*(array))); \
		if (more_)                                                    \
			(array) = more_;                                      \
		more_ ? &(array)[(n)++] : NULL;                               \
	})

/* We lack something for a moment, which says nothing about what is there. */
static bool
is_ours(int error)
{
	return error == -ENOMEM || error == -EMFILE || error == -ENFILE;
}

static ssize_t
read_at(int fd, void *to, size_t len, uint64_t at)
{
	ssize_t n;

	do
		n = pread(fd, to, len, (off_t)at);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* --- records ----------------------------------------------------------------*/

struct window {
	int fd;
	bool failed; /* once or more */
	uint8_t *buf;
	uint64_t at;
	size_t len;
};

/* A head's worth of bytes of the file; NULL beyond its end, or where it cannot
 * be read: a page more or less says nothing about the next one. */
static const uint8_t *
peek(struct window *w, uint64_t at)
{
	ssize_t n;

	if (at >= w->at && at + sizeof(struct record_head) <= w->at + w->len)
		return w->buf + (at - w->at);
	n = read_at(w->fd, w->buf, WINDOW, at);
	if (n < 0)
		n = read_at(w->fd, w->buf, LEDGER_PAGE, at);
	w->failed |= n < 0;
	w->at = at;
	w->len = n > 0 ? (size_t)n : 0;
	return w->len >= sizeof(struct record_head) ? w->buf : NULL;
}

static int
add_record(
    struct gathered *g, size_t log, const struct record_head *head, uint64_t at)
{
	struct gather_record new = {.head = *head, .log = log, .at = at};
	struct gather_record *r;
	uint8_t *data;
	int e = gather_data(g, &new, &data);

	if (is_ours(e))
		return e;
	if (e < 0) {
		/* or a power cut tore it, and nobody was told of it */
		g->unread[g->places] |= e != -EBADMSG;
		return 0;
	}
	free(data);
	r = ADD(g->records, g->n_records);
	if (!r)
		return -ENOMEM;
	*r = new;
	return 1;
}

/* Page by page to the end: behind a record that is damaged others may follow. */
static int
read_log(struct gathered *g, size_t log, uint64_t size)
{
	struct window w = {.fd = g->logs[log].fd, .buf = malloc(WINDOW)};
	size_t extra = gather_extra(&g->logs[log]);
	struct record_head head;
	uint64_t at = LEDGER_PAGE;
	int r = w.buf ? 0 : -ENOMEM;

	while (r >= 0 && at < size) {
		const uint8_t *p = peek(&w, at);

		if (p)
			memcpy(&head, p, sizeof(head));
		if (!p || !record_head_valid(&head)) {
			at += LEDGER_PAGE;
			continue;
		}
		r = add_record(g, log, &head, at);
		at += r > 0 ? record_room(head.len, extra) : LEDGER_PAGE;
		if (r > 0)
			g->logs[log].end = at;
	}
	g->unread[g->places] |= w.failed;
	free(w.buf);
	return r < 0 ? r : 0;
}

static bool
is_zero(const void *data, size_t len)
{
	const uint8_t *at = data;

	return at[0] == 0 && memcmp(at, at + 1, len - 1) == 0;
}

/* What is sealed, and the volume it is on has no key: it lost that, or somebody
 * put it there. */
static bool
can_be_opened(uint32_t version, const struct volume_key *key, const char *name)
{
	if (version != LEDGER_SEALED || key->bytes)
		return true;
	nx_warn("event=catalogue-copy-sealed name=%s", name);
	return false;
}

static int
add_log(struct gathered *g, const struct gather_base *of, const char *name,
    uint64_t n)
{
	int dir = of->dir;
	nx_cleanup_fd int fd =
	    openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct gather_log *log;
	struct log_head head;
	struct stat st;
	ssize_t len;

	if (fd < 0 || fstat(fd, &st) < 0) {
		g->unread[g->places] = true;
		return is_ours(-errno) ? -errno : 0;
	}
	/* One that is not begun has no head yet. */
	len = read_at(fd, &head, sizeof(head), 0);
	if (len != sizeof(head) || !log_head_valid(&head)) {
		g->unread[g->places] |= len < 0 ||
		    (len == sizeof(head) && !is_zero(&head, sizeof(head)));
		return 0;
	}
	if (!can_be_opened(head.version, of->key, name)) {
		g->unread[g->places] = true;
		return 0;
	}
	log = ADD(g->logs, g->n_logs);
	if (!log)
		return -ENOMEM;
	*log = (struct gather_log){.fd = nx_take_fd(&fd),
	    .place = g->places,
	    .n = n,
	    .head = head,
	    .key = of->key,
	    .end = LEDGER_PAGE};
	return read_log(g, g->n_logs - 1, (uint64_t)st.st_size);
}

/* --- bases ------------------------------------------------------------------*/

static int
read_sums(int fd, struct base_sums *s)
{
	size_t len;
	ssize_t n = read_at(fd, &s->head, sizeof(s->head), 0);

	if (n != sizeof(s->head) || s->head.blocks > UINT32_MAX / LEDGER_PAGE)
		return -EBADMSG;
	len = s->head.blocks * sizeof(s->crc[0]);
	s->crc = malloc(len + 1);
	if (!s->crc)
		return -ENOMEM;
	n = read_at(fd, s->crc, len, sizeof(s->head));
	return n == (ssize_t)len && base_sums_valid(s) ? 0 : -EBADMSG;
}

static int
add_base(struct gathered *g, const struct gather_base *of, const char *name)
{
	nx_cleanup_fd int fd =
	    openat(of->dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct gather_base base = *of, *b;
	int r;

	(void)snprintf(base.name, sizeof(base.name), "%.*s",
	    (int)(strlen(name) - 4), name);
	if (fd < 0)
		return is_ours(-errno) ? -errno : 0;
	r = read_sums(fd, &base.sums);
	if (r < 0 ||
	    !can_be_opened(base.sums.head.version, of->key, base.name)) {
		free(base.sums.crc);
		return is_ours(r) ? r : 0;
	}
	b = ADD(g->bases, g->n_bases);
	if (!b) {
		free(base.sums.crc);
		return -ENOMEM;
	}
	*b = base;
	return 0;
}

struct catalog_point
gather_base_point(const struct gather_base *b)
{
	struct catalog_point p = {.seq = b->sums.head.seq,
	    .link = b->sums.head.link,
	    .schema = b->sums.head.schema};

	memcpy(p.id, b->sums.head.id, sizeof(p.id));
	return p;
}

/* --- a directory ------------------------------------------------------------*/

static int
add_file(struct gathered *g, const struct gather_base *of, const char *name)
{
	size_t len = strlen(name);
	uint64_t n;

	if (sscanf(name, "log.%" SCNu64, &n) == 1)
		return add_log(g, of, name, n);
	if (strncmp(name, "base.", 5) == 0 && len > 9 && len < 64 &&
	    strcmp(name + len - 4, ".sum") == 0)
		return add_base(g, of, name);
	return 0;
}

int
gather_add(struct gathered *g, int dir, const struct volume_key *key)
{
	const struct gather_base of = {
	    .dir = dir, .key = key, .place = g->places};
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	nx_assert(g->places < GATHER_PLACES);
	if (!d) {
		r = -errno;
		nx_close(&fd);
		g->unread[g->places++] = true;
		return r;
	}
	do {
		errno = 0;
		e = readdir(d);
		r = e ? add_file(g, &of, e->d_name) : -errno;
	} while (e && r == 0);
	closedir(d);
	g->places++;
	return r;
}

static int
by_number(const void *a, const void *b)
{
	const struct record_head *x = &((const struct gather_record *)a)->head;
	const struct record_head *y = &((const struct gather_record *)b)->head;

	if (x->seq != y->seq)
		return x->seq < y->seq ? -1 : 1;
	return (x->time < y->time) - (x->time > y->time);
}

static int
newest_first(const void *a, const void *b)
{
	uint64_t x = ((const struct gather_base *)a)->sums.head.seq;
	uint64_t y = ((const struct gather_base *)b)->sums.head.seq;

	return (x < y) - (x > y);
}

void
gather_sort(struct gathered *g)
{
	if (g->n_records > 0)
		qsort(g->records, g->n_records, sizeof(*g->records), by_number);
	if (g->n_bases > 0)
		qsort(g->bases, g->n_bases, sizeof(*g->bases), newest_first);
}

void
gather_fini(struct gathered *g)
{
	for (size_t i = 0; i < g->n_logs; i++)
		nx_close(&g->logs[i].fd);
	for (size_t i = 0; i < g->n_bases; i++)
		free(g->bases[i].sums.crc);
	free(g->logs);
	free(g->records);
	free(g->bases);
	*g = (struct gathered){0};
}

/* --- following --------------------------------------------------------------*/

/* The first with that number, or behind where it would be. */
static size_t
find(const struct gathered *g, uint64_t seq)
{
	size_t low = 0, high = g->n_records;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (g->records[mid].head.seq < seq)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool
fits(const struct gathered *g, const struct gather_record *r, int place,
    const uint8_t id[CATALOG_ID_LEN], uint32_t link)
{
	const struct gather_log *log = &g->logs[r->log];

	return r->head.prev == link && (place < 0 || log->place == place) &&
	    memcmp(log->head.id, id, CATALOG_ID_LEN) == 0;
}

static bool
has_successor(const struct gathered *g, const struct gather_record *r,
    int place, const uint8_t id[CATALOG_ID_LEN])
{
	for (size_t i = find(g, r->head.seq + 1);
	     i < g->n_records && g->records[i].head.seq == r->head.seq + 1; i++)
		if (fits(g, &g->records[i], place, id, r->head.link))
			return true;
	return false;
}

/* A commit that was under way when its disk went away may have been made anew,
 * as another one, by those that stayed: what went on is right, and the later
 * one where neither did. */
const struct gather_record *
gather_next(const struct gathered *g, int place, struct catalog_point *at)
{
	const struct gather_record *best = NULL;

	for (size_t i = find(g, at->seq + 1);
	     i < g->n_records && g->records[i].head.seq == at->seq + 1; i++) {
		const struct gather_record *r = &g->records[i];

		if (!fits(g, r, place, at->id, at->link))
			continue;
		if (!best)
			best = r;
		if (has_successor(g, r, place, at->id)) {
			best = r;
			break;
		}
	}
	if (!best)
		return NULL;
	at->seq = best->head.seq;
	at->link = best->head.link;
	at->schema = g->logs[best->log].head.schema;
	return best;
}

uint64_t
gather_beyond(const struct gathered *g, const struct catalog_point *at)
{
	uint64_t most = 0;

	for (size_t i = find(g, at->seq + 1); i < g->n_records; i++)
		if (memcmp(g->logs[g->records[i].log].head.id, at->id,
			CATALOG_ID_LEN) == 0)
			most = g->records[i].head.seq;
	for (size_t i = 0; i < g->n_bases; i++) {
		const struct base_head *b = &g->bases[i].sums.head;

		if (b->seq > at->seq && b->seq > most &&
		    memcmp(b->id, at->id, CATALOG_ID_LEN) == 0)
			most = b->seq;
	}
	return most;
}

static bool
comes_to(const struct gathered *g, int place, const struct catalog_point *at)
{
	for (size_t i = find(g, at->seq);
	     i < g->n_records && g->records[i].head.seq == at->seq; i++)
		if (g->logs[g->records[i].log].place == place &&
		    g->records[i].head.link == at->link)
			return true;
	for (size_t i = 0; i < g->n_bases; i++)
		if (g->bases[i].place == place &&
		    g->bases[i].sums.head.seq == at->seq &&
		    g->bases[i].sums.head.link == at->link)
			return true;
	return false;
}

bool
gather_covers(const struct gathered *g, const struct catalog_point *at)
{
	bool all = true;

	for (int i = 0; i < g->places; i++) {
		all &= !g->unread[i];
		if (!g->unread[i] && comes_to(g, i, at))
			return true;
	}
	return all;
}
