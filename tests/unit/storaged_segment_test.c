/*
 * A store of segments, whose writes, syncs and opens fail one after the other;
 * what is read from it.
 */
#include <sys/mman.h>
#include <sys/uio.h>

#include "storaged/chunks/segments.h"
#include "tests/unit/storaged_chunk_lab.h"

/* --- failures ---------------------------------------------------------------*/

static struct {
	int what, nth, error, seen; /* 1 write, 2 open */
} more;

static bool
strikes(int what)
{
	if (more.what != what || ++more.seen != more.nth)
		return false;
	errno = more.error;
	return true;
}

ssize_t
pwritev(int fd, const struct iovec *iov, int n, off_t at)
{
	return strikes(1) ? -1 : syscall(SYS_pwritev, fd, iov, n, at, 0);
}

ssize_t
pwrite64(int fd, const void *data, size_t len, off_t at)
{
	return strikes(1) ? -1 : syscall(SYS_pwrite64, fd, data, len, at);
}

int
openat(int dir, const char *path, int flags, ...)
{
	int mode = 0;
	va_list ap;

	if (strikes(2))
		return -1;
	va_start(ap, flags);
	if (flags & (O_CREAT | O_TMPFILE))
		mode = va_arg(ap, int);
	va_end(ap);
	return (int)syscall(SYS_openat, dir, path, flags, mode);
}

static int
append(const char *text, struct chunk_place *ret_place)
{
	struct chunk_append a = {
	    .data = text, .length = (uint32_t)strlen(text)};
	int r;

	nx_id_new(a.id.text);
	r = chunk_append_wait(stores[0], &a);
	*ret_place = (struct chunk_place){a.id, a.at, a.length};
	assert_true((r == 0) == (a.at != 0));
	return r;
}

static int
read_back(const struct chunk_place *place, const char *text, bool cold)
{
	struct chunk_reader *reader;
	char got[64] = "";
	int r = cold ? chunk_open_cold(stores[0], place, &reader)
		     : chunk_open(stores[0], place, &reader);

	if (r < 0)
		return r;
	r = chunk_read_at(reader, got, place->size, 0);
	if (r == 0 && strcmp(got, text) != 0)
		r = -EBADMSG;
	chunk_close(reader);
	return r;
}

static void
close_and_open(void)
{
	struct chunk_store_spec spec = {.kind = CHUNK_STORE_LOCAL};
	char path[80];

	chunk_store_free(stores[0]);
	snprintf(path, sizeof(path), "%s/0", top);
	spec.dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(chunk_store_new(&spec, &stores[0]), 0);
}

static void
remove_segments(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s/0/.segments", top);
	assert_int_equal(system(command), 0);
}

/* What was acknowledged is there, whatever failed before or after; what failed
 * is not, and the next one works. */
static void
inject(int kind, bool other, int error)
{
	bool struck = true;

	for (int nth = 1; struck; nth++) {
		struct chunk_place first, second, third;
		int r;

		remove_segments();
		close_and_open();
		if (other)
			more = (typeof(more)){kind, nth, error, 0};
		else
			fault = (typeof(fault)){
			    .what = kind, .nth = nth, .error = error};
		r = append("the first", &first);
		if (r == 0)
			r = append("the second", &second);
		struck = other ? more.seen >= nth : fault.seen >= nth;
		more.what = 0;
		fault.what = NONE;
		assert_int_equal(r, struck ? -error : 0);
		assert_int_equal(append("the third", &third), 0);
		close_and_open();
		assert_int_equal(read_back(&third, "the third", true), 0);
		if (first.at != 0)
			assert_int_equal(
			    read_back(&first, "the first", true), 0);
		if (first.at != 0 && second.at != 0)
			assert_int_equal(
			    read_back(&second, "the second", true), 0);
	}
}

static void
test_failures(void **state)
{
	(void)state;
	inject(SYNC, false, EIO);
	inject(SYNC, false, ENOSPC);
	inject(DIRSYNC, false, EIO);
	inject(1, true, EIO);
	inject(1, true, ENOSPC);
	inject(2, true, EMFILE);
	remove_segments();
}

/* Nothing is acknowledged without a sync of its own batch, and nothing is added
 * to what could not be synced. */
static void
test_synced(void **state)
{
	struct chunk_place first, second, third;

	(void)state;
	assert_int_equal(append("the first", &first), 0);
	fault = (typeof(fault)){.what = SYNC, .nth = 100};
	assert_int_equal(append("the second", &second), 0);
	assert_int_equal(fault.seen, 1);
	assert_int_equal(segment_number(second.at), segment_number(first.at));
	/* on a page of its own */
	assert_int_equal(segment_offset(second.at) % SEGMENT_PAGE, 0);
	fault = (typeof(fault)){.what = SYNC, .nth = 1, .error = EIO};
	assert_int_equal(append("the third", &third), -EIO);
	fault.what = NONE;
	assert_int_equal(append("the third", &third), 0);
	assert_int_not_equal(
	    segment_number(third.at), segment_number(first.at));
	assert_int_equal(read_back(&first, "the first", true), 0);
	assert_int_equal(read_back(&second, "the second", true), 0);
	remove_segments();
}

/* --- reading ----------------------------------------------------------------*/

