/*
 * The catalogue's tables, as the steps that made them: a step that has been in a
 * release is never changed, a new one goes to the end.
 *
 * Every sum that is shown (a user's bytes, a folder's size, a file's fewest
 * replicas) is a column kept by the transaction that changes what it sums.
 */
#include "common/err.h"
#include "storaged/catalog/catalog_internal.h"

static const char schema_1[] =
    "CREATE TABLE users("
    " user INTEGER PRIMARY KEY,"
    " quota INTEGER NOT NULL DEFAULT -1," /* -1: the default */
    " used INTEGER NOT NULL DEFAULT 0,"
    " files INTEGER NOT NULL DEFAULT 0,"
    " chunks INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE TABLE volumes("
    " volume INTEGER PRIMARY KEY AUTOINCREMENT,"
    " node TEXT NOT NULL UNIQUE,"
    " size INTEGER NOT NULL,"
    " state INTEGER NOT NULL,"
    " active INTEGER NOT NULL DEFAULT 0,"
    " suspect INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE TABLE files("
    " file INTEGER PRIMARY KEY AUTOINCREMENT,"
    " id TEXT NOT NULL UNIQUE,"
    " owner INTEGER NOT NULL,"
    " name TEXT NOT NULL,"
    " tree INTEGER NOT NULL,"
    " size INTEGER NOT NULL,"
    " chunks INTEGER NOT NULL,"
    " want INTEGER NOT NULL,"
    " replicas INTEGER NOT NULL,"
    " md5 TEXT NOT NULL,"
    " created_at INTEGER NOT NULL) STRICT;"
    "CREATE INDEX files_raw ON files(owner, file) WHERE tree = 0;"
    "CREATE INDEX files_degraded ON files(file) WHERE replicas < want;"
    "CREATE TABLE chunks("
    " chunk INTEGER PRIMARY KEY AUTOINCREMENT,"
    " id TEXT NOT NULL UNIQUE,"
    " file INTEGER NOT NULL,"
    " idx INTEGER NOT NULL,"
    " size INTEGER NOT NULL,"
    " md5 BLOB NOT NULL,"
    " crc BLOB NOT NULL," /* CRC32C of each 64 KiB, little-endian */
    " UNIQUE(file, idx)) STRICT;"
    "CREATE TABLE replicas("
    " chunk INTEGER NOT NULL,"
    " volume INTEGER NOT NULL REFERENCES volumes,"
    " PRIMARY KEY(chunk, volume)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX replicas_volume ON replicas(volume, chunk);"
    /* Chunk files nobody refers to: the collector unlinks them. */
    "CREATE TABLE trash("
    " volume INTEGER NOT NULL REFERENCES volumes,"
    " id TEXT NOT NULL,"
    " PRIMARY KEY(volume, id)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE entries("
    " entry INTEGER PRIMARY KEY AUTOINCREMENT,"
    " owner INTEGER NOT NULL,"
    " parent INTEGER NOT NULL," /* 0: the root */
    " name TEXT NOT NULL,"
    " file INTEGER," /* NULL: a folder */
    " size INTEGER NOT NULL,"
    " files INTEGER NOT NULL DEFAULT 0,"
    " folders INTEGER NOT NULL DEFAULT 0,"
    " modified_at INTEGER NOT NULL,"
    " UNIQUE(owner, parent, name)) STRICT;"
    "CREATE UNIQUE INDEX entries_file ON entries(file)"
    " WHERE file IS NOT NULL;";

/*
 * Whatever is asked often is a sum that is kept: what counts against a quota
 * (a file at least 4096 bytes, a folder 512), the root's bytes, and of every
 * folder an upper bound of how deep and how long the paths below it are.
 * Deletions take out one row; what hung below it waits in going and
 * going_files until it is reaped.
 */
static const char schema_2[] =
    "ALTER TABLE users ADD COLUMN folders INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE users ADD COLUMN charged INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE users ADD COLUMN tree INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE users ADD COLUMN tree_at INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE entries ADD COLUMN charged INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE entries ADD COLUMN height INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE entries ADD COLUMN reach INTEGER NOT NULL DEFAULT 0;"
    /* Folder 0: the user is leaving, everything of theirs goes. */
    "CREATE TABLE going("
    " owner INTEGER NOT NULL,"
    " folder INTEGER NOT NULL,"
    " PRIMARY KEY(owner, folder)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE going_files("
    " file INTEGER PRIMARY KEY,"
    " owner INTEGER NOT NULL) STRICT;"
    "CREATE TEMP TABLE up AS"
    " WITH RECURSIVE up(folder, height, reach, charged) AS ("
    " SELECT parent, 1, 1 + length(CAST(name AS BLOB)),"
    " iif(file IS NULL, 512, max(size, 4096)) FROM entries"
    " UNION ALL SELECT e.parent, up.height + 1,"
    " up.reach + 1 + length(CAST(e.name AS BLOB)), up.charged"
    " FROM up JOIN entries e ON e.entry = up.folder)"
    " SELECT folder, max(height) AS height, max(reach) AS reach,"
    " sum(charged) AS charged FROM up WHERE folder <> 0 GROUP BY folder;"
    "UPDATE entries SET height = up.height, reach = up.reach,"
    " charged = up.charged FROM up WHERE up.folder = entries.entry;"
    "DROP TABLE up;"
    "UPDATE entries SET charged = max(size, 4096) WHERE file IS NOT NULL;"
    "INSERT OR IGNORE INTO users(user) SELECT DISTINCT owner FROM entries;"
    "UPDATE users SET tree = t.size, tree_at = t.at FROM"
    " (SELECT owner, sum(size) AS size, max(modified_at) AS at FROM entries"
    " WHERE parent = 0 GROUP BY owner) t WHERE t.owner = users.user;"
    "UPDATE users SET folders = t.n, charged = 512 * t.n FROM"
    " (SELECT owner, count(*) AS n FROM entries WHERE file IS NULL"
    " GROUP BY owner) t WHERE t.owner = users.user;"
    "UPDATE users SET charged = charged + t.n FROM"
    " (SELECT owner, sum(max(size, 4096)) AS n FROM files"
    " GROUP BY owner) t WHERE t.owner = users.user;";

