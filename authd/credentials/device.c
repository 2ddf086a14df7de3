/*
 * Marks of devices; the pepper is the key, under a personalisation of its own so
 * that no other MAC made with it can pass for one.
 */
#include <string.h>

#include "authd/credentials/device.h"

#define MAC_LEN 16

struct mark {
	uint8_t id[AUTH_DEVICE_ID_LEN];
	uint8_t mac[MAC_LEN];
};
_Static_assert(2 * sizeof(struct mark) == AUTH_DEVICE_LEN, "hex");

static void
mac_of(const uint8_t *pepper, uint64_t user_id, const uint8_t *id,
    uint8_t ret_mac[MAC_LEN])
{
	static const unsigned char salt[crypto_generichash_blake2b_SALTBYTES];
	static const unsigned char
	    personal[crypto_generichash_blake2b_PERSONALBYTES] = "nexus device";
	uint8_t text[sizeof(user_id) + AUTH_DEVICE_ID_LEN];

	memcpy(text, &user_id, sizeof(user_id));
	memcpy(text + sizeof(user_id), id, AUTH_DEVICE_ID_LEN);
	(void)crypto_generichash_blake2b_salt_personal(ret_mac, MAC_LEN, text,
	    sizeof(text), pepper, AUTH_PEPPER_LEN, salt, personal);
}

void
auth_device_new(const uint8_t pepper[AUTH_PEPPER_LEN], uint64_t user_id,
    char ret_text[AUTH_DEVICE_LEN + 1])
{
	struct mark m;

	randombytes_buf(m.id, sizeof(m.id));
	mac_of(pepper, user_id, m.id, m.mac);
	sodium_bin2hex(ret_text, AUTH_DEVICE_LEN + 1, (uint8_t *)&m, sizeof(m));
}

bool
auth_device_check(const uint8_t pepper[AUTH_PEPPER_LEN], uint64_t user_id,
    const char *text, uint8_t ret_id[AUTH_DEVICE_ID_LEN])
{
	uint8_t mac[MAC_LEN];
	struct mark m;
	size_t len;

	if (strlen(text) != AUTH_DEVICE_LEN ||
	    sodium_hex2bin((uint8_t *)&m, sizeof(m), text, AUTH_DEVICE_LEN,
		NULL, &len, NULL) != 0 ||
	    len != sizeof(m))
		return false;
	mac_of(pepper, user_id, m.id, mac);
	if (sodium_memcmp(mac, m.mac, sizeof(mac)) != 0)
		return false;
	memcpy(ret_id, m.id, sizeof(m.id));
	return true;
}
