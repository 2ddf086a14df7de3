/* Passkeys end to end within authd: an authenticator made of OpenSSL registers and
 * signs in, and everything that another might try with what it gave. */
#include <openssl/ec.h>
#include <openssl/evp.h>

#include "tests/unit/authd_harness.h"

#include "authd/flows/factor.h"

struct device {
	EVP_PKEY *key;
	uint8_t id[32], handle[AUTH_HANDLE_LEN];
	uint32_t count;
	/* what it says, when a test wants it otherwise */
	const char *origin, *rp_id, *type;
	uint8_t flags;
};

struct ceremony {
	char transaction[64];
	uint8_t challenge[AUTH_CHALLENGE_LEN];
	char client_data[512];
	uint8_t auth_data[512], signature[128];
	size_t auth_len, signature_len;
};

static void
device_new(struct device *d)
{
	*d = (struct device){.key = EVP_EC_gen("P-256"),
	    .origin = "http://localhost:8941",
	    .rp_id = "localhost",
	    .flags = 5};
	randombytes_buf(d->id, sizeof(d->id));
}

static bool
begin(
    struct harness *h, const char *token, struct ceremony *c, struct device *d)
{
	Nx__PasskeyBeginRequest q = NX__PASSKEY_BEGIN_REQUEST__INIT;
	const Nx__PasskeyBeginReply *m;
	struct h_reply out;

	memset(c, 0, sizeof(*c));
	q.registers = token != NULL;
	q.token = (char *)(uintptr_t)(token ? token : "");
	h_begin(h, NX_ROLE_GATEWAY, NX__METHOD__PASSKEY_BEGIN, &q.base, &out);
	h_wait(h, &out);
	if (!out.body)
		return false;
	m = (const Nx__PasskeyBeginReply *)(const void *)out.body;
	assert_string_equal(m->rp_id, "localhost");
	assert_int_equal(m->challenge.len, AUTH_CHALLENGE_LEN);
	strcpy(c->transaction, m->transaction);
	memcpy(c->challenge, m->challenge.data, sizeof(c->challenge));
	if (token) {
		assert_int_equal(m->handle.len, AUTH_HANDLE_LEN);
		memcpy(d->handle, m->handle.data, AUTH_HANDLE_LEN);
	}
	h_free(&out);
	return true;
}

static void
say(const struct device *d, struct ceremony *c, const char *type)
{
	char text[64];

	sodium_bin2base64(text, sizeof(text), c->challenge,
	    sizeof(c->challenge), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	snprintf(c->client_data, sizeof(c->client_data),
	    "{\"type\":\"%s\",\"challenge\":\"%s\",\"origin\":\"%s\"}",
	    d->type ? d->type : type, text, d->origin);
}

static void
add(struct ceremony *c, const void *data, size_t len)
{
	memcpy(c->auth_data + c->auth_len, data, len);
	c->auth_len += len;
}

static void
head(struct device *d, struct ceremony *c, uint8_t more)
{
	uint8_t hash[32], flags = d->flags | more, count[4];

	crypto_hash_sha256(hash, (const uint8_t *)d->rp_id, strlen(d->rp_id));
	for (int i = 0; i < 4; i++)
		count[i] = (uint8_t)(d->count >> (24 - 8 * i));
	add(c, hash, sizeof(hash));
	add(c, &flags, 1);
	add(c, count, 4);
}

static void
attest(struct device *d, struct ceremony *c)
{
	static const uint8_t aaguid[16], len[] = {0, 32};
	uint8_t point[65];
	size_t n;

	say(d, c, "webauthn.create");
	head(d, c, 0x40);
	add(c, aaguid, 16);
	add(c, len, 2);
	add(c, d->id, 32);
	assert_true(EVP_PKEY_get_octet_string_param(
	    d->key, "pub", point, sizeof(point), &n));
	add(c, "\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20", 10);
	add(c, point + 1, 32);
	add(c, "\x22\x58\x20", 3);
	add(c, point + 33, 32);
}

static void
sign(struct device *d, struct ceremony *c)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t text[1024];

	say(d, c, "webauthn.get");
	head(d, c, 0);
	memcpy(text, c->auth_data, c->auth_len);
	crypto_hash_sha256(text + c->auth_len, (const uint8_t *)c->client_data,
	    strlen(c->client_data));
	c->signature_len = sizeof(c->signature);
	assert_int_equal(
	    EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, d->key), 1);
	assert_int_equal(EVP_DigestSign(ctx, c->signature, &c->signature_len,
			     text, c->auth_len + 32),
	    1);
	EVP_MD_CTX_free(ctx);
}

