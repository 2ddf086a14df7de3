/*
 * nodes.db; see store.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "nodemgr/nodes/store.h"

static const char *const migrations[] = {
    "CREATE TABLE nodes ("
    " id TEXT PRIMARY KEY,"
    " owner INTEGER NOT NULL,"
    " name TEXT NOT NULL,"
    " image TEXT NOT NULL,"
    " memory INTEGER NOT NULL,"
    " storage INTEGER NOT NULL,"
    " cpu_weight INTEGER NOT NULL,"
    " pids_max INTEGER NOT NULL,"
    " address INTEGER NOT NULL UNIQUE,"
    " uid_base INTEGER NOT NULL UNIQUE,"
    " created_at INTEGER NOT NULL,"
    " started_at INTEGER NOT NULL,"
    " state INTEGER NOT NULL,"
    " flags INTEGER NOT NULL,"
    " pid INTEGER NOT NULL,"
    " pid_start INTEGER NOT NULL,"
    " boot_id TEXT NOT NULL,"
    " exit_reason TEXT NOT NULL,"
    " oom_kills INTEGER NOT NULL,"
    " command BLOB NOT NULL,"
    " UNIQUE (owner, name)"
    ") STRICT;",
    "ALTER TABLE nodes ADD COLUMN plan TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE nodes ADD COLUMN step TEXT NOT NULL DEFAULT '';",
};

/* Bits of the column flags. */
enum {
	DESIRED = 1 << 0,
	KEPT = 1 << 1,
	FORCE = 1 << 2,
	FRESH = 1 << 3,
	FAILED = 1 << 4,
	ENFORCED = 1 << 5,
};

int
node_store_open(struct nodemgr *m, const char *path)
{
	return nx_db_open(
	    m->base, path, migrations, NX_ARRAY_SIZE(migrations), &m->db);
}

static int64_t
flags_of(const struct node *n)
{
	return (n->desired ? DESIRED : 0) | (n->kept ? KEPT : 0) |
	    (n->force ? FORCE : 0) | (n->fresh ? FRESH : 0) |
	    (n->failed ? FAILED : 0) | (n->limits_enforced ? ENFORCED : 0);
}

int
node_store_save(struct nx_db *db, void *arg)
{
	struct node *n = arg;

	n->plan_stored = n->plan[0] != '\0';
	return nx_db_exec(db,
	    "INSERT INTO nodes (id, owner, name, image, memory, storage,"
	    " cpu_weight, pids_max, address, uid_base, created_at, started_at,"
	    " state, flags, pid, pid_start, boot_id, exit_reason, oom_kills,"
	    " command, plan, step)"
	    " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
	    " ON CONFLICT (id) DO UPDATE SET memory = excluded.memory,"
	    " cpu_weight = excluded.cpu_weight, pids_max = excluded.pids_max,"
	    " started_at = excluded.started_at, state = excluded.state,"
	    " flags = excluded.flags, pid = excluded.pid,"
	    " pid_start = excluded.pid_start, boot_id = excluded.boot_id,"
	    " exit_reason = excluded.exit_reason,"
	    " oom_kills = excluded.oom_kills, plan = excluded.plan,"
	    " step = excluded.step",
	    "sussuuuuuuuuiiiussubss", n->id, n->owner, n->name, n->image,
	    n->memory, n->storage, (uint64_t)n->cpu_weight,
	    (uint64_t)n->pids_max, (uint64_t)n->address, (uint64_t)n->uid_base,
	    n->created_at, n->started_at, (int64_t)n->state, flags_of(n),
	    (int64_t)n->pid, n->pid_start, n->boot_id, n->exit_reason,
	    n->oom_kills, n->command ? n->command : "", n->command_len, n->plan,
	    n->step);
}

int
node_store_delete(struct nx_db *db, void *arg)
{
	const struct node *n = arg;

	return nx_db_exec(db, "DELETE FROM nodes WHERE id = ?", "s", n->id);
}

static uint64_t
number(sqlite3_stmt *s, int column)
{
	return (uint64_t)sqlite3_column_int64(s, column);
}

static int
read_command(struct node *n, sqlite3_stmt *s, int column)
{
	const void *blob = sqlite3_column_blob(s, column);
	int len = sqlite3_column_bytes(s, column);

	n->command = malloc((size_t)len + 1);
	if (!n->command)
		return -ENOMEM;
	if (len > 0)
		memcpy(n->command, blob, (size_t)len);
	n->command[len] = '\0';
	n->command_len = (size_t)len;
	return 0;
}

static int
read_row(struct nodemgr *m, sqlite3_stmt *s)
{
	struct node *n = node_new(m);
	uint64_t flags;

	if (!n)
		return -ENOMEM;
	nx_db_text(s, 0, n->id, sizeof(n->id));
	n->owner = number(s, 1);
	nx_db_text(s, 2, n->name, sizeof(n->name));
	nx_db_text(s, 3, n->image, sizeof(n->image));
	n->memory = number(s, 4);
	n->storage = number(s, 5);
	n->cpu_weight = (uint32_t)number(s, 6);
	n->pids_max = (uint32_t)number(s, 7);
	n->address = (uint32_t)number(s, 8);
	n->uid_base = (uint32_t)number(s, 9);
	n->created_at = number(s, 10);
	n->started_at = number(s, 11);
	n->state = (enum node_state)number(s, 12);
	flags = number(s, 13);
	n->desired = flags & DESIRED;
	n->kept = flags & KEPT;
	n->force = flags & FORCE;
	n->fresh = flags & FRESH;
	n->failed = flags & FAILED;
	n->limits_enforced = flags & ENFORCED;
	n->pid = (pid_t)number(s, 14);
	n->pid_start = number(s, 15);
	nx_db_text(s, 16, n->boot_id, sizeof(n->boot_id));
	nx_db_text(s, 17, n->exit_reason, sizeof(n->exit_reason));
	n->oom_kills = number(s, 18);
	nx_db_text(s, 20, n->plan, sizeof(n->plan));
	nx_db_text(s, 21, n->step, sizeof(n->step));
	return read_command(n, s, 19);
}

int
node_store_load(struct nodemgr *m)
{
	sqlite3_stmt *s;
	int r, error;

	r = nx_db_query(m->db, &s,
	    "SELECT id, owner, name, image, memory, storage, cpu_weight,"
	    " pids_max, address, uid_base, created_at, started_at, state,"
	    " flags, pid, pid_start, boot_id, exit_reason, oom_kills, command,"
	    " plan, step FROM nodes ORDER BY created_at, rowid",
	    "");
	for (; r == 1; r = nx_db_next(s)) {
		error = read_row(m, s);
		if (error < 0)
			return error;
	}
	return r;
}
