/*
 * Proxies in front of the gateway, and whom they say they speak for. Only those
 * the configuration names are believed; what anybody else says about addresses
 * is text.
 */
#ifndef GW_PROXIES_H
#define GW_PROXIES_H

#include "gatewayd/http/address.h"
#include "gatewayd/http/head.h"

#define PROXIES_MAX 64U

struct proxies {
	struct {
		struct address net;
		unsigned bits;
	} trusted[PROXIES_MAX];
	size_t n;
};

/* "127.0.0.1, 10.0.0.0/8, fd00::/8"; empty or NULL: none. False: malformed. */
bool proxies_parse(struct proxies *ret_p, const char *text);
bool proxies_trust(const struct proxies *p, const struct address *a);

/*
 * Who is behind the trusted proxy @peer: the header lines @lines (@n, in the
 * order of their coming) of X-Forwarded-For, or with @forwarded of Forwarded
 * (RFC 7239), are walked from the right. Each hop was written by the one to its
 * right; the first that is not trusted is the client. A hop that is no address
 * ends the walk at the last one that was; so does the list's end.
 */
struct address
proxies_client(const struct proxies *p, const struct address *peer,
    const struct http_span *lines, size_t n, bool forwarded);

/*
 * The header of the PROXY protocol, version 1 or 2 (haproxy's
 * proxy-protocol.txt), in the @len bytes at @data. >0: it is that long, and
 * *ret_a is the client's, unknown when the proxy speaks for itself. 0: more
 * bytes are needed. -1: it is none.
 */
#define PROXY_HEAD_MAX 536 /* with the longest addresses and some TLVs */
int proxy_head(const char *data, size_t len, struct address *ret_a);

#endif
