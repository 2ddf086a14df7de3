/*
 * JSON bodies: the tree, and taking typed fields from it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/err.h"
#include "gatewayd/routes/json_in.h"

static const struct http_error twice = {400, "bad-json",
				   "A member of the JSON is given twice."},
			       object_wanted = {400, "bad-json",
				   "The body must be a JSON object."},
			       memory = {503, "unavailable",
				   "Out of memory; try again."};

static bool
has_duplicates(const cJSON *value)
{
	const cJSON *a, *b;

	for (a = value->child; a; a = a->next) {
		if (cJSON_IsObject(value))
			for (b = a->next; b; b = b->next)
				if (strcasecmp(a->string, b->string) == 0)
					return true;
		if (a->child && has_duplicates(a))
			return true;
	}
	return false;
}

const struct http_error *
json_parse(const char *text, size_t len, unsigned values, cJSON **ret_object)
{
	const struct http_error *error = json_check(text, len, values);
	cJSON *object;

	if (error)
		return error;
	object = cJSON_ParseWithLength(text, len);
	if (!object)
		return &memory;
	if (!cJSON_IsObject(object))
		error = &object_wanted;
	else if (has_duplicates(object))
		error = &twice;
	if (error)
		cJSON_Delete(object);
	else
		*ret_object = object;
	return error;
}

static int
take_string(const struct json_field *f, const cJSON *value, void *slot,
    char error[JSON_ERROR_MAX])
{
	if (!cJSON_IsString(value)) {
		snprintf(error, JSON_ERROR_MAX,
		    "The member %s must be a string.", f->name);
		return -EINVAL;
	}
	if (f->required && value->valuestring[0] == '\0') {
		snprintf(error, JSON_ERROR_MAX,
		    "The member %s must not be empty.", f->name);
		return -EINVAL;
	}
	*(char **)slot = value->valuestring;
	return 0;
}

static int
take_uint(const struct json_field *f, const cJSON *value, void *slot,
    char error[JSON_ERROR_MAX])
{
	double v = value->valuedouble;

	/* Doubles are exact up to 2^53, and no limit here is beyond. */
	if (!cJSON_IsNumber(value) || !(v >= 0 && v <= 9007199254740992.0) ||
	    v != (double)(uint64_t)v) {
		snprintf(error, JSON_ERROR_MAX,
		    "The member %s must be a whole number.", f->name);
		return -EINVAL;
	}
	if (v < (double)f->min || v > (double)f->max) {
		snprintf(error, JSON_ERROR_MAX,
		    "The member %s must be between %llu and %llu.", f->name,
		    (unsigned long long)f->min, (unsigned long long)f->max);
		return -EINVAL;
	}
	*(uint64_t *)slot = (uint64_t)v;
	return 0;
}

static int
take_bool(const struct json_field *f, const cJSON *value, void *slot,
    char error[JSON_ERROR_MAX])
{
	if (!cJSON_IsBool(value)) {
		snprintf(error, JSON_ERROR_MAX,
		    "The member %s must be true or false.", f->name);
		return -EINVAL;
	}
	*(bool *)slot = cJSON_IsTrue(value);
	return 0;
}

static int
take_strings(const struct json_field *f, const cJSON *value, void *slot,
    char error[JSON_ERROR_MAX])
{
	struct json_strings list = {.n = 0};
	const cJSON *item;

	if (cJSON_IsString(value)) {
		list.item[list.n++] = value->valuestring;
	} else if (!cJSON_IsArray(value)) {
		snprintf(error, JSON_ERROR_MAX,
		    "The member %s must be a list of strings.", f->name);
		return -EINVAL;
	}
	for (item = cJSON_IsArray(value) ? value->child : NULL; item;
	     item = item->next) {
		if (!cJSON_IsString(item) || list.n == JSON_STRINGS_MAX) {
			snprintf(error, JSON_ERROR_MAX,
			    "The member %s must be a list of at most %d "
			    "strings.",
			    f->name, JSON_STRINGS_MAX);
			return -EINVAL;
		}
		list.item[list.n++] = item->valuestring;
	}
	*(struct json_strings *)slot = list;
	return 0;
}

const cJSON *
json_member(const cJSON *object, const char *name)
{
	const cJSON *m;

	for (m = object->child; m; m = m->next)
		if (strcasecmp(m->string, name) == 0)
			return cJSON_IsNull(m) ? NULL : m;
	return NULL;
}

/* A member nobody asked for is a mistake of the sender's: told, not ignored. */
static int
refuse_unknown(const cJSON *object, const struct json_field *fields, size_t n,
    char error[JSON_ERROR_MAX])
{
	const cJSON *m;
	size_t i, at;

	for (m = object->child; m; m = m->next) {
		for (i = 0; i < n; i++)
			if (strcasecmp(m->string, fields[i].name) == 0)
				break;
		if (i < n)
			continue;
		at = (size_t)snprintf(error, JSON_ERROR_MAX,
		    "There is no member %.64s; known here are", m->string);
		for (i = 0; i < n && at < JSON_ERROR_MAX; i++)
			at += (size_t)snprintf(error + at, JSON_ERROR_MAX - at,
			    "%s %s", i > 0 ? "," : "", fields[i].name);
		if (at < JSON_ERROR_MAX)
			(void)snprintf(error + at, JSON_ERROR_MAX - at, ".");
		return -EINVAL;
	}
	return 0;
}

int
json_take(const cJSON *object, const struct json_field *fields, size_t n,
    void *out, char error[JSON_ERROR_MAX])
{
	static int (*const take[])(const struct json_field *, const cJSON *,
	    void *, char[JSON_ERROR_MAX]) = {
	    [JSON_STRING] = take_string,
	    [JSON_UINT] = take_uint,
	    [JSON_BOOL] = take_bool,
	    [JSON_STRINGS] = take_strings,
	};
	const cJSON *value;
	size_t i;
	int result;

	result = refuse_unknown(object, fields, n, error);
	if (result < 0)
		return result;
	for (i = 0; i < n; i++) {
		value = json_member(object, fields[i].name);
		if (!value && fields[i].required) {
			snprintf(error, JSON_ERROR_MAX,
			    "The member %s is missing.", fields[i].name);
			return -EINVAL;
		}
		if (!value)
			continue;
		result = take[fields[i].type](
		    &fields[i], value, (char *)out + fields[i].offset, error);
		if (result < 0)
			return result;
	}
	return 0;
}
