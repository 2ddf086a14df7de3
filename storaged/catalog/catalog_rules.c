/*
 * The invariants of the catalogue; see catalog_check.h. First what counts the
 * sums anew, then one entry for each rule.
 *
 * What is deleted and waits to be reaped is not broken: children of folders in
 * going, chunks of files in going_files, files of users who leave.
 */
#include "common/err.h"
#include "storaged/catalog/catalog_check.h"
#include "storaged/catalog/catalog_internal.h"
#include "storaged/catalog/catalog_rules_history.h"
#include "storaged/catalog/catalog_rules_parity.h"

/* Deeper than any path: only a ring of folders is. */
#define RING "80"

#define CHARGE(size) "max(" size ", 4096)"
#define BYTES(name)  "length(CAST(" name " AS BLOB))"

const char *const catalog_recount[] = {
    "CREATE TABLE t.leaving AS SELECT owner FROM going WHERE folder = 0",
    /* Of each folder what is right below it ... */
    "CREATE TABLE t.direct AS SELECT parent AS folder, sum(size) AS size,"
    " sum(file IS NOT NULL) AS files, sum(file IS NULL) AS folders,"
    " sum(iif(file IS NULL, 512, charged)) AS charged,"
    " max(1 + " BYTES(
	"name") ") AS reach FROM (SELECT owner, parent, name, file,"
		" iif(file IS NULL, 0, size) AS size, charged FROM entries "
		"WHERE parent > 0)"
		" GROUP BY owner, parent",
    /* ... and what that makes for all above. */
    "CREATE TABLE t.total(folder INTEGER PRIMARY KEY, size, files, folders,"
    " charged, height, reach, deep)",
    "INSERT INTO t.total SELECT * FROM (WITH RECURSIVE up(folder, size, files,"
    " folders, charged, height, reach, deep) AS (SELECT folder, size, files,"
    " folders, charged, 1, reach, 0 FROM t.direct UNION ALL"
    " SELECT e.parent, u.size, u.files, u.folders, u.charged, u.height + 1,"
    " u.reach + 1 + " BYTES(
	"e.name") ", u.deep + 1"
		  " FROM up u JOIN entries e ON e.entry = u.folder"
		  " WHERE e.parent > 0 AND u.deep < " RING
		  ") SELECT * FROM up) WHERE true"
		  " ON CONFLICT(folder) DO UPDATE SET size = size + "
		  "excluded.size,"
		  " files = files + excluded.files, folders = folders + "
		  "excluded.folders,"
		  " charged = charged + excluded.charged,"
		  " height = max(height, excluded.height),"
		  " reach = max(reach, excluded.reach), deep = max(deep, "
		  "excluded.deep)",
    "CREATE TABLE t.account(user INTEGER PRIMARY KEY, used DEFAULT 0,"
    " files DEFAULT 0, folders DEFAULT 0, charged DEFAULT 0, tree DEFAULT 0,"
    " chunks DEFAULT 0)",
    "INSERT INTO t.account(user) SELECT user FROM users",
    "INSERT INTO t.account(user, used, files, folders, charged, tree)"
    " SELECT e.owner, sum(iif(e.file IS NULL, ifnull(d.size, 0), e.size)),"
    " sum((e.file IS NOT NULL) + ifnull(d.files, 0)),"
    " sum((e.file IS NULL) + ifnull(d.folders, 0)),"
    " sum(iif(e.file IS NULL, 512 + ifnull(d.charged, 0), e.charged)),"
    " sum(iif(e.parent < 0, 0,"
    " iif(e.file IS NULL, ifnull(d.size, 0), e.size)))"
    " FROM entries e LEFT JOIN t.total d ON d.folder = e.entry"
    " AND e.file IS NULL WHERE e.parent <= 0"
    " AND e.owner NOT IN (SELECT owner FROM t.leaving) GROUP BY "
    "e.owner"
    " ON CONFLICT(user) DO UPDATE SET used = excluded.used,"
    " files = excluded.files, folders = excluded.folders,"
    " charged = excluded.charged, tree = excluded.tree",
    "INSERT INTO t.account(user, used, files, charged) SELECT owner, sum(size),"
    " count(*), sum(" CHARGE(
	"size + extra") ") FROM files WHERE tree = 0"
			" AND owner NOT IN (SELECT owner FROM t.leaving) GROUP "
			"BY owner"
			" ON CONFLICT(user) DO UPDATE SET used = used + "
			"excluded.used,"
			" files = files + excluded.files,"
			" charged = charged + excluded.charged",
    /* What is in buckets, and in uploads in pieces. */
    "INSERT INTO t.account(user, used, files, folders, charged)"
    " SELECT owner, sum(size), sum(n), sum(m), sum(charged) FROM"
    " (SELECT owner, 0 AS size, 0 AS n, 1 AS m, 512 AS charged FROM buckets"
    " UNION ALL SELECT b.owner, o.size, 1, 0, o.charged FROM objects o"
    " JOIN buckets b ON b.bucket = o.bucket"
    " UNION ALL SELECT owner, size, 1 + parts, 0, charged FROM uploads)"
    " WHERE owner NOT IN (SELECT owner FROM t.leaving) GROUP BY owner"
    " ON CONFLICT(user) DO UPDATE SET used = used + excluded.used,"
    " files = files + excluded.files, folders = folders + excluded.folders,"
    " charged = charged + excluded.charged",
    "INSERT INTO t.account(user, chunks) SELECT owner, sum(n) FROM"
    " (SELECT f.owner AS owner, count(*) AS n FROM (SELECT owner,"
    " file AS content FROM files WHERE content = 0 UNION SELECT owner,"
    " content FROM files WHERE content <> 0) f JOIN chunks c"
    " ON c.file = f.content GROUP BY f.owner UNION ALL"
    " SELECT g.owner, count(*)"
    " FROM going_files g JOIN chunks c ON c.file = g.file GROUP BY g.owner)"
    " GROUP BY owner ON CONFLICT(user) DO UPDATE SET chunks = excluded.chunks",
    "CREATE TABLE t.fewest AS SELECT file, min(n) AS n, count(*) AS chunks,"
    " sum(size) AS size FROM (SELECT c.file AS file,"
    " iif(c.idx < 0, 0, c.size) AS size, " CHUNK_REPLICAS(
	"c") " AS n"
	     " FROM chunks c INDEXED BY sqlite_autoindex_chunks_2) GROUP BY "
	     "file",
    "CREATE INDEX t.fewest_file ON fewest(file)",
};
const size_t catalog_recount_steps = NX_ARRAY_SIZE(catalog_recount);

