/* See refresh.h; the MAC has a personalisation of its own, as that of device.c. */
#include <string.h>

#include "authd/credentials/refresh.h"
#include "common/err.h"

#define MAC_LEN 32
#define BEGINS  (sizeof(AUTH_REFRESH_BEGINS) - 1)

struct mark {
	struct auth_refresh_id id;
	uint8_t mac[MAC_LEN];
};
_Static_assert(sizeof(struct mark) == 64, "86 characters");

static void
mac_of(const uint8_t *pepper, const struct auth_refresh_id *id,
    uint8_t ret_mac[MAC_LEN])
{
	static const unsigned char salt[crypto_generichash_blake2b_SALTBYTES];
	static const unsigned char
	    personal[crypto_generichash_blake2b_PERSONALBYTES] =
		"nexus refresh";

	(void)crypto_generichash_blake2b_salt_personal(ret_mac, MAC_LEN,
	    (const uint8_t *)id, sizeof(*id), pepper, AUTH_PEPPER_LEN, salt,
	    personal);
}

void
auth_refresh_new(const uint8_t pepper[AUTH_PEPPER_LEN],
    const uint8_t session[NX_SESSION_LEN], struct auth_refresh_id *ret_id,
    char ret_text[AUTH_REFRESH_TEXT + 1])
{
	struct mark m;

	memcpy(m.id.session, session, sizeof(m.id.session));
	randombytes_buf(m.id.nonce, sizeof(m.id.nonce));
	mac_of(pepper, &m.id, m.mac);
	memcpy(ret_text, AUTH_REFRESH_BEGINS, BEGINS);
	nx_assert(sodium_bin2base64(ret_text + BEGINS,
	    AUTH_REFRESH_TEXT + 1 - BEGINS, (const uint8_t *)&m, sizeof(m),
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING));
	*ret_id = m.id;
	sodium_memzero(&m, sizeof(m));
}

bool
auth_refresh_read(const uint8_t pepper[AUTH_PEPPER_LEN], const char *text,
    struct auth_refresh_id *ret_id)
{
	uint8_t mac[MAC_LEN];
	struct mark m;
	size_t len;

	if (strlen(text) != AUTH_REFRESH_TEXT ||
	    strncmp(text, AUTH_REFRESH_BEGINS, BEGINS) != 0 ||
	    sodium_base642bin((uint8_t *)&m, sizeof(m), text + BEGINS,
		AUTH_REFRESH_TEXT - BEGINS, NULL, &len, NULL,
		sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
	    len != sizeof(m))
		return false;
	mac_of(pepper, &m.id, mac);
	if (sodium_memcmp(mac, m.mac, sizeof(mac)) != 0)
		return false;
	*ret_id = m.id;
	return true;
}
