/*
 * A laboratory for a catalogue that is lost: storaged with two base volumes
 * that have its copies, and ways to lose it, damage it, and make it anew.
 */
#ifndef STORAGED_LEDGER_LAB_H
#define STORAGED_LEDGER_LAB_H

#include "common/db.h"
#include "storaged/ledger/record.h"
#include "storaged/rescue/rescue_internal.h"
#include "tests/unit/storaged_lab.h"

#define MIB (1024ULL * 1024)

static inline void
db_path(char path[160], const char *suffix)
{
	(void)snprintf(path, 160, "%s/storage/storage.db%s", lab.dir, suffix);
}

/* Turns the loop until @n places have all up to now. */
static inline void
await_copies(unsigned n)
{
	for (int i = 0; i < 20000; i++) {
		if (ledger_status(lab.s.ledger).copies >= n)
			return;
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
		usleep(500);
	}
	fail_msg("%u copies: %s", ledger_status(lab.s.ledger).copies,
	    ledger_status(lab.s.ledger).note);
}

static inline void
second_volume(void)
{
	base_want(lab.s.volumes);
	while (base_making(lab.s.volumes))
		event_base_loop(lab.base, EVLOOP_ONCE);
	await_copies(2);
}

static inline void
rename_image(const char *node, const char *from, const char *to)
{
	char a[160], b[160];

	(void)snprintf(a, sizeof(a), "%s/volumes/%s%s", lab.dir, node, from);
	(void)snprintf(b, sizeof(b), "%s/volumes/%s%s", lab.dir, node, to);
	assert_int_equal(rename(a, b), 0);
}

static inline int
ledger_lab_setup(void **state)
{
	lab.copies = true;
	lab.base_size = 64 * MIB;
	lab.base_max = 2;
	return lab_setup(state);
}

static inline void
lose_database(void)
{
	char path[160];

	db_path(path, "");
	(void)unlink(path);
	db_path(path, "-wal");
	(void)unlink(path);
}

static struct rescue last_rescue;

/* As `nexusctl storage rebuild` does, while nothing else runs. */
static inline int
rebuild(bool partial)
{
	struct storaged *s = &lab.s;

	last_rescue = (struct rescue){
	    .s = s, .base = event_base_new(), .partial = partial};
	s->conf.common.state_dir = lab.dir;
	assert_int_equal(volumes_new(s, &s->volumes), 0);
	rescue_work(&last_rescue);
	event_base_free(last_rescue.base);
	s->volumes = volumes_free(s->volumes);
	return last_rescue.result;
}

/* All rows of all tables, but what says where the catalogue is. */
static inline char *
dump(const char *path)
{
	char command[600], *text = NULL;
	size_t len = 0, room = 0;
	FILE *f;

	(void)snprintf(command, sizeof(command),
	    "sqlite3 'file:%s?mode=ro' .dump 2>&1 | grep -v 'INTO point'"
	    " | grep -v sqlite_sequence | sort",
	    path);
	f = popen(command, "r");
	assert_non_null(f);
	do {
		room = room ? room * 2 : 65536;
		text = realloc(text, room);
		assert_non_null(text);
		len += fread(text + len, 1, room - len - 1, f);
	} while (len == room - 1);
	text[len] = '\0';
	(void)pclose(f);
	return text;
}

static inline void
copy_database(const char *to)
{
	char path[160], command[400];

	db_path(path, "");
	(void)snprintf(command, sizeof(command), "cp %s %s", path, to);
	assert_int_equal(system(command), 0);
}

#endif
