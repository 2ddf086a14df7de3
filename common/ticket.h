/*
 * Tickets: why storaged and nodemgr need not believe the gateway.
 *
 * Each of the two makes a random key at start and gives it to authd. When authd
 * accepts a token it makes a ticket for each; the gateway sends it along. It is
 * a fixed-size struct, and for an access key that is for one place that place
 * behind it, with a keyed BLAKE2b MAC (libsodium crypto_generichash): checking
 * parses nothing. A captured gateway can act only for users whose tokens pass
 * through it, and for at most 60 s after.
 */
#ifndef NX_TICKET_H
#define NX_TICKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/role.h"

#define NX_TICKET_KEY_LEN 32
#define NX_SESSION_LEN    16
#define NX_TICKET_LIFE_US (60ULL * 1000000)

enum nx_right {
	NX_RIGHT_READ = 1 << 0,
	NX_RIGHT_WRITE = 1 << 1,
	NX_RIGHT_NODES = 1 << 2,
	NX_RIGHT_FUNCTIONS = 1 << 3,
	/* To add what is not there, and nothing else: neither to replace, move
	 * or delete nor, by itself, to read. WRITE has it too. */
	NX_RIGHT_CREATE = 1 << 4,
	NX_RIGHT_SANDBOXES = 1 << 5,
	/* To read, to add, and to delete below "locks" of its place alone: what
	 * a repository of backups needs that nothing of it may be lost. */
	NX_RIGHT_REPOSITORY = 1 << 6,
	NX_RIGHT_ALL = NX_RIGHT_READ | NX_RIGHT_WRITE | NX_RIGHT_NODES |
	    NX_RIGHT_FUNCTIONS | NX_RIGHT_SANDBOXES,
};
#define NX_RIGHTS_OF_FILES                                             \
	((uint32_t)(NX_RIGHT_READ | NX_RIGHT_WRITE | NX_RIGHT_CREATE | \
	    NX_RIGHT_REPOSITORY))

#define NX_PLACE_MAX 255 /* bytes */

struct nx_ticket {
	uint32_t version;   /* 2 */
	uint32_t audience;  /* enum nx_role */
	uint64_t epoch;     /* of the key */
	uint64_t user_id;   /* never 0 */
	uint64_t expiry_us; /* CLOCK_MONOTONIC */
	uint32_t rights;
	uint32_t place_len; /* 0: good anywhere */
	uint8_t session[NX_SESSION_LEN];
	uint8_t mac[32];
	/* Where alone it is good, see common/place.h. No more of it is sent than
	 * there is; a NUL behind it. */
	char place[NX_PLACE_MAX + 1];
};
/* Of one without a place, and the longest. */
#define NX_TICKET_LEN offsetof(struct nx_ticket, place)
#define NX_TICKET_MAX (NX_TICKET_LEN + NX_PLACE_MAX)

struct nx_ticket_key {
	uint64_t epoch; /* 0: none */
	uint8_t key[NX_TICKET_KEY_LEN];
};

/* authd: fills in version, epoch and mac; expiry is cut to now + 60 s. */
void nx_ticket_seal(const struct nx_ticket_key *key, struct nx_ticket *ticket);
/* Bytes of a sealed ticket to send: of one in memory that was whole when it came. */
size_t nx_ticket_len(const uint8_t *ticket);
/* Are @len bytes as many as the ticket in them has? It is not checked. */
bool nx_ticket_whole(const uint8_t *data, size_t len);

/* The audience's side: its key and what has been revoked. */
struct nx_tickets;
/* A fresh random key; the epoch is the wall clock in microseconds. */
struct nx_tickets *nx_tickets_new(enum nx_role audience);
struct nx_tickets *nx_tickets_free(struct nx_tickets *t);
const struct nx_ticket_key *nx_tickets_key(const struct nx_tickets *t);

enum nx_ticket_result {
	NX_TICKET_OK,
	NX_TICKET_MALFORMED, /* length, version, audience, epoch */
	NX_TICKET_FORGED,
	NX_TICKET_EXPIRED,
	NX_TICKET_REVOKED,
};
/* Checks @data; on OK the ticket is in *ret_ticket. */
enum nx_ticket_result nx_tickets_check(struct nx_tickets *t,
    const uint8_t *data, size_t len, struct nx_ticket *ret_ticket);
/*
 * Nothing more for this session (NULL: for the whole user), at once. Remembered
 * for a ticket's life; when 4096 are remembered already the key is replaced,
 * which revokes everything: returns true then, and the caller gives the new key
 * to authd.
 */
bool nx_tickets_revoke(
    struct nx_tickets *t, uint64_t user_id, const uint8_t *session);

#endif
