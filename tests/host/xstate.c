/*
 * Registers larger than User-Mode Linux knows: preloaded into linux.uml, it
 * takes the place of the C library's ptrace().
 *
 * UML sets the vector registers of its processes (PTRACE_SETREGSET of
 * NT_X86_XSTATE) from an image of a fixed size: 2696 bytes in 6.1, all there
 * was before AMX. A kernel on a processor that has more takes only a whole
 * image and answers EFAULT, and UML dies at its first process with "ptrace set
 * fp regs failed, errno = 14". Such a call is made once more with zeros behind
 * the image. Its header says which parts it holds, so what is behind counts as
 * never used; and that is so, for nothing was allowed to use it: the tiles of
 * AMX are asked for first (arch_prctl), which UML does not know either.
 *
 * Everything else goes through as it came, so where the calls work already
 * this changes nothing. No allocation and little stack: UML's is small.
 */
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/*
 * More than any processor's; the kernel reads no more than its own. UML is one
 * thread as far as its processes are concerned, and what is behind the image
 * stays zero: its size is always the same.
 */
static char whole[64 << 10] __attribute__((aligned(64)));

/* What was refused once is refused always: not asked again at every switch. */
static bool refused;

static long
set_registers(long pid, const struct iovec *image)
{
	struct iovec iov = *image;

	if (!refused) {
		long ret = syscall(
		    SYS_ptrace, PTRACE_SETREGSET, pid, NT_X86_XSTATE, &iov);
		if (ret == 0 || errno != EFAULT ||
		    image->iov_len > sizeof whole)
			return ret;
		refused = true;
	}
	memcpy(whole, image->iov_base, image->iov_len);
	iov = (struct iovec){.iov_base = whole, .iov_len = sizeof whole};
	return syscall(SYS_ptrace, PTRACE_SETREGSET, pid, NT_X86_XSTATE, &iov);
}

/* As the C library does: the kernel writes what is peeked where data points. */
static long
peek(long request, long pid, void *address)
{
	long word = 0;

	if (syscall(SYS_ptrace, request, pid, address, &word) < 0)
		return -1;
	errno = 0;
	return word;
}

long
ptrace(enum __ptrace_request request, ...)
{
	va_list args;
	va_start(args, request);
	long pid = va_arg(args, pid_t);
	void *address = va_arg(args, void *), *data = va_arg(args, void *);
	va_end(args);

	if (request == PTRACE_PEEKTEXT || request == PTRACE_PEEKDATA ||
	    request == PTRACE_PEEKUSER)
		return peek(request, pid, address);
	if (request == PTRACE_SETREGSET && address == (void *)NT_X86_XSTATE)
		return set_registers(pid, data);
	return syscall(SYS_ptrace, request, pid, address, data);
}
