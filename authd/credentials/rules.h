/*
 * What a user name, a password, a code and a client's address may look like.
 * Pure functions over bytes that came from the network by way of gatewayd.
 */
#ifndef AUTHD_RULES_H
#define AUTHD_RULES_H

#include <stddef.h>
#include <stdint.h>

#define AUTH_USERNAME_MAX 63
#define AUTH_PASSWORD_MIN 8
#define AUTH_PASSWORD_MAX 1024
#define AUTH_CODE_LEN     6

/* Each returns NULL when the text holds, else a sentence that says what to do.
 *
 * A name: [A-Za-z0-9][A-Za-z0-9._-]{0,62}. It is shown as typed and unique
 * whatever the case of its letters. */
const char *auth_rule_username(const char *name);
/* 8 to 1024 bytes; nothing is asked of their composition (SP 800-63B), but that
 * it is none of the common ones, nor the name or the address of whose it is (each
 * may be NULL). */
const char *
auth_rule_password(const char *password, const char *name, const char *email);
/* A plain address, see maild/address.h. */
const char *auth_rule_email(const char *email);
/* Six digits. */
const char *auth_rule_code(const char *code);

/* What one client can vary freely does not make it another: an IPv4 address
 * counts whole, of an IPv6 address the /64. */
struct auth_client {
	uint8_t family; /* 4, 6, or 0 for anything unreadable */
	uint8_t prefix[8];
};
void auth_client_parse(const char *text, struct auth_client *ret_client);

#endif
