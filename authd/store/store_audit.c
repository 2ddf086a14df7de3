/* Rows of the audit; see audit.h. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "authd/store/audit.h"
#include "common/err.h"
#include "common/limits.h"

static void
seal_number(crypto_generichash_state *h, uint64_t n)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(n >> (8 * i));
	crypto_generichash_update(h, bytes, sizeof(bytes));
}

static void
seal_row(struct auth_audit_row *row, const uint8_t key[AUTH_AUDIT_KEY_LEN],
    const uint8_t before[AUTH_AUDIT_MAC_LEN])
{
	crypto_generichash_state h;

	crypto_generichash_init(
	    &h, key, AUTH_AUDIT_KEY_LEN, AUTH_AUDIT_MAC_LEN);
	crypto_generichash_update(&h, before, AUTH_AUDIT_MAC_LEN);
	seal_number(&h, row->seq);
	seal_number(&h, (uint64_t)row->at);
	seal_number(&h, row->user_id);
	for (size_t i = 0; i < AUTH_AUDIT_WORDS; i++) {
		size_t len = strlen(row->word[i]);

		seal_number(&h, len);
		crypto_generichash_update(
		    &h, (const uint8_t *)row->word[i], len);
	}
	crypto_generichash_final(&h, row->mac, sizeof(row->mac));
}

static void
fill_text(struct auth_audit_row *row, size_t i, const char *text)
{
	(void)snprintf(
	    row->word[i], sizeof(row->word[i]), "%s", text ? text : "");
	nx_text_repair(row->word[i]);
}

/* Who has seen a session's id could revoke it; a mark tells sessions apart. */
static void
fill_session(struct auth_audit_row *row, const uint8_t *session)
{
	uint8_t mark[8];

	if (!session)
		return;
	crypto_generichash(
	    mark, sizeof(mark), session, NX_SESSION_LEN, NULL, 0);
	sodium_bin2hex(row->word[AUTH_AUDIT_SESSION], AUTH_AUDIT_TEXT + 1, mark,
	    sizeof(mark));
}

static void
fill(struct auth_audit_row *row, const struct auth_event *e)
{
	row->user_id = e->user_id;
	fill_text(row, AUTH_AUDIT_SOURCE, e->source ? e->source : "authd");
	fill_text(row, AUTH_AUDIT_EVENT, e->event);
	fill_text(row, AUTH_AUDIT_ACTOR, e->actor);
	fill_text(row, AUTH_AUDIT_USERNAME, e->username);
	fill_text(row, AUTH_AUDIT_CLIENT, e->client);
	fill_text(row, AUTH_AUDIT_RESULT, e->result ? e->result : "ok");
	fill_text(row, AUTH_AUDIT_DETAIL, e->detail);
	fill_session(row, e->session);
}

/* --- the ends ---------------------------------------------------------------*/

struct ends {
	uint64_t first, last; /* seq; first: of the last that has gone */
	uint8_t first_mac[AUTH_AUDIT_MAC_LEN], last_mac[AUTH_AUDIT_MAC_LEN];
	uint8_t mac[AUTH_AUDIT_MAC_LEN];
};

static void
seal_ends(const struct ends *e, const uint8_t key[AUTH_AUDIT_KEY_LEN],
    uint8_t ret_mac[AUTH_AUDIT_MAC_LEN])
{
	static const char name[] = "the ends of the audit";
	crypto_generichash_state h;

	crypto_generichash_init(
	    &h, key, AUTH_AUDIT_KEY_LEN, AUTH_AUDIT_MAC_LEN);
	crypto_generichash_update(&h, (const uint8_t *)name, sizeof(name));
	seal_number(&h, e->first);
	crypto_generichash_update(&h, e->first_mac, sizeof(e->first_mac));
	seal_number(&h, e->last);
	crypto_generichash_update(&h, e->last_mac, sizeof(e->last_mac));
	crypto_generichash_final(&h, ret_mac, AUTH_AUDIT_MAC_LEN);
}

static int
read_ends(struct nx_db *db, struct ends *ret)
{
	sqlite3_stmt *s;
	int r = nx_db_query(db, &s,
	    "SELECT first_seq, first_mac, last_seq, last_mac, mac"
	    " FROM audit_ends",
	    "");

	if (r <= 0)
		return r < 0 ? r : -EBADMSG;
	ret->first = (uint64_t)sqlite3_column_int64(s, 0);
	ret->last = (uint64_t)sqlite3_column_int64(s, 2);
	r = nx_db_blob(s, 1, ret->first_mac, sizeof(ret->first_mac)) &&
		nx_db_blob(s, 3, ret->last_mac, sizeof(ret->last_mac)) &&
		nx_db_blob(s, 4, ret->mac, sizeof(ret->mac))
	    ? 0
	    : -EBADMSG;
	sqlite3_reset(s);
	return r;
}

static bool
ends_hold(const struct ends *e, const uint8_t key[AUTH_AUDIT_KEY_LEN])
{
	uint8_t mac[AUTH_AUDIT_MAC_LEN];

	seal_ends(e, key, mac);
	return sodium_memcmp(mac, e->mac, sizeof(mac)) == 0;
}