/* A volume's chunks, kept; and raw files of all users in their order. */
static const char schema_3[] =
    "ALTER TABLE volumes ADD COLUMN chunks INTEGER NOT NULL DEFAULT 0;"
    "UPDATE volumes SET chunks = (SELECT count(*) FROM replicas r"
    " WHERE r.volume = volumes.volume);"
    "CREATE TRIGGER replica_came AFTER INSERT ON replicas BEGIN"
    " UPDATE volumes SET chunks = chunks + 1 WHERE volume = new.volume;"
    " END;"
    "CREATE TRIGGER replica_went AFTER DELETE ON replicas BEGIN"
    " UPDATE volumes SET chunks = chunks - 1 WHERE volume = old.volume;"
    " END;"
    "CREATE INDEX files_raw_all ON files(file) WHERE tree = 0;";

/* What was found out about chunks: 1 damaged, 2 missing. */
static const char schema_4[] =
    "CREATE TABLE damage("
    " chunk INTEGER PRIMARY KEY REFERENCES chunks ON DELETE CASCADE,"
    " file INTEGER NOT NULL,"
    " kind INTEGER NOT NULL,"
    " found_at INTEGER NOT NULL) STRICT;"
    "CREATE INDEX damage_file ON damage(file, kind);"
    "INSERT INTO damage SELECT c.chunk, c.file, 2, f.created_at"
    " FROM files f JOIN chunks c ON c.file = f.file WHERE f.replicas = 0"
    " AND NOT EXISTS (SELECT 1 FROM replicas r WHERE r.chunk = c.chunk);";

/* Whose it was, so that what waits to be unlinked has its share too. */
static const char schema_5[] =
    "ALTER TABLE trash ADD COLUMN owner INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE trash ADD COLUMN size INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE going_files ADD COLUMN size INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX trash_owner ON trash(owner, size);";

/* What is left below a deleted folder, as it counted against the quota. */
static const char schema_6[] =
    "ALTER TABLE going ADD COLUMN charged INTEGER NOT NULL DEFAULT 0;";

/*
 * How far scrubbing has come, in the one cycle there is and on each volume. What
 * is on a volume was read, or written, after scrub_since; of older volumes no
 * more is known than when the oldest file came.
 */
static const char schema_7[] =
    "CREATE TABLE scrub("
    " one INTEGER PRIMARY KEY CHECK(one = 1),"
    " cycle INTEGER NOT NULL DEFAULT 0,"
    " began_at INTEGER NOT NULL DEFAULT 0,"
    " ended_at INTEGER NOT NULL DEFAULT 0," /* 0: it is under way */
    " chunks INTEGER NOT NULL DEFAULT 0,"
    " bytes INTEGER NOT NULL DEFAULT 0,"
    " bad INTEGER NOT NULL DEFAULT 0,"
    " missing INTEGER NOT NULL DEFAULT 0) STRICT;"
    "INSERT INTO scrub(one) VALUES(1);"
    "ALTER TABLE volumes ADD COLUMN scrub_cycle INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE volumes ADD COLUMN scrub_began INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE volumes ADD COLUMN scrub_after INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE volumes ADD COLUMN scrub_passed INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE volumes ADD COLUMN scrub_since INTEGER NOT NULL DEFAULT 0;"
    "UPDATE volumes SET scrub_since = ifnull((SELECT created_at FROM files"
    " ORDER BY file LIMIT 1), unixepoch());"
    "CREATE TRIGGER volume_came AFTER INSERT ON volumes BEGIN"
    " UPDATE volumes SET scrub_since = unixepoch()"
    " WHERE volume = new.volume; END;";

