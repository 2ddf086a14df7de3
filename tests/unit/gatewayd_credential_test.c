/* Who asks, in all the forms in which it is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <sodium.h>

#include "common/err.h"
#include "gatewayd/routes/credential.h"

#define KEY "e2b_0123456789abcdef"

static struct http_head head;
static struct credential got;

static struct http_span
span(const char *text)
{
	return (struct http_span){text, text ? strlen(text) : 0};
}

/* 0, or the status it is refused with. */
static int
take(const char *authorization, const char *api_key)
{
	const struct http_error *error;

	memset(&got, 0x55, sizeof(got));
	head.field[HEAD_AUTHORIZATION] = span(authorization);
	head.field[HEAD_X_API_KEY] = span(api_key);
	error = credential_of(&head, &got);
	return error ? error->status : 0;
}

static const char *
basic(const char *plain, size_t len)
{
	static char text[4096];

	memcpy(text, "Basic ", 6);
	sodium_bin2base64(text + 6, sizeof(text) - 6, (const uint8_t *)plain,
	    len, sodium_base64_VARIANT_ORIGINAL);
	return text;
}

static void
test_bearer(void **state)
{
	(void)state;
	assert_int_equal(take("Bearer abc.def-1_2~+/=", NULL), 0);
	assert_string_equal(got.text, "abc.def-1_2~+/=");
	assert_string_equal(got.whole, got.text);
	assert_false(got.key);
	assert_int_equal(take("bEARER   " KEY, NULL), 0);
	assert_true(got.key);
	assert_false(got.named);
	assert_int_equal(take("Bearer ", NULL), 401);
	assert_int_equal(take("Bearer a b", NULL), 401);
	assert_int_equal(take("Bearer a,b", NULL), 401);
	assert_int_equal(take("Digest x", NULL), 401);
	assert_int_equal(take("Bearer", NULL), 401);
	assert_int_equal(take(NULL, NULL), 401);
}

static void
test_basic(void **state)
{
	(void)state;
	assert_int_equal(take(basic("ada:" KEY, 4 + strlen(KEY)), NULL), 0);
	assert_true(got.key && got.named);
	assert_string_equal(got.user, "ada");
	assert_string_equal(got.text, KEY);
	assert_string_equal(got.whole, "ada:" KEY);
	assert_int_equal(got.whole_len, strlen(got.whole));
	assert_int_equal(take(basic(":" KEY, 1 + strlen(KEY)), NULL), 0);
	assert_false(got.named);
	assert_string_equal(got.whole, KEY);
	/* A password, a token, no colon, what is no text. */
	assert_int_equal(take(basic("ada:correct horse", 17), NULL), 401);
	assert_int_equal(take(basic("ada:abc.def.ghi", 15), NULL), 401);
	assert_int_equal(take(basic(KEY, strlen(KEY)), NULL), 401);
	assert_int_equal(take(basic("a\0a:" KEY, 4 + strlen(KEY)), NULL), 401);
	assert_int_equal(take(basic("\xff:" KEY, 2 + strlen(KEY)), NULL), 401);
	assert_int_equal(take("Basic !!!", NULL), 401);
	assert_int_equal(take("Basic YQ", NULL), 401);
}

static void
test_api_key(void **state)
{
	(void)state;
	assert_int_equal(take(NULL, KEY), 0);
	assert_true(got.key);
	assert_int_equal(take(NULL, "abc.def.ghi"), 401);
	assert_int_equal(take(NULL, ""), 401);
	assert_int_equal(take("Bearer abc", KEY), 400);
}

static void
test_lengths(void **state)
{
	char text[CREDENTIAL_MAX + 16] = "Bearer ";

	(void)state;
	memset(text + 7, 'a', CREDENTIAL_MAX + 1);
	assert_int_equal(take(text, NULL), 401);
	text[7 + CREDENTIAL_MAX] = '\0';
	assert_int_equal(take(text, NULL), 0);
	assert_int_equal(strlen(got.text), CREDENTIAL_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bearer),
	    cmocka_unit_test(test_basic),
	    cmocka_unit_test(test_api_key),
	    cmocka_unit_test(test_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
