/* See authdata.h; the steps are those of WebAuthn 7.1 and 7.2. */
#include <fido.h>
#include <fido/eddsa.h>
#include <fido/es256.h>
#include <fido/rs256.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <string.h>

#include "authd/credentials/authdata.h"
#include "common/err.h"
#include "common/fd.h"

/* rpIdHash, flags, counter */
#define HEAD_LEN  37
#define FLAGS_AT  32
#define COUNT_AT  33
#define USER_HERE 0x01
#define VERIFIED  0x04
#define ATTESTED  0x40
#define EXTENDED  0x80
/* aaguid, length of the id; then the id, and the key */
#define ID_AT 55

struct pk {
	es256_pk_t *es256;
	eddsa_pk_t *eddsa;
	rs256_pk_t *rs256;
};

static void
cred_freep(fido_cred_t **cred)
{
	fido_cred_free(cred);
}

static void
assert_freep(fido_assert_t **a)
{
	fido_assert_free(a);
}

static void
pk_fini(struct pk *pk)
{
	es256_pk_free(&pk->es256);
	eddsa_pk_free(&pk->eddsa);
	rs256_pk_free(&pk->rs256);
}

void
auth_authdata_prepare(void)
{
	fido_init(0);
	(void)OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL);
}

/* Each takes a key only if it is one: a point off its curve is refused. */
static const void *
es256(struct pk *pk, const void *public, size_t len)
{
	pk->es256 = es256_pk_new();
	return pk->es256 && es256_pk_from_ptr(pk->es256, public, len) == FIDO_OK
	    ? pk->es256
	    : NULL;
}

static const void *
eddsa(struct pk *pk, const void *public, size_t len)
{
	pk->eddsa = eddsa_pk_new();
	return pk->eddsa && eddsa_pk_from_ptr(pk->eddsa, public, len) == FIDO_OK
	    ? pk->eddsa
	    : NULL;
}

static const void *
rs256(struct pk *pk, const void *public, size_t len)
{
	pk->rs256 = rs256_pk_new();
	return pk->rs256 && rs256_pk_from_ptr(pk->rs256, public, len) == FIDO_OK
	    ? pk->rs256
	    : NULL;
}

static const struct algorithm {
	int alg;
	const void *(*read)(struct pk *pk, const void *public, size_t len);
} algorithms[] = {
    {COSE_ES256, es256},
    {COSE_EDDSA, eddsa},
    {COSE_RS256, rs256},
};

static const struct algorithm *
algorithm_of(int alg)
{
	for (size_t i = 0; i < NX_ARRAY_SIZE(algorithms); i++)
		if (algorithms[i].alg == alg)
			return &algorithms[i];
	return NULL;
}

/* The fixed part: for whom, was somebody there, verified; backed up only if it
 * may be. */
static bool
head_holds(const uint8_t *data, size_t len, const char *rp_id)
{
	uint8_t hash[crypto_hash_sha256_BYTES], flags;

	if (len < HEAD_LEN || len > AUTH_AUTHDATA_MAX)
		return false;
	flags = data[FLAGS_AT];
	crypto_hash_sha256(hash, (const uint8_t *)rp_id, strlen(rp_id));
	return memcmp(hash, data, sizeof(hash)) == 0 && (flags & USER_HERE) &&
	    (flags & VERIFIED) &&
	    (!(flags & AUTH_PASSKEY_BACKED_UP) ||
		(flags & AUTH_PASSKEY_MAY_BE));
}

/* A key as CTAP wants it written, and no other way: bytes that are always there,
 * and how many of the key's own follow. */
static const struct part {
	const char *fixed;
	uint8_t fixed_len;
	uint16_t own;
} es256_parts[] = {{"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20", 10, 32},
    {"\x22\x58\x20", 3, 32}, {0}},
  eddsa_parts[] = {{"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20", 10, 32}, {0}},
  rs256_parts[] = {{"\xa4\x01\x03\x03\x39\x01\x00\x20\x59\x01\x00", 11, 256},
      {"\x21\x43", 2, 3}, {0}},
  *const keys[] = {es256_parts, eddsa_parts, rs256_parts};

/* The length of the key that @data begins with; 0: it begins with none of them. */
static size_t
key_length(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < NX_ARRAY_SIZE(keys); i++) {
		const struct part *p = keys[i];
		size_t n = 0;

		for (; p->fixed; n += p->fixed_len + p->own, p++)
			if (len - n < (size_t)p->fixed_len + p->own ||
			    memcmp(data + n, p->fixed, p->fixed_len) != 0)
				break;
		if (!p->fixed)
			return n;
	}
	return 0;
}

/* Up to the end of the key: the CBOR that libcbor gets to see is one of three
 * forms, for it allocates what a count in it says. Nothing here is signed, so
 * extensions behind it (browsers ask for some by themselves) are left out. 0:
 * there is no key. */
