/*
 * The ends of child processes, told by the loop.
 *
 * Who waits for one child turns no loop meanwhile, and may wait for ever: the
 * init of a pid namespace does not end before every process in there has been
 * reaped, and some of those can be children of the very program that waits. So
 * nobody waits. SIGCHLD comes through the loop, and whatever has ended is
 * reaped at once, watched or not: this is the only place that reaps.
 *
 * One per program, as there is one set of children.
 */
#ifndef NX_REAPER_H
#define NX_REAPER_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

/* @status as waitpid(2) gives it. The watch is over when this is called. */
typedef void nx_reaped_fn(int status, const struct rusage *usage, void *arg);

/* 0 or -ENOMEM. @base must outlive it. */
int nx_reaper_start(struct event_base *base);
/* Forgets all watches; none is called. */
void nx_reaper_stop(void);

/*
 * Watches a child that was made since the loop last turned, so that its end
 * cannot have been seen yet. @fn is called from the loop, once. Exits when
 * memory is out: a child nobody hears of again cannot be undone.
 */
void nx_reaper_watch(pid_t pid, nx_reaped_fn *fn, void *arg);

/*
 * Watches a child that somebody else made for us (CLONE_PARENT), whose number
 * arrives when it may have ended already. @since is what nx_reaper_mark() said
 * before that other one was made: an older end of the same number is not its.
 * True: it has ended, its number may be somebody else's by now, and @fn comes
 * with the loop's next turn.
 */
bool nx_reaper_claim(pid_t pid, uint64_t since, nx_reaped_fn *fn, void *arg);
uint64_t nx_reaper_mark(void);

/* Is there a watch on @pid already? There must be none for a new one. */
bool nx_reaper_watches(pid_t pid);
/* No call for @pid any more; it is reaped all the same. */
void nx_reaper_forget(pid_t pid);

/* Has the process behind @pidfd ended, reaped or not? True for -1. */
bool nx_pidfd_ended(int pidfd);

#endif
