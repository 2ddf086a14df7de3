/*
 * What copies of the catalogue are put together from: a record belongs after the
 * point it names and nowhere else, whatever its number and whenever it was
 * written.
 */
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/fd.h"
#include "storaged/ledger/gather.h"

static char top[64];
static const struct volume_key none;

static int
setup(void **state)
{
	(void)state;
	(void)snprintf(top, sizeof(top), "/tmp/nexus-gather.XXXXXX");
	return mkdtemp(top) ? 0 : -1;
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int
teardown(void **state)
{
	(void)state;
	return nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static struct catalog_point
point(uint64_t seq, uint32_t link)
{
	struct catalog_point p = {.seq = seq, .link = link, .schema = 3};

	memset(p.id, 7, sizeof(p.id));
	return p;
}

static int
place(unsigned n)
{
	char path[80];
	int dir;

	(void)snprintf(path, sizeof(path), "%s/%u", top, n);
	assert_int_equal(mkdir(path, 0700), 0);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir >= 0);
	return dir;
}

/* A log for what comes after @p. */
static int
begin_log(int dir, const char *name, const struct catalog_point *p)
{
	int fd = openat(dir, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct log_head head;

	assert_true(fd >= 0);
	log_head_make(&head, p, LEDGER_PLAIN);
	assert_int_equal(pwrite(fd, &head, sizeof(head), 0), sizeof(head));
	return fd;
}

/* A record of @text after @p, which moves behind it. */
static struct record_head
append(int fd, struct catalog_point *p, const char *text)
{
	struct record_head h;
	uint32_t len = (uint32_t)strlen(text);
	off_t at = lseek(fd, 0, SEEK_END);

	at = (at + LEDGER_PAGE - 1) / LEDGER_PAGE * LEDGER_PAGE;
	usleep(2); /* times tell which is newer */
	record_head_make(&h, p, text, len, RECORD_SYNC);
	assert_int_equal(pwrite(fd, &h, sizeof(h), at), sizeof(h));
	assert_int_equal(pwrite(fd, text, len, at + (off_t)sizeof(h)), len);
	p->seq = h.seq;
	p->link = h.link;
	return h;
}

/* What follows @at, as text: the records' data, one after the other. */
static const char *
followed(int *dirs, size_t n, struct catalog_point at, uint64_t *ret_beyond)
{
	static char text[256];
	struct gathered g = {0};
	const struct gather_record *r;

	for (size_t i = 0; i < n; i++)
		assert_int_equal(gather_add(&g, dirs[i], &none), 0);
	gather_sort(&g);
	text[0] = '\0';
	while ((r = gather_next(&g, -1, &at))) {
		uint8_t *data;

		assert_int_equal(gather_data(&g, r, &data), 0);
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
		    "%.*s ", (int)r->head.len, (const char *)data);
		free(data);
	}
	*ret_beyond = gather_beyond(&g, &at);
	gather_fini(&g);
	return text;
}

/* Two went on from one point, each without the other, and the one that did not
 * go on was written last: its successor by number is another's. */
static void
test_fork(void **state)
{
	struct catalog_point base = point(5, 0x1234), a = base, b = base;
	int dirs[2] = {place(0), place(1)};
	int la = begin_log(dirs[0], "log.1", &base);
	int lb = begin_log(dirs[1], "log.1", &base);
	uint64_t beyond;

	(void)state;
	append(lb, &b, "b6");
	append(lb, &b, "b7");
	append(lb, &b, "b8");
	append(la, &a, "a6");
	assert_string_equal(followed(dirs, 2, base, &beyond), "b6 b7 b8 ");
	assert_int_equal(beyond, 0);
	assert_string_equal(followed(dirs, 1, base, &beyond), "a6 ");
	close(la);
	close(lb);
	close(dirs[0]);
	close(dirs[1]);
}

/* What comes after another history's point of that number does not come after
 * this one; that there is more is said. */
static void
test_another_history(void **state)
{
	struct catalog_point ours = point(5, 0x1234), theirs = point(5, 0x4321);
	struct catalog_point at = theirs;
	int dir = place(0), log = begin_log(dir, "log.1", &theirs);
	uint64_t beyond;

	(void)state;
	append(log, &at, "6");
	append(log, &at, "7");
	assert_string_equal(followed(&dir, 1, ours, &beyond), "");
	assert_int_equal(beyond, 7);
	assert_string_equal(followed(&dir, 1, theirs, &beyond), "6 7 ");
	close(log);
	close(dir);
}

/* A base of a later point says that there was more, whether or not it can be
 * read. Another catalogue's says nothing. */
static void
test_later_base(void **state)
{
	struct catalog_point base = point(5, 1), at = base;
	struct base_sums sums = {.head = {.seq = 9, .link = 4}};
	int dir = place(0), log = begin_log(dir, "log.1", &base);
	uint64_t beyond;
	int fd;

	(void)state;
	append(log, &at, "6");
	for (unsigned other = 0; other < 2; other++) {
		memcpy(sums.head.id, base.id, sizeof(sums.head.id));
		sums.head.id[0] ^= (uint8_t)(1 - other);
		base_sums_make(&sums, LEDGER_PLAIN);
		fd = openat(dir, "base.9-1.sum",
		    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		assert_int_equal(write(fd, &sums.head, sizeof(sums.head)),
		    sizeof(sums.head));
		close(fd);
		assert_string_equal(followed(&dir, 1, base, &beyond), "6 ");
		assert_int_equal(beyond, other ? 9 : 0);
	}
	close(log);
	close(dir);
}

/* A record that is missing in the middle is not stepped over by one that was
 * made anew with its number. */
static void
test_middle(void **state)
{
	struct catalog_point base = point(5, 1), at = base, other = base;
	int dir = place(0), log = begin_log(dir, "log.1", &base);
	int lost = begin_log(dir, "lost", &base); /* nobody reads that */
	uint64_t beyond;

	(void)state;
	append(log, &at, "6");
	append(lost, &at, "7");
	append(log, &at, "8");
	append(lost, &other, "another 6");
	append(log, &other, "another 7");
	assert_string_equal(followed(&dir, 1, base, &beyond), "6 ");
	assert_int_equal(beyond, 8);
	close(lost);
	close(log);
	close(dir);
}

/* The sum of a record has the one before in it, whatever else is the same. */
static void
test_link(void **state)
{
	struct catalog_point p = point(5, 1), q = point(5, 2);
	struct record_head a, b;

	(void)state;
	record_head_make(&a, &p, "x", 1, 0);
	record_head_make(&b, &q, "x", 1, 0);
	assert_int_not_equal(a.link, b.link);
	assert_true(record_head_valid(&a));
	record_head_make(&b, &p, "y", 1, 0);
	assert_int_not_equal(a.link, b.link);
	p.seq++;
	record_head_make(&b, &p, "x", 1, 0);
	assert_int_not_equal(a.link, b.link);
}

/* Each bit of a head. */
static void
test_bits_of_heads(void **state)
{
	struct catalog_point p = point(5, 1);
	struct record_head r;
	struct log_head l;

	(void)state;
	record_head_make(&r, &p, "x", 1, RECORD_SYNC);
	log_head_make(&l, &p, LEDGER_PLAIN);
	for (size_t i = 0; i < sizeof(r) * 8; i++) {
		((uint8_t *)&r)[i / 8] ^= (uint8_t)(1U << i % 8);
		assert_false(record_head_valid(&r));
		((uint8_t *)&r)[i / 8] ^= (uint8_t)(1U << i % 8);
	}
	for (size_t i = 0; i < sizeof(l) * 8; i++) {
		((uint8_t *)&l)[i / 8] ^= (uint8_t)(1U << i % 8);
		assert_false(log_head_valid(&l));
		((uint8_t *)&l)[i / 8] ^= (uint8_t)(1U << i % 8);
	}
	assert_true(record_head_valid(&r) && log_head_valid(&l));
}

static bool
covers(int *dirs, size_t n, struct catalog_point at)
{
	struct gathered g = {0};
	bool r;

	for (size_t i = 0; i < n; i++)
		assert_int_equal(gather_add(&g, dirs[i], &none), 0);
	gather_sort(&g);
	while (gather_next(&g, -1, &at))
		;
	r = gather_covers(&g, &at);
	gather_fini(&g);
	return r;
}

/* A log whose head rotted may have had anything; unless another copy has come as
 * far as there is anything. One that is not begun has none. */
static void
test_rotten_head(void **state)
{
	struct catalog_point base = point(5, 1), a = base, b = base;
	int dirs[2] = {place(0), place(1)};
	int la = begin_log(dirs[0], "log.1", &base);
	int lb = begin_log(dirs[1], "log.1", &base);
	int spare =
	    openat(dirs[0], "log.2", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct log_head head;

	(void)state;
	assert_int_equal(ftruncate(spare, 3 * LEDGER_PAGE), 0);
	append(la, &a, "6");
	append(lb, &b, "6");
	assert_true(covers(dirs, 1, base));
	assert_true(covers(dirs, 2, base));
	log_head_make(&head, &base, LEDGER_PLAIN);
	head.first ^= 1;
	assert_int_equal(pwrite(la, &head, sizeof(head), 0), sizeof(head));
	assert_false(covers(dirs, 1, base));
	assert_true(covers(dirs, 2, base));
	head.first ^= 3;
	assert_int_equal(pwrite(lb, &head, sizeof(head), 0), sizeof(head));
	assert_false(covers(dirs, 2, base));
	close(spare);
	close(la);
	close(lb);
	close(dirs[0]);
	close(dirs[1]);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_fork),
	    T(test_another_history),
	    T(test_later_base),
	    T(test_middle),
	    T(test_rotten_head),
	    T(test_link),
	    T(test_bits_of_heads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
