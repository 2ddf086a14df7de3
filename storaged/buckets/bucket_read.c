/*
 * What callers send about buckets, held against its rules. Trusts the ticket about
 * the user and nothing else.
 */
#include <string.h>
#include <time.h>

#include "common/err.h"
#include "common/id.h"
#include "storaged/buckets/bucket_internal.h"
#include "storaged/trees/trees.h"

#define NAME_MIN  3
#define UNTIL_MAX 4102444800ULL /* the year 2100 */

/* --- names ------------------------------------------------------------------*/

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Four numbers with dots between: a name that looks like an address. */
static bool
is_address(const char *name)
{
	unsigned dots = 0;

	for (; *name; name++) {
		if (*name == '.')
			dots++;
		else if (*name < '0' || *name > '9')
			return false;
	}
	return dots == 3;
}

/* What S3 keeps for itself. */
static bool
is_reserved(const char *name)
{
	static const char *const begins[] = {
	    "xn--", "sthree-", "amzn-s3-demo-"};
	static const char *const ends[] = {
	    "-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"};
	size_t len = strlen(name);

	for (size_t i = 0; i < NX_ARRAY_SIZE(begins); i++)
		if (strncmp(name, begins[i], strlen(begins[i])) == 0)
			return true;
	for (size_t i = 0; i < NX_ARRAY_SIZE(ends); i++) {
		size_t n = strlen(ends[i]);

		if (len >= n && strcmp(name + len - n, ends[i]) == 0)
			return true;
	}
	return false;
}

const char *
bucket_check_name(const char *name)
{
	size_t len = strlen(name);

	if (len < NAME_MIN || len > CATALOG_BUCKET_NAME)
		return "a bucket's name has 3 to 63 characters";
	for (size_t i = 0; i < len; i++)
		if (!is_alnum(name[i]) && name[i] != '-' && name[i] != '.')
			return "a bucket's name has small letters, digits, "
			       "hyphens and dots only";
	if (!is_alnum(name[0]) || !is_alnum(name[len - 1]))
		return "a bucket's name begins and ends with a letter or a "
		       "digit";
	if (strstr(name, "..") || is_address(name))
		return "a bucket's name has no two dots together and does not "
		       "look like an address";
	return is_reserved(name) ? "that beginning or end of a bucket's name "
				   "is kept for S3's own"
				 : NULL;
}

bool
bucket_find(struct nx_request *r, struct storaged *s, const char *name,
    struct catalog_bucket *ret_bucket)
{
	int result =
	    catalog_bucket_find(s->catalog, r->who.user_id, name, ret_bucket);

	if (result != 0)
		refuse_catalog(r, result, name);
	return result == 0;
}

bool
bucket_find_own(struct nx_request *r, struct storaged *s, const char *name,
    struct catalog_bucket *ret_bucket)
{
	if (!bucket_find(r, s, name, ret_bucket))
		return false;
	if (ret_bucket->owner == r->who.user_id)
		return true;
	nx_refuse(r, NX__STATUS__CONFLICT,
	    "the bucket \"%s\" is a user's: act for them to write there", name);
	return false;
}

/* --- keys -------------------------------------------------------------------*/

/* Whatever shows keys (XML, a header, a terminal) has no NUL: that is the one
 * byte which is refused. */
bool
bucket_read_key(struct nx_request *r, const ProtobufCBinaryData *data,
    struct catalog_key *ret_key)
{
	if (data->len == 0 || data->len > CATALOG_KEY_MAX ||
	    memchr(data->data, 0, data->len)) {
		nx_refuse(r, NX__STATUS__INVALID,
		    "a key has 1 to %u bytes, and no NUL among them",
		    CATALOG_KEY_MAX);
		return false;
	}
	*ret_key = (struct catalog_key){data->data, data->len};
	return true;
}

/* --- locks ------------------------------------------------------------------*/

