/*
 * What proxies say, read strictly: a hop that is not exactly an address is no
 * hop, and a spoofed prefix of the list is never reached, as the walk starts at
 * the end that the nearest proxy wrote.
 */
#include <string.h>
#include <strings.h>

#include "common/err.h"
#include "gatewayd/http/proxies.h"

/* --- who is trusted --------------------------------------------------------*/

static bool
parse_net(struct proxies *p, struct http_span item)
{
	const char *slash = memchr(item.p, '/', item.len);
	struct http_span host = item, bits = {0};
	struct address net;
	uint64_t most, n;

	if (slash) {
		host.len = (size_t)(slash - item.p);
		bits = (struct http_span){slash + 1, item.len - host.len - 1};
	}
	if (p->n == PROXIES_MAX || !address_parse(&net, host))
		return false;
	most = n = net.v6 ? 128 : 32;
	if (slash && (!http_decimal(bits, &n) || n > most))
		return false;
	p->trusted[p->n].net = net;
	p->trusted[p->n++].bits = (unsigned)n;
	return true;
}

bool
proxies_parse(struct proxies *ret_p, const char *text)
{
	struct http_span list = {text, text ? strlen(text) : 0}, item;
	struct proxies p = {.n = 0};

	while (http_list_next(&list, &item))
		if (!parse_net(&p, item))
			return false;
	*ret_p = p;
	return true;
}

static bool
covers(const struct address *net, unsigned bits, const struct address *a)
{
	unsigned whole = bits / 8, rest = bits % 8;
	uint8_t mask = (uint8_t)(0xff00U >> rest);

	if (net->v6 != a->v6 || memcmp(net->bytes, a->bytes, whole) != 0)
		return false;
	return rest == 0 || ((net->bytes[whole] ^ a->bytes[whole]) & mask) == 0;
}

bool
proxies_trust(const struct proxies *p, const struct address *a)
{
	for (size_t i = 0; a->known && i < p->n; i++)
		if (covers(&p->trusted[i].net, p->trusted[i].bits, a))
			return true;
	return false;
}

/* --- headers ---------------------------------------------------------------*/