static void
flip(const struct chunk_place *place, off_t at)
{
	char path[160];
	uint8_t byte;
	int fd;

	snprintf(path, sizeof(path), "%s/0/.segments/%08x", top,
	    segment_number(place->at));
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 4;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

/* From the disk, every rotten bit of what describes a record is told; its data
 * are still to be had for who has checksums of them. */
static void
test_rotten(void **state)
{
	struct chunk_place place, other;
	off_t at;

	(void)state;
	assert_int_equal(append("the other", &other), 0);
	assert_int_equal(append("the record", &place), 0);
	at = (off_t)segment_offset(place.at);
	for (off_t i = 0; i < (off_t)SEGMENT_RECORD + 10; i++) {
		flip(&place, at + i);
		assert_int_equal(
		    read_back(&place, "the record", true), -EBADMSG);
		assert_int_equal(read_back(&place, "the record", false),
		    i < (off_t)SEGMENT_RECORD ? 0 : -EBADMSG);
		assert_int_equal(read_back(&other, "the other", true), 0);
		flip(&place, at + i);
	}
	flip(&place, 77); /* of the segment's header */
	assert_int_equal(read_back(&place, "the record", true), -EBADMSG);
	assert_int_equal(read_back(&place, "the record", false), 0);
	flip(&place, 77);
	/* another's place is not this one's */
	place.at = other.at;
	assert_int_equal(read_back(&place, "the record", false), -ENOENT);
	place.at = segment_at(99, SEGMENT_PAGE);
	assert_int_equal(read_back(&place, "the record", false), -ENOENT);
	remove_segments();
}

/* What is sent is a sealed copy of that one chunk. */
static void
test_sending(void **state)
{
	struct chunk_reader *reader;
	struct chunk_place place, other;
	char got[64] = "";
	uint64_t at;
	struct stat st;
	int fd;

	(void)state;
	assert_int_equal(append("somebody else's", &other), 0);
	assert_int_equal(append("the content", &place), 0);
	assert_int_equal(chunk_open(stores[0], &place, &reader), 0);
	fd = chunk_fd_for_sending(reader, 4, 7, &at);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_true(fcntl(fd, F_GET_SEALS) & F_SEAL_WRITE);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 7);
	assert_int_equal(pread(fd, got, 7, (off_t)at), 7);
	assert_string_equal(got, "content");
	close(fd);
	chunk_close(reader);
	remove_segments();
}

/* 0: @text is what was in memory. */
static int
now(const struct chunk_place *place, const char *text)
{
	char got[64] = "";
	int r = chunk_read_now(stores[0], place, got);

	if (r == 0)
		assert_string_equal(got, text);
	return r;
}

/* Once a thread has read from a segment: until it is given back, and nothing but
 * the record that is asked for. */
static void
test_now(void **state)
{
	struct chunk_place place, other, wrong;

	(void)state;
	assert_int_equal(append("the other", &other), 0);
	assert_int_equal(append("the record", &place), 0);
	assert_int_equal(now(&place, "the record"), -EAGAIN);
	assert_int_equal(read_back(&place, "the record", false), 0);
	assert_int_equal(now(&place, "the record"), 0);
	assert_int_equal(now(&other, "the other"), 0);
	wrong = place;
	wrong.at = other.at;
	assert_int_equal(now(&wrong, ""), -EAGAIN);
	wrong = place;
	wrong.size--;
	assert_int_equal(now(&wrong, ""), -EAGAIN);
	wrong = place;
	wrong.at = 0;
	assert_int_equal(now(&wrong, ""), -EAGAIN);
	flip(&place, (off_t)segment_offset(place.at) + 9);
	assert_int_equal(now(&place, ""), -EAGAIN);
	flip(&place, (off_t)segment_offset(place.at) + 9);
	assert_int_equal(now(&place, "the record"), 0);
	close_and_open();
	assert_int_equal(now(&place, ""), -EAGAIN);
	/* What nobody holds may be gone before it is kept. */
	assert_int_equal(read_back(&place, "the record", false), 0);
	assert_int_equal(now(&place, ""), -EAGAIN);
	chunk_hold(stores[0], place.at);
	assert_int_equal(read_back(&place, "the record", false), 0);
	assert_int_equal(now(&place, "the record"), 0);
	chunk_settle(stores[0], place.at);
	assert_int_equal(chunk_retire(stores[0], segment_number(place.at)), 0);
	assert_int_equal(now(&place, ""), -EAGAIN);
	chunk_store_lose(stores[0]);
	assert_int_equal(now(&other, ""), -EAGAIN);
	close_and_open();
	remove_segments();
}

static void
count_seen(const struct chunk_id *id, uint64_t at, uint32_t length, bool good,
    void *arg)
{
	(void)id;
	(void)at;
	assert_true(good && length == 5);
	++*(unsigned *)arg;
}

/* Used again under another number: of its former content nothing is left. */
static void
test_used_again(void **state)
{
	struct chunk_place place, again;
	uint32_t first, second;
	unsigned n = 0;

	(void)state;
	for (int i = 0; i < 20; i++) {
		assert_int_equal(append("first", &place), 0);
		chunk_settle(stores[0], place.at);
	}
	first = segment_number(place.at);
	assert_int_equal(chunk_retire(stores[0], first), -EBUSY);
	assert_int_equal(chunk_scan(stores[0], first, count_seen, &n), 0);
	assert_int_equal(n, 20);
	close_and_open();
	assert_int_equal(chunk_retire(stores[0], first), 0);
	assert_int_equal(read_back(&place, "first", false), -ENOENT);
	/* one that waits is left for who gives room back */
	{
		struct chunk_append a = {.data = "again", .length = 5};

		nx_id_new(a.id.text);
		assert_int_equal(chunk_append_wait(stores[0], &a), 0);
		again = (struct chunk_place){a.id, a.at, 5};
	}
	second = segment_number(again.at);
	assert_true(second > first);
	n = 0;
	assert_int_equal(chunk_scan(stores[0], second, count_seen, &n), 0);
	assert_int_equal(n, 1);
	remove_segments();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_failures),
	    T(test_synced),
	    T(test_rotten),
	    T(test_sending),
	    T(test_now),
	    T(test_used_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
