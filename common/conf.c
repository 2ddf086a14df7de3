/* nexus.conf through inih, against the tables of keys. */
#include <errno.h>
#include <ini.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/conf.h"
#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"

const struct nx_conf_key nx_conf_common_keys[] = {
    {"nexus", "state_dir", NX_CONF_STRING,
	offsetof(struct nx_conf_common, state_dir), "/var/lib/nexus", 0, 0},
    {"nexus", "run_dir", NX_CONF_STRING,
	offsetof(struct nx_conf_common, run_dir), "/run/nexus", 0, 0},
    {"nexus", "subnet", NX_CONF_STRING, offsetof(struct nx_conf_common, subnet),
	"10.0.42.1/24", 0, 0},
};
const size_t nx_conf_common_count = NX_ARRAY_SIZE(nx_conf_common_keys);

struct loading {
	const char *path, *section;
	uint8_t *conf;
	const struct nx_conf_key *keys;
	size_t n;
	char *error;
};

static int
parse_bool(const char *value, bool *ret)
{
	static const char *const yes[] = {"yes", "true", "on", "1"};
	static const char *const no[] = {"no", "false", "off", "0"};
	size_t i;

	for (i = 0; i < NX_ARRAY_SIZE(yes); i++) {
		if (strcasecmp(value, yes[i]) == 0) {
			*ret = true;
			return 0;
		}
		if (strcasecmp(value, no[i]) == 0) {
			*ret = false;
			return 0;
		}
	}
	return -EINVAL;
}

static int
parse_uint(const char *value, uint64_t *ret)
{
	char *end;

	if (value[0] < '0' || value[0] > '9')
		return -EINVAL;
	errno = 0;
	*ret = strtoull(value, &end, 10);
	return errno || *end ? -EINVAL : 0;
}

static int
set_key(uint8_t *conf, const struct nx_conf_key *key, const char *value)
{
	void *target = conf + key->offset;
	uint64_t number = 0;
	char *copy;
	int r;

	switch (key->type) {
	case NX_CONF_STRING:
		copy = strdup(value);
		if (!copy)
			return -ENOMEM;
		free(*(char **)target);
		*(char **)target = copy;
		return 0;
	case NX_CONF_BOOL: return parse_bool(value, target);
	case NX_CONF_UINT: r = parse_uint(value, &number); break;
	case NX_CONF_SIZE: r = nx_size_parse(value, &number); break;
	default: return -EINVAL;
	}
	if (r < 0)
		return r;
	if (key->max && (number < key->min || number > key->max))
		return -ERANGE;
	*(uint64_t *)target = number;
	return 0;
}

static const struct nx_conf_key *
find_key(const struct nx_conf_key *keys, size_t n, const char *section,
    const char *name)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(keys[i].section, section) == 0 &&
		    strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

static int
on_entry(void *user, const char *section, const char *name, const char *value)
{
	struct loading *l = user;
	const struct nx_conf_key *key;
	int r;

	if (strcmp(section, "nexus") != 0 && strcmp(section, l->section) != 0)
		return 1; /* another daemon's */
	key =
	    find_key(nx_conf_common_keys, nx_conf_common_count, section, name);
	if (!key)
		key = find_key(l->keys, l->n, section, name);
	if (!key) {
		(void)snprintf(l->error, 256, "%s: [%.32s] has no key %.64s",
		    l->path, section, name);
		return 0;
	}
	r = set_key(l->conf, key, value);
	if (r == -ERANGE)
		(void)snprintf(l->error, 256,
		    "%s: [%s] %s = %.64s is not within %llu..%llu", l->path,
		    section, name, value, (unsigned long long)key->min,
		    (unsigned long long)key->max);
	else if (r < 0)
		(void)snprintf(l->error, 256,
		    "%s: [%s] %s does not understand %.64s", l->path, section,
		    name, value);
	return r == 0;
}

static int
set_defaults(uint8_t *conf, const struct nx_conf_key *keys, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		int r = set_key(conf, &keys[i], keys[i].value);

		if (r < 0)
			return r;
	}
	return 0;
}

int
nx_conf_load(const char *path, const char *section, void *conf,
    const struct nx_conf_key *keys, size_t n_keys, char error[256])
{
	struct loading l = {path, section, conf, keys, n_keys, error};
	nx_cleanup(nx_fclosep) FILE *file = NULL;
	int r;

	error[0] = '\0';
	r = set_defaults(conf, nx_conf_common_keys, nx_conf_common_count);
	if (r == 0)
		r = set_defaults(conf, keys, n_keys);
	nx_assert(r == 0 || r == -ENOMEM);
	if (r < 0)
		return r;
	file = fopen(path, "re");
	if (!file && errno == ENOENT && strcmp(path, NX_CONF_FILE) == 0)
		return 0;
	if (!file) {
		(void)snprintf(error, 256, "%s: %s", path, strerror(errno));
		return -EINVAL;
	}
	r = ini_parse_file(file, on_entry, &l);
	if (r == 0)
		return 0;
	if (!error[0])
		(void)snprintf(
		    error, 256, "%s: line %d is not key = value", path, r);
	return -EINVAL;
}
