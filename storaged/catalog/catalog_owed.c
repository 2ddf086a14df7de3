/* See catalog_owed.h. */
#include <errno.h>
#include <stdlib.h>

#include "common/err.h"
#include "storaged/catalog/catalog_owed.h"

#define OWED 16U /* rows of each kind; what is one too many has all paid */

struct owed_volume {
	int64_t volume, chunks;
};

struct owed_segment {
	int64_t volume;
	uint64_t segment, high;
	int64_t chunks, bytes;
};

struct owed_folder {
	uint64_t owner;
	int64_t folder;
	struct catalog_sums d;
};

struct owed_account {
	uint64_t user;
	uint64_t charged, entries; /* as they are in its row */
	struct catalog_sums d;
	int64_t chunks;
	struct catalog_root root;
};

struct catalog_owed {
	bool owing;
	uint64_t moment; /* another after all was paid, or forgotten */
	unsigned n_volumes, n_segments, n_folders, n_accounts;
	struct owed_volume volumes[OWED];
	struct owed_segment segments[OWED];
	struct owed_folder folders[OWED];
	struct owed_account accounts[OWED];
};

static struct catalog_owed *
owed_of(struct nx_db *db)
{
	struct catalog *c = nx_db_ctx(db);

	return c->owed;
}

static void
forget(void *arg)
{
	struct catalog_owed *o = arg;

	o->moment++;
	o->n_volumes = o->n_segments = o->n_folders = o->n_accounts = 0;
}

/* --- writing it -------------------------------------------------------------*/

static int
pay_volumes(struct nx_db *db, const struct catalog_owed *o)
{
	int r = 0;

	for (unsigned i = 0; i < o->n_volumes && r == 0; i++)
		r = nx_db_exec(db,
		    "UPDATE volumes SET chunks = chunks + ? WHERE volume = ?",
		    "ii", o->volumes[i].chunks, o->volumes[i].volume);
	for (unsigned i = 0; i < o->n_segments && r == 0; i++) {
		const struct owed_segment *s = &o->segments[i];

		r = catalog_records_came(
		    db, s->volume, s->high, s->chunks, s->bytes);
	}
	return r;
}

static struct owed_account *
find_account(struct catalog_owed *o, uint64_t user)
{
	for (unsigned i = 0; i < o->n_accounts; i++)
		if (o->accounts[i].user == user)
			return &o->accounts[i];
	return NULL;
}

/* What comes to the root is a part of its owner's account. */
static int
pay_root(struct nx_db *db, struct catalog_owed *o, uint64_t owner,
    const struct catalog_root *root)
{
	static const struct catalog_sums none;
	struct owed_account *a = find_account(o, owner);

	if (!a) /* paid before this was owed */
		return catalog_account_root(db, owner, &none, 0, root);
	a->root.size += root->size;
	if (root->changed_at > a->root.changed_at)
		a->root.changed_at = root->changed_at;
	return 0;
}

static int
pay_folders(struct nx_db *db, struct catalog_owed *o)
{
	int r = 0;

	for (unsigned i = 0; i < o->n_folders && r == 0; i++) {
		const struct owed_folder *f = &o->folders[i];
		struct catalog_root root;

		r = catalog_add_to_root(db, f->folder, &f->d, &root);
		if (r == 0)
			r = pay_root(db, o, f->owner, &root);
	}
	return r;
}

static int
pay_accounts(struct nx_db *db, const struct catalog_owed *o)
{
	int r = 0;

	for (unsigned i = 0; i < o->n_accounts && r == 0; i++) {
		const struct owed_account *a = &o->accounts[i];

		r = catalog_account_root(
		    db, a->user, &a->d, a->chunks, &a->root);
	}
	return r;
}

static int
pay(struct nx_db *db, void *arg)
{
	struct catalog_owed *o = arg;
	bool owing = o->owing;
	int r;

	o->owing = false;
	r = pay_volumes(db, o);
	if (r == 0)
		r = pay_folders(db, o);
	if (r == 0)
		r = pay_accounts(db, o);
	o->owing = owing;
	forget(o);
	return r;
}

/* --- owing ------------------------------------------------------------------*/

void
catalog_owing(struct nx_db *db)
{
	owed_of(db)->owing = true;
}

void
catalog_owing_no_more(struct nx_db *db)
{
	owed_of(db)->owing = false;
}

bool
catalog_owes(struct nx_db *db)
{
	return owed_of(db)->owing;
}

bool
catalog_owed_moment(struct catalog *c, uint64_t *ret_moment)
{
	*ret_moment = c->owed->moment;
	return c->owed->owing;
}

int
catalog_owed_pay(struct nx_db *db)
{
	struct catalog_owed *o = owed_of(db);

	o->owing = false;
	return pay(db, o);
}

/* The place for one more of @n rows; all are paid when there is none. */
static int
make_room(struct nx_db *db, struct catalog_owed *o, const unsigned *n)
{
	return *n < OWED ? 0 : pay(db, o);
}

/* 1: it may have chunks, 0: not, -errno. What is owed to it says so too, for
 * nobody changes it meanwhile. */
