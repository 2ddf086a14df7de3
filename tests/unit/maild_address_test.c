/* Addresses: what is plain passes, what could be more does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "authd/maild/address.h"
#include "common/err.h"

static void
test_good(void **state)
{
	static const char *const good[] = {"a@b", "alice@example.org",
	    "a.b+c@sub.example.org", "!#$%&'*+-/=?^_`{|}~@x", "1@2.3",
	    "nexus@localhost", "x@xn--bcher-kva.example", "a@a-b.c--d"};
	size_t i;

	(void)state;
	for (i = 0; i < NX_ARRAY_SIZE(good); i++)
		if (!maild_address_valid(good[i]))
			fail_msg("refused: %s", good[i]);
}

static void
test_bad(void **state)
{
	static const char *const bad[] = {"", "@", "a", "a@", "@b", "a@b@c",
	    "a b@c", "a@b c", " a@b", "a@b ", "a@b\n", "a@b\r\nBcc: c@d",
	    "a\r@b", "a\n@b", "a\t@b", "a\x7f@b", "<a@b>", "a@b>", "a,b@c",
	    "a;b@c", "a:b@c", "\"a\"@b", "a(x)@b", "a\\b@c", "a[b@c", ".a@b",
	    "a.@b", "a..b@c", "a@.b", "a@b.", "a@b..c", "a@-b", "a@b-",
	    "a@b.-c", "a@b-.c", "a@b_c", "a@[127.0.0.1]", "a@b/c", "\xc3\xa4@b",
	    "a@\xc3\xa4"};
	size_t i;

	(void)state;
	for (i = 0; i < NX_ARRAY_SIZE(bad); i++)
		if (maild_address_valid(bad[i]))
			fail_msg("accepted: %s", bad[i]);
}

/* local + '@' + domain of labels with @label letters each. */
static const char *
make(size_t local, size_t label, size_t labels, size_t extra)
{
	static char text[512];
	char *p = text;
	size_t i;

	memset(p, 'l', local);
	p += local;
	*p++ = '@';
	for (i = 0; i < labels; i++) {
		memset(p, 'd', label);
		p += label;
		if (i + 1 < labels || extra)
			*p++ = '.';
	}
	memset(p, 'e', extra);
	p[extra] = '\0';
	return text;
}

static void
test_lengths(void **state)
{
	(void)state;
	assert_true(maild_address_valid(make(64, 3, 1, 0)));
	assert_false(maild_address_valid(make(65, 3, 1, 0)));
	assert_true(maild_address_valid(make(1, 63, 1, 0)));
	assert_false(maild_address_valid(make(1, 64, 1, 0)));
	/* 62 + 1 + 2 * 64 + 63 = 254 */
	assert_true(maild_address_valid(make(62, 63, 2, 63)));
	assert_false(maild_address_valid(make(63, 63, 2, 63)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_good),
	    cmocka_unit_test(test_bad),
	    cmocka_unit_test(test_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