static struct http_span
trimmed(struct http_span s)
{
	while (s.len > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
		s.p++;
		s.len--;
	}
	while (s.len > 0 && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
		s.len--;
	return s;
}

/* The element behind the last comma of *@s, taken off it. Quoted strings are
 * not looked at: no address has a comma in it. */
static struct http_span
last_element(struct http_span *s)
{
	const char *comma = s->len > 0 ? memrchr(s->p, ',', s->len) : NULL;
	struct http_span e = *s;

	if (comma) {
		e.p = comma + 1;
		e.len = s->len - (size_t)(e.p - s->p);
		s->len = (size_t)(comma - s->p);
	} else {
		s->len = 0;
	}
	return trimmed(e);
}

/* The value of `for` in "for=192.0.2.1;proto=https", unquoted. */
static struct http_span
for_value(struct http_span element)
{
	while (element.len > 0) {
		const char *semi = memchr(element.p, ';', element.len);
		struct http_span pair = element;

		if (semi)
			pair.len = (size_t)(semi - element.p);
		element.p += pair.len + (semi != NULL);
		element.len -= pair.len + (semi != NULL);
		pair = trimmed(pair);
		if (pair.len < 4 || strncasecmp(pair.p, "for=", 4) != 0)
			continue;
		pair.p += 4;
		pair.len -= 4;
		if (pair.len >= 2 && pair.p[0] == '"' &&
		    pair.p[pair.len - 1] == '"') {
			pair.p++;
			pair.len -= 2;
		}
		return pair;
	}
	return element;
}

/* "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]:80". */
static bool
parse_hop(struct address *ret_a, struct http_span s)
{
	struct http_span port = {0};
	const char *end;
	uint64_t n;

	if (s.len > 0 && s.p[0] == '[') {
		end = memchr(s.p, ']', s.len);
		if (!end)
			return false;
		port = (struct http_span){
		    end + 1, s.len - (size_t)(end + 1 - s.p)};
		s = (struct http_span){s.p + 1, (size_t)(end - s.p) - 1};
		if (port.len > 0 && port.p[0] != ':')
			return false;
	} else {
		end = s.len > 0 ? memchr(s.p, ':', s.len) : NULL;
		if (end && memrchr(s.p, ':', s.len) == end) {
			port = (struct http_span){
			    end, s.len - (size_t)(end - s.p)};
			s.len = (size_t)(end - s.p);
		}
	}
	if (port.len > 0) {
		port.p++;
		port.len--;
		if (!http_decimal(port, &n) || n > 65535)
			return false;
	}
	return address_parse(ret_a, s);
}

struct address
proxies_client(const struct proxies *p, const struct address *peer,
    const struct http_span *lines, size_t n, bool forwarded)
{
	struct address client = *peer, hop;
	struct http_span line, e;

	while (n > 0) {
		line = lines[--n];
		while (line.len > 0) {
			e = last_element(&line);
			if (e.len == 0)
				continue; /* an empty element is none */
			if (!proxies_trust(p, &client) ||
			    !parse_hop(&hop, forwarded ? for_value(e) : e))
				return client;
			client = hop;
		}
	}
	return client;
}

/* --- the PROXY protocol ----------------------------------------------------*/

#define V1_MAX 107 /* with CR LF */

static bool
next_word(struct http_span *s, struct http_span *ret_word)
{
	const char *blank = s->len > 0 ? memchr(s->p, ' ', s->len) : NULL;
	struct http_span word = *s;

	if (blank)
		word.len = (size_t)(blank - s->p);
	s->p += word.len + (blank != NULL);
	s->len -= word.len + (blank != NULL);
	*ret_word = word;
	return word.len > 0;
}

/* "TCP4 source destination sport dport" or "UNKNOWN ...". */
static bool
parse_v1(struct http_span line, struct address *ret_a)
{
	struct http_span word[5];
	struct address to;
	uint64_t port;
	size_t i;

	if (!next_word(&line, &word[0]))
		return false;
	if (http_span_is(word[0], "unknown"))
		return true;
	for (i = 1; i < 5; i++)
		if (!next_word(&line, &word[i]))
			return false;
	if (line.len > 0 || !address_parse(ret_a, word[1]) ||
	    !address_parse(&to, word[2]) || !http_decimal(word[3], &port) ||
	    port > 65535 || !http_decimal(word[4], &port) || port > 65535)
		return false;
	return http_span_is(word[0], "tcp4") || http_span_is(word[0], "tcp6");
}

static int
head_v1(const char *data, size_t len, struct address *ret_a)
{
	const char *lf = memchr(data, '\n', len < V1_MAX ? len : V1_MAX);

	if (!lf)
		return len < V1_MAX ? 0 : -1;
	if (lf[-1] != '\r' ||
	    !parse_v1(
		(struct http_span){data + 6, (size_t)(lf - data) - 7}, ret_a))
		return -1;
	return (int)(lf - data) + 1;
}

/* 12 bytes of signature, version and command, family, length of what follows:
 * addresses, then TLVs, which nobody here reads. */
static int
head_v2(const char *data, size_t len, struct address *ret_a)
{
	const uint8_t *b = (const uint8_t *)data;
	size_t more;

	if (len < 16)
		return 0;
	more = (size_t)b[14] << 8 | b[15];
	if (b[12] >> 4 != 2 || more > PROXY_HEAD_MAX - 16)
		return -1;
	if (len < 16 + more)
		return 0;
	if ((b[12] & 15) == 1 && b[13] == 0x11 && more >= 12)
		address_from_bytes(ret_a, b + 16, false);
	else if ((b[12] & 15) == 1 && b[13] == 0x21 && more >= 36)
		address_from_bytes(ret_a, b + 16, true);
	else if ((b[12] & 15) > 1)
		return -1;
	return (int)(16 + more);
}

int
proxy_head(const char *data, size_t len, struct address *ret_a)
{
	static const char v1[] = "PROXY ";
	static const char v2[] = "\r\n\r\n\0\r\nQUIT\n";

	*ret_a = (struct address){.known = false};
	if (len == 0)
		return 0;
	if (memcmp(data, v1, len < 6 ? len : 6) == 0)
		return len < 8 ? 0 : head_v1(data, len, ret_a);
	if (memcmp(data, v2, len < 12 ? len : 12) == 0)
		return len < 12 ? 0 : head_v2(data, len, ret_a);
	return -1;
}