static size_t
registration_length(const uint8_t *data, size_t len)
{
	size_t at, n;

	if (len < ID_AT)
		return 0;
	at = ID_AT + ((size_t)data[ID_AT - 2] << 8 | data[ID_AT - 1]);
	n = at < len ? key_length(data + at, len - at) : 0;
	if (n == 0 || (!(data[FLAGS_AT] & EXTENDED) && at + n != len))
		return 0;
	return at + n;
}

/* libfido2 must be told the algorithm before it reads the key, so each is tried
 * in turn. */
static fido_cred_t *
parse(const uint8_t *data, size_t len)
{
	fido_cred_t *cred;

	for (size_t i = 0; i < NX_ARRAY_SIZE(algorithms); i++) {
		cred = fido_cred_new();
		if (cred &&
		    fido_cred_set_type(cred, algorithms[i].alg) == FIDO_OK &&
		    fido_cred_set_authdata_raw(cred, data, len) == FIDO_OK)
			return cred;
		fido_cred_free(&cred);
	}
	return NULL;
}

static bool
copy_key(const fido_cred_t *cred, struct auth_passkey_key *k)
{
	k->alg = fido_cred_type(cred);
	k->id_len = fido_cred_id_len(cred);
	k->len = fido_cred_pubkey_len(cred);
	k->flags = fido_cred_flags(cred);
	k->count = fido_cred_sigcount(cred);
	if (k->id_len < AUTH_PASSKEY_ID_MIN || k->id_len > sizeof(k->id) ||
	    k->len == 0 || k->len > sizeof(k->public) ||
	    fido_cred_aaguid_len(cred) != sizeof(k->aaguid))
		return false;
	memcpy(k->id, fido_cred_id_ptr(cred), k->id_len);
	memcpy(k->public, fido_cred_pubkey_ptr(cred), k->len);
	memcpy(k->aaguid, fido_cred_aaguid_ptr(cred), sizeof(k->aaguid));
	return true;
}

bool
auth_authdata_register(const uint8_t *data, size_t len, const char *rp_id,
    struct auth_passkey_key *ret_key)
{
	nx_cleanup(cred_freep) fido_cred_t *cred = NULL;
	nx_cleanup(pk_fini) struct pk pk = {0};
	struct auth_passkey_key key = {0};
	uint8_t plain[AUTH_AUTHDATA_MAX];

	if (!head_holds(data, len, rp_id) || !(data[FLAGS_AT] & ATTESTED))
		return false;
	len = registration_length(data, len);
	if (len == 0)
		return false;
	memcpy(plain, data, len);
	plain[FLAGS_AT] &= (uint8_t)~EXTENDED;
	cred = parse(plain, len);
	if (!cred || !copy_key(cred, &key) ||
	    !algorithm_of(key.alg)->read(&pk, key.public, key.len))
		return false;
	*ret_key = key;
	return true;
}

static bool
is_signed(const struct auth_passkey_key *key, const struct auth_assertion *a,
    const char *rp_id)
{
	nx_cleanup(assert_freep) fido_assert_t *f = fido_assert_new();
	nx_cleanup(pk_fini) struct pk pk = {0};
	const struct algorithm *alg = algorithm_of(key->alg);
	const void *public = alg ? alg->read(&pk, key->public, key->len) : NULL;

	return f && public &&
	    fido_assert_set_clientdata(f, a->client_data, a->client_data_len) ==
	    FIDO_OK &&
	    fido_assert_set_rp(f, rp_id) == FIDO_OK &&
	    fido_assert_set_count(f, 1) == FIDO_OK &&
	    fido_assert_set_authdata_raw(
		f, 0, a->auth_data, a->auth_data_len) == FIDO_OK &&
	    fido_assert_set_sig(f, 0, a->signature, a->signature_len) ==
	    FIDO_OK &&
	    fido_assert_set_up(f, FIDO_OPT_TRUE) == FIDO_OK &&
	    fido_assert_set_uv(f, FIDO_OPT_TRUE) == FIDO_OK &&
	    fido_assert_verify(f, 0, alg->alg, public) == FIDO_OK;
}

bool
auth_authdata_assert(const struct auth_passkey_key *key,
    const struct auth_assertion *a, const char *rp_id, uint32_t *ret_count,
    uint8_t *ret_flags)
{
	const uint8_t *c = a->auth_data + COUNT_AT;

	if (a->client_data_len == 0 || a->signature_len == 0 ||
	    a->signature_len > AUTH_SIGNATURE_MAX ||
	    !head_holds(a->auth_data, a->auth_data_len, rp_id) ||
	    a->auth_data_len != HEAD_LEN || /* no extension was asked for */
	    !is_signed(key, a, rp_id))
		return false;
	*ret_count = (uint32_t)c[0] << 24 | (uint32_t)c[1] << 16 |
	    (uint32_t)c[2] << 8 | c[3];
	*ret_flags = a->auth_data[FLAGS_AT];
	return true;
}

bool
auth_authdata_rolled_back(uint32_t before, uint32_t now)
{
	return (before != 0 || now != 0) && now <= before;
}
