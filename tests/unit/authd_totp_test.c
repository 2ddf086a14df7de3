/* Codes of authenticator apps and recovery codes. */
#include "tests/unit/authd_harness.h"

#include "authd/credentials/recovery.h"
#include "authd/credentials/totp.h"

static const uint8_t rfc[] = "12345678901234567890";

/* RFC 6238 appendix B, the last six of its eight digits. */
static void
test_vectors(void **state)
{
	static const struct {
		int64_t time;
		const char *code;
	} vectors[] = {
	    {59, "287082"},
	    {1111111109, "081804"},
	    {1111111111, "050471"},
	    {1234567890, "005924"},
	    {2000000000, "279037"},
	    {20000000000, "353130"},
	};
	char code[AUTH_CODE_LEN + 1];

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(vectors); i++) {
		auth_totp_code(rfc, vectors[i].time / AUTH_TOTP_STEP, code);
		assert_string_equal(code, vectors[i].code);
	}
}

static void
test_window(void **state)
{
	int64_t now = 1111111109, step = -1;
	char code[AUTH_CODE_LEN + 1];

	(void)state;
	for (int64_t d = -3; d <= 3; d++) {
		auth_totp_code(rfc, now / AUTH_TOTP_STEP + d, code);
		step = -1;
		assert_int_equal(auth_totp_match(rfc, code, now, 0, &step),
		    d >= -1 && d <= 1);
		assert_int_equal(
		    step, d >= -1 && d <= 1 ? now / AUTH_TOTP_STEP + d : -1);
	}
	assert_false(auth_totp_match(rfc, "", now, 0, &step));
	assert_false(auth_totp_match(rfc, "08180", now, 0, &step));
	assert_false(auth_totp_match(rfc, "0818040", now, 0, &step));
}

/* A code is used up, and with it all before; nor does a clock that goes back
 * bring one to life again. */
static void
test_once(void **state)
{
	int64_t now = 1234567890, step = 0, again;
	char code[AUTH_CODE_LEN + 1], before[AUTH_CODE_LEN + 1];

	(void)state;
	auth_totp_code(rfc, now / AUTH_TOTP_STEP, code);
	auth_totp_code(rfc, now / AUTH_TOTP_STEP - 1, before);
	assert_true(auth_totp_match(rfc, code, now, 0, &step));
	assert_false(auth_totp_match(rfc, code, now, step, &again));
	assert_false(auth_totp_match(rfc, before, now, step, &again));
	assert_false(auth_totp_match(rfc, before, now - 30, step, &again));
	auth_totp_code(rfc, now / AUTH_TOTP_STEP + 1, code);
	assert_true(auth_totp_match(rfc, code, now, step, &again));
	assert_int_equal(again, step + 1);
}

static void
test_text(void **state)
{
	char text[AUTH_TOTP_TEXT + 1], uri[AUTH_TOTP_URI];

	(void)state;
	auth_totp_text(rfc, text);
	assert_string_equal(text, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
	auth_totp_uri(rfc, "ada.l-_2", uri);
	assert_string_equal(uri,
	    "otpauth://totp/Nexus:ada.l-_2?secret="
	    "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Nexus");
}

static void
test_recovery(void **state)
{
	char text[AUTH_RECOVERY_TEXT + 1], plain[AUTH_RECOVERY_LEN + 1];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		auth_recovery_new(text);
		assert_int_equal(strlen(text), AUTH_RECOVERY_TEXT);
		assert_true(auth_recovery_read(text, plain));
		assert_memory_equal(plain, text, 5);
		assert_string_equal(plain + 5, text + 6);
	}
	assert_true(auth_recovery_read(" abcde fgh-ij ", plain));
	assert_string_equal(plain, "ABCDEFGHIJ");
	assert_false(auth_recovery_read("", plain));
	assert_false(auth_recovery_read("ABCDE-FGHI", plain));
	assert_false(auth_recovery_read("ABCDE-FGHIJK", plain));
	assert_false(auth_recovery_read("ABCDE-FGHI1", plain));
	assert_false(auth_recovery_read("ABCDE-FGHI\xc3", plain));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_vectors),
	    cmocka_unit_test(test_window),
	    cmocka_unit_test(test_once),
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_recovery),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
