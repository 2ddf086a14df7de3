/* See pages.h. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "storaged/chunks/pages.h"

#ifndef MADV_POPULATE_READ /* Linux 5.14 */
#define MADV_POPULATE_READ 22
#endif

/* What this thread looks at; its own signal handler reads it. */
static _Thread_local struct pages *volatile seen;
static _Thread_local bool ready;

/* The memory of @pages, as the calls that map want it. */
static void *
base_of(const struct pages *pages)
{
	return (void *)(uintptr_t)pages->data;
}

/* Puts zeros where the pages were, so that whoever looks comes to an end. */
static void
on_bus(int signum, siginfo_t *info, void *context)
{
	uintptr_t at = (uintptr_t)info->si_addr;
	struct pages *p = seen;
	int e = errno;

	(void)context;
	if (p && at - (uintptr_t)p->data < p->len) {
		p->broken = true;
		if (mmap(base_of(p), p->len, PROT_READ,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
			0) != MAP_FAILED) {
			errno = e;
			return;
		}
	}
	(void)signal(signum, SIG_DFL); /* it happens again */
}

/* Once in each thread. Workers have all signals blocked; this one cannot wait. */
static void
set_up(void)
{
	struct sigaction act = {.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO};
	sigset_t set;

	if (ready)
		return;
	nx_assert(sigaction(SIGBUS, &act, NULL) == 0);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGBUS);
	(void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	ready = true;
}

static bool
all_cached(const struct pages *p)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t n = (p->len + page - 1) / page;
	nx_cleanup_free unsigned char *there = malloc(n);

	if (!there || mincore(base_of(p), p->len, there) < 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((there[i] & 1) == 0)
			return false;
	return true;
}

static bool
file_has(int fd, uint64_t end)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (uint64_t)st.st_size >= end;
}

int
pages_begin(struct pages *ret_pages, int fd, uint64_t offset, size_t len)
{
	void *at;

	nx_assert(!seen && len > 0);
	if (!file_has(fd, offset + len))
		return -EAGAIN;
	set_up();
	at = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, (off_t)offset);
	if (at == MAP_FAILED)
		return -errno;
	*ret_pages = (struct pages){.data = at, .len = len};
	if (!all_cached(ret_pages)) {
		(void)munmap(at, len);
		return -EAGAIN;
	}
	/* In one go, where the kernel knows how; else one after the other. */
	(void)madvise(at, len, MADV_POPULATE_READ);
	seen = ret_pages;
	return 0;
}

int
pages_end(struct pages *p)
{
	nx_assert(seen == p);
	seen = NULL;
	(void)munmap(base_of(p), p->len);
	return p->broken ? -EIO : 0;
}
