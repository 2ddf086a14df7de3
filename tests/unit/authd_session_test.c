/* Tokens into tickets, and everything that ends them: logout, disabling,
 * deletion, with storaged and nodemgr there, failing, or away. */
#include "tests/unit/authd_harness.h"

static Nx__Status
admin(struct harness *h, Nx__Method method, const ProtobufCMessage *q,
    struct h_reply *out)
{
	h_begin(h, NX_ROLE_ADMIN, method, q, out);
	h_wait(h, out);
	return out->status;
}

static Nx__Status
set_disabled(struct harness *h, const char *name, bool disabled)
{
	Nx__UserSetDisabledRequest q = NX__USER_SET_DISABLED_REQUEST__INIT;
	struct h_reply out;

	q.username = (char *)(uintptr_t)name;
	q.disabled = disabled;
	admin(h, NX__METHOD__AUTH_USER_SET_DISABLED, &q.base, &out);
	h_free(&out);
	return out.status;
}

static Nx__Status
by_name(
    struct harness *h, Nx__Method method, const char *name, uint64_t *ret_id)
{
	Nx__UserGetRequest q = NX__USER_GET_REQUEST__INIT;
	struct h_reply out;

	q.username = (char *)(uintptr_t)name;
	admin(h, method, &q.base, &out);
	if (out.body && ret_id)
		*ret_id = ((Nx__UserInfo *)out.body)->id;
	h_free(&out);
	return out.status;
}

static Nx__Status
logout(struct harness *h, const char *token)
{
	struct h_reply out;

	h_token(h, NX__METHOD__AUTH_LOGOUT, token, &out);
	h_free(&out);
	return out.status;
}

static void
test_tickets(void **state)
{
	struct harness *h = *state;
	struct nx_tickets *storage = nx_tickets_new(NX_ROLE_STORAGE);
	struct nx_tickets *node = nx_tickets_new(NX_ROLE_NODE);
	struct nx_ticket ticket;
	Nx__CheckTokenReply *reply;
	struct h_reply out;
	char token[2049];

	h_user(h, "alice", token);
	h_attach(h, NX_ROLE_STORAGE);
	h_give_key(h, NX_ROLE_STORAGE, storage);
	assert_int_equal(h_token(h, NX__METHOD__AUTH_CHECK_TOKEN, token, &out),
	    NX__STATUS__OK);
	reply = (Nx__CheckTokenReply *)out.body;
	assert_string_equal(reply->username, "alice");
	assert_true(reply->valid_until <= nx_now_us() + NX_TICKET_LIFE_US);
	assert_int_equal(reply->node_ticket.len, 0);
	assert_int_equal(nx_tickets_check(storage, reply->storage_ticket.data,
			     reply->storage_ticket.len, &ticket),
	    NX_TICKET_OK);
	assert_int_equal(ticket.user_id, reply->user_id);
	assert_int_equal(ticket.rights, NX_RIGHT_ALL);
	/* One audience's ticket is nothing to the other. */
	h_attach(h, NX_ROLE_NODE);
	h_give_key(h, NX_ROLE_NODE, node);
	assert_int_not_equal(nx_tickets_check(node, reply->storage_ticket.data,
				 reply->storage_ticket.len, &ticket),
	    NX_TICKET_OK);
	h_free(&out);
	/* Who goes away takes the key along. */
	h_detach(h, NX_ROLE_STORAGE);
	h_token(h, NX__METHOD__AUTH_CHECK_TOKEN, token, &out);
	reply = (Nx__CheckTokenReply *)out.body;
	assert_int_equal(reply->storage_ticket.len, 0);
	assert_int_equal(reply->node_ticket.len, NX_TICKET_LEN);
	h_free(&out);
	nx_tickets_free(storage);
	nx_tickets_free(node);
}

/* What was accepted a moment ago is not accepted because of that. */
static void
test_remembered_tokens(void **state)
{
	struct harness *h = *state;
	char token[2049], other[2049];

	h_user(h, "anna", token);
	assert_int_equal(h_check(h, token), NX__STATUS__OK);
	assert_int_equal(h_check(h, token), NX__STATUS__OK);
	strcpy(other, token);
	other[strlen(other) - 10] ^= 1;
	assert_int_equal(h_check(h, other), NX__STATUS__UNAUTHENTICATED);
	h_wall_shift_us = -120LL * 1000000;
	assert_int_equal(h_check(h, token), NX__STATUS__UNAUTHENTICATED);
	h_wall_shift_us = 0;
	assert_int_equal(h_check(h, token), NX__STATUS__OK);
	h_advance(24 * 3600);
	assert_int_equal(h_check(h, token), NX__STATUS__UNAUTHENTICATED);
}

