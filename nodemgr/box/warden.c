/*
 * Watching boxed processes. Believes nothing that comes by a gate beyond its
 * form; owns the gate, the cgroup and the timer of each.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/reaper.h"
#include "nodemgr/box/sys.h"
#include "nodemgr/box/warden.h"
#include "nodemgr/cgroup/cgroup.h"

/* The dead leave their cgroup a moment after they are reaped. */
#define EMPTY_FIRST 5 /* times after a millisecond, then after EMPTY_MS */
#define EMPTY_MS    5
#define EMPTY_TRIES 2000 /* 10 s */

/* There is one: a deadline while the process is on its way, the next look at the
 * cgroup when it is over. */
static void
set_timer(struct nx_warden *w, uint64_t ms,
    void (*fn)(evutil_socket_t, short, void *))
{
	const struct timeval tv = {
	    .tv_sec = (time_t)(ms / 1000),
	    .tv_usec = (suseconds_t)(ms % 1000 * 1000),
	};

	if (w->timer)
		event_free(w->timer);
	w->timer = evtimer_new(w->base, fn, w);
	nx_assert(w->timer && event_add(w->timer, &tv) == 0);
}

static void
close_gate(struct nx_warden *w)
{
	if (w->gate_event)
		event_free(w->gate_event);
	w->gate_event = NULL;
	nx_close(&w->p.gate);
}

void
nx_warden_init(struct nx_warden *w, struct event_base *base,
    const struct nx_warden_ops *ops, void *arg)
{
	*w = (struct nx_warden){
	    .p = {-1, -1, -1},
	    .parent = -1,
	    .cgroup = -1,
	    .base = base,
	    .ops = ops,
	    .arg = arg,
	};
}

/* Consumes @parent and @cgroup. */
static void
own(struct nx_warden *w, int parent, const char *name, int cgroup)
{
	nx_assert(w->cgroup < 0 && strlen(name) < sizeof(w->name));
	snprintf(w->name, sizeof(w->name), "%s", name);
	w->parent = parent;
	w->cgroup = cgroup;
}

int
nx_warden_group(struct nx_warden *w, int parent, const char *name, bool enforce,
    struct nx_limits *limits, struct nx_fault *f)
{
	nx_cleanup_fd int above = fcntl(parent, F_DUPFD_CLOEXEC, 3);
	int fd;

	NX_TRY(f, NX_SYS(above), "make the cgroup");
	fd = nx_cgroup_make(above, name, enforce, limits);
	NX_TRY(f, fd, "make the cgroup and set its limits");
	own(w, nx_take_fd(&above), name, fd);
	return 0;
}

/* The directory above is kept as a descriptor of its own: the group of an exec is
 * below a node's, which may be closed first. */
int
nx_warden_regroup(struct nx_warden *w, int parent, const char *name)
{
	nx_cleanup_fd int above = -1;
	int fd;

	if (w->cgroup >= 0)
		return 0;
	above = fcntl(parent, F_DUPFD_CLOEXEC, 3);
	fd = above < 0 ? -errno : nx_cgroup_open(above, name);
	if (fd < 0)
		return fd;
	own(w, nx_take_fd(&above), name, fd);
	return 0;
}

/* The owner may destroy @w in what it is told, or begin something new with it:
 * then it says false, and @w is not looked at any more. A broken gate is one
 * that failed: whoever sends what is no message is not believed any further. */
void
nx_warden_listen(struct nx_warden *w)
{
	struct nx_gate_msg msg;
	bool more = true;
	int fd = -1, r;

	while (more && w->p.gate >= 0) {
		r = nx_gate_recv(w->p.gate, &msg, &fd);
		if (r == 0)
			return;
		if (r < 0)
			msg = (struct nx_gate_msg){.kind = NX_GATE_FAILED,
			    .fault = {.error = r, .step = "read the gate"}};
		more = msg.kind != NX_GATE_CLOSED && msg.kind != NX_GATE_FAILED;
		if (!more)
			close_gate(w);
		if (!w->ops->heard(w->arg, &msg, &fd))
			more = false;
		nx_close(&fd);
	}
}

static void
on_gate(evutil_socket_t gate, short what, void *arg)
{
	(void)gate;
	(void)what;
	nx_warden_listen(arg);
}

/* It is the owner's to end it, or to wait on. */
static void
on_late(evutil_socket_t fd, short what, void *arg)
{
	struct nx_warden *w = arg;

	(void)fd;
	(void)what;
	w->ops->late(w->arg);
}

/* The cgroup is not touched: there may be others in it. */
static void
on_end(int status, const struct rusage *usage, void *arg)
{
	struct nx_warden *w = arg;

	/* its number may be another's from here on */
	w->p.pid = -1;
	nx_close(&w->p.pidfd);
	w->ops->ended(w->arg, status, usage);
}

/* Once: a pidfd stays readable for ever. */
static void
on_adopted_end(evutil_socket_t pidfd, short what, void *arg)
{
	struct nx_warden *w = arg;

	(void)pidfd;
	(void)what;
	event_free(w->end_event);
	w->end_event = NULL;
	on_end(-1, NULL, w);
}

