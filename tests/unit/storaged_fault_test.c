/*
 * Whose fault it is: running out of descriptors or memory for a moment is none
 * of a volume's, a disk that fails or turns read-only is. The failing calls
 * take the place of the C library's.
 */
#include <sys/syscall.h>

#include "storaged_lab.h"

#define MIB (1024 * 1024)

static struct {
	int open_error, sync_error; /* of every draft while not 0 */
} fault;

static int
fail_with(int error)
{
	errno = error;
	return -1;
}

int
openat(int dir, const char *path, int flags, ...)
{
	int mode = 0;
	va_list ap;

	if ((flags & O_TMPFILE) == O_TMPFILE && fault.open_error)
		return fail_with(fault.open_error);
	va_start(ap, flags);
	if (flags & (O_CREAT | O_TMPFILE))
		mode = va_arg(ap, int);
	va_end(ap);
	return (int)syscall(SYS_openat, dir, path, flags, mode);
}

int
fdatasync(int fd)
{
	struct stat st;

	/* chunks only, not SQLite's log */
	if (fault.sync_error && fstat(fd, &st) == 0 && st.st_nlink == 0)
		return fail_with(fault.sync_error);
	return (int)syscall(SYS_fdatasync, fd);
}

/* Too large for a segment, which would be open already. */
static Nx__Status
put(void)
{
	static const uint8_t data[SEGMENT_CHUNK_MAX + 1];

	return lab_put(7, "/f", data, sizeof(data));
}

static bool
suspect_after(int open_error, int sync_error)
{
	struct volume *v = volume_find(lab.s.volumes, LAB_NODE("1"));
	bool suspect;

	fault = (typeof(fault)){open_error, sync_error};
	assert_int_not_equal(put(), NX__STATUS__OK);
	lab_settle();
	memset(&fault, 0, sizeof(fault));
	suspect = v->suspect;
	v->suspect = false;
	return suspect;
}

static void
test_ours(void **state)
{
	static const int ours[] = {EMFILE, ENFILE, ENOMEM, EAGAIN, EINTR};

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	for (size_t i = 0; i < NX_ARRAY_SIZE(ours); i++) {
		if (suspect_after(ours[i], 0))
			fail_msg("opening: %s", strerror(ours[i]));
		if (suspect_after(0, ours[i]))
			fail_msg("syncing: %s", strerror(ours[i]));
		/* and the next one is taken, also after a restart */
		LAB_OK(put());
	}
	lab_stop();
	lab_start();
	LAB_OK(put());
}

static void
test_the_volumes(void **state)
{
	static const int bad[] = {EIO, EROFS, EUCLEAN, ESTALE, ENODEV};

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	for (size_t i = 0; i < NX_ARRAY_SIZE(bad); i++) {
		if (!suspect_after(bad[i], 0))
			fail_msg("opening: %s", strerror(bad[i]));
		if (!suspect_after(0, bad[i]))
			fail_msg("syncing: %s", strerror(bad[i]));
	}
	assert_false(suspect_after(ENOSPC, 0));
	assert_false(suspect_after(EDQUOT, 0));
}

#define T(f) cmocka_unit_test_setup_teardown(f, lab_setup, lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_ours),
	    T(test_the_volumes),
	};

	LAB_OR_SKIP("whose fault an error is");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
