/* What may stand in a hole of a command. The daemons check again; this is for
 * a sentence before anything was sent. */
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/id.h"
#include "common/node_limits.h"
#include "nexusctl/pattern.h"

static bool
check_any(const char *text, uint64_t *ret_number)
{
	(void)ret_number;
	return *text != '\0';
}

static bool
check_name(const char *text, uint64_t *ret_number)
{
	(void)ret_number;
	return nx_name_valid(text);
}

static bool
check_file(const char *text, uint64_t *ret_number)
{
	(void)ret_number;
	return nx_id_prefix_valid(text);
}

static bool
check_path(const char *text, uint64_t *ret_number)
{
	(void)ret_number;
	return *text != '\0' && strlen(text) <= 4095;
}

static bool
check_key(const char *text, uint64_t *ret_number)
{
	(void)ret_number;
	return *text != '\0' && strlen(text) <= 1024;
}

static bool
check_size(const char *text, uint64_t *ret_number)
{
	return nx_size_parse(text, ret_number) == 0;
}

static bool
check_number(const char *text, uint64_t *ret_number)
{
	unsigned long long n;
	char *end;

	if (strspn(text, "0123456789") != strlen(text) || !*text)
		return false;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno != 0)
		return false;
	*ret_number = n;
	return true;
}

/* Memory was always counted in MB; a suffix says otherwise. */
static bool
check_mb(const char *text, uint64_t *ret_number)
{
	if (!check_number(text, ret_number))
		return check_size(text, ret_number);
	if (*ret_number > UINT64_MAX >> 20)
		return false;
	*ret_number <<= 20;
	return true;
}

static bool
check_weight(const char *text, uint64_t *ret_number)
{
	char why[NX_NODE_LIMIT_WHY];

	return check_number(text, ret_number) && *ret_number != 0 &&
	    nx_node_limit_ok(NX_NODE_CPU, *ret_number, 0, why);
}

static bool
check_u32(const char *text, uint64_t *ret_number)
{
	return check_number(text, ret_number) && *ret_number <= UINT32_MAX;
}

static bool
check_seconds(const char *text, uint64_t *ret_number)
{
	return check_number(text, ret_number) && *ret_number >= 1 &&
	    *ret_number <= 900;
}

static bool
check_moment(const char *text, uint64_t *ret_number)
{
	return ctl_moment_parse(text, ret_number);
}

static bool
check_format(const char *text, uint64_t *ret_number)
{
	(void)ret_number;
	return strcmp(text, "table") == 0 || strcmp(text, "json") == 0;
}

static const struct ctl_type types[] = {
    {"name", check_name,
	"a name: lower-case letters, digits and hyphens, at most 63, not "
	"beginning with a hyphen"},
    {"node", check_any, "a node: its name, its id, or how its id begins"},
    {"volume", check_any,
	"a volume: the name or id of its node, or base-1 and so on"},
    {"file", check_file, "a file: its id or at least the first 4 digits of it"},
    {"bucket", check_any,
	"a bucket: 3 to 63 small letters, digits, hyphens and dots"},
    {"key", check_key, "a key of an object: 1 to 1024 bytes"},
    {"path", check_path, "a path in a user's folders, such as /docs/a.txt"},
    {"directory", check_any, "the whole path of a directory, or state"},
    {"local", check_any, "a file on this machine"},
    {"user", check_any, "a user name"},
    {"size", check_size, "a size, such as 500M or 1G"},
    {"mb", check_mb, "a number of MB, or a size such as 1G"},
    {"weight", check_weight,
	"a weight between 1 and " NX_NODE_TEXT(NX_NODE_CPU_MAX)},
    {"number", check_u32, "a number"},
    {"version", check_number,
	"a version: a number, as nexusctl fs versions shows it"},
    {"seconds", check_seconds, "a number of seconds between 1 and 900"},
    {"moment", check_moment,
	"a time: 2030-12-31, \"2030-12-31 18:00\", +90d or -12h from now, or "
	"seconds since 1970"},
    {"format", check_format, "a format: table or json"},
    {"word", check_any, "a word"},
    {"command", check_any, "a command"},
};

const struct ctl_type *
ctl_type_find(const char *name)
{
	size_t i;

	for (i = 0; i < NX_ARRAY_SIZE(types); i++)
		if (strcmp(types[i].name, name) == 0)
			return &types[i];
	return NULL;
}