static ProtobufCBinaryData
bytes(const void *data, size_t len)
{
	return (ProtobufCBinaryData){len, (uint8_t *)(uintptr_t)data};
}

static Nx__Status
give_registration(
    struct harness *h, const char *token, const struct ceremony *c)
{
	Nx__PasskeyRegisterRequest q = NX__PASSKEY_REGISTER_REQUEST__INIT;
	char name[] = "phone";
	struct h_reply out;

	q.token = (char *)(uintptr_t)token;
	q.transaction = (char *)(uintptr_t)c->transaction;
	q.name = name;
	q.client_data = bytes(c->client_data, strlen(c->client_data));
	q.auth_data = bytes(c->auth_data, c->auth_len);
	h_begin(
	    h, NX_ROLE_GATEWAY, NX__METHOD__PASSKEY_REGISTER, &q.base, &out);
	h_wait(h, &out);
	h_free(&out);
	return out.status;
}

static Nx__Status
enroll(struct harness *h, const char *token, struct device *d)
{
	struct ceremony c;

	assert_true(begin(h, token, &c, d));
	attest(d, &c);
	return give_registration(h, token, &c);
}

static Nx__Status
give_login(struct harness *h, const struct device *d, const struct ceremony *c,
    char *ret_token)
{
	Nx__PasskeyLoginRequest q = NX__PASSKEY_LOGIN_REQUEST__INIT;
	struct h_reply out;

	q.transaction = (char *)(uintptr_t)c->transaction;
	q.id = bytes(d->id, sizeof(d->id));
	q.handle = bytes(d->handle, sizeof(d->handle));
	q.client_data = bytes(c->client_data, strlen(c->client_data));
	q.auth_data = bytes(c->auth_data, c->auth_len);
	q.signature = bytes(c->signature, c->signature_len);
	h_begin(h, NX_ROLE_GATEWAY, NX__METHOD__PASSKEY_LOGIN, &q.base, &out);
	h_wait(h, &out);
	if (out.body && ret_token)
		strcpy(ret_token, ((Nx__VerifyReply *)(void *)out.body)->token);
	h_free(&out);
	return out.status;
}

static Nx__Status
sign_in(struct harness *h, struct device *d)
{
	struct ceremony c;

	assert_true(begin(h, NULL, &c, d));
	d->count++;
	sign(d, &c);
	return give_login(h, d, &c, NULL);
}

#define WRONG NX__STATUS__UNAUTHENTICATED

static void
test_register_and_login(void **state)
{
	struct harness *h = *state;
	char token[2049], other[2049];
	struct ceremony c;
	struct device d;

	device_new(&d);
	h_user(h, "ada", token);
	assert_int_equal(enroll(h, token, &d), NX__STATUS__OK);
	h_settle(h);
	assert_string_equal(
	    h->mail.subject, "How you sign in to Nexus was changed");
	assert_true(begin(h, NULL, &c, &d));
	d.count = 1;
	sign(&d, &c);
	assert_int_equal(give_login(h, &d, &c, other), NX__STATUS__OK);
	assert_int_equal(h_check(h, other), NX__STATUS__OK);
	/* the same answer again */
	assert_int_equal(give_login(h, &d, &c, NULL), WRONG);
	/* the same authenticator again, by its user or another one */
	assert_int_equal(enroll(h, token, &d), NX__STATUS__CONFLICT);
	h_user(h, "bob", other);
	assert_int_equal(enroll(h, other, &d), NX__STATUS__CONFLICT);
	EVP_PKEY_free(d.key);
}

