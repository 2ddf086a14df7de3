/*
 * One rule for addresses, asked by authd and by maild: what is not plain ASCII is
 * no address here.
 */
#include <stddef.h>
#include <string.h>

#include "authd/maild/address.h"

#define LOCAL_MAX 64
#define LABEL_MAX 63

static bool
alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9');
}

static bool
atext(char c)
{
	return alnum(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

static bool
label_char(char c)
{
	return alnum(c) || c == '-';
}

/* Runs of @good characters, none empty, none longer than @max, with single
 * dots between them. */
static bool
dotted(const char *text, size_t len, size_t max, bool (*good)(char))
{
	size_t i, run = 0;

	for (i = 0; i < len; i++) {
		if (text[i] == '.') {
			if (run == 0)
				return false;
			run = 0;
		} else if (!good(text[i]) || ++run > max) {
			return false;
		}
	}
	return run > 0;
}

static bool
hyphens_inside(const char *domain, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (domain[i] == '-' &&
		    (i == 0 || i == len - 1 || domain[i - 1] == '.' ||
			domain[i + 1] == '.'))
			return false;
	return true;
}

bool
maild_address_valid(const char *address)
{
	size_t len = strnlen(address, MAILD_ADDRESS_MAX + 1);
	const char *at = memchr(address, '@', len);
	size_t local, domain;

	if (len > MAILD_ADDRESS_MAX || !at)
		return false;
	local = (size_t)(at - address);
	domain = len - local - 1;
	return local <= LOCAL_MAX && dotted(address, local, LOCAL_MAX, atext) &&
	    dotted(at + 1, domain, LABEL_MAX, label_char) &&
	    hyphens_inside(at + 1, domain);
}
