/*
 * Whose turn it is: small uploads wait here, and reads, a queue for each user, and
 * users take turns. So none is refused because many come at once, and who asks for
 * very many holds up nobody but themselves. What waits and what is under way is
 * bounded by the memory it holds: as long as a user holds less than is free
 * they may bring more; one alone gets half, and something is left for the next.
 * Loop's thread only.
 */
#ifndef STORAGED_TURNS_H
#define STORAGED_TURNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct turn_user;

/* Embedded in what waits. */
struct turn {
	STAILQ_ENTRY(turn) entry;
	struct turn_user *user;
	size_t held; /* bytes */
};

struct turns {
	LIST_HEAD(, turn_user) users;           /* who holds anything */
	TAILQ_HEAD(turn_users, turn_user) line; /* who has something waiting */
	size_t held, held_max;
	size_t count; /* waiting and under way */
};

void turns_init(struct turns *ts, size_t held_max);
/*
 * @t holds @bytes from now on and waits for its turn. False: @user holds as much
 * as they may, or memory is out; nothing was done.
 */
bool turns_wait(struct turns *ts, struct turn *t, uint64_t user, size_t bytes);
/* The next one; it waits no more but holds. NULL: none waits. */
struct turn *turns_next(struct turns *ts);
/* It holds nothing any more. */
void turns_end(struct turns *ts, struct turn *t);

#endif