/* Neither answer nor ticket outlives the token. */
static void
test_end_of_token(void **state)
{
	struct harness *h = *state;
	struct h_reply out;
	char token[2049];

	h_user(h, "bert", token);
	h_advance(24 * 3600 - 20);
	assert_int_equal(h_token(h, NX__METHOD__AUTH_CHECK_TOKEN, token, &out),
	    NX__STATUS__OK);
	assert_true(((Nx__CheckTokenReply *)out.body)->valid_until <=
	    h_mono() + 21000000);
	h_free(&out);
	h_advance(21);
	assert_int_equal(h_check(h, token), NX__STATUS__UNAUTHENTICATED);
}

static void
test_logout(void **state)
{
	struct harness *h = *state;
	char one[2049], two[2049];

	h_user(h, "cleo", one);
	h_login(h, "cleo", PASSWORD);
	h_verify(h, LOGIN_VERIFY, "cleo@example.org", h->mail.code, two);
	h_attach(h, NX_ROLE_STORAGE);
	h_attach(h, NX_ROLE_NODE);
	assert_int_equal(logout(h, one), NX__STATUS__OK);
	/* Both knew before the user was told. */
	assert_int_equal(h->revokes[NX_ROLE_STORAGE], 1);
	assert_int_equal(h->revokes[NX_ROLE_NODE], 1);
	assert_false(h->last_whole);
	assert_int_equal(h_check(h, one), NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(h_check(h, two), NX__STATUS__OK);
	assert_int_equal(logout(h, one), NX__STATUS__UNAUTHENTICATED);
}

/* A daemon that cannot confirm delays the answer, but does not prevent it. */
static void
test_logout_unconfirmed(void **state)
{
	struct harness *h = *state;
	uint64_t begin = nx_now_us();
	char token[2049];

	h_user(h, "dirk", token);
	h_attach(h, NX_ROLE_STORAGE);
	h->notice_status = NX__STATUS__INTERNAL;
	assert_int_equal(logout(h, token), NX__STATUS__OK);
	assert_in_range(nx_now_us() - begin, 1900000, 4000000);
	assert_int_equal(h_check(h, token), NX__STATUS__UNAUTHENTICATED);
}

static void
test_disable(void **state)
{
	struct harness *h = *state;
	char token[2049];

	h_user(h, "emma", token);
	h_login(h, "emma", PASSWORD);
	h_attach(h, NX_ROLE_STORAGE);
	assert_int_equal(set_disabled(h, "EMMA", true), NX__STATUS__OK);
	/* By session: a login after enabling is not revoked with the old. */
	assert_int_equal(h->revokes[NX_ROLE_STORAGE], 1);
	assert_false(h->last_whole);
	assert_int_equal(h_check(h, token), NX__STATUS__UNAUTHENTICATED);
	/* The code that was on its way, the password, and nothing for others
	 * to see: without the password it looks like anybody's. */
	assert_int_equal(
	    h_verify(h, LOGIN_VERIFY, "emma@example.org", h->mail.code, NULL),
	    NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(h_login(h, "emma", PASSWORD), NX__STATUS__DENIED);
	assert_int_equal(
	    h_login(h, "emma", "wrong password"), NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(set_disabled(h, "emma", false), NX__STATUS__OK);
	assert_int_equal(h_check(h, token), NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(h_login(h, "emma", PASSWORD), NX__STATUS__OK);
	assert_int_equal(
	    set_disabled(h, "nobody", true), NX__STATUS__NOT_FOUND);
}

/* A deletion is told to who was away, also by the next authd, until it is
 * confirmed; the id does not come back. */
static void
test_delete(void **state)
{
	struct harness *h = *state;
	uint64_t id = 0, again = 0;
	char token[2049];

	h_user(h, "fred", token);
	h_attach(h, NX_ROLE_STORAGE);
	assert_int_equal(by_name(h, NX__METHOD__AUTH_USER_DELETE, "fred", &id),
	    NX__STATUS__OK);
	h_settle(h);
	assert_int_equal(h->deletes[NX_ROLE_STORAGE], 1);
	assert_true(h->last_whole);
	assert_int_equal(h_check(h, token), NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(by_name(h, NX__METHOD__AUTH_USER_GET, "fred", NULL),
	    NX__STATUS__NOT_FOUND);
	h_stop_authd(h);
	h_start_authd(h);
	h_attach(h, NX_ROLE_GATEWAY);
	h_attach(h, NX_ROLE_ADMIN);
	h_attach(h, NX_ROLE_MAIL);
	h_attach(h, NX_ROLE_NODE);
	h->notice_status = NX__STATUS__UNAVAILABLE;
	auth_notice_pump(&h->a);
	h_settle(h);
	assert_int_equal(h->deletes[NX_ROLE_NODE], 1);
	h->notice_status = NX__STATUS__OK;
	auth_notice_pump(&h->a);
	h_settle(h);
	assert_int_equal(h->deletes[NX_ROLE_NODE], 2);
	auth_notice_pump(&h->a);
	h_settle(h);
	assert_int_equal(h->deletes[NX_ROLE_NODE], 2);
	h_user(h, "fred", NULL);
	by_name(h, NX__METHOD__AUTH_USER_GET, "fred", &again);
	assert_true(again > id);
}

static void
test_list(void **state)
{
	struct harness *h = *state;
	Nx__UserListRequest q = NX__USER_LIST_REQUEST__INIT;
	Nx__UserListReply *reply;
	struct h_reply out;

	h_user(h, "a1", NULL);
	h_user(h, "a2", NULL);
	h_user(h, "a3", NULL);
	q.limit = 2;
	admin(h, NX__METHOD__AUTH_USER_LIST, &q.base, &out);
	reply = (Nx__UserListReply *)out.body;
	assert_int_equal(reply->n_users, 2);
	assert_string_equal(reply->users[1]->username, "a2");
	q.after = reply->next;
	assert_int_not_equal(q.after, 0);
	h_free(&out);
	admin(h, NX__METHOD__AUTH_USER_LIST, &q.base, &out);
	reply = (Nx__UserListReply *)out.body;
	assert_int_equal(reply->n_users, 1);
	assert_string_equal(reply->users[0]->email, "a3@example.org");
	assert_int_equal(reply->next, 0);
	h_free(&out);
}

static Nx__AuthStatusReply
status(struct harness *h)
{
	Nx__Empty q = NX__EMPTY__INIT;
	Nx__AuthStatusReply copy;
	struct h_reply out;

	assert_int_equal(
	    admin(h, NX__METHOD__AUTH_STATUS, &q.base, &out), NX__STATUS__OK);
	copy = *(Nx__AuthStatusReply *)out.body;
	h_free(&out);
	return copy;
}

/* A mail that fails is counted; the answer is the one that everybody gets. */
static void
test_mail_fails(void **state)
{
	struct harness *h = *state;

	h->mail_status = NX__STATUS__INTERNAL;
	assert_int_equal(
	    h_register(h, "gus", PASSWORD, "gus@example.org"), NX__STATUS__OK);
	assert_int_equal(status(h).mails_failed, 1);
	h->mail_status = NX__STATUS__OK;
	h_user(h, "gus", NULL);
	assert_int_equal(status(h).users, 1);
	assert_int_equal(status(h).sessions, 1);
}

static void
test_persistence(void **state)
{
	struct harness *h = *state;
	char token[2049];

	h_user(h, "hugo", token);
	h_login(h, "hugo", PASSWORD);
	h_stop_authd(h);
	h_start_authd(h);
	h_attach(h, NX_ROLE_GATEWAY);
	h_attach(h, NX_ROLE_MAIL);
	assert_int_equal(h_check(h, token), NX__STATUS__OK);
	assert_int_equal(
	    h_verify(h, LOGIN_VERIFY, "hugo@example.org", h->mail.code, NULL),
	    NX__STATUS__OK);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, h_setup, h_teardown)
	const struct CMUnitTest tests[] = {
	    T(test_tickets),
	    T(test_remembered_tokens),
	    T(test_end_of_token),
	    T(test_logout),
	    T(test_logout_unconfirmed),
	    T(test_disable),
	    T(test_delete),
	    T(test_list),
	    T(test_mail_fails),
	    T(test_persistence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
