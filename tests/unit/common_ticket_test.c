/* Tickets as a captured gateway would try them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/id.h"
#include "common/ticket.h"

static struct nx_tickets *t;

static int
setup(void **state)
{
	(void)state;
	t = nx_tickets_new(NX_ROLE_STORAGE);
	return t == NULL;
}

static int
teardown(void **state)
{
	(void)state;
	t = nx_tickets_free(t);
	return 0;
}

static struct nx_ticket
ticket_for(uint64_t user, uint8_t session)
{
	struct nx_ticket k = {.audience = NX_ROLE_STORAGE,
	    .user_id = user,
	    .expiry_us = nx_now_us() + NX_TICKET_LIFE_US / 2,
	    .rights = NX_RIGHT_ALL};

	memset(k.session, session, sizeof(k.session));
	nx_ticket_seal(nx_tickets_key(t), &k);
	return k;
}

static enum nx_ticket_result
check(const struct nx_ticket *k)
{
	struct nx_ticket out;

	return nx_tickets_check(
	    t, (const uint8_t *)k, NX_TICKET_LEN + k->place_len, &out);
}

static void
accepts_its_own(void **state)
{
	struct nx_ticket k = ticket_for(7, 1), out;

	(void)state;
	assert_int_equal(
	    nx_tickets_check(t, (uint8_t *)&k, NX_TICKET_LEN, &out),
	    NX_TICKET_OK);
	assert_int_equal(out.user_id, 7);
	assert_string_equal(out.place, "");
}

/* With where it is good, all of that. */
static void
keeps_to_its_place(void **state)
{
	struct nx_ticket k = ticket_for(7, 1), out;

	(void)state;
	memset(k.place, 'p', NX_PLACE_MAX);
	k.place_len = NX_PLACE_MAX;
	nx_ticket_seal(nx_tickets_key(t), &k);
	assert_int_equal(nx_ticket_len((uint8_t *)&k), NX_TICKET_MAX);
	assert_int_equal(
	    nx_tickets_check(t, (uint8_t *)&k, NX_TICKET_MAX, &out),
	    NX_TICKET_OK);
	assert_int_equal(strlen(out.place), NX_PLACE_MAX);
	k.place[NX_PLACE_MAX - 1] = 'q';
	assert_int_equal(check(&k), NX_TICKET_FORGED);
	k.place[NX_PLACE_MAX - 1] = 'p';
	k.place_len--;
	assert_int_equal(check(&k), NX_TICKET_FORGED);
	k.place_len = 0;
	assert_int_equal(check(&k), NX_TICKET_FORGED);
}

/* Whatever bit is flipped, it is not accepted. */
static void
refuses_every_flipped_bit(void **state)
{
	struct nx_ticket k = ticket_for(7, 1);
	size_t bit;

	(void)state;
	for (bit = 0; bit < NX_TICKET_LEN * 8; bit++) {
		struct nx_ticket forged = k;

		((uint8_t *)&forged)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_not_equal(nx_tickets_check(t, (uint8_t *)&forged,
					 NX_TICKET_LEN, NULL),
		    NX_TICKET_OK);
	}
}

static void
refuses_other_lengths(void **state)
{
	struct nx_ticket k = ticket_for(7, 1), out;
	uint8_t longer[NX_TICKET_MAX + 1] = {0};
	size_t len;

	(void)state;
	memcpy(longer, &k, NX_TICKET_LEN);
	for (len = 0; len <= sizeof(longer); len++)
		if (len != NX_TICKET_LEN)
			assert_int_equal(nx_tickets_check(t, longer, len, &out),
			    NX_TICKET_MALFORMED);
}

static void
refuses_another_audience(void **state)
{
	struct nx_ticket k = ticket_for(7, 1);

	(void)state;
	k.audience = NX_ROLE_NODE;
	nx_ticket_seal(nx_tickets_key(t), &k);
	assert_int_equal(check(&k), NX_TICKET_MALFORMED);
}

static void
refuses_the_expired(void **state)
{
	struct nx_ticket k = ticket_for(7, 1);

	(void)state;
	k.expiry_us = nx_now_us();
	nx_ticket_seal(nx_tickets_key(t), &k);
	assert_int_equal(check(&k), NX_TICKET_EXPIRED);
}

static void
never_seals_a_long_one(void **state)
{
	struct nx_ticket k = ticket_for(7, 1);

	(void)state;
	k.expiry_us = UINT64_MAX;
	nx_ticket_seal(nx_tickets_key(t), &k);
	assert_true(k.expiry_us <= nx_now_us() + NX_TICKET_LIFE_US);
}

static void
refuses_a_former_key(void **state)
{
	struct nx_ticket k = ticket_for(7, 1);
	struct nx_tickets *after = nx_tickets_new(NX_ROLE_STORAGE);
	struct nx_ticket out;

	(void)state;
	assert_int_not_equal(
	    nx_tickets_check(after, (uint8_t *)&k, NX_TICKET_LEN, &out),
	    NX_TICKET_OK);
	nx_tickets_free(after);
}

static void
revokes_sessions_and_users(void **state)
{
	struct nx_ticket one = ticket_for(7, 1), two = ticket_for(7, 2);
	struct nx_ticket other = ticket_for(8, 1);

	(void)state;
	assert_false(nx_tickets_revoke(t, 7, one.session));
	assert_int_equal(check(&one), NX_TICKET_REVOKED);
	assert_int_equal(check(&two), NX_TICKET_OK);
	assert_int_equal(check(&other), NX_TICKET_OK);
	assert_false(nx_tickets_revoke(t, 7, NULL));
	assert_int_equal(check(&two), NX_TICKET_REVOKED);
	assert_int_equal(check(&other), NX_TICKET_OK);
}

/* Nothing is ever forgotten too early: a full memory costs everybody's tickets
 * instead. */
static void
replaces_the_key_when_full(void **state)
{
	struct nx_ticket k = ticket_for(1, 1);
	struct nx_ticket_key before = *nx_tickets_key(t);
	uint64_t user;

	(void)state;
	for (user = 2; user < 2 + 4096; user++)
		assert_false(nx_tickets_revoke(t, user, NULL));
	assert_int_equal(check(&k), NX_TICKET_OK);
	assert_true(nx_tickets_revoke(t, user, NULL));
	assert_int_equal(check(&k), NX_TICKET_MALFORMED);
	assert_true(nx_tickets_key(t)->epoch > before.epoch);
	assert_memory_not_equal(
	    nx_tickets_key(t)->key, before.key, sizeof(before.key));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	    T(accepts_its_own),
	    T(keeps_to_its_place),
	    T(refuses_every_flipped_bit),
	    T(refuses_other_lengths),
	    T(refuses_another_audience),
	    T(refuses_the_expired),
	    T(never_seals_a_long_one),
	    T(refuses_a_former_key),
	    T(revokes_sessions_and_users),
	    T(replaces_the_key_when_full),
	};

	return cmocka_run_group_tests_name("tickets", tests, NULL, NULL);
}
