/*
 * Opening and closing authd: keys, database, workers, timer.
 */
#ifndef AUTHD_AUTHD_H
#define AUTHD_AUTHD_H

#include "authd/state.h"

/*
 * Opens keys and database below @dir, starts the workers (@threads; 0: one per
 * core) and the timer. @a: zeroed but for conf, base and, in tests, clock. 0,
 * or -errno with a sentence in @error. auth_close copes with half of it.
 */
int
auth_open(struct authd *a, const char *dir, unsigned threads, char error[256]);
/* Answers what is pending; call it while the hub still lives. */
void auth_close(struct authd *a);

#endif