/* With 56 bytes before the content, and what is missing to a multiple of 8. */
#define SPAN "ifnull((SELECT (size + 63) / 8 * 8 FROM chunks WHERE chunk = "
#define RECORD_CAME                                                        \
	" INSERT INTO segments VALUES(new.volume, new.at >> 32, 1, " SPAN  \
	"new.chunk), 0), new.at, " SPAN "new.chunk), 0)) ON CONFLICT DO"   \
	" UPDATE SET chunks = chunks + 1, bytes = bytes + excluded.bytes," \
	" high = max(high, excluded.high), came = came + excluded.came;"
#define RECORD_WENT                                                       \
	" UPDATE segments SET chunks = chunks - 1, bytes = bytes - " SPAN \
	"old.chunk), 0) WHERE volume = old.volume AND segment = old.at >> 32;"

/* So that owners take turns, the largest of each first. */
static const char schema_8[] =
    "CREATE INDEX trash_turn ON trash(volume, owner, size);"
    "CREATE INDEX going_files_owner ON going_files(owner, size);";

/*
 * Failure domains: what volumes are on. 0 is the state directory's own, of all
 * others the identity is in a file at their top too. A volume that an operator
 * wants to have emptied, or takes for failed, has an intent.
 */
static const char schema_9[] =
    "CREATE TABLE disks("
    " disk INTEGER PRIMARY KEY AUTOINCREMENT,"
    " path TEXT NOT NULL UNIQUE,"
    " identity TEXT NOT NULL UNIQUE,"
    " leaving INTEGER NOT NULL DEFAULT 0) STRICT;"
    "INSERT INTO disks(disk, path, identity) VALUES(0, 'state', 'state');"
    "ALTER TABLE volumes ADD COLUMN disk INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE volumes ADD COLUMN intent INTEGER NOT NULL DEFAULT 0;";

/*
 * A copy has the chunks of the file it was made of: chunks.file, damage.file and
 * pins mean the key of the file that first had them, 0 is the file's own. What
 * is being copied is below a folder that is in no tree.
 */
static const char schema_11[] =
    "ALTER TABLE files ADD COLUMN content INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX files_content ON files(content) WHERE content <> 0;"
    "CREATE TABLE copying("
    " folder INTEGER PRIMARY KEY,"
    " owner INTEGER NOT NULL) STRICT;";

/* What opens the chunks of a volume that is encrypted, wrapped. */
static const char schema_12[] =
    "CREATE TABLE volume_keys("
    " volume INTEGER PRIMARY KEY REFERENCES volumes ON DELETE CASCADE,"
    " wrapped BLOB NOT NULL) STRICT;";

/*
 * Where on its volume a replica is: 0 in a file of its own, else in a segment
 * (its number in the upper half). The index tells who is in a segment that is to
 * go, the sums how much of it is still somebody's: records with what is around
 * them, in multiples of 8; came is what that was of all that ever were in it.
 * What is in a segment behind high was never known.
 */
static const char schema_13[] =
    "ALTER TABLE replicas ADD COLUMN at INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX replicas_at ON replicas(volume, at) WHERE at <> 0;"
    "CREATE TABLE segments("
    " volume INTEGER NOT NULL REFERENCES volumes,"
    " segment INTEGER NOT NULL,"
    " chunks INTEGER NOT NULL,"
    " bytes INTEGER NOT NULL,"
    " high INTEGER NOT NULL,"
    " came INTEGER NOT NULL,"
    " PRIMARY KEY(volume, segment)) STRICT, WITHOUT ROWID;"
    "CREATE TRIGGER record_came AFTER INSERT ON replicas"
    " WHEN new.at <> 0 BEGIN" RECORD_CAME " END;"
    "CREATE TRIGGER record_went AFTER DELETE ON replicas"
    " WHEN old.at <> 0 BEGIN" RECORD_WENT " END;"
    "CREATE TRIGGER record_moved AFTER UPDATE OF at ON replicas "
    "BEGIN" RECORD_CAME RECORD_WENT " END;";

/* What clients say of files; mtime is in nanoseconds, NULL: not told. extra: the
 * bytes of type and meta. */
static const char schema_14[] =
    "ALTER TABLE files ADD COLUMN mtime INTEGER;"
    "ALTER TABLE files ADD COLUMN type TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE files ADD COLUMN extra INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE files ADD COLUMN meta BLOB;";

/* Whoever inserts a replica counts it: catalog_replica_came(). */
static const char schema_counted[] = "DROP TRIGGER replica_came;"
				     "DROP TRIGGER record_came;";

const char *const catalog_schema[] = {schema_1, schema_2, schema_3, schema_4,
    schema_5, schema_6, schema_7, schema_8, schema_9, catalog_schema_buckets,
    schema_11, schema_12, schema_13, schema_14, catalog_schema_point,
    catalog_schema_apart, catalog_schema_history, catalog_schema_parity,
    schema_counted, catalog_schema_events, catalog_schema_locks,
    catalog_schema_policies, catalog_schema_digests, catalog_schema_sums,
    catalog_schema_kept_sums};
const size_t catalog_schema_steps = NX_ARRAY_SIZE(catalog_schema);
