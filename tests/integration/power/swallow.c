/*
 * A library to be loaded before the C library: storaged without one of its
 * syncs. SWALLOW says which is answered without being done, as a program does
 * that has forgotten it:
 *
 *	chunks    of files on volumes
 *	names     of directories on volumes
 *	catalog   of files on the file system that has SWALLOW_STATE: the database
 *
 * For the power cuts' test of the test: nothing of this is in storaged.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *what = "";
static dev_t state_dev;

__attribute__((constructor)) static void
begin(void)
{
	const char *text = getenv("SWALLOW"), *state = getenv("SWALLOW_STATE");
	struct stat st;

	if (text && state && stat(state, &st) == 0) {
		what = text;
		state_dev = st.st_dev;
	}
}

static int
swallowed(int fd)
{
	struct stat st;

	if (what[0] == '\0' || fstat(fd, &st) < 0)
		return 0;
	if (strcmp(what, "catalog") == 0)
		return S_ISREG(st.st_mode) && st.st_dev == state_dev;
	if (st.st_dev == state_dev)
		return 0;
	return strcmp(what, "names") == 0 ? S_ISDIR(st.st_mode)
					  : S_ISREG(st.st_mode);
}

int
fsync(int fd)
{
	return swallowed(fd) ? 0 : (int)syscall(SYS_fsync, fd);
}

int
fdatasync(int fd)
{
	return swallowed(fd) ? 0 : (int)syscall(SYS_fdatasync, fd);
}
