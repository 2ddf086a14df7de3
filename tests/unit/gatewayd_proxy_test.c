/* Whose word on a client's address is taken: proxies the configuration names,
 * and nobody else; and what it takes for a word. */
#include "tests/unit/gatewayd_lab.h"

static struct http_span
span(const char *s)
{
	return (struct http_span){s, strlen(s)};
}

static void
networks_are_read(void **state)
{
	static const char *const bad[] = {"x", "10.0.0.0/33", "10.0.0.0/",
	    "10.0.0.0/-1", "::1/129", "1.2.3", "127.0.0.1;10.0.0.1", "a, ::1"};
	struct address a;
	struct proxies p;
	size_t i;

	(void)state;
	assert_true(proxies_parse(&p, NULL));
	assert_int_equal(p.n, 0);
	for (i = 0; i < NX_ARRAY_SIZE(bad); i++)
		assert_false(proxies_parse(&p, bad[i]));
	assert_true(
	    proxies_parse(&p, " 127.0.0.1,10.32.0.0/11 , fd00::/8,::/128"));
	assert_int_equal(p.n, 4);
#define TRUSTED(text) (address_parse(&a, span(text)) && proxies_trust(&p, &a))
	assert_true(TRUSTED("127.0.0.1"));
	assert_true(TRUSTED("::ffff:127.0.0.1"));
	assert_false(TRUSTED("127.0.0.2"));
	assert_true(TRUSTED("10.63.255.255"));
	assert_false(TRUSTED("10.64.0.0"));
	assert_true(TRUSTED("fdff::1"));
	assert_false(TRUSTED("fe00::1"));
	/* an IPv4 address is not its bytes as IPv6, nor is nobody's anybody's */
	assert_false(TRUSTED("0a20::"));
	assert_false(proxies_trust(&p, &(struct address){.known = false}));
	assert_true(proxies_parse(&p, "0.0.0.0/0"));
	assert_true(TRUSTED("203.0.113.9"));
	assert_false(TRUSTED("2001:db8::1"));
}

static void
hops_are_walked_from_the_right(void **state)
{
	static const struct {
		const char *lines[3];
		bool forwarded;
		const char *client;
	} cases[] = {
	    {{NULL}, false, "127.0.0.1"},
	    {{"203.0.113.9"}, false, "203.0.113.9"},
	    {{"1.1.1.1, 203.0.113.9"}, false, "203.0.113.9"},
	    {{"1.1.1.1,203.0.113.9 , 10.0.0.7"}, false, "203.0.113.9"},
	    {{"203.0.113.9,,"}, false, "203.0.113.9"},
	    {{"1.1.1.1", "203.0.113.9", "10.0.0.7"}, false, "203.0.113.9"},
	    {{"10.0.0.8", "10.0.0.7"}, false, "10.0.0.8"},
	    {{"203.0.113.9:4711"}, false, "203.0.113.9"},
	    {{"[2001:db8::1]:4711"}, false, "2001:db8::1"},
	    {{"2001:db8::1"}, false, "2001:db8::1"},
	    {{"::ffff:203.0.113.9"}, false, "203.0.113.9"},
	    /* what is no address speaks for nobody */
	    {{"1.1.1.1, unknown"}, false, "127.0.0.1"},
	    {{"1.1.1.1, 203.0.113.9:99999"}, false, "127.0.0.1"},
	    {{"1.1.1.1, 203.0.113.9 x"}, false, "127.0.0.1"},
	    {{"1.1.1.1, [::1"}, false, "127.0.0.1"},
	    {{"1.1.1.1, 010.0.0.7"}, false, "127.0.0.1"},
	    {{"1.1.1.1, _hidden, 10.0.0.7"}, false, "10.0.0.7"},
	    {{""}, false, "127.0.0.1"},
	    {{", ,"}, false, "127.0.0.1"},
	    {{"for=203.0.113.9"}, true, "203.0.113.9"},
	    {{"for=1.1.1.1, For=203.0.113.9;proto=https;by=10.0.0.7"}, true,
		"203.0.113.9"},
	    {{"proto=https; for=\"[2001:db8::1]:80\""}, true, "2001:db8::1"},
	    {{"for=203.0.113.9, for=10.0.0.7"}, true, "203.0.113.9"},
	    {{"for=1.1.1.1, for=unknown"}, true, "127.0.0.1"},
	    {{"for=1.1.1.1, by=203.0.113.9"}, true, "127.0.0.1"},
	    {{"203.0.113.9"}, true, "127.0.0.1"},
	    {{"for=\"1.1.1.1, for=203.0.113.9\""}, true, "127.0.0.1"},
	};
	struct http_span lines[3];
	struct address peer, got;
	char text[ADDRESS_TEXT];
	struct proxies p;
	size_t i, n;

	(void)state;
	assert_true(proxies_parse(&p, "127.0.0.1, 10.0.0.0/8"));
	assert_true(address_parse(&peer, span("127.0.0.1")));
	for (i = 0; i < NX_ARRAY_SIZE(cases); i++) {
		for (n = 0; n < 3 && cases[i].lines[n]; n++)
			lines[n] = span(cases[i].lines[n]);
		got = proxies_client(&p, &peer, lines, n, cases[i].forwarded);
		address_text(&got, text);
		if (strcmp(text, cases[i].client) != 0)
			fail_msg("%zu: %s is not %s", i, text, cases[i].client);
	}
}

