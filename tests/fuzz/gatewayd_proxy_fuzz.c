/* What proxies say of clients: lists of hops, and the PROXY protocol's header in
 * both versions. Whatever is read is an address, or nobody's; a header is never
 * longer than the bytes, and more bytes do not change what a whole one says.
 * Seeds: headers' values and PROXY headers. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/err.h"
#include "gatewayd/http/proxies.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
hops(const char *text, size_t size)
{
	const char *half = text + size / 2;
	const struct http_span lines[2] = {
	    {text, size / 2}, {half, size - size / 2}};
	struct address peer, client;
	char out[ADDRESS_TEXT];
	struct proxies p;

	nx_assert(proxies_parse(&p, "127.0.0.1, 10.0.0.0/8, fd00::/8"));
	nx_assert(address_parse(&peer, (struct http_span){"127.0.0.1", 9}));
	for (int forwarded = 0; forwarded < 2; forwarded++) {
		client = proxies_client(&p, &peer, lines, 2, forwarded);
		nx_assert(client.known);
		address_text(&client, out);
		nx_assert(strlen(out) < sizeof(out) && strcmp(out, "?") != 0);
		/* nobody trusted, nobody asked */
		p.n = 0;
		client = proxies_client(&p, &peer, lines, 2, forwarded);
		nx_assert(memcmp(&client, &peer, sizeof(peer)) == 0);
		p.n = 3;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct address a, b;
	int n = proxy_head(text, size, &a);

	nx_assert(n >= -1 && n <= (int)(size < 1 << 20 ? size : 1 << 20));
	nx_assert(n != 0 || size < PROXY_HEAD_MAX);
	if (n > 0) {
		nx_assert(proxy_head(text, (size_t)n, &b) == n);
		nx_assert(memcmp(&a, &b, sizeof(a)) == 0);
		for (int i = 0; i < n; i++)
			nx_assert(proxy_head(text, (size_t)i, &b) == 0);
	}
	hops(text, size);
	return 0;
}
