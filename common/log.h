/*
 * One line per event, key=value, to stderr, with the <N> priority journald
 * reads when stderr is not a terminal. errno survives. Ids always, secrets
 * never. Values from elsewhere go through nx_log_safe().
 *
 *	nx_info("event=node-created node=%s owner=%" PRIu64, id, owner);
 */
#ifndef NX_LOG_H
#define NX_LOG_H

#include <stdbool.h>
#include <stdint.h>

/* @name prefixes every line; debug lines are printed only when @debug. */
void nx_log_open(const char *name, bool debug);
void nx_log(int priority, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * For a program of one thread that says much: lines of priority 6 and 7 are kept
 * until nx_log_flush(), or until there is more than a pipe takes at once, or
 * something worse is said. @soon is called when the first is kept, to have them
 * flushed before the loop sleeps. NULL: not any more.
 */
void nx_log_keep(void (*soon)(void *arg), void *arg);
void nx_log_flush(void);

#define nx_err(...)   nx_log(3, __VA_ARGS__)
#define nx_warn(...)  nx_log(4, __VA_ARGS__)
#define nx_info(...)  nx_log(6, __VA_ARGS__)
#define nx_debug(...) nx_log(7, __VA_ARGS__)

/* For lines that strangers can cause: ten in ten seconds, then silence, and a
 * line that says how many were left out. One static struct per kind of line. */
struct nx_log_rate {
	uint64_t since_us;
	unsigned said, left_out;
};
/* May another line be written? @what names them where some were left out. */
bool nx_log_may(struct nx_log_rate *rate, const char *what);

/* @text as the value of a key: at most 100 characters, everything but printable
 * ASCII, and '"' and '\', replaced by '?'; between quotes where it has a space
 * or a '='. One of 4 rotating static buffers. */
const char *nx_log_safe(const char *text);

#endif