#define V2    "\r\n\r\n\0\r\nQUIT\n"
#define HEAD4 V2 "\x21\x11\0\x0c\xcb\0\x71\x09\x7f\0\0\1\x12\x67\0\x50"
#define HEAD6                                                         \
	V2 "\x21\x21\0\x24\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\0\0" \
	   "\0\0\0\0\0\0\0\0\0\0\0\0\0\1\x12\x67\0\x50"

static void
proxy_headers_are_read(void **state)
{
#define BYTES(s) s, sizeof(s) - 1
	static const struct {
		const char *data;
		size_t len;
		int result;
		const char *client;
	} cases[] = {
	    {BYTES("PROXY TCP4 203.0.113.9 127.0.0.1 4711 80\r\n"), 42,
		"203.0.113.9"},
	    {BYTES("PROXY TCP6 2001:db8::1 ::1 4711 80\r\nGET"), 36,
		"2001:db8::1"},
	    {BYTES("PROXY UNKNOWN\r\n"), 15, "?"},
	    {BYTES("PROXY UNKNOWN a b c d\r\n"), 23, "?"},
	    {BYTES(HEAD4), 28, "203.0.113.9"},
	    {BYTES(HEAD6), 52, "2001:db8::1"},
	    {BYTES(V2 "\x20\0\0\0"), 16, "?"},       /* LOCAL */
	    {BYTES(V2 "\x21\0\0\0"), 16, "?"},       /* UNSPEC */
	    {BYTES(V2 "\x21\x11\0\4abcd"), 20, "?"}, /* too short */
	    {BYTES(V2 "\x31\x11\0\0"), -1, "?"},     /* version 3 */
	    {BYTES(V2 "\x22\x11\0\0"), -1, "?"},     /* no such command */
	    {BYTES(V2 "\x21\x11\xff\xff"), -1, "?"}, /* too long */
	    {BYTES("GET / HTTP/1.1\r\n"), -1, "?"},
	    {BYTES("PROXY TCP4 203.0.113.9 127.0.0.1 4711\r\n"), -1, "?"},
	    {BYTES("PROXY TCP4 203.0.113.9 127.0.0.1 4711 80 \n"), -1, "?"},
	    {BYTES("PROXY TCP4 x 127.0.0.1 4711 80\r\n"), -1, "?"},
	    {BYTES("PROXY TCP4 1.1.1.1 127.0.0.1 4711 65536\r\n"), -1, "?"},
	    {BYTES("PROXY \r\n"), -1, "?"},
	    {BYTES("PROXY \nGET"), -1, "?"},
	};
	char text[ADDRESS_TEXT], many[200];
	struct address a;
	size_t i, n;

	(void)state;
	for (i = 0; i < NX_ARRAY_SIZE(cases); i++) {
		if (proxy_head(cases[i].data, cases[i].len, &a) !=
		    cases[i].result)
			fail_msg("%zu: %d", i,
			    proxy_head(cases[i].data, cases[i].len, &a));
		address_text(&a, text);
		if (cases[i].result > 0)
			assert_string_equal(text, cases[i].client);
		/* any part of it asks for more, or is refused already */
		for (n = 0; cases[i].result > 0 && n < (size_t)cases[i].result;
		     n++)
			assert_int_equal(proxy_head(cases[i].data, n, &a), 0);
	}
	memset(many, 'x', sizeof(many));
	memcpy(many, "PROXY ", 6);
	assert_int_equal(proxy_head(many, sizeof(many), &a), -1);
}

/* --- through the gateway ---------------------------------------------------*/

static const char *
login(int fd, const char *before, const char *headers)
{
	static const char body[] = "{\"username\":\"a\",\"password\":\"b\"}";
	char text[1024], *a;
	int n;

	n = snprintf(text, sizeof(text),
	    "%sPOST /auth/login/init HTTP/1.1\r\nHost: n\r\n%s"
	    "Content-Length: %zu\r\n\r\n%s",
	    before, headers, strlen(body), body);
	lab.login_from[0] = '\0';
	say(fd, text, (size_t)n, 7);
	a = hear(fd, "}\n", NULL);
	if (strncmp(a, "HTTP/1.1 200", 12) != 0)
		snprintf(lab.login_from, sizeof(lab.login_from), "%.12s", a);
	free(a);
	return lab.login_from;
}

