/*
 * Addresses between the kernel's form, text and accounts. Text comes from
 * proxies' headers: only what inet_pton(3) takes whole is an address.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "gatewayd/http/address.h"

static void
set_v4(struct address *a, const void *bytes)
{
	*a = (struct address){.known = true};
	memcpy(a->bytes, bytes, 4);
}

static void
set_v6(struct address *a, const uint8_t bytes[16])
{
	static const uint8_t mapped[12] = {
	    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	if (memcmp(bytes, mapped, sizeof(mapped)) == 0) {
		set_v4(a, bytes + 12);
		return;
	}
	*a = (struct address){.known = true, .v6 = true};
	memcpy(a->bytes, bytes, 16);
}

void
address_from_bytes(struct address *ret_a, const uint8_t *bytes, bool v6)
{
	if (v6)
		set_v6(ret_a, bytes);
	else
		set_v4(ret_a, bytes);
}

void
address_of(struct address *ret_a, const struct sockaddr_storage *ss)
{
	const struct sockaddr_in *in = (const void *)ss;
	const struct sockaddr_in6 *in6 = (const void *)ss;

	*ret_a = (struct address){.known = false};
	if (ss->ss_family == AF_INET)
		set_v4(ret_a, &in->sin_addr);
	else if (ss->ss_family == AF_INET6)
		set_v6(ret_a, in6->sin6_addr.s6_addr);
}

bool
address_parse(struct address *ret_a, struct http_span text)
{
	char s[ADDRESS_TEXT];
	uint8_t bytes[16];

	if (!text.p || text.len == 0 || text.len >= sizeof(s) ||
	    memchr(text.p, '\0', text.len))
		return false;
	memcpy(s, text.p, text.len);
	s[text.len] = '\0';
	if (inet_pton(AF_INET, s, bytes) == 1)
		set_v4(ret_a, bytes);
	else if (inet_pton(AF_INET6, s, bytes) == 1)
		set_v6(ret_a, bytes);
	else
		return false;
	return true;
}

void
address_text(const struct address *a, char ret_text[ADDRESS_TEXT])
{
	if (!a->known ||
	    !inet_ntop(
		a->v6 ? AF_INET6 : AF_INET, a->bytes, ret_text, ADDRESS_TEXT))
		strcpy(ret_text, "?");
}

struct share *
address_share(const struct address *a, struct shares *shares)
{
	uint64_t key = 0;

	memcpy(&key, a->bytes, a->v6 ? 8 : 4);
	return shares_get(shares, a->v6 ? SHARE_V6 : SHARE_V4, key);
}
