/*
 * Errors: a negative errno is unexpected and is forwarded unchanged; positive
 * results are documented outcomes. Library code neither logs above debug nor
 * exits. nx_fatal() is for programs before READY, for sandboxing, and for own
 * invariants that broke.
 */
#ifndef NX_ERR_H
#define NX_ERR_H

#include <errno.h>

/* Logs "<text>: <strerror(-error)>" when @error is negative, and exits 1. */
_Noreturn void
nx_fatal(int error, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

_Noreturn void nx_assert_failed(const char *what, const char *file, int line);
/* Stays on in release: a broken invariant ends the process, the supervisor
 * starts a fresh one. Never on anything a peer or client controls. */
#define nx_assert(e) ((e) ? (void)0 : nx_assert_failed(#e, __FILE__, __LINE__))

#define NX_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
