/*
 * What may come in, byte by byte: nothing here asks the locale.
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "authd/maild/address.h"
#include "authd/credentials/common_password.h"
#include "authd/credentials/rules.h"

/* ctype.h depends on the locale; these do not. */
static bool
alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9');
}

const char *
auth_rule_username(const char *name)
{
	size_t i, len = strlen(name);

	if (len == 0)
		return "Give a user name.";
	if (len > AUTH_USERNAME_MAX)
		return "The user name is too long: use at most 63 characters.";
	if (!alnum(name[0]))
		return "The user name must begin with a letter or a digit.";
	for (i = 1; i < len; i++)
		if (!alnum(name[i]) && !strchr("._-", name[i]))
			return "The user name may contain only the letters a "
			       "to z, digits, '.', '_' and '-'.";
	return NULL;
}

/* The address, or what stands before its '@'. */
static bool
is_address(const char *password, const char *email)
{
	size_t local = strcspn(email, "@");

	return strcasecmp(password, email) == 0 ||
	    (strlen(password) == local &&
		strncasecmp(password, email, local) == 0);
}

const char *
auth_rule_password(const char *password, const char *name, const char *email)
{
	size_t len = strlen(password);

	if (len < AUTH_PASSWORD_MIN)
		return "The password is too short: use at least 8 characters.";
	if (len > AUTH_PASSWORD_MAX)
		return "The password is too long: use at most 1024 bytes.";
	if ((name && strcasecmp(password, name) == 0) ||
	    (email && is_address(password, email)))
		return "The password is your name or your address: choose one "
		       "that others do not know.";
	if (auth_password_is_common(password))
		return "The password is one of those that are guessed first: "
		       "choose another, as three words that nobody would "
		       "think of together.";
	return NULL;
}

const char *
auth_rule_email(const char *email)
{
	return maild_address_valid(email)
	    ? NULL
	    : "The e-mail address is not valid: give a plain address such as "
	      "name@example.org.";
}

const char *
auth_rule_code(const char *code)
{
	size_t i;

	for (i = 0; i < AUTH_CODE_LEN; i++)
		if (code[i] < '0' || code[i] > '9')
			break;
	if (i == AUTH_CODE_LEN && code[i] == '\0')
		return NULL;
	return "The code is the six digits from the mail.";
}

void
auth_client_parse(const char *text, struct auth_client *ret_client)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct auth_client c = {0};
	uint8_t six[16];

	if (inet_pton(AF_INET, text, c.prefix) == 1) {
		c.family = 4;
	} else if (inet_pton(AF_INET6, text, six) == 1) {
		if (memcmp(six, mapped, sizeof(mapped)) == 0) {
			c.family = 4;
			memcpy(c.prefix, six + 12, 4);
		} else {
			c.family = 6;
			memcpy(c.prefix, six, 8);
		}
	}
	*ret_client = c;
}
