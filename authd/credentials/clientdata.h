/*
 * What a browser says of a ceremony with a passkey: clientDataJSON, WebAuthn 5.8.1.
 * It is the authenticator's signature that makes it worth anything, and that is
 * over these very bytes; here they are only read.
 */
#ifndef AUTHD_CLIENTDATA_H
#define AUTHD_CLIENTDATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUTH_CHALLENGE_LEN  32
#define AUTH_CLIENTDATA_MAX 4096
#define AUTH_ORIGIN_MAX     255

struct auth_clientdata {
	bool create; /* a registration; else somebody signs in */
	uint8_t challenge[AUTH_CHALLENGE_LEN];
	char origin[AUTH_ORIGIN_MAX + 1];
};

/* True when it is one, made for no page inside another one's. Members we do not
 * know may be there (browsers add some); none that we know may be there twice. */
bool auth_clientdata_read(
    const void *json, size_t len, struct auth_clientdata *ret_data);
/* Is @origin one of @list, which has commas between? To the byte: scheme, host and
 * port are one. */
bool auth_origin_listed(const char *list, const char *origin);

#endif
