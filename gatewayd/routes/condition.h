/* If-Match and If-None-Match of a write, for storaged to decide on. */
#ifndef GW_CONDITION_H
#define GW_CONDITION_H

#include "gatewayd/http/http.h"
#include "proto/storage.pb-c.h"

#define CONDITION_TAGS 8U
#define CONDITION_TAG  64U

/* Points into itself: not to be copied. */
struct condition {
	Nx__Condition message;
	char *list[CONDITION_TAGS];
	char tags[CONDITION_TAGS][CONDITION_TAG + 1];
	bool any;
};

/* NULL, or what is wrong with the fields; @c need not be freed. */
const struct http_error *
condition_of(struct condition *c, const struct http_head *head);
/* The field with a condition that nobody here would decide; NULL: none. @decided:
 * the route decides the two on etags. */
const char *condition_ignored(const struct http_head *head, bool decided);
/* For a request's field; NULL: there is no condition. */
Nx__Condition *condition_message(struct condition *c);

#endif
