/* Ceremonies with passkeys, as a browser recorded them, and everything in them
 * that may be wrong. */
#include "tests/unit/authd_harness.h"

#include "authd/credentials/authdata.h"
#include "authd/credentials/challenge.h"
#include "authd/credentials/clientdata.h"
#include "tests/unit/authd_passkey_records.h"

#define ORIGIN "http://localhost:8941"

static size_t
bytes(const char *text, uint8_t *ret, size_t max)
{
	size_t len;

	assert_int_equal(
	    sodium_base642bin(ret, max, text, strlen(text), NULL, &len, NULL,
		sodium_base64_VARIANT_URLSAFE_NO_PADDING),
	    0);
	return len;
}

struct got {
	uint8_t client_data[4096], auth_data[4096], signature[1024];
	struct auth_assertion a;
};

static void
load(const struct passkey_record *p, int n, struct got *g)
{
	g->a.client_data = g->client_data;
	g->a.auth_data = g->auth_data;
	g->a.signature = g->signature;
	g->a.client_data_len = bytes(
	    p->got[n].client_data, g->client_data, sizeof(g->client_data));
	g->a.auth_data_len =
	    bytes(p->got[n].auth_data, g->auth_data, sizeof(g->auth_data));
	g->a.signature_len =
	    bytes(p->got[n].signature, g->signature, sizeof(g->signature));
}

static void
load_key(const struct passkey_record *p, struct auth_passkey_key *k)
{
	uint8_t data[4096];
	size_t len = bytes(p->registered, data, sizeof(data));

	assert_true(auth_authdata_register(data, len, "localhost", k));
}

static bool
holds(const struct auth_passkey_key *k, const struct got *g)
{
	uint32_t count;
	uint8_t flags;

	return auth_authdata_assert(k, &g->a, "localhost", &count, &flags);
}

static void
test_register(void **state)
{
	uint8_t id[1024], data[4096];
	struct auth_passkey_key k;
	size_t len;

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(passkey_records); i++) {
		const struct passkey_record *p = &passkey_records[i];

		load_key(p, &k);
		assert_int_equal(k.alg, p->alg);
		assert_int_equal(k.id_len, bytes(p->id, id, sizeof(id)));
		assert_memory_equal(k.id, id, k.id_len);
		assert_int_equal(k.count, 1);
		len = bytes(p->registered, data, sizeof(data));
		assert_false(auth_authdata_register(data, len, "nexus", &k));
		/* cut anywhere it is nothing */
		for (size_t n = 0; n < len; n++)
			assert_false(
			    auth_authdata_register(data, n, "localhost", &k));
		/* nobody there; not verified; no key; backed up but cannot be */
		for (size_t b = 0; b < 4; b++) {
			static const uint8_t wrong[] = {0x44, 0x41, 0x05, 0x55};

			data[32] = wrong[b];
			assert_false(
			    auth_authdata_register(data, len, "localhost", &k));
		}
		data[32] = 0x5d;
		assert_true(auth_authdata_register(data, len, "localhost", &k));
	}
}

/* What a browser asks for by itself comes behind the key and is left out; a map
 * that says it has two milliards of members is nobody's key. */
static void
test_extensions(void **state)
{
	static const uint8_t huge[] = {0xba, 0x7f, 0xff, 0xff, 0xff};
	uint8_t data[4096];
	size_t len = bytes(passkey_records[0].registered, data, sizeof(data));
	struct auth_passkey_key k;

	(void)state;
	memcpy(data + len,
	    "\xa1\x6b"
	    "credProtect\x02",
	    14);
	assert_false(auth_authdata_register(data, len + 14, "localhost", &k));
	data[32] |= 0x80;
	assert_true(auth_authdata_register(data, len + 14, "localhost", &k));
	memcpy(data + len, huge, sizeof(huge));
	assert_true(auth_authdata_register(data, len + 5, "localhost", &k));
	memcpy(data + 37 + 18 + 32, huge, sizeof(huge));
	assert_false(auth_authdata_register(data, len, "localhost", &k));
}

/* A point that is not on the curve is no key. */
static void
test_off_curve(void **state)
{
	uint8_t data[4096];
	size_t len = bytes(passkey_records[0].registered, data, sizeof(data));
	struct auth_passkey_key k;

	(void)state;
	data[len - 1] ^= 1;
	assert_false(auth_authdata_register(data, len, "localhost", &k));
}

static void
test_assert(void **state)
{
	struct auth_passkey_key k;
	struct got g;
	uint32_t count;
	uint8_t flags;

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(passkey_records); i++) {
		load_key(&passkey_records[i], &k);
		load(&passkey_records[i], 0, &g);
		assert_true(auth_authdata_assert(
		    &k, &g.a, "localhost", &count, &flags));
		assert_int_equal(count, 2);
		assert_int_equal(flags, 5);
		assert_false(auth_authdata_assert(
		    &k, &g.a, "nexus.localhost", &count, &flags));
		/* truly signed, but nobody was verified */
		load(&passkey_records[i], 1, &g);
		assert_false(holds(&k, &g));
	}
}

