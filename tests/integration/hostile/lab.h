/*
 * What an attacker in the gateway's place has to work with: its edges, frames
 * that it packs itself, the tickets it was handed; and TAP to tell how far it
 * came. hostile_gateway.c holds the attempts, frames.c those that are no frames.
 * Trusts nobody, and is trusted by nobody: that is the test.
 */
#ifndef HOSTILE_LAB_H
#define HOSTILE_LAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <protobuf-c/protobuf-c.h>

#include "common/method.h"
#include "common/msg.h"
#include "common/role.h"
#include "common/ticket.h"

#define PATIENCE_MS 20000
#define GONE        99 /* beside the statuses: it hung up */

extern const char *socket_name, *ada_token, *bob_token, *ada_file, *ada_node;
extern unsigned tests, failures;

/* One line of TAP. */
void ok(bool good, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same for statuses, or GONE. */
void is(int got, int wanted, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
const char *status_name(int status);

/* This program's ends: [NX_ROLE_SWITCH] to nexusd, the others as introduced. */
struct gateway {
	int edge[NX_ROLE_MAX];
	uint64_t call_id;
};

/* Is there something to read within the time? */
bool readable(int fd, int timeout_ms);
/* 0 or -errno; @e is sent as it is. */
int send_frame(int fd, Nx__Envelope *e, const int *fds, size_t n_fds);

/* What goes with a call, whatever may be wrong with it. */
struct args {
	const uint8_t *ticket;
	size_t ticket_len;
	uint64_t as_user;
	const int *fds;
	size_t n_fds;
};

/* Its status, or GONE. *ret_frame (may be NULL) is the reply of one that is OK,
 * to be given back with nx_frame_fini. */
int call(struct gateway *g, enum nx_role role, Nx__Method method,
    const ProtobufCMessage *m, const struct args *a,
    struct nx_frame *ret_frame);

/* To nexusd, not introduced yet. */
int connect_socket(void);
/* Says hello; how many edges were handed out. */
int gateway_open(struct gateway *g);
void gateway_close(struct gateway *g);

struct tickets {
	uint64_t user_id;
	uint8_t storage[NX_TICKET_LEN], node[NX_TICKET_LEN];
};

/* A token's tickets, as the real gateway gets them; @ret may be NULL. */
int check_token(struct gateway *g, const char *token, struct tickets *ret);
/* Two calls that change nothing, to see whether a ticket is taken. */
int list_files(struct gateway *g, const void *ticket, size_t len);
int list_nodes(struct gateway *g, const void *ticket, size_t len);

/* --- frames.c ---------------------------------------------------------------*/

/* Descriptors of the wrong kind, or number. */
void wrong_kinds(struct gateway *g, const struct tickets *t);
/* Bytes that are no frame: the edge is cut, everybody else is served on. */
void frames_that_are_none(const struct tickets *t);

#endif