/* A key that is handed out again would be somebody else's things. */
#define SEQUENCE(table, key)                                                   \
	{                                                                      \
		"next-" key,                                                   \
		    "SELECT x.top, printf('the next " key                      \
		    " would be %d, which"                                      \
		    " there is', x.seq + 1) FROM (SELECT (SELECT max(" key ")" \
		    " FROM " table ") AS top, (SELECT max(seq) FROM"           \
		    " sqlite_sequence WHERE name = '" table "') AS seq) x"     \
		    " WHERE x.top > ifnull(x.seq, 0)",                         \
		{                                                              \
			"INSERT INTO sqlite_sequence(name, seq) SELECT "       \
			"'" table                                              \
			"', 0 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence" \
			" WHERE name = '" table "') AND ?1 > 0",               \
			    "UPDATE sqlite_sequence SET seq = max(seq, ?1)"    \
			    " WHERE name = '" table "'",                       \
		}                                                              \
	}

/* Nobody knows a chunk of @file, not even who will reap it. */
#define UNKNOWN_FILE(file)                                                  \
	"NOT EXISTS (SELECT 1 FROM files x WHERE x.file = " file            \
	") AND NOT EXISTS (SELECT 1 FROM files x WHERE x.content = " file   \
	" AND x.content <> 0) AND NOT EXISTS (SELECT 1 FROM going_files x " \
	"WHERE x.file = " file                                              \
	") AND NOT EXISTS (SELECT 1 FROM entries x WHERE x.file = " file ")"

/* Of a part people know the whole. */
#define KNOWN_FILE                                                     \
	"ifnull((SELECT p.whole FROM parts p WHERE p.file = c.file), " \
	"c.file)"

/* The folder that @e says it is in is there, or it is on its way out, or it is
 * being copied and in none yet, or the folder can be had again. */
#define HAS_FOLDER(e)                                                  \
	"(" e ".parent = 0 OR (" e ".parent = -1 AND EXISTS (SELECT 1" \
	" FROM copying y WHERE y.folder = " e                          \
	".entry)) OR EXISTS (SELECT 1 FROM entries p WHERE"            \
	" p.entry = " e ".parent AND p.file IS NULL AND p.owner = " e  \
	".owner) OR EXISTS (SELECT 1 FROM going g WHERE g.owner = " e  \
	".owner AND g.folder = " e ".parent) OR " IN_PAST_FOLDER(e) ")"

