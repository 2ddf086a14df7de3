/* Between the files of storaged/events only. */
#ifndef STORAGED_EVENTS_INTERNAL_H
#define STORAGED_EVENTS_INTERNAL_H

#include <sys/queue.h>

#include "common/hub.h"
#include "storaged/catalog/catalog.h"
#include "storaged/events/events.h"
#include "proto/events.pb-c.h"

#define EVENTS_CURSOR 32U /* "01234567-18446744073709551615" */

/* What a request wants. */
struct events_wanted {
	uint64_t user, after;
	uint32_t limit;
};

/* --- pages (page.c) ---------------------------------------------------------*/

/* Where @q begins: 0 and *ret_wanted, or it has been refused. */
int events_read_request(struct storaged *s, struct nx_request *r,
    const Nx__EventsRequest *q, struct events_wanted *ret_wanted);
/* Is there something to say? 1, 0, -errno. */
int events_any(struct storaged *s, const struct events_wanted *w);
/* Says what there is, if only that there is nothing. */
void events_answer(
    struct storaged *s, struct nx_request *r, const struct events_wanted *w);

/* --- age (age.c) ------------------------------------------------------------*/

struct events_age;
struct events_age *events_age_new(struct storaged *s);
struct events_age *events_age_free(struct events_age *a);

#endif