static void
strangers_are_not_believed(void **state)
{
	int fd = client();

	(void)state;
	assert_true(proxies_parse(&lab.proxies, "10.0.0.0/8"));
	assert_string_equal(
	    login(fd, "", "X-Forwarded-For: 203.0.113.9\r\n"), "127.0.0.1");
	assert_string_equal(
	    login(fd, "", "Forwarded: for=203.0.113.9\r\n"), "127.0.0.1");
	close(fd);
}

static void
proxies_are_believed(void **state)
{
	int fd = client();

	(void)state;
	assert_true(proxies_parse(&lab.proxies, "127.0.0.1, 10.0.0.0/8"));
	close(fd);
	fd = client();
	/* each request of the one connection for itself; the other header, which
	 * the proxy may just pass on, is not asked */
	assert_string_equal(
	    login(fd, "", "X-Forwarded-For: 1.1.1.1, 203.0.113.9\r\n"),
	    "203.0.113.9");
	assert_string_equal(login(fd, "",
				"X-Forwarded-For: 1.1.1.1\r\n"
				"X-Forwarded-For: 2001:db8::1\r\n"
				"X-Forwarded-For: 10.0.0.7\r\n"),
	    "2001:db8::1");
	assert_string_equal(
	    login(fd, "", "Forwarded: for=203.0.113.9\r\n"), "127.0.0.1");
	close(fd);
}

/* The cap is each client's, not the proxy's, and not the one of the others. */
static void
caps_are_for_clients(void **state)
{
	int fd[6];
	size_t i;

	(void)state;
	lab.conf.http.max_per_address = 1;
	assert_true(proxies_parse(&lab.proxies, "127.0.0.1"));
	for (i = 0; i < NX_ARRAY_SIZE(fd); i++) {
		fd[i] = client();
		assert_string_equal(
		    login(fd[i], "", "X-Forwarded-For: 203.0.113.9\r\n"),
		    "203.0.113.9");
	}
	assert_int_equal(http_server_count(lab.gw.server), NX_ARRAY_SIZE(fd));
	/* one that is still being answered, another one at the same time */
	lab.hold_lambda = true;
	say(fd[0], "POST /api/lambda/run HTTP/1.1\r\nHost: n\r\n", 40, 100);
	say(fd[0], "Authorization: Bearer good\r\n", 28, 100);
	say(fd[0], "X-Forwarded-For: 203.0.113.9\r\n", 30, 100);
	say(fd[0], "Content-Length: 12\r\n\r\n{\"code\":\"1\"}", 34, 100);
	lab_turn(5);
	assert_string_equal(
	    login(fd[1], "", "X-Forwarded-For: 203.0.113.9\r\n"),
	    "HTTP/1.1 429");
	assert_string_equal(
	    login(fd[2], "", "X-Forwarded-For: 203.0.113.8\r\n"),
	    "203.0.113.8");
	for (i = 0; i < NX_ARRAY_SIZE(fd); i++)
		close(fd[i]);
}

static void
the_proxy_protocol_is_spoken(void **state)
{
	static const char first[] =
	    "PROXY TCP4 203.0.113.9 127.0.0.1 4711 80\r\n";
	static const struct linger now = {.l_onoff = 1};
	int fd, second;
	char *a;

	(void)state;
	lab_down(NULL);
	lab_up_as(true);
	lab.conf.http.max_per_address = 1;
	assert_true(proxies_parse(&lab.proxies, "127.0.0.1"));
	fd = client();
	assert_string_equal(login(fd, first, ""), "203.0.113.9");
	/* the client is no proxy: what it says of others is text */
	assert_string_equal(
	    login(fd, "", "X-Forwarded-For: 1.1.1.1\r\n"), "203.0.113.9");
	/* its second connection is one too many */
	second = client();
	assert_string_equal(login(second, first, ""), "");
	close(second);
	/* the header is not optional, and of a stranger it is no request */
	second = client();
	assert_string_equal(login(second, "", ""), "");
	close(second);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
	lab_turn(5);
	assert_true(proxies_parse(&lab.proxies, "10.0.0.0/8"));
	fd = client();
	say(fd, first, strlen(first), 100);
	say(fd, "\r\n", 2, 2);
	a = hear(fd, "}\n", NULL);
	assert_status(a, 400);
	free(a);
	close(fd);
}

#define T(f) cmocka_unit_test_setup_teardown(f, lab_up, lab_down)
int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(networks_are_read),
	    cmocka_unit_test(hops_are_walked_from_the_right),
	    cmocka_unit_test(proxy_headers_are_read),
	    T(strangers_are_not_believed),
	    T(proxies_are_believed),
	    T(caps_are_for_clients),
	    T(the_proxy_protocol_is_spoken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
