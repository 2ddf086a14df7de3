/*
 * Client addresses: as text for logs and limits, and as what one client is
 * likely to hold, which is what it is counted by: an IPv4 address or an IPv6
 * /64. IPv4 addresses mapped into IPv6 are IPv4 addresses.
 */
#ifndef GW_ADDRESS_H
#define GW_ADDRESS_H

#include <sys/socket.h>

#include "gatewayd/http/words.h"
#include "gatewayd/shares.h"

#define ADDRESS_TEXT 46U /* with NUL */

struct address {
	bool known; /* else it is nobody's: a socket of another kind */
	bool v6;
	uint8_t bytes[16]; /* network order; 4 of them for IPv4 */
};

void address_of(struct address *ret_a, const struct sockaddr_storage *ss);
/* @bytes: 4 or 16, network order. */
void address_from_bytes(struct address *ret_a, const uint8_t *bytes, bool v6);
/* From text, without a port. False: it is none. */
bool address_parse(struct address *ret_a, struct http_span text);
void address_text(const struct address *a, char ret_text[ADDRESS_TEXT]);
/* A reference to the account of a known address; NULL: out of memory. */
struct share *address_share(const struct address *a, struct shares *shares);

#endif
