/*
 * Seccomp filters for nodes and functions; see filter.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/namespaces.h"
#include "nodemgr/box/filter.h"
#include "nodemgr/box/syscalls.h"

#define NAME(call) #call,
static const char *const common_calls[] = {NX_SYSCALLS_COMMON(NAME)};
static const char *const node_calls[] = {NX_SYSCALLS_NODE(NAME)};
static const char *const refused_calls[] = {
    NX_SYSCALLS_REFUSED(NAME) NX_SYSCALLS_MANAGER(NAME)};

/* Arguments that are refused though the call is allowed. */
struct refused_arg {
	const char *name;
	unsigned arg;
	uint64_t mask, value;
	int error;
	unsigned kinds; /* mask of KIND() */
};
#define KIND(k) (1U << NX_FILTER_##k)
#define EVERY   (KIND(NODE) | FUNC)
#define FUNC    (KIND(FUNCTION) | KIND(FUNCTION_UNCOUNTED))

#define LOW            0xffffffffULL
#define NO_CLONE(flag) {"clone", 0, flag, flag, EPERM, EVERY},
static const struct refused_arg refused_args[] = {
    /* input pushed into a terminal (CVE-2017-5226); the kernel looks at
	 * the low half of the argument only, and so do we */
    {"ioctl", 1, LOW, TIOCSTI, EPERM, EVERY},
    {"ioctl", 1, LOW, TIOCLINUX, EPERM, EVERY},
    /* the kernel's crypto, and the hypervisor's doors */
    {"socket", 0, LOW, AF_ALG, EAFNOSUPPORT, EVERY},
    {"socket", 0, LOW, AF_VSOCK, EAFNOSUPPORT, EVERY},
    /* namespaces within namespaces widen what the kernel shows */
    NX_EACH_NAMESPACE(NO_CLONE)
    /* a mask of 0 is met by any argument. As a kernel without it: what a
     * memfd holds belongs to no process and is bounded by no limit of one */
    {"memfd_create", 0, 0, 0, ENOSYS, KIND(FUNCTION_UNCOUNTED)},
    {"socketpair", 0, LOW, AF_TIPC, EAFNOSUPPORT, FUNC},
};
/* personality(2) can weaken address space randomisation: all but asking and
 * the plain ones are refused, which takes a list of what is allowed. */
static const uint64_t personalities[] = {
    0x0, 0x8, 0x20000, 0x20008, 0xffffffff};

static int
add_all(scmp_filter_ctx ctx, uint32_t action, const char *const *names,
    size_t n, const char *skip)
{
	size_t i;
	int nr, r;

	for (i = 0; i < n; i++) {
		nr = seccomp_syscall_resolve_name(names[i]);
		if (nr == __NR_SCMP_ERROR || (skip && !strcmp(names[i], skip)))
			continue;
		r = seccomp_rule_add(ctx, action, nr, 0);
		if (r < 0)
			return r;
	}
	return 0;
}

static int
add_calls(scmp_filter_ctx ctx, enum nx_filter_kind kind)
{
	const uint32_t eperm = SCMP_ACT_ERRNO(EPERM);
	size_t i;
	int r;

	r = add_all(ctx, SCMP_ACT_ALLOW, common_calls,
	    NX_ARRAY_SIZE(common_calls), "personality");
	if (r == 0)
		r = add_all(ctx,
		    kind == NX_FILTER_NODE ? SCMP_ACT_ALLOW : eperm, node_calls,
		    NX_ARRAY_SIZE(node_calls), NULL);
	if (r == 0)
		/* clone3 gets ENOSYS as if unknown: glibc then uses clone,
		 * whose flags a filter can read */
		r = add_all(ctx, eperm, refused_calls,
		    NX_ARRAY_SIZE(refused_calls), "clone3");
	for (i = 0; r == 0 && i < NX_ARRAY_SIZE(personalities); i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(personality),
		    1, SCMP_A0_64(SCMP_CMP_EQ, personalities[i], 0));
	return r;
}

static int
add_args(scmp_filter_ctx ctx, enum nx_filter_kind kind)
{
	const struct refused_arg *a;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < NX_ARRAY_SIZE(refused_args); i++) {
		a = &refused_args[i];
		if (!(a->kinds & 1U << kind))
			continue;
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO((uint16_t)a->error),
		    seccomp_syscall_resolve_name(a->name), 1,
		    SCMP_CMP64(a->arg, SCMP_CMP_MASKED_EQ, a->mask, a->value));
	}
	return r;
}

/* libseccomp writes BPF only to a descriptor. */
static int
export_bpf(scmp_filter_ctx ctx, struct sock_fprog *ret_prog)
{
	nx_cleanup_fd int fd = memfd_create("bpf", MFD_CLOEXEC);
	nx_cleanup_free void *code = NULL;
	struct stat st;
	int r;

	if (fd < 0)
		return -errno;
	r = seccomp_export_bpf(ctx, fd);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return -errno;
	code = malloc((size_t)st.st_size);
	if (!code)
		return -ENOMEM;
	if (pread(fd, code, (size_t)st.st_size, 0) != st.st_size)
		return -EIO;
	ret_prog->len =
	    (unsigned short)((size_t)st.st_size / sizeof(struct sock_filter));
	ret_prog->filter = nx_take_ptr(code);
	return 0;
}

static int
compile(uint32_t unlisted, enum nx_filter_kind kind,
    int (*add)(scmp_filter_ctx ctx, enum nx_filter_kind kind),
    struct sock_fprog *ret_prog)
{
	scmp_filter_ctx ctx = seccomp_init(unlisted);
	int r;

	if (!ctx)
		return -ENOMEM;
	/* a binary tree: some 350 calls would be as many comparisons */
	r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r == 0)
		r = add(ctx, kind);
	if (r == 0)
		r = export_bpf(ctx, ret_prog);
	seccomp_release(ctx);
	return r;
}

int
nx_filter_compile(enum nx_filter_kind kind, struct nx_filter *ret_filter)
{
	struct nx_filter filter = {0};
	int r;

	r = compile(SCMP_ACT_ERRNO(ENOSYS), kind, add_calls, &filter.prog[0]);
	if (r == 0)
		r = compile(SCMP_ACT_ALLOW, kind, add_args, &filter.prog[1]);
	if (r < 0)
		nx_filter_fini(&filter);
	else
		*ret_filter = filter;
	return r;
}

void
nx_filter_fini(struct nx_filter *filter)
{
	size_t i;

	for (i = 0; i < NX_ARRAY_SIZE(filter->prog); i++) {
		free(filter->prog[i].filter);
		filter->prog[i] = (struct sock_fprog){0};
	}
}

int
nx_filter_load(const struct nx_filter *filter)
{
	size_t i;

	for (i = NX_ARRAY_SIZE(filter->prog); i-- > 0;)
		if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0,
			&filter->prog[i]) < 0)
			return -errno;
	return 0;
}