/* Any byte of any part another, and any part shorter. */
static void
test_altered(void **state)
{
	struct auth_passkey_key k;
	struct got g;

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(passkey_records); i++) {
		load_key(&passkey_records[i], &k);
		load(&passkey_records[i], 0, &g);
		for (size_t n = 0; n < g.a.auth_data_len; n++) {
			g.auth_data[n] ^= 0x08;
			assert_false(holds(&k, &g));
			g.auth_data[n] ^= 0x08;
		}
		for (size_t n = 0; n < g.a.client_data_len; n += 7) {
			g.client_data[n] ^= 1;
			assert_false(holds(&k, &g));
			g.client_data[n] ^= 1;
		}
		for (size_t n = 0; n < g.a.signature_len; n += 5) {
			g.signature[n] ^= 1;
			assert_false(holds(&k, &g));
			g.signature[n] ^= 1;
		}
		for (g.a.auth_data_len--; g.a.auth_data_len > 0;
		     g.a.auth_data_len--)
			assert_false(holds(&k, &g));
		assert_false(holds(&k, &g));
		load(&passkey_records[i], 0, &g);
		g.a.signature_len--;
		assert_false(holds(&k, &g));
		g.a.signature_len = 0;
		assert_false(holds(&k, &g));
		/* the key of another, though of the same algorithm or not */
		load(&passkey_records[i], 0, &g);
		load_key(&passkey_records[(i + 1) % 3], &k);
		assert_false(holds(&k, &g));
		k.alg = passkey_records[i].alg;
		assert_false(holds(&k, &g));
		k.alg = -47;
		assert_false(holds(&k, &g));
	}
}

static void
test_counter(void **state)
{
	(void)state;
	assert_false(auth_authdata_rolled_back(0, 0));
	assert_false(auth_authdata_rolled_back(0, 1));
	assert_false(auth_authdata_rolled_back(7, 8));
	assert_true(auth_authdata_rolled_back(7, 7));
	assert_true(auth_authdata_rolled_back(7, 6));
	assert_true(auth_authdata_rolled_back(7, 0));
}

static void
test_client_data(void **state)
{
	uint8_t json[4096];
	struct auth_clientdata d;
	size_t len;

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(passkey_records); i++) {
		len = bytes(passkey_records[i].created, json, sizeof(json));
		assert_true(auth_clientdata_read(json, len, &d));
		assert_true(d.create);
		assert_string_equal(d.origin, ORIGIN);
		for (uint8_t n = 0; n < AUTH_CHALLENGE_LEN; n++)
			assert_int_equal(d.challenge[n], n);
		for (size_t n = 0; n < len; n++)
			assert_false(auth_clientdata_read(json, n, &d));
		len = bytes(
		    passkey_records[i].got[0].client_data, json, sizeof(json));
		assert_true(auth_clientdata_read(json, len, &d));
		assert_false(d.create);
	}
}

#define C "\"challenge\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\""
#define T "\"type\":\"webauthn.get\""
#define O "\"origin\":\"http://localhost:8941\""

static void
test_client_data_wrong(void **state)
{
	static const struct {
		const char *json;
		bool good;
	} cases[] = {
	    {"{" T "," C "," O "}", true},
	    {"{\"more\":{\"x\":[1]}," T "," C "," O ",\"crossOrigin\":false}",
		true},
	    {"{" T "," C "," O ",\"crossOrigin\":true}", false},
	    {"{" T "," C "," O ",\"crossOrigin\":\"false\"}", false},
	    {"{" T "," C "," O ",\"topOrigin\":\"http://localhost\"}", false},
	    {"{" T "," C "," O ",\"type\":\"webauthn.create\"}", false},
	    {"{" T "," C "," O "," O "}", false},
	    {"{" T "," C "," C "," O "}", false},
	    {"{" C "," O "}", false},
	    {"{" T "," O "}", false},
	    {"{" T "," C "}", false},
	    {"{\"type\":\"webauthn.get\\u0000\"," C "," O "}", false},
	    {"{\"type\":\"payment.get\"," C "," O "}", false},
	    {"{\"type\":7," C "," O "}", false},
	    {"{" T ",\"challenge\":\"AAEC\"," O "}", false},
	    {"{" T ",\"challenge\":null," O "}", false},
	    {"{" T "," C ",\"origin\":\"\"}", false},
	    {"{" T "," C "," O "} ", false},
	    {"[" T "]", false},
	    {"7", false},
	};
	char big[AUTH_CLIENTDATA_MAX + 2];
	struct auth_clientdata d;

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(cases); i++)
		assert_int_equal(auth_clientdata_read(
				     cases[i].json, strlen(cases[i].json), &d),
		    cases[i].good);
	memset(big, ' ', sizeof(big));
	memcpy(big, cases[0].json, strlen(cases[0].json) - 1);
	big[AUTH_CLIENTDATA_MAX - 1] = '}';
	assert_true(auth_clientdata_read(big, AUTH_CLIENTDATA_MAX, &d));
	big[AUTH_CLIENTDATA_MAX - 1] = ' ';
	big[AUTH_CLIENTDATA_MAX] = '}';
	assert_false(auth_clientdata_read(big, AUTH_CLIENTDATA_MAX + 1, &d));
}

