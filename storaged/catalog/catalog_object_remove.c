/*
 * Objects go, or are kept from going. A deletion that names no version leaves a
 * marker where versions are kept; one that names it takes it out for good, unless
 * it is locked: by a time that has not come by the clock that never goes back, or
 * by a hold.
 */
#include <errno.h>
#include <string.h>

#include "common/err.h"
#include "storaged/catalog/catalog_object_internal.h"

/* --- locks ------------------------------------------------------------------*/

/* Does its time keep @o? 1, 0, -errno. */
static int
is_kept(struct nx_db *db, const struct catalog_object *o)
{
	uint64_t now;
	int r;

	if (o->lock.mode == CATALOG_UNLOCKED)
		return 0;
	r = catalog_tick(db, &now);
	return r < 0 ? r : now < o->lock.until;
}

int
object_check_lock(struct nx_db *db, const struct catalog_object *o, bool bypass)
{
	int r = is_kept(db, o);

	if (r < 0)
		return r;
	if (o->lock.hold)
		return CATALOG_LOCKED;
	if (r > 0 && !(bypass && o->lock.mode == CATALOG_GOVERNANCE))
		return CATALOG_LOCKED;
	return 0;
}

/* Longer and harder is always well; anything else only when nothing keeps it, or
 * governance is bypassed. */
static int
check_change(struct nx_db *db, const struct catalog_object *o,
    const struct catalog_object_lock *op)
{
	bool weaker =
	    op->lock.mode < o->lock.mode || op->lock.until < o->lock.until;
	int r = is_kept(db, o);

	if (r <= 0 || !op->set_until || !weaker)
		return r < 0 ? r : 0;
	return o->lock.mode == CATALOG_GOVERNANCE && op->bypass
	    ? 0
	    : CATALOG_LOCKED;
}

static int
find_version(struct nx_db *db, int64_t bucket, const struct catalog_key *key,
    const char *version, struct catalog_object *ret_object)
{
	return version ? object_version(db, bucket, key, version, ret_object)
		       : object_newest(db, bucket, key, ret_object);
}

static int
write_lock(struct nx_db *db, void *arg)
{
	struct catalog_object_lock *op = arg;
	struct catalog_object o;
	struct catalog_bucket b;
	int r = catalog_read_bucket(db, op->owner, op->bucket, &b);

	if (r == 0 && !b.lockable)
		r = CATALOG_NOT_LOCKABLE;
	if (r == 0)
		r = find_version(db, b.key, &op->key, op->version, &o);
	if (r == 0 && o.marker)
		r = CATALOG_NO_KEY;
	if (r == 0)
		r = check_change(db, &o, op);
	if (r != 0)
		return r;
	if (op->set_until) {
		o.lock.mode = op->lock.mode;
		o.lock.until = op->lock.until;
	}
	if (op->set_hold)
		o.lock.hold = op->lock.hold;
	op->object = o;
	return nx_db_exec(db,
	    "UPDATE objects SET mode = ?, until = ?, hold = ?"
	    " WHERE object = ?",
	    "iuii", (int64_t)o.lock.mode, o.lock.until, (int64_t)o.lock.hold,
	    o.row);
}

static void
lock_done(int result, void *arg)
{
	struct catalog_object_lock *op = arg;

	op->done(result, op->arg);
}

void
catalog_object_lock(struct catalog *c, struct catalog_object_lock *op)
{
	nx_assert(op->done);
	nx_db_write(c->db, write_lock, lock_done, op);
}

/* --- removing ---------------------------------------------------------------*/

static int
check_condition(const struct catalog_object_remove *op, int found,
    const struct catalog_object *o)
{
	if (!op->condition)
		return 0;
	return catalog_check_condition(
	    op->condition, found == 0 && !o->marker ? &o->etag : NULL);
}

