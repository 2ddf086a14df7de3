/* Read with cJSON, which keeps the first of twins and cuts at an escaped NUL:
 * both are looked for. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "authd/credentials/clientdata.h"
#include "common/fd.h"

static void
json_freep(cJSON **json)
{
	cJSON_Delete(*json);
}

/* The only member of this name; NULL: none, or several. */
static const cJSON *
only(const cJSON *object, const char *name, bool *ret_twice)
{
	const cJSON *it, *found = NULL;

	cJSON_ArrayForEach(it, object) {
		if (strcmp(it->string, name) != 0)
			continue;
		*ret_twice |= found != NULL;
		found = it;
	}
	return found;
}

static bool
read_challenge(const cJSON *member, uint8_t ret[AUTH_CHALLENGE_LEN])
{
	const char *text = cJSON_GetStringValue(member);
	size_t len;

	return text &&
	    sodium_base642bin(ret, AUTH_CHALLENGE_LEN, text, strlen(text), NULL,
		&len, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
	    len == AUTH_CHALLENGE_LEN;
}

static bool
read_type(const cJSON *member, bool *ret_create)
{
	const char *text = cJSON_GetStringValue(member);

	if (!text)
		return false;
	*ret_create = strcmp(text, "webauthn.create") == 0;
	return *ret_create || strcmp(text, "webauthn.get") == 0;
}

static bool
read_origin(const cJSON *member, char ret[AUTH_ORIGIN_MAX + 1])
{
	const char *text = cJSON_GetStringValue(member);

	if (!text || *text == '\0' || strlen(text) > AUTH_ORIGIN_MAX)
		return false;
	(void)snprintf(ret, AUTH_ORIGIN_MAX + 1, "%s", text);
	return true;
}

bool
auth_clientdata_read(
    const void *json, size_t len, struct auth_clientdata *ret_data)
{
	nx_cleanup(json_freep) cJSON *root = NULL;
	struct auth_clientdata d = {0};
	const cJSON *cross;
	const char *end = NULL;
	bool twice = false, good;

	if (len == 0 || len > AUTH_CLIENTDATA_MAX || memchr(json, '\0', len) ||
	    memmem(json, len, "\\u0000", 6))
		return false;
	root = cJSON_ParseWithLengthOpts(json, len, &end, false);
	if (!cJSON_IsObject(root) || end != (const char *)json + len)
		return false;
	cross = only(root, "crossOrigin", &twice);
	good = (!cross || cJSON_IsFalse(cross)) &&
	    !only(root, "topOrigin", &twice) &&
	    read_type(only(root, "type", &twice), &d.create) &&
	    read_challenge(only(root, "challenge", &twice), d.challenge) &&
	    read_origin(only(root, "origin", &twice), d.origin) && !twice;
	if (good)
		*ret_data = d;
	return good;
}

bool
auth_origin_listed(const char *list, const char *origin)
{
	size_t len = strlen(origin), n;

	for (; *list; list += n) {
		list += strspn(list, ", ");
		n = strcspn(list, ", ");
		if (n > 0 && n == len && memcmp(list, origin, n) == 0)
			return true;
	}
	return false;
}
