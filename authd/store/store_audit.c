/* Rows of the audit; see audit.h. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "authd/store/audit.h"
#include "common/err.h"
#include "common/limits.h"

#define TEXT_MAX 256

/* The texts of a row, in the order in which they are sealed. */
enum { SOURCE, EVENT, ACTOR, USERNAME, CLIENT, SESSION, RESULT, DETAIL, TEXTS };

struct row {
	uint64_t seq, user_id;
	int64_t at;
	char text[TEXTS][TEXT_MAX + 1];
	uint8_t mac[AUTH_AUDIT_MAC_LEN];
};

static void
seal_number(crypto_generichash_state *h, uint64_t n)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(n >> (8 * i));
	crypto_generichash_update(h, bytes, sizeof(bytes));
}

static void
seal_row(struct row *row, const uint8_t key[AUTH_AUDIT_KEY_LEN],
    const uint8_t before[AUTH_AUDIT_MAC_LEN])
{
	crypto_generichash_state h;

	crypto_generichash_init(
	    &h, key, AUTH_AUDIT_KEY_LEN, AUTH_AUDIT_MAC_LEN);
	crypto_generichash_update(&h, before, AUTH_AUDIT_MAC_LEN);
	seal_number(&h, row->seq);
	seal_number(&h, (uint64_t)row->at);
	seal_number(&h, row->user_id);
	for (size_t i = 0; i < TEXTS; i++) {
		size_t len = strlen(row->text[i]);

		seal_number(&h, len);
		crypto_generichash_update(
		    &h, (const uint8_t *)row->text[i], len);
	}
	crypto_generichash_final(&h, row->mac, sizeof(row->mac));
}

static void
fill_text(struct row *row, size_t i, const char *text)
{
	(void)snprintf(
	    row->text[i], sizeof(row->text[i]), "%s", text ? text : "");
	nx_text_repair(row->text[i]);
}

/* Who has seen a session's id could revoke it; a mark tells sessions apart. */
static void
fill_session(struct row *row, const uint8_t *session)
{
	uint8_t mark[8];

	if (!session)
		return;
	crypto_generichash(
	    mark, sizeof(mark), session, NX_SESSION_LEN, NULL, 0);
	sodium_bin2hex(row->text[SESSION], TEXT_MAX + 1, mark, sizeof(mark));
}

static void
fill(struct row *row, const struct auth_event *e)
{
	row->user_id = e->user_id;
	fill_text(row, SOURCE, e->source ? e->source : "authd");
	fill_text(row, EVENT, e->event);
	fill_text(row, ACTOR, e->actor);
	fill_text(row, USERNAME, e->username);
	fill_text(row, CLIENT, e->client);
	fill_text(row, RESULT, e->result ? e->result : "ok");
	fill_text(row, DETAIL, e->detail);
	fill_session(row, e->session);
}

static int
read_end(
    struct nx_db *db, uint64_t *ret_seq, uint8_t ret_mac[AUTH_AUDIT_MAC_LEN])
{
	sqlite3_stmt *s;
	int r = nx_db_query(
	    db, &s, "SELECT last_seq, last_mac FROM audit_ends", "");

	if (r <= 0)
		return r < 0 ? r : -EBADMSG;
	*ret_seq = (uint64_t)sqlite3_column_int64(s, 0);
	r = nx_db_blob(s, 1, ret_mac, AUTH_AUDIT_MAC_LEN) ? 0 : -EBADMSG;
	sqlite3_reset(s);
	return r;
}

static int
insert(struct nx_db *db, const struct row *w)
{
	int r = nx_db_exec(db,
	    "INSERT INTO audit (seq, at, user_id, source, event, actor,"
	    " username, client, session, result, detail, mac)"
	    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	    "uiussssssssb", w->seq, w->at, w->user_id, w->text[SOURCE],
	    w->text[EVENT], w->text[ACTOR], w->text[USERNAME], w->text[CLIENT],
	    w->text[SESSION], w->text[RESULT], w->text[DETAIL], w->mac,
	    sizeof(w->mac));

	return r < 0
	    ? r
	    : nx_db_exec(db, "UPDATE audit_ends SET last_seq = ?, last_mac = ?",
		  "ub", w->seq, w->mac, sizeof(w->mac));
}

int
auth_audit_put(struct nx_db *db, const uint8_t key[AUTH_AUDIT_KEY_LEN],
    int64_t at, const struct auth_event *e)
{
	uint8_t before[AUTH_AUDIT_MAC_LEN];
	struct row row = {.at = at};
	int r = read_end(db, &row.seq, before);

	nx_assert(e->event);
	if (r < 0)
		return r;
	row.seq++;
	fill(&row, e);
	seal_row(&row, key, before);
	return insert(db, &row);
}