static int
is_ready(struct nx_db *db, int64_t volume)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT 1 FROM volumes WHERE volume = ? AND state = 1", "i",
	    volume);

	if (r > 0)
		sqlite3_reset(stmt);
	return r;
}

static int
owe_volume(struct nx_db *db, struct catalog_owed *o, int64_t volume)
{
	int r;

	for (unsigned i = 0; i < o->n_volumes; i++)
		if (o->volumes[i].volume == volume) {
			o->volumes[i].chunks++;
			return 0;
		}
	r = is_ready(db, volume);
	if (r <= 0)
		return r < 0 ? r : CATALOG_NO_VOLUME;
	r = make_room(db, o, &o->n_volumes);
	if (r == 0)
		o->volumes[o->n_volumes++] = (struct owed_volume){volume, 1};
	return r;
}

static int
owe_record(struct nx_db *db, struct catalog_owed *o, int64_t volume,
    uint64_t at, int64_t bytes)
{
	int r;

	for (unsigned i = 0; i < o->n_segments; i++) {
		struct owed_segment *s = &o->segments[i];

		if (s->volume != volume || s->segment != at >> 32)
			continue;
		s->chunks++;
		s->bytes += bytes;
		if (at > s->high)
			s->high = at;
		return 0;
	}
	r = make_room(db, o, &o->n_segments);
	if (r == 0)
		o->segments[o->n_segments++] =
		    (struct owed_segment){.volume = volume,
			.segment = at >> 32,
			.high = at,
			.chunks = 1,
			.bytes = bytes};
	return r;
}

int
catalog_owe_replica(
    struct nx_db *db, int64_t volume, uint64_t at, int64_t bytes)
{
	struct catalog_owed *o = owed_of(db);
	int r = owe_volume(db, o, volume);

	return r != 0 || at == 0 ? r : owe_record(db, o, volume, at, bytes);
}

static int
read_account(struct nx_db *db, uint64_t user, struct owed_account *a)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT charged + held, files + folders FROM users"
	    " WHERE user = ?",
	    "u", user);

	*a = (struct owed_account){.user = user};
	if (r <= 0)
		return r;
	a->charged = (uint64_t)sqlite3_column_int64(stmt, 0);
	a->entries = (uint64_t)sqlite3_column_int64(stmt, 1);
	sqlite3_reset(stmt);
	return 0;
}

static int
account_of(struct nx_db *db, struct catalog_owed *o, uint64_t user,
    struct owed_account **ret_account)
{
	struct owed_account *a = find_account(o, user);
	int r = 0;

	if (!a) {
		r = make_room(db, o, &o->n_accounts);
		a = &o->accounts[o->n_accounts];
		if (r == 0)
			r = read_account(db, user, a);
		o->n_accounts += r == 0;
	}
	*ret_account = a;
	return r;
}

static void
add(struct catalog_sums *to, const struct catalog_sums *d)
{
	to->size += d->size;
	to->files += d->files;
	to->folders += d->folders;
	to->charged += d->charged;
	if (d->height > to->height)
		to->height = d->height;
	if (d->reach > to->reach)
		to->reach = d->reach;
}

int
catalog_owe_account(struct nx_db *db, uint64_t user,
    const struct catalog_sums *d, int64_t chunks)
{
	struct owed_account *a;
	int r = account_of(db, owed_of(db), user, &a);

	if (r < 0)
		return r;
	add(&a->d, d);
	a->chunks += chunks;
	return 0;
}

static int
owe_folder(struct nx_db *db, struct catalog_owed *o, uint64_t owner,
    int64_t folder, const struct catalog_sums *d)
{
	int r;

	for (unsigned i = 0; i < o->n_folders; i++)
		if (o->folders[i].owner == owner &&
		    o->folders[i].folder == folder) {
			add(&o->folders[i].d, d);
			return 0;
		}
	r = make_room(db, o, &o->n_folders);
	if (r == 0)
		o->folders[o->n_folders++] =
		    (struct owed_folder){owner, folder, *d};
	return r;
}

int
catalog_owe_settle(struct nx_db *db, uint64_t owner, int64_t folder,
    const struct catalog_sums *d)
{
	int r = owe_folder(db, owed_of(db), owner, folder, d);

	return r < 0 ? r : catalog_owe_account(db, owner, d, 0);
}

int
catalog_owed_check(
    struct nx_db *db, uint64_t user, uint64_t quota, uint64_t entries)
{
	struct owed_account *a;
	int r = account_of(db, owed_of(db), user, &a);

	if (r < 0)
		return r;
	if (a->charged + (uint64_t)a->d.charged > quota)
		return CATALOG_OVER_QUOTA;
	if (a->entries + (uint64_t)(a->d.files + a->d.folders) > entries)
		return CATALOG_TOO_MANY;
	return 0;
}

/* --- for the life of a catalogue --------------------------------------------*/

int
catalog_owed_new(struct catalog *c)
{
	static const struct nx_db_owed owed = {pay, forget};

	c->owed = calloc(1, sizeof(*c->owed));
	if (!c->owed)
		return -ENOMEM;
	nx_db_owe(c->db, &owed, c->owed);
	return 0;
}

struct catalog_owed *
catalog_owed_free(struct catalog_owed *o)
{
	free(o);
	return NULL;
}
