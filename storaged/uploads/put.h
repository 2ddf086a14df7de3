/*
 * Small uploads: open, content and finish in one call. Decided as any other
 * (intent.h), stored, committed, answered; no pipe, no timers, no place among
 * the uploads that are sent slowly. Loop's thread only, but for the job that
 * sums and stores.
 */
#ifndef STORAGED_PUT_H
#define STORAGED_PUT_H

#include "storaged/storaged.h"

#define PUT_MESSAGE_MAX (48U << 10)  /* in the message itself */
#define PUT_MAX         (256U << 10) /* in a sealed memfd */

struct puts;

struct puts *puts_new(struct storaged *s);
/* Those that have not begun are refused, and so is what comes later. */
void puts_stop(struct puts *ps);
/* None may be there any more. Returns NULL. */
struct puts *puts_free(struct puts *ps);
/* Waiting and under way. */
size_t puts_count(const struct puts *ps);
/* When the oldest that is under way began (unix seconds); UINT64_MAX: none. */
uint64_t puts_oldest(const struct puts *ps);

#endif