void
nx_warden_adopt(struct nx_warden *w, int pidfd)
{
	nx_assert(pidfd >= 0 && w->p.pid < 0 && w->p.pidfd < 0);
	nx_assert(w->ops && w->ops->ended && !w->end_event);
	w->p.pidfd = pidfd;
	w->end_event = event_new(w->base, pidfd, EV_READ, on_adopted_end, w);
	nx_assert(w->end_event && event_add(w->end_event, NULL) == 0);
}

void
nx_warden_watch(struct nx_warden *w, uint64_t ms)
{
	nx_assert(w->p.gate >= 0 && w->p.pid > 0 && !w->gate_event);
	nx_assert(w->ops && w->ops->heard && w->ops->late);
	w->gate_event =
	    event_new(w->base, w->p.gate, EV_READ | EV_PERSIST, on_gate, w);
	nx_assert(w->gate_event && event_add(w->gate_event, NULL) == 0);
	if (w->ops->ended)
		nx_reaper_watch(w->p.pid, on_end, w);
	nx_warden_deadline(w, ms);
}

void
nx_warden_deadline(struct nx_warden *w, uint64_t ms)
{
	if (ms > 0) {
		set_timer(w, ms, on_late);
		return;
	}
	if (w->timer)
		event_free(w->timer);
	w->timer = NULL;
}

void
nx_warden_kill(struct nx_warden *w)
{
	if (w->cgroup >= 0)
		(void)nx_cgroup_kill(w->cgroup);
}

static void on_empty(evutil_socket_t fd, short what, void *arg);

/*
 * True: nothing is left, or there is no more to be done about it.
 *
 * Killed again each time: what was being forked when the kernel went through the
 * group is killed with it, but what enters from outside (an exec on its way in)
 * is not. A process in the kernel's hands that does not end is left to the next
 * start, which sweeps what it does not know.
 */
static bool
try_empty(struct nx_warden *w)
{
	nx_warden_kill(w);
	if (w->cgroup >= 0 && nx_cgroup_remove(w->parent, w->name) < 0) {
		if (w->tries++ < EMPTY_TRIES) {
			set_timer(w, w->tries <= EMPTY_FIRST ? 1 : EMPTY_MS,
			    on_empty);
			return false;
		}
		nx_err("event=cgroup-not-empty cgroup=%s", w->name);
	}
	nx_warden_destroy(w);
	return true;
}

static void
on_empty(evutil_socket_t fd, short what, void *arg)
{
	struct nx_warden *w = arg;

	(void)fd;
	(void)what;
	if (try_empty(w))
		w->ops->emptied(w->arg);
}

bool
nx_warden_empty(struct nx_warden *w)
{
	nx_assert(w->ops && w->ops->emptied);
	close_gate(w);
	nx_warden_deadline(w, 0);
	w->tries = 0;
	return try_empty(w);
}

/* --- letting go ----------------------------------------------------------------- */

static void
boxed_forget(struct nx_boxed *b)
{
	if (b->pid > 0)
		nx_reaper_forget(b->pid);
	b->pid = -1;
	nx_close(&b->pidfd);
	nx_close(&b->gate);
}

void
nx_boxed_destroy(struct nx_boxed *b)
{
	if (b->pidfd >= 0)
		(void)pidfd_send_signal(b->pidfd, SIGKILL, NULL, 0);
	boxed_forget(b);
}

/* The gate goes with the rest: who waits behind it for a word ends (gate.h). */
void
nx_warden_leave(struct nx_warden *w)
{
	nx_warden_deadline(w, 0);
	close_gate(w);
	if (w->end_event)
		event_free(w->end_event);
	w->end_event = NULL;
	boxed_forget(&w->p);
	nx_close(&w->cgroup);
	nx_close(&w->parent);
}

/* By the cgroup, if there is one: a signal reaches a box with the uid of its
 * owner only (owner.h). */
void
nx_warden_destroy(struct nx_warden *w)
{
	nx_warden_kill(w);
	if (w->p.pidfd >= 0)
		(void)pidfd_send_signal(w->p.pidfd, SIGKILL, NULL, 0);
	nx_warden_leave(w);
}

/* --- making --------------------------------------------------------------------- */

/* No wait and no exit code of it is lost between the clone and the watch: the
 * loop reaps, and does not turn in between. */
pid_t
nx_boxed_clone(uint64_t flags, int cgroup, struct nx_boxed *ret_boxed,
    int *ret_gate, struct nx_fault *f)
{
	nx_cleanup_fd int outer = -1, inner = -1;
	int pair[2], pidfd = -1;
	struct clone_args args = {
	    .flags = flags | CLONE_PIDFD,
	    .pidfd = (uint64_t)(uintptr_t)&pidfd,
	    .exit_signal = SIGCHLD,
	};
	pid_t pid;

	if (cgroup >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (unsigned)cgroup;
	}
	NX_TRY(f,
	    NX_SYS(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)),
	    "socketpair");
	outer = pair[0];
	inner = pair[1];
	NX_TRY(f, nx_fd_nonblock(outer, true), "socketpair");
	pid = sys_clone3(&args);
	NX_TRY(f, pid, "clone3");
	if (pid == 0)
		*ret_gate = nx_take_fd(&inner);
	else
		*ret_boxed = (struct nx_boxed){pid, pidfd, nx_take_fd(&outer)};
	return pid;
}
