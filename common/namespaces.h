/*
 * The kinds of namespace there are (namespaces(7)), in one list: a node gets a
 * new one of each, who enters it joins each, and no program of ours and none in
 * a node may make another.
 *
 * CLONE_NEWTIME is not among them: clone(2) takes its bit for a part of the exit
 * signal, and unshare(2) and clone3(2) are refused as a whole where this matters.
 */
#ifndef NX_NAMESPACES_H
#define NX_NAMESPACES_H

#include <sched.h>

#define NX_EACH_NAMESPACE(X) \
	X(CLONE_NEWUSER)     \
	X(CLONE_NEWPID)      \
	X(CLONE_NEWNS)       \
	X(CLONE_NEWNET)      \
	X(CLONE_NEWUTS)      \
	X(CLONE_NEWIPC)      \
	X(CLONE_NEWCGROUP)

/* All of them, as a mask for clone and setns. */
#define NX_OR_NAMESPACE(flag) | (flag)
#define NX_NAMESPACES         (0 NX_EACH_NAMESPACE(NX_OR_NAMESPACE))

#endif