/* @sound: the ends before these held. Those that did not are not made good by
 * what comes after them. */
static int
write_ends(struct nx_db *db, const uint8_t key[AUTH_AUDIT_KEY_LEN],
    struct ends *e, bool sound)
{
	memset(e->mac, 0, sizeof(e->mac));
	if (sound)
		seal_ends(e, key, e->mac);
	return nx_db_exec(db,
	    "UPDATE audit_ends SET first_seq = ?, first_mac = ?,"
	    " last_seq = ?, last_mac = ?, mac = ?",
	    "ububb", e->first, e->first_mac, sizeof(e->first_mac), e->last,
	    e->last_mac, sizeof(e->last_mac), e->mac, sizeof(e->mac));
}

int
auth_audit_begin(struct nx_db *db, const uint8_t key[AUTH_AUDIT_KEY_LEN])
{
	struct ends e;
	int r = read_ends(db, &e);

	return r < 0 ? r : write_ends(db, key, &e, true);
}

/* --- writing ----------------------------------------------------------------*/

static int
insert(struct nx_db *db, const struct auth_audit_row *w)
{
	return nx_db_exec(db,
	    "INSERT INTO audit (seq, at, user_id, source, event, actor,"
	    " username, client, session, result, detail, mac)"
	    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	    "uiussssssssb", w->seq, w->at, w->user_id,
	    w->word[AUTH_AUDIT_SOURCE], w->word[AUTH_AUDIT_EVENT],
	    w->word[AUTH_AUDIT_ACTOR], w->word[AUTH_AUDIT_USERNAME],
	    w->word[AUTH_AUDIT_CLIENT], w->word[AUTH_AUDIT_SESSION],
	    w->word[AUTH_AUDIT_RESULT], w->word[AUTH_AUDIT_DETAIL], w->mac,
	    sizeof(w->mac));
}

int
auth_audit_put(struct nx_db *db, const uint8_t key[AUTH_AUDIT_KEY_LEN],
    int64_t at, const struct auth_event *e)
{
	struct auth_audit_row row = {.at = at};
	struct ends ends;
	bool sound;
	int r = read_ends(db, &ends);

	nx_assert(e->event);
	if (r < 0)
		return r;
	sound = ends_hold(&ends, key);
	row.seq = ends.last + 1;
	fill(&row, e);
	seal_row(&row, key, ends.last_mac);
	ends.last = row.seq;
	memcpy(ends.last_mac, row.mac, sizeof(row.mac));
	r = insert(db, &row);
	return r < 0 ? r : write_ends(db, key, &ends, sound);
}

/* --- reading ----------------------------------------------------------------*/

#define COLUMNS                                                              \
	"seq, at, user_id, source, event, actor, username, client, session," \
	" result, detail, mac"
#define LOOKED 500 /* rows, in one go */

static int
read_row(sqlite3_stmt *s, struct auth_audit_row *ret_row)
{
	struct auth_audit_row *w = ret_row;
	bool whole = nx_db_blob(s, 11, w->mac, sizeof(w->mac));

	w->seq = (uint64_t)sqlite3_column_int64(s, 0);
	w->at = sqlite3_column_int64(s, 1);
	w->user_id = (uint64_t)sqlite3_column_int64(s, 2);
	for (int i = 0; i < AUTH_AUDIT_WORDS; i++)
		whole &= nx_db_text(s, 3 + i, w->word[i], sizeof(w->word[i]));
	return whole ? 0 : -EBADMSG;
}

static bool
wanted(const struct auth_audit_filter *f, const struct auth_audit_row *w)
{
	return (!f->event || *f->event == '\0' ||
		   strcmp(w->word[AUTH_AUDIT_EVENT], f->event) == 0) &&
	    w->at >= f->since && (f->until == 0 || w->at <= f->until);
}

/* Of one user by an index, or all there are. */
static int
select_after(struct nx_db *db, const struct auth_audit_filter *f,
    uint64_t after, sqlite3_stmt **ret)
{
	return f->user_id != 0
	    ? nx_db_query(db, ret,
		  "SELECT " COLUMNS " FROM audit INDEXED BY audit_user"
		  " WHERE user_id = ? AND seq > ? ORDER BY seq LIMIT ?",
		  "uui", f->user_id, after, (int64_t)LOOKED)
	    : nx_db_query(db, ret,
		  "SELECT " COLUMNS
		  " FROM audit WHERE seq > ? ORDER BY seq LIMIT ?",
		  "ui", after, (int64_t)LOOKED);
}

int
auth_audit_list(struct nx_db *db, const struct auth_audit_filter *f,
    uint64_t *after, struct auth_audit_row *ret_rows, size_t max, bool *ret_end)
{
	sqlite3_stmt *s;
	size_t n = 0, looked = 0;
	int r = select_after(db, f, *after, &s);

	while (r == 1 && n < max) {
		r = read_row(s, &ret_rows[n]);
		if (r < 0)
			break;
		*after = ret_rows[n].seq;
		looked++;
		n += wanted(f, &ret_rows[n]);
		r = nx_db_next(s);
	}
	sqlite3_reset(s);
	*ret_end = r == 0 && n < max && looked < LOOKED;
	return r < 0 ? r : (int)n;
}