static void
test_origins(void **state)
{
	const char *list = "https://a.example, http://localhost:8080";

	(void)state;
	assert_true(auth_origin_listed(list, "https://a.example"));
	assert_true(auth_origin_listed(list, "http://localhost:8080"));
	assert_false(auth_origin_listed(list, "http://localhost:8081"));
	assert_false(auth_origin_listed(list, "http://localhost"));
	assert_false(auth_origin_listed(list, "https://a.example.net"));
	assert_false(auth_origin_listed(list, "https://a.exampl"));
	assert_false(auth_origin_listed(list, ""));
	assert_false(auth_origin_listed("", ""));
}

/* --- challenges -------------------------------------------------------------*/

#define SECOND 1000000ULL

static void
test_challenge_once(void **state)
{
	struct auth_challenges *t = auth_challenges_new();
	const uint8_t who[AUTH_CHALLENGE_WHO] = {1};
	struct auth_challenge c, d;

	(void)state;
	auth_challenge_make(t, AUTH_PURPOSE_LOGIN, 0, who, SECOND, &c);
	assert_true(auth_challenge_take(
	    t, c.id, AUTH_PURPOSE_LOGIN, 0, 300 * SECOND, &d));
	assert_memory_equal(c.bytes, d.bytes, sizeof(c.bytes));
	assert_false(auth_challenge_take(
	    t, c.id, AUTH_PURPOSE_LOGIN, 0, 2 * SECOND, &d));
	/* for something else, for somebody else, too late: gone as well */
	for (int i = 0; i < 3; i++) {
		auth_challenge_make(
		    t, AUTH_PURPOSE_REGISTER, 7, who, SECOND, &c);
		assert_false(auth_challenge_take(t, c.id,
		    i == 0 ? AUTH_PURPOSE_LOGIN : AUTH_PURPOSE_REGISTER,
		    i == 1 ? 8 : 7, (i == 2 ? 301 : 2) * SECOND, &d));
		assert_false(auth_challenge_take(
		    t, c.id, AUTH_PURPOSE_REGISTER, 7, 2 * SECOND, &d));
	}
	auth_challenges_free(t);
}

/* Whoever asks without end pushes out their own. */
static void
test_challenge_bounds(void **state)
{
	struct auth_challenges *t = auth_challenges_new();
	const uint8_t mine[AUTH_CHALLENGE_WHO] = {1}, other[16] = {2};
	struct auth_challenge first, c[AUTH_CHALLENGES_OWN + 1], d;
	uint8_t who[AUTH_CHALLENGE_WHO] = {3};

	(void)state;
	auth_challenge_make(t, AUTH_PURPOSE_LOGIN, 0, mine, SECOND, &first);
	for (unsigned i = 0; i <= AUTH_CHALLENGES_OWN; i++)
		auth_challenge_make(
		    t, AUTH_PURPOSE_LOGIN, 0, other, SECOND + 1 + i, &c[i]);
	assert_false(auth_challenge_take(
	    t, c[0].id, AUTH_PURPOSE_LOGIN, 0, 2 * SECOND, &d));
	for (unsigned i = 1; i <= AUTH_CHALLENGES_OWN; i++)
		assert_true(auth_challenge_take(
		    t, c[i].id, AUTH_PURPOSE_LOGIN, 0, 2 * SECOND, &d));
	assert_true(auth_challenge_take(
	    t, first.id, AUTH_PURPOSE_LOGIN, 0, 2 * SECOND, &d));
	/* more owners than rows: there is room for the newest */
	for (unsigned i = 0; i < AUTH_CHALLENGES + 10; i++) {
		memcpy(who + 4, &i, sizeof(i));
		auth_challenge_make(
		    t, AUTH_PURPOSE_LOGIN, 0, who, 3 * SECOND + i, &d);
	}
	assert_true(auth_challenge_take(
	    t, d.id, AUTH_PURPOSE_LOGIN, 0, 4 * SECOND, &first));
	auth_challenges_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_register),
	    cmocka_unit_test(test_extensions),
	    cmocka_unit_test(test_off_curve),
	    cmocka_unit_test(test_assert),
	    cmocka_unit_test(test_altered),
	    cmocka_unit_test(test_counter),
	    cmocka_unit_test(test_client_data),
	    cmocka_unit_test(test_client_data_wrong),
	    cmocka_unit_test(test_origins),
	    cmocka_unit_test(test_challenge_once),
	    cmocka_unit_test(test_challenge_bounds),
	};

	auth_authdata_prepare();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