const struct check_rule catalog_rules[] = {
    {"entry-size",
	"SELECT e.entry, printf('entry %d says %d bytes, its file has %d',"
	" e.entry, e.size, f.size) FROM entries e JOIN files f"
	" ON f.file = e.file WHERE e.size <> f.size"
	" OR e.charged <> " CHARGE("f.size + f.extra"),
	{"UPDATE entries SET size = f.size, charged = " CHARGE(
	    "f.size + f.extra") " FROM files f WHERE entry = ?1 AND f.file = "
				"entries.file"}},
    {"entry-without-folder",
	"SELECT e.entry, printf('entry %d of user %d is in folder %d, which"
	" is not there', e.entry, e.owner, e.parent) FROM entries e"
	" WHERE NOT " HAS_FOLDER("e"),
	{"UPDATE entries SET parent = 0, name = 'recovered-' || entry"
	 " WHERE entry = ?1 AND NOT " HAS_FOLDER("entries")}},
    {"folder-ring",
	"SELECT max(folder), printf('folder %d is below itself', max(folder))"
	" FROM t.total WHERE deep >= " RING " HAVING max(folder) IS NOT NULL",
	{"UPDATE entries SET parent = 0, name = 'recovered-' || entry"
	 " WHERE entry = ?1"}},
    {"entry-without-file",
	"SELECT e.entry, printf('entry %d (%s) of user %d is file %d, which is"
	" not there', e.entry, e.name, e.owner, e.file) FROM entries e"
	" WHERE e.file IS NOT NULL AND NOT EXISTS"
	" (SELECT 1 FROM files f WHERE f.file = e.file)",
	{NULL}},
    {"file-without-entry",
	"SELECT f.file, printf('file %s of user %d is in a tree, and nowhere"
	" in it', f.id, f.owner) FROM files f WHERE f.tree = 1 AND NOT EXISTS"
	" (SELECT 1 FROM entries e WHERE e.file = f.file)",
	{"INSERT INTO entries(owner, parent, name, file, size, charged,"
	 " modified_at) SELECT owner, 0, 'recovered-' || id, file, size,"
	 " " CHARGE(
	     "size + extra") ", created_at FROM files WHERE file = ?1"
			     " AND tree = 1"
			     " AND NOT EXISTS (SELECT 1 FROM entries e WHERE "
			     "e.file = ?1)"}},
    {"raw-file-in-tree",
	"SELECT f.file, printf('file %s is in a tree and says it is not',"
	" f.id) FROM files f JOIN entries e ON e.file = f.file"
	" WHERE f.tree = 0",
	{"UPDATE files SET tree = 1 WHERE file = ?1"
	 " AND EXISTS (SELECT 1 FROM entries e WHERE e.file = ?1)"}},
    {"others-file",
	"SELECT e.entry, printf('entry %d is user %d''s, its file is user"
	" %d''s', e.entry, e.owner, f.owner) FROM entries e JOIN files f"
	" ON f.file = e.file WHERE f.owner <> e.owner",
	{NULL}},
    {"file-chunks",
	"SELECT f.file, printf('file %s says %d bytes in %d chunks, there are"
	" %d in %d', f.id, f.size, f.chunks, ifnull(t.size, 0),"
	" ifnull(t.chunks, 0)) FROM files f LEFT JOIN t.fewest t"
	" ON t.file = " CONTENT_OF("f") " WHERE f.parts = 0 AND"
					" (f.chunks <> ifnull(t.chunks, 0) OR "
					"f.size <> ifnull(t.size, 0))",
	{NULL}},
    {"file-parts",
	"SELECT f.file, printf('file %s says %d bytes in %d parts, there are"
	" %d in %d', f.id, f.size, f.parts, ifnull(t.size, 0),"
	" ifnull(t.n, 0)) FROM files f LEFT JOIN (SELECT whole,"
	" sum(size) AS size, count(*) AS n FROM parts WHERE offset >= 0"
	" GROUP BY whole) t ON t.whole = " CONTENT_OF(
	    "f") " WHERE f.parts > 0"
		 " AND (f.size <> ifnull(t.size, 0) OR f.parts <> ifnull(t.n, "
		 "0))",
	{NULL}},
    {"part-without-file",
	"SELECT p.file, printf('part %d of file %d is file %d, which is not"
	" there', p.number, p.whole, p.file) FROM parts p WHERE NOT EXISTS"
	" (SELECT 1 FROM files f WHERE f.file = p.file)",
	{NULL}},
    {"part-of-nothing",
	"SELECT f.file, printf('file %s is a part, and of nothing', f.id)"
	" FROM files f WHERE f.tree = 3 AND NOT EXISTS (SELECT 1 FROM parts p"
	" WHERE p.file = f.file) AND NOT EXISTS (SELECT 1 FROM uploads u"
	" WHERE u.file = f.file)",
	{NULL}},
    {"object-without-file",
	"SELECT o.object, printf('object %d is file %d, which is not there',"
	" o.object, o.file) FROM objects o WHERE o.file IS NOT NULL AND NOT"
	" EXISTS (SELECT 1 FROM files f WHERE f.file = o.file AND f.tree = 2)",
	{NULL}},
    {"file-without-object",
	"SELECT f.file, printf('file %s of user %d is in a bucket, and nowhere"
	" in it', f.id, f.owner) FROM files f WHERE f.tree = 2 AND NOT EXISTS"
	" (SELECT 1 FROM objects o WHERE o.file = f.file)",
	{NULL}},
    {"object-without-bucket",
	"SELECT o.object, printf('object %d is in bucket %d, which is not"
	" there', o.object, o.bucket) FROM objects o WHERE NOT EXISTS"
	" (SELECT 1 FROM buckets b WHERE b.bucket = o.bucket)",
	{NULL}},
    {"object-size",
	"SELECT o.object, printf('object %d says %d bytes, its file has %d',"
	" o.object, o.size, f.size) FROM objects o JOIN files f"
	" ON f.file = o.file WHERE o.size <> f.size OR o.charged <>"
	" " CHARGE("f.size + length(o.meta)"),
	{"UPDATE objects SET size = f.size,"
	 " charged = " CHARGE(
	     "f.size + length(objects.meta)") " FROM files f WHERE object = ?1 "
					      "AND f.file = objects.file"}},
    {"upload-sums",
	"SELECT u.file, printf('upload %d says %d bytes, %d parts, %d counted;"
	" there are %d, %d, %d', u.file, u.size, u.parts, u.charged, t.size,"
	" t.n, t.charged), t.size - u.size, t.n - u.parts,"
	" t.charged - u.charged FROM (SELECT u.file AS file,"
	" ifnull(sum(p.size), 0) AS size, count(p.file) AS n, 4096 +"
	" length(u.meta) + ifnull(sum(" CHARGE(
	    "p.size") "), 0) AS charged"
		      " FROM uploads u LEFT JOIN parts p ON p.whole = u.file"
		      " GROUP BY u.file) t JOIN uploads u ON u.file = t.file"
		      " WHERE (u.size, u.parts, u.charged) <> (t.size, t.n, "
		      "t.charged)",
	{"UPDATE uploads SET size = size + ?2, parts = parts + ?3,"
	 " charged = charged + ?4 WHERE file = ?1"}},
    {"file-replicas",
	"SELECT f.file, printf('file %s says %d replicas, there are %d', f.id,"
	" f.replicas, t.n) FROM files f JOIN t.fewest t"
	" ON t.file = " CONTENT_OF(
	    "f") " WHERE min(f.replicas, f.want) <> min(t.n, f.want)",
	{"UPDATE files SET replicas = min(want, (SELECT min(n) FROM (SELECT"
	 " " CHUNK_REPLICAS("c") " AS n FROM chunks c"
				 " WHERE c.file = (SELECT " CONTENT_OF(
				     "x") " FROM files x WHERE x.file = ?1))))"
					  " WHERE file = ?1 AND chunks > 0"}},
    RULES_OF_PARITY,
    {"chunk-without-file",
	"SELECT c.chunk, printf('chunk %s is of file %d, which is not there',"
	" c.id, c.file) FROM chunks c WHERE " UNKNOWN_FILE("c.file"),
	/* Its bytes are set aside by the next sweep, and kept a while. */
	{"DELETE FROM replicas WHERE chunk = ?1 AND EXISTS (SELECT 1"
	 " FROM chunks c WHERE c.chunk = ?1 AND " UNKNOWN_FILE("c.file") ")",
	    "DELETE FROM chunks WHERE chunk = ?1"
	    " AND " UNKNOWN_FILE("chunks.file")}},
    {"replica-without-chunk",
	"SELECT r.chunk, printf('a replica on volume %d is of chunk %d, which"
	" is not there', r.volume, r.chunk) FROM replicas r WHERE NOT EXISTS"
	" (SELECT 1 FROM chunks c WHERE c.chunk = r.chunk)",
	{"DELETE FROM replicas WHERE chunk = ?1 AND NOT EXISTS"
	 " (SELECT 1 FROM chunks c WHERE c.chunk = ?1)"}},
    {"replica-without-volume",
	"SELECT r.chunk, printf('a replica of chunk %d is on volume %d, which"
	" is not there', r.chunk, r.volume), r.volume FROM replicas r"
	" WHERE NOT EXISTS (SELECT 1 FROM volumes v WHERE v.volume = r.volume)",
	{"DELETE FROM replicas WHERE chunk = ?1 AND volume = ?2"
	 " AND NOT EXISTS (SELECT 1 FROM volumes v WHERE v.volume = ?2)"}},
    {"trash-that-is-kept",
	"SELECT c.chunk, printf('chunk %s is to be unlinked on volume %d,"
	" where it is kept', c.id, t.volume), t.volume FROM trash t"
	" JOIN chunks c ON c.id = t.id JOIN replicas r ON r.chunk = c.chunk"
	" AND r.volume = t.volume AND r.at = 0",
	{"DELETE FROM trash WHERE volume = ?2 AND id ="
	 " (SELECT id FROM chunks WHERE chunk = ?1) AND EXISTS (SELECT 1"
	 " FROM replicas r WHERE r.chunk = ?1 AND r.volume = ?2"
	 " AND r.at = 0)"}},
    {"trash-without-volume",
	"SELECT DISTINCT t.volume, printf('something is to be unlinked on"
	" volume %d, which is not there', t.volume) FROM trash t WHERE NOT"
	" EXISTS (SELECT 1 FROM volumes v WHERE v.volume = t.volume)",
	{"DELETE FROM trash WHERE volume = ?1 AND NOT EXISTS"
	 " (SELECT 1 FROM volumes v WHERE v.volume = ?1)"}},
    {"going-file-that-is-kept",
	"SELECT g.file, printf('the chunks of file %s are to go, and it is"
	" there', f.id) FROM files f JOIN going_files g"
	" ON g.file = " CONTENT_OF("f"),
	{"DELETE FROM going_files WHERE file = ?1"
	 " AND EXISTS (SELECT 1 FROM files f WHERE " HAS_CONTENT(
	     "f", "?1") ")"}},
    {"going-folder-that-is-kept",
	"SELECT g.folder, printf('what is in folder %d of user %d is to go,"
	" and it is there', g.folder, g.owner), g.owner FROM going g"
	" JOIN entries e ON e.entry = g.folder",
	{"DELETE FROM going WHERE owner = ?2 AND folder = ?1"
	 " AND EXISTS (SELECT 1 FROM entries e WHERE e.entry = ?1)"}},
    {"damage-without-chunk",
	"SELECT d.chunk, printf('chunk %d is said to be damaged and is not"
	" there', d.chunk) FROM damage d WHERE NOT EXISTS"
	" (SELECT 1 FROM chunks c WHERE c.chunk = d.chunk)",
	{"DELETE FROM damage WHERE chunk = ?1 AND NOT EXISTS"
	 " (SELECT 1 FROM chunks c WHERE c.chunk = ?1)"}},
    {"damage-of-other-file",
	"SELECT d.chunk, printf('chunk %d is damaged as of file %d, and is of"
	" file %d', d.chunk, d.file, c.file) FROM damage d JOIN chunks c"
	" ON c.chunk = d.chunk WHERE d.file <> " KNOWN_FILE,
	{"UPDATE damage SET file = " KNOWN_FILE " FROM chunks c"
	 " WHERE damage.chunk = ?1 AND c.chunk = damage.chunk"}},
    SEQUENCE("files", "file"),
    SEQUENCE("chunks", "chunk"),
    SEQUENCE("entries", "entry"),
    SEQUENCE("volumes", "volume"),
    SEQUENCE("buckets", "bucket"),
    SEQUENCE("objects", "object"),
    SEQUENCE("past", "past"),
    RULES_OF_HISTORY,
    {"lock-of-nothing",
	"SELECT l.entry, printf('entry %d of user %d is locked, and is not"
	" there', l.entry, l.owner), l.owner FROM locks l WHERE l.entry <> 0"
	" AND max(l.until, l.below) > (SELECT seen FROM clock)"
	" AND NOT EXISTS (SELECT 1 FROM entries e WHERE e.entry = l.entry"
	" AND e.owner = l.owner)"
	" AND l.owner NOT IN (SELECT owner FROM t.leaving)",
	{"DELETE FROM locks WHERE owner = ?2 AND entry = ?1 AND NOT EXISTS"
	 " (SELECT 1 FROM entries e WHERE e.entry = ?1 AND e.owner = ?2)"}},
    /* Or the folder could be deleted, and what is locked with it. */
    {"lock-below",
	"WITH RECURSIVE up(owner, entry, until, deep) AS (SELECT l.owner,"
	" e.parent, l.until, 0 FROM locks l JOIN entries e"
	" ON e.entry = l.entry WHERE l.until > (SELECT seen FROM clock)"
	" UNION SELECT u.owner, e.parent, u.until, u.deep + 1 FROM up u"
	" JOIN entries e ON e.entry = u.entry WHERE u.deep < " RING ")"
	" SELECT u.entry, printf('something in folder %d of user %d is locked"
	" until %d, and the folder does not say so', u.entry, u.owner,"
	" max(u.until)), u.owner, max(u.until) FROM up u LEFT JOIN locks l"
	" ON l.owner = u.owner AND l.entry = u.entry WHERE u.entry > 0"
	" AND ifnull(l.below, 0) < u.until GROUP BY u.owner, u.entry",
	{"INSERT INTO locks(owner, entry, until, below) VALUES(?2, ?1, 0, ?3)"
	 " ON CONFLICT DO UPDATE SET below = max(below, ?3)"}},
    /* The sums last: what stands above changes them. */
    {"volume-chunks",
	"SELECT v.volume, printf('volume %s says %d chunks, there are %d',"
	" v.node, v.chunks, n), n - v.chunks FROM (SELECT v.*,"
	" (SELECT count(*) FROM replicas r WHERE r.volume = v.volume) AS n"
	" FROM volumes v) v WHERE n <> v.chunks",
	{"UPDATE volumes SET chunks = chunks + ?2 WHERE volume = ?1"}},
    {"segment-unknown",
	"SELECT DISTINCT r.volume, printf('segment %d of volume %d is not"
	" known, and there are chunks in it', r.at >> 32, r.volume),"
	" r.at >> 32 FROM replicas r WHERE r.at <> 0 AND NOT EXISTS (SELECT 1"
	" FROM segments s WHERE s.volume = r.volume"
	" AND s.segment = r.at >> 32)",
	{"INSERT OR IGNORE INTO segments SELECT volume, ?2, 0, 0, max(at), 0"
	 " FROM replicas WHERE volume = ?1 AND at >> 32 = ?2"
	 " GROUP BY volume"}},
    {"segment-sums",
	"SELECT s.volume, printf('segment %d of volume %d says %d chunks and"
	" %d bytes, there are %d and %d', s.segment, s.volume, s.chunks,"
	" s.bytes, n, b), s.segment FROM (SELECT s.*, ifnull(t.n, 0) AS n,"
	" ifnull(t.b, 0) AS b FROM segments s LEFT JOIN (SELECT volume,"
	" at >> 32 AS segment, count(*) AS n, sum((size + 63) / 8 * 8) AS b"
	" FROM replicas r JOIN chunks c ON c.chunk = r.chunk WHERE at <> 0"
	" GROUP BY 1, 2) t USING(volume, segment)) s"
	" WHERE (s.chunks, s.bytes) <> (n, b)",
	{"UPDATE segments SET (chunks, bytes) = (SELECT count(*),"
	 " ifnull(sum((size + 63) / 8 * 8), 0) FROM replicas r JOIN chunks c"
	 " ON c.chunk = r.chunk WHERE r.volume = ?1 AND r.at >> 32 = ?2)"
	 " WHERE volume = ?1 AND segment = ?2"}},
    {"folder-sums",
	"SELECT e.entry, printf('folder %d of user %d says %d bytes, %d files,"
	" %d folders, %d counted; there are %d, %d, %d, %d', e.entry, e.owner,"
	" e.size, e.files, e.folders, e.charged, n.size, n.files, n.folders,"
	" n.charged), n.size - e.size, n.files - e.files,"
	" n.folders - e.folders, n.charged - e.charged FROM entries e"
	" JOIN (SELECT e.entry AS entry, ifnull(t.size, 0) AS size,"
	" ifnull(t.files, 0) AS files, ifnull(t.folders, 0) AS folders,"
	" ifnull(t.charged, 0) AS charged FROM entries e LEFT JOIN t.total t"
	" ON t.folder = e.entry WHERE e.file IS NULL) n ON n.entry = e.entry"
	" WHERE (e.size, e.files, e.folders, e.charged) <>"
	" (n.size, n.files, n.folders, n.charged)",
	{"UPDATE entries SET size = size + ?2, files = files + ?3,"
	 " folders = folders + ?4, charged = charged + ?5"
	 " WHERE entry = ?1 AND file IS NULL"}},
    {"folder-bounds",
	"SELECT e.entry, printf('folder %d of user %d says paths of at most %d"
	" levels and %d bytes below it, there are such of %d and %d', e.entry,"
	" e.owner, e.height, e.reach, t.height, t.reach), t.height, t.reach"
	" FROM entries e JOIN t.total t ON t.folder = e.entry"
	" WHERE e.height < t.height OR e.reach < t.reach",
	{"UPDATE entries SET height = max(height, ?2), reach = max(reach, ?3)"
	 " WHERE entry = ?1"}},
    {"account",
	"SELECT a.user, printf('user %d says %d bytes, %d files, %d folders,"
	" %d counted, %d in the tree, %d chunks; there are %d, %d, %d, %d, %d,"
	" %d', a.user, u.used, u.files, u.folders, u.charged, u.tree,"
	" u.chunks, a.used, a.files, a.folders, a.charged, a.tree, a.chunks),"
	" a.used - ifnull(u.used, 0), a.files - ifnull(u.files, 0),"
	" a.folders - ifnull(u.folders, 0), a.charged - ifnull(u.charged, 0),"
	" a.tree - ifnull(u.tree, 0), a.chunks - ifnull(u.chunks, 0)"
	" FROM t.account a LEFT JOIN users u ON u.user = a.user"
	" WHERE (a.used, a.files, a.folders, a.charged, a.tree, a.chunks)"
	" IS NOT (u.used, u.files, u.folders, u.charged, u.tree, u.chunks)",
	{"INSERT INTO users(user, used, files, folders, charged, tree, chunks)"
	 " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT(user) DO UPDATE SET"
	 " used = used + ?2, files = files + ?3, folders = folders + ?4,"
	 " charged = charged + ?5, tree = tree + ?6, chunks = chunks + ?7"}},
    RULES_OF_HISTORY_SUMS,
    /* Behind the accounts: who has one again is somebody. A part of a log is
     * never taken from within it. */
    {"event-unreadable",
	"SELECT e.seq, printf('event %d of user %d says nothing that can be"
	" understood', e.seq, e.owner), e.owner FROM events e WHERE e.seq <= 0"
	" OR e.change NOT BETWEEN 0 AND 4 OR e.thing NOT BETWEEN 0 AND 4",
	/* The last one stays, as another, so that numbers go on. */
	{"DELETE FROM events WHERE owner = ?2 AND seq < ?1",
	    "DELETE FROM events WHERE owner = ?2 AND seq = ?1 AND EXISTS"
	    " (SELECT 1 FROM events e WHERE e.owner = ?2 AND e.seq > ?1)",
	    "UPDATE events SET seq = max(seq, 0) + 1, change = 4, thing = 0"
	    " WHERE owner = ?2 AND seq = ?1 AND (seq <= 0"
	    " OR change NOT BETWEEN 0 AND 4 OR thing NOT BETWEEN 0 AND 4)"}},
    {"events-of-nobody",
	"SELECT DISTINCT e.owner, printf('there are events of user %d, of whom"
	" nothing else is known', e.owner) FROM events e WHERE NOT EXISTS"
	" (SELECT 1 FROM users u WHERE u.user = e.owner)",
	{"DELETE FROM events WHERE owner = ?1 AND NOT EXISTS"
	 " (SELECT 1 FROM users u WHERE u.user = ?1)"}},
};
const size_t catalog_rules_count = NX_ARRAY_SIZE(catalog_rules);
