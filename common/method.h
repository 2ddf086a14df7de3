/*
 * Every method once: its messages, who may call it on whom, what descriptors
 * its request and its reply carry. The table is made from the rpc lines of
 * proto/ by proto/methods.awk; dispatch and calls read it, and the matrix test
 * compares it with the documented one.
 */
#ifndef NX_METHOD_H
#define NX_METHOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <protobuf-c/protobuf-c.h>

#include "common/fd.h"
#include "common/role.h"
#include "proto/envelope.pb-c.h"
#include "proto/methods.h"

#define NX_METHOD_SPAN 1024 /* numbers of methods are below */
#define NX_METHOD_FDS  16   /* most descriptors any method carries */

enum nx_ticket_rule {
	NX_NO_TICKET,    /* the caller's role is enough */
	NX_NEEDS_TICKET, /* gateway: a valid ticket; admin: none, may name a
			   * user in as_user */
};

struct nx_method {
	Nx__Method method;
	const char *name; /* "NODE_CREATE" */
	const ProtobufCMessageDescriptor *request, *reply;
	uint32_t callers; /* mask of NX_ROLE_BIT */
	uint32_t callees; /* who serves it, likewise */
	enum nx_ticket_rule ticket;
	uint32_t rights; /* enum nx_right the ticket must carry, */
	bool creates;    /* or NX_RIGHT_CREATE */
	bool unlocks;    /* or NX_RIGHT_REPOSITORY, for what its locks are */
	bool within; /* its handler asks for the place, see common/place.h */
	uint8_t fds_min, fds_max; /* of the request */
	enum nx_fd_kind fd_kind;
	uint8_t reply_fds_max;
	enum nx_fd_kind reply_fd_kind;
	bool idempotent; /* may be sent again on a new pair */
};

/* NULL for an unknown number. */
const struct nx_method *nx_method_find(uint32_t method);
/* The one role that serves @m; NX_ROLE_NONE when several do. */
enum nx_role nx_method_callee(const struct nx_method *m);
extern const struct nx_method nx_methods[];
extern const size_t nx_methods_count;

#endif