/* Every part that is not what it must be, one at a time. */
static void
test_refused(void **state)
{
	struct harness *h = *state;
	char token[2049], other[2049];
	struct device d, e, bad;
	struct ceremony c, c2;

	device_new(&d);
	device_new(&e);
	h_user(h, "ada", token);
	h_user(h, "bob", other);
	/* registering: elsewhere, for another name, unverified, for signing in */
	for (int i = 0; i < 4; i++) {
		bad = d;
		bad.origin = i == 0 ? "http://localhost:8942" : d.origin;
		bad.rp_id = i == 1 ? "nexus" : d.rp_id;
		bad.flags = i == 2 ? 1 : 5;
		bad.type = i == 3 ? "webauthn.get" : NULL;
		assert_int_equal(enroll(h, token, &bad), NX__STATUS__INVALID);
	}
	/* with the challenge of another user, and of a login */
	assert_true(begin(h, other, &c, &d));
	attest(&d, &c);
	assert_int_equal(give_registration(h, token, &c), NX__STATUS__INVALID);
	assert_int_equal(give_registration(h, other, &c), NX__STATUS__INVALID);
	assert_true(begin(h, NULL, &c, &d));
	attest(&d, &c);
	assert_int_equal(give_registration(h, token, &c), NX__STATUS__INVALID);
	assert_int_equal(enroll(h, token, &d), NX__STATUS__OK);
	assert_int_equal(enroll(h, other, &e), NX__STATUS__OK);
	/* signing in */
	for (int i = 0; i < 6; i++) {
		bad = d;
		bad.count = 5;
		bad.origin = i == 0 ? "http://localhost:8942" : d.origin;
		bad.rp_id = i == 1 ? "nexus" : d.rp_id;
		bad.flags = i == 2 ? 1 : 5;
		bad.type = i == 3 ? "webauthn.create" : NULL;
		if (i == 4)
			memcpy(bad.handle, e.handle, sizeof(bad.handle));
		if (i == 5)
			memcpy(bad.id, e.id, sizeof(bad.id));
		assert_int_equal(sign_in(h, &bad), WRONG);
	}
	/* one that nobody has; a challenge too old; of a registration */
	device_new(&bad);
	assert_int_equal(sign_in(h, &bad), WRONG);
	EVP_PKEY_free(bad.key);
	d.count = 5;
	assert_true(begin(h, NULL, &c, &d));
	sign(&d, &c);
	h_advance(301);
	assert_int_equal(give_login(h, &d, &c, NULL), WRONG);
	h_login(h, "ada", PASSWORD);
	assert_int_equal(
	    h_verify(h, LOGIN_VERIFY, "ada@example.org", h->mail.code, token),
	    NX__STATUS__OK);
	assert_true(begin(h, token, &c, &d));
	sign(&d, &c);
	assert_int_equal(give_login(h, &d, &c, NULL), WRONG);
	/* a challenge is spent by a wrong answer too */
	assert_true(begin(h, NULL, &c, &d));
	sign(&d, &c);
	c2 = c;
	c2.signature[c2.signature_len - 1] ^= 1;
	assert_int_equal(give_login(h, &d, &c2, NULL), WRONG);
	assert_int_equal(give_login(h, &d, &c, NULL), WRONG);
	/* and none of it is in the way of the right one */
	assert_int_equal(sign_in(h, &d), NX__STATUS__OK);
	EVP_PKEY_free(d.key);
	EVP_PKEY_free(e.key);
}

/* What the audit has of them. */
static int
copies(struct harness *h)
{
	sqlite3_stmt *st;
	int n;

	assert_int_equal(nx_db_query(h->a.db, &st,
			     "SELECT count(*) FROM audit"
			     " WHERE event = 'passkey-copied'",
			     ""),
	    1);
	n = sqlite3_column_int(st, 0);
	sqlite3_reset(st);
	return n;
}