/* @o has gone; what a list shows of its key now, if anything, is another one. */
static int
tell_gone(struct nx_db *db, const struct catalog_object_remove *op,
    const char *name, const struct catalog_object *o)
{
	struct catalog_object now;
	enum catalog_change how = CATALOG_EVENT_PURGED;
	int r = CATALOG_NO_KEY;

	if (o->current)
		r = object_newest(db, op->bucket, &op->key, &now);
	if (r < 0)
		return r;
	if (r == 0 && !now.marker)
		return object_tell(db, op->owner,
		    o->marker ? CATALOG_EVENT_CREATED : CATALOG_EVENT_CHANGED,
		    name, &op->key, &now);
	if (o->current && !o->marker)
		how = CATALOG_EVENT_DELETED;
	return object_tell(db, op->owner, how, name, &op->key, o);
}

/* The version that was named goes; what is below it is current then. */
static int
remove_version(
    struct nx_db *db, struct catalog_object_remove *op, const char *name)
{
	struct catalog_object o;
	int e, r = object_version(db, op->bucket, &op->key, op->version, &o);

	if (r < 0)
		return r;
	e = check_condition(op, r, &o);
	if (e != 0)
		return e;
	if (r == 0)
		r = object_check_lock(db, &o, op->bypass);
	if (r == 0)
		r = object_drop(db, op->owner, &o);
	if (r == 0)
		r = object_uncover(db, op->bucket, &op->key);
	if (r == 0) {
		op->was_marker = o.marker;
		memcpy(op->marker, o.version, sizeof(op->marker));
	}
	return r != 0 ? r : tell_gone(db, op, name, &o);
}

static int
put_marker(struct nx_db *db, struct catalog_object_remove *op, bool null)
{
	struct object_row row = {
	    .bucket = op->bucket, .owner = op->owner, .key = op->key};
	int r;

	if (!null)
		nx_id_new(row.version);
	r = object_insert(db, &row);
	op->made_marker = true;
	memcpy(op->marker, row.version, sizeof(op->marker));
	return r < 0
	    ? r
	    : catalog_check_account(db, op->owner, op->quota, op->entries);
}

/* No version was named. *ret_found: 0, and *ret_newest is what was there. */
static int
hide_current(struct nx_db *db, struct catalog_object_remove *op,
    const struct catalog_bucket *b, int *ret_found,
    struct catalog_object *ret_newest)
{
	struct catalog_object o;
	int e, r = *ret_found = object_newest(db, b->key, &op->key, ret_newest);

	if (r < 0)
		return r;
	o = *ret_newest;
	e = check_condition(op, r, &o);
	if (e != 0)
		return e;
	if (b->versions == CATALOG_VERSIONS_ON)
		return put_marker(db, op, false);
	if (r == 0)
		r = object_version(db, b->key, &op->key, "null", &o);
	if (r == 0)
		r = object_check_lock(db, &o, op->bypass);
	if (r == 0)
		r = object_drop(db, op->owner, &o);
	if (b->versions == CATALOG_VERSIONS_OFF)
		return r;
	return r == 0 || r == CATALOG_NO_KEY ? put_marker(db, op, true) : r;
}

/* Nobody is told of a deletion of what was hidden already. */
static int
remove_current(struct nx_db *db, struct catalog_object_remove *op,
    const struct catalog_bucket *b)
{
	struct catalog_object newest;
	int found, r = hide_current(db, op, b, &found, &newest);

	if (r != 0 || found != 0 || newest.marker)
		return r;
	return object_tell(
	    db, op->owner, CATALOG_EVENT_DELETED, b->name, &op->key, &newest);
}

static int
write_remove(struct nx_db *db, void *arg)
{
	struct catalog_object_remove *op = arg;
	struct catalog_bucket b;
	int r = catalog_leaving(db, op->owner);

	op->made_marker = op->was_marker = false;
	op->marker[0] = '\0';
	if (r != 0)
		return r < 0 ? r : CATALOG_NO_USER;
	r = catalog_read_bucket(db, op->owner, op->bucket, &b);
	if (r != 0)
		return r;
	return op->version ? remove_version(db, op, b.name)
			   : remove_current(db, op, &b);
}

static void
remove_done(int result, void *arg)
{
	struct catalog_object_remove *op = arg;

	op->done(result, op->arg);
}

void
catalog_object_remove(struct catalog *c, struct catalog_object_remove *op)
{
	nx_assert(op->done);
	nx_db_write(c->db, write_remove, remove_done, op);
}