static const char *const modes[CATALOG_LOCK_MODES] = {
    [CATALOG_UNLOCKED] = "",
    [CATALOG_GOVERNANCE] = "governance",
    [CATALOG_COMPLIANCE] = "compliance",
};

const char *
bucket_mode_text(enum catalog_lock_mode mode)
{
	nx_assert(mode < CATALOG_LOCK_MODES);
	return modes[mode];
}

bool
bucket_read_mode(
    struct nx_request *r, const char *text, enum catalog_lock_mode *ret_mode)
{
	for (size_t i = 0; i < CATALOG_LOCK_MODES; i++)
		if (strcmp(text, modes[i]) == 0) {
			*ret_mode = (enum catalog_lock_mode)i;
			return true;
		}
	nx_refuse(r, NX__STATUS__INVALID,
	    "a lock's mode is governance or compliance");
	return false;
}

bool
bucket_read_lock(struct nx_request *r, const char *mode, uint64_t until,
    bool hold, struct catalog_lock *ret_lock)
{
	struct catalog_lock lock = {.until = until, .hold = hold};

	if (!bucket_read_mode(r, mode, &lock.mode))
		return false;
	if (lock.mode == CATALOG_UNLOCKED)
		lock.until = 0;
	else if (until <= (uint64_t)time(NULL) || until > UNTIL_MAX) {
		nx_refuse(r, NX__STATUS__INVALID,
		    "a lock is until a time to come, before the year 2100");
		return false;
	}
	*ret_lock = lock;
	return true;
}

/* --- metadata ---------------------------------------------------------------*/

static bool
is_name(const char *name)
{
	for (const char *p = name; *p; p++)
		if (!is_alnum(*p) && *p != '-' && *p != '_' && *p != '.')
			return false;
	return *name != '\0';
}

static bool
is_value(const char *value)
{
	for (const char *p = value; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	return true;
}

bool
bucket_read_meta(struct nx_request *r, Nx__MetaPair *const *pairs, size_t n,
    uint8_t ret_meta[CATALOG_META_MAX], size_t *ret_len)
{
	Nx__ObjectMeta meta = NX__OBJECT_META__INIT;

	for (size_t i = 0; i < n; i++)
		if (!is_name(pairs[i]->name) || !is_value(pairs[i]->value)) {
			nx_refuse(r, NX__STATUS__INVALID,
			    "metadata have names of small letters, digits and "
			    "-_. and values without control characters");
			return false;
		}
	meta.n_pairs = n;
	meta.pairs = (Nx__MetaPair **)(uintptr_t)pairs;
	*ret_len = nx__object_meta__get_packed_size(&meta);
	if (*ret_len > CATALOG_META_MAX) {
		nx_refuse(r, NX__STATUS__TOO_LARGE,
		    "all metadata of an object have at most %u bytes",
		    CATALOG_META_MAX);
		return false;
	}
	(void)nx__object_meta__pack(&meta, ret_meta);
	return true;
}

/* --- uploads ----------------------------------------------------------------*/

bool
bucket_may(const struct nx_request *r, const struct catalog_upload *u)
{
	return u->adds_only || (r->method->rights & ~r->who.rights) == 0;
}

bool
bucket_may_know(const struct nx_request *r)
{
	return (r->who.rights & (NX_RIGHT_READ | NX_RIGHT_WRITE)) != 0;
}

bool
bucket_find_upload(struct nx_request *r, struct storaged *s, const char *id,
    enum catalog_upload_kind kind, struct catalog_upload *ret_upload)
{
	int result = nx_id_valid(id)
	    ? catalog_upload_find(
		  s->catalog, r->who.user_id, r->who.place, id, ret_upload)
	    : CATALOG_NO_UPLOAD;

	if (result == 0 &&
	    (ret_upload->kind != kind || !bucket_may(r, ret_upload)))
		result = CATALOG_NO_UPLOAD;
	if (result != 0)
		refuse_catalog(r, result, id);
	return result == 0;
}