/* --- the chain --------------------------------------------------------------*/

static void
broken(struct auth_audit_walk *w, uint64_t seq, const char *why)
{
	w->broken = seq;
	w->why = why;
}

static void
look_at(const uint8_t *key, struct auth_audit_walk *w,
    const struct auth_audit_row *row)
{
	struct auth_audit_row sealed = *row;

	w->rows++;
	if (row->seq != w->last + 1) {
		broken(w, w->last + 1, "rows are missing from here on");
		return;
	}
	seal_row(&sealed, key, w->mac);
	if (sodium_memcmp(sealed.mac, row->mac, sizeof(row->mac)) != 0) {
		broken(w, row->seq, "this row is not what was written");
		return;
	}
	w->last = row->seq;
	memcpy(w->mac, row->mac, sizeof(w->mac));
}

/* The ends as they are at the beginning of the walk. */
static int
begin_walk(struct nx_db *db, const uint8_t key[AUTH_AUDIT_KEY_LEN],
    struct auth_audit_walk *w)
{
	struct ends e;
	int r = read_ends(db, &e);

	if (r < 0)
		return r;
	w->begun = true;
	w->last = e.first;
	w->first = e.first + 1;
	memcpy(w->mac, e.first_mac, sizeof(w->mac));
	if (!ends_hold(&e, key))
		broken(w, w->first, "where it begins or ends was changed");
	return 0;
}

/* What was written last is there too. */
static int
end_walk(struct nx_db *db, struct auth_audit_walk *w)
{
	struct ends e;
	int r = read_ends(db, &e);

	if (r < 0)
		return r;
	if (e.last != w->last ||
	    sodium_memcmp(e.last_mac, w->mac, sizeof(w->mac)) != 0)
		broken(w, w->last + 1, "the end is missing");
	return 0;
}

int
auth_audit_step(struct nx_db *db, const uint8_t key[AUTH_AUDIT_KEY_LEN],
    struct auth_audit_walk *w)
{
	static const struct auth_audit_filter all;
	struct auth_audit_row row;
	sqlite3_stmt *s;
	uint64_t looked = w->rows;
	int r = w->begun ? 0 : begin_walk(db, key, w);

	if (r < 0 || w->why)
		return r;
	r = select_after(db, &all, w->last, &s);
	while (r == 1 && !w->why) {
		r = read_row(s, &row);
		if (r == -EBADMSG)
			broken(w, row.seq, "this row is not what was written");
		else
			look_at(key, w, &row);
		if (!w->why)
			r = nx_db_next(s);
	}
	if (w->why) {
		sqlite3_reset(s);
		return 0;
	}
	if (r < 0 || w->rows - looked == LOOKED)
		return r < 0 ? r : 1;
	return end_walk(db, w);
}

/* --- retention --------------------------------------------------------------*/

/* The last row that may go now; 0: none. */
static int
find_last(struct nx_db *db, int64_t before, uint64_t keep, uint64_t *ret_seq)
{
	sqlite3_stmt *s;
	int r = nx_db_query(db, &s,
	    "SELECT max(seq) FROM (SELECT seq, at FROM audit ORDER BY seq"
	    " LIMIT ?) WHERE at < ? OR seq <= (SELECT last_seq FROM audit_ends)"
	    " - ?",
	    "iiu", (int64_t)LOOKED, before, keep);

	if (r <= 0)
		return r < 0 ? r : -EBADMSG;
	*ret_seq = (uint64_t)sqlite3_column_int64(s, 0);
	sqlite3_reset(s);
	return 0;
}

static int
mac_of(struct nx_db *db, uint64_t seq, uint8_t ret_mac[AUTH_AUDIT_MAC_LEN])
{
	sqlite3_stmt *s;
	int r = nx_db_query(
	    db, &s, "SELECT mac FROM audit WHERE seq = ?", "u", seq);

	if (r <= 0)
		return r < 0 ? r : -EBADMSG;
	r = nx_db_blob(s, 0, ret_mac, AUTH_AUDIT_MAC_LEN) ? 0 : -EBADMSG;
	sqlite3_reset(s);
	return r;
}

int
auth_audit_purge(struct nx_db *db, const uint8_t key[AUTH_AUDIT_KEY_LEN],
    int64_t before, uint64_t keep)
{
	struct ends e;
	uint64_t last;
	bool sound;
	int r = find_last(db, before, keep, &last);

	if (r == 0 && last != 0)
		r = read_ends(db, &e);
	if (r < 0 || last == 0)
		return r;
	sound = ends_hold(&e, key);
	e.first = last;
	r = mac_of(db, last, e.first_mac);
	/* The beginning moves first: the trigger lets go of what is before it. */
	if (r == 0)
		r = write_ends(db, key, &e, sound);
	if (r == 0)
		r = nx_db_exec(
		    db, "DELETE FROM audit WHERE seq <= ?", "u", last);
	return r < 0 ? r : 1;
}
