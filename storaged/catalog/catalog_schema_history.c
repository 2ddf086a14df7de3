/*
 * The step of catalog_schema.c that brought history: what was at a path before.
 * Epochs are a user's own and go up when a snapshot is made: what is born and
 * has not died by one is in it. So that a snapshot costs nothing to make, each
 * entry says in which epoch it came to be where it is.
 *
 * A row of past owns what it names (own = 1: its file's row, which is in tree 4,
 * or everything that hangs below the key of a folder), or another row does, in
 * entries or here. The key in entries stays that of a file that was replaced or
 * moved: its versions are found by it.
 */
#include "storaged/catalog/catalog_internal.h"

const char catalog_schema_history[] =
    "ALTER TABLE entries ADD COLUMN born INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE users ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;"
    /* Of rows of past: bytes as they counted, files and folders; and of those
     * bytes what snapshots need, which counts against the quota. */
    "ALTER TABLE users ADD COLUMN history INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE users ADD COLUMN pasts INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE users ADD COLUMN held INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX users_history ON users(history - held)"
    " WHERE history > held;"
    "CREATE TABLE past("
    " past INTEGER PRIMARY KEY AUTOINCREMENT,"
    " owner INTEGER NOT NULL,"
    " parent INTEGER NOT NULL," /* where it was */
    " name TEXT NOT NULL,"
    " entry INTEGER NOT NULL,"
    " file INTEGER," /* NULL: a folder */
    " size INTEGER NOT NULL,"
    " files INTEGER NOT NULL," /* below it, as in entries */
    " folders INTEGER NOT NULL,"
    " charged INTEGER NOT NULL," /* with the folder itself */
    " height INTEGER NOT NULL,"
    " reach INTEGER NOT NULL,"
    " modified_at INTEGER NOT NULL,"
    " born INTEGER NOT NULL," /* epochs */
    " died INTEGER NOT NULL,"
    " gone_at INTEGER NOT NULL," /* unix seconds */
    " until INTEGER NOT NULL,"
    " why INTEGER NOT NULL," /* 1 deleted, 2 replaced, 3 for snapshots */
    " own INTEGER NOT NULL,"
    " held INTEGER NOT NULL" /* a snapshot needs it */
    ") STRICT;"
    "CREATE INDEX past_name ON past(owner, parent, name, past);"
    "CREATE INDEX past_deleted ON past(owner, parent, name, past)"
    " WHERE why = 1;"
    "CREATE INDEX past_entry ON past(entry, past);"
    "CREATE INDEX past_shared ON past(entry) WHERE own = 0;"
    "CREATE INDEX past_at ON past(owner, parent, name, died)"
    " WHERE born < died;"
    "CREATE INDEX past_when ON past(entry, died) WHERE born < died;"
    "CREATE INDEX past_until ON past(until) WHERE held = 0;"
    "CREATE INDEX past_owner ON past(owner, past) WHERE held = 0;"
    "CREATE INDEX past_held ON past(owner, past) WHERE held = 1;"
    /* How long it is kept, of what is in a folder; 0: the root. */
    "CREATE TABLE keeping("
    " owner INTEGER NOT NULL,"
    " folder INTEGER NOT NULL,"
    " seconds INTEGER NOT NULL,"
    " PRIMARY KEY(owner, folder)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE snapshots("
    " owner INTEGER NOT NULL,"
    " name TEXT NOT NULL,"
    " folder INTEGER NOT NULL,"
    " path TEXT NOT NULL," /* where that was */
    " epoch INTEGER NOT NULL,"
    " made_at INTEGER NOT NULL,"
    " PRIMARY KEY(owner, name)) STRICT, WITHOUT ROWID;"
    /* Their owner deleted one: who is held up to there is looked at anew. */
    "CREATE TABLE loosening("
    " owner INTEGER PRIMARY KEY,"
    " after INTEGER NOT NULL) STRICT;";