static void
test_copy(void **state)
{
	struct harness *h = *state;
	char token[2049];
	struct device d, synced;

	device_new(&d);
	device_new(&synced);
	h_user(h, "ada", token);
	assert_int_equal(enroll(h, token, &d), NX__STATUS__OK);
	d.count = 7;
	assert_int_equal(sign_in(h, &d), NX__STATUS__OK);
	d.count = 7; /* becomes 8, which it was */
	assert_int_equal(sign_in(h, &d), WRONG);
	assert_int_equal(copies(h), 1);
	d.count = 3;
	assert_int_equal(sign_in(h, &d), WRONG);
	h_settle(h);
	assert_string_equal(
	    h->mail.subject, "A passkey of yours may have been copied");
	d.count = UINT32_MAX; /* becomes 0 */
	assert_int_equal(sign_in(h, &d), WRONG);
	/* those that are kept in sync do not count */
	assert_int_equal(enroll(h, token, &synced), NX__STATUS__OK);
	for (int i = 0; i < 3; i++) {
		synced.count = UINT32_MAX;
		assert_int_equal(sign_in(h, &synced), NX__STATUS__OK);
	}
	EVP_PKEY_free(d.key);
	EVP_PKEY_free(synced.key);
}

static Nx__Status
change(struct harness *h, Nx__Method method, const char *token,
    const char *mark, const char *name)
{
	Nx__PasskeyRequest q = NX__PASSKEY_REQUEST__INIT;
	struct h_reply out;

	q.token = (char *)(uintptr_t)token;
	q.id = (char *)(uintptr_t)mark;
	q.name = (char *)(uintptr_t)name;
	h_begin(h, NX_ROLE_GATEWAY, method, &q.base, &out);
	h_wait(h, &out);
	h_free(&out);
	return out.status;
}

static void
test_life(void **state)
{
	struct harness *h = *state;
	char token[2049], other[2049], word[] = "passkey", *words[] = {word};
	Nx__FactorsRequest q = NX__FACTORS_REQUEST__INIT;
	struct auth_passkey p;
	struct h_reply out;
	struct ceremony c;
	struct device d;

	device_new(&d);
	h_user(h, "ada", token);
	h_user(h, "bob", other);
	assert_int_equal(enroll(h, token, &d), NX__STATUS__OK);
	assert_int_equal(auth_passkey_find(h->a.db, d.id, sizeof(d.id), &p), 1);
	assert_string_equal(p.name, "phone");
	/* by its user alone */
	assert_int_equal(
	    change(h, NX__METHOD__PASSKEY_RENAME, other, p.mark, "mine"),
	    NX__STATUS__NOT_FOUND);
	assert_int_equal(
	    change(h, NX__METHOD__PASSKEY_REMOVE, other, p.mark, ""),
	    NX__STATUS__NOT_FOUND);
	assert_int_equal(
	    change(h, NX__METHOD__PASSKEY_RENAME, token, p.mark, "key ring"),
	    NX__STATUS__OK);
	assert_int_equal(
	    change(h, NX__METHOD__PASSKEY_RENAME, token, p.mark, ""),
	    NX__STATUS__INVALID);
	assert_int_equal(auth_passkey_find(h->a.db, d.id, sizeof(d.id), &p), 1);
	assert_string_equal(p.name, "key ring");
	/* the last way in stays: what the change did is undone */
	q.token = token;
	q.factors = words;
	q.n_factors = 1;
	h_begin(
	    h, NX_ROLE_GATEWAY, NX__METHOD__ACCOUNT_SET_FACTORS, &q.base, &out);
	h_wait(h, &out);
	h_free(&out);
	assert_int_equal(out.status, NX__STATUS__OK);
	assert_int_equal(
	    change(h, NX__METHOD__PASSKEY_REMOVE, token, p.mark, ""),
	    NX__STATUS__CONFLICT);
	d.count = 0;
	assert_int_equal(sign_in(h, &d), NX__STATUS__OK);
	/* not in a session that is hours old */
	h_advance(601);
	assert_false(begin(h, token, &c, &d));
	assert_int_equal(
	    change(h, NX__METHOD__PASSKEY_REMOVE, token, p.mark, ""),
	    NX__STATUS__REAUTH);
	EVP_PKEY_free(d.key);
}

#define T(name) cmocka_unit_test_setup_teardown(name, h_setup, h_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_register_and_login),
	    T(test_refused),
	    T(test_copy),
	    T(test_life),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
