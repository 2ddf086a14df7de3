/*
 * The rules of catalog_rules.c about history: whose rows own what, and the sums.
 * For that table only.
 */
#ifndef STORAGED_CATALOG_RULES_HISTORY_H
#define STORAGED_CATALOG_RULES_HISTORY_H

/* Whose folder was deleted and can be had again. */
#define IN_PAST_FOLDER(e)                                               \
	"EXISTS (SELECT 1 FROM past q WHERE q.entry = " e ".parent AND" \
	" q.file IS NULL AND q.owner = " e ".owner)"

#define OWNED_BY_PAST(file) \
	"EXISTS (SELECT 1 FROM past p WHERE p.file = " file " AND p.own = 1)"

#define RULES_OF_HISTORY                                                       \
	{"past-without-file",                                                  \
	    "SELECT p.past, printf('version %d (%s) of user %d is file %d,"    \
	    " which is not there', p.past, p.name, p.owner, p.file)"           \
	    " FROM past p WHERE p.file IS NOT NULL AND NOT EXISTS"             \
	    " (SELECT 1 FROM files f WHERE f.file = p.file)",                  \
	    {NULL}},                                                           \
	    {"past-of-other-home",                                             \
		"SELECT p.past, printf('version %d of user %d is file %s,"     \
		" which says it is somewhere else', p.past, p.owner, f.id),"   \
		" f.file FROM past p JOIN files f ON f.file = p.file"          \
		" WHERE p.own = 1 AND f.tree <> 4 AND NOT EXISTS (SELECT 1"    \
		" FROM entries e WHERE e.file = f.file)",                      \
		{"UPDATE files SET tree = 4 WHERE file = ?2 AND"               \
		 " EXISTS (SELECT 1 FROM past p WHERE p.past = ?1"             \
		 " AND p.own = 1 AND p.file = ?2)"}},                          \
	    {"past-of-entry",                                                  \
		"SELECT p.past, printf('version %d of user %d is in the"       \
		" tree too', p.past, p.owner) FROM past p WHERE p.own = 1"     \
		" AND EXISTS (SELECT 1 FROM entries e WHERE"                   \
		" iif(p.file IS NULL, e.entry = p.entry AND e.file IS NULL,"   \
		" e.file = p.file))",                                          \
		{"DELETE FROM past WHERE past = ?1 AND own = 1 AND EXISTS"     \
		 " (SELECT 1 FROM entries e WHERE iif(past.file IS NULL,"      \
		 " e.entry = past.entry AND e.file IS NULL,"                   \
		 " e.file = past.file))"}},                                    \
	    {"past-twice",                                                     \
		"SELECT max(p.past), printf('version %d of user %d is kept"    \
		" twice', max(p.past), p.owner) FROM past p WHERE p.own = 1"   \
		" GROUP BY p.owner, ifnull(-p.file, p.entry)"                  \
		" HAVING count(*) > 1",                                        \
		{"UPDATE past SET own = 0 WHERE past = ?1"}},                  \
	    {"past-without-folder",                                            \
		"SELECT z.past, printf('version %d of user %d was in folder"   \
		" %d, which is not there', z.past, z.owner, z.parent)"         \
		" FROM past z WHERE NOT " HAS_FOLDER("z"),                     \
		{"UPDATE past SET parent = 0 WHERE past = ?1"                  \
		 " AND NOT " HAS_FOLDER("past")}},                             \
	    {"past-that-goes",                                                 \
		"SELECT p.past, printf('what was in folder %d of user %d is"   \
		" to go, and is kept', p.entry, p.owner) FROM past p"          \
		" JOIN going g ON g.owner = p.owner AND g.folder = p.entry"    \
		" WHERE p.file IS NULL AND p.own = 1",                         \
		{"DELETE FROM going WHERE folder = (SELECT entry FROM past"    \
		 " WHERE past = ?1 AND own = 1 AND file IS NULL)"}},           \
	    {"file-without-past",                                              \
		"SELECT f.file, printf('file %s of user %d is history, and"    \
		" nowhere in it', f.id, f.owner) FROM files f"                 \
		" WHERE f.tree = 4 AND f.file NOT IN (SELECT p.file"           \
		" FROM past p WHERE p.own = 1 AND p.file IS NOT NULL)",        \
		{"INSERT INTO entries(owner, parent, name, file, size,"        \
		 " charged, modified_at) SELECT owner, 0, 'recovered-' ||"     \
		 " id, file, size, " CHARGE(                                   \
		     "size + extra") ", created_at"                            \
				     " FROM files WHERE file = ?1 AND tree = " \
				     "4"                                       \
				     " AND NOT " OWNED_BY_PAST(                \
					 "?1") " AND NOT EXISTS (SELECT 1"     \
					       " FROM entries e WHERE e.file " \
					       "= ?1)",                        \
		    "UPDATE files SET tree = 1 WHERE file = ?1"                \
		    " AND EXISTS (SELECT 1 FROM entries e"                     \
		    " WHERE e.file = ?1)"}},                                   \
	    {"past-size",                                                      \
		"SELECT p.past, printf('version %d says %d bytes, its file"    \
		" has %d', p.past, p.size, f.size) FROM past p JOIN files f"   \
		" ON f.file = p.file WHERE p.own = 1 AND (p.size <> f.size"    \
		" OR p.charged <> " CHARGE("f.size + f.extra") ")",            \
		{"UPDATE past SET size = f.size, charged = " CHARGE(           \
		    "f.size + f.extra") " FROM files f WHERE past = ?1"        \
					" AND f.file = past.file"}},           \
	{                                                                      \
		"past-sums",                                                   \
		    "SELECT p.past, printf('the deleted folder %d of user %d"  \
		    " says %d bytes, %d files, %d folders, %d counted; there"  \
		    " are %d, %d, %d, %d', p.entry, p.owner, p.size, p.files," \
		    " p.folders, p.charged, p.ts, p.tf, p.td, p.tc), p.ts - "  \
		    "p.size,"                                                  \
		    " p.tf - p.files, p.td - p.folders, p.tc - p.charged"      \
		    " FROM (SELECT p.*, ifnull(t.size, 0) AS ts,"              \
		    " ifnull(t.files, 0) AS tf, ifnull(t.folders, 0) AS td,"   \
		    " 512 + ifnull(t.charged, 0) AS tc FROM past p"            \
		    " LEFT JOIN t.total t ON t.folder = p.entry"               \
		    " WHERE p.file IS NULL AND p.own = 1) p WHERE (p.size,"    \
		    " p.files, p.folders, p.charged) <> (ts, tf, td, tc)",     \
		{                                                              \
			"UPDATE past SET size = size + ?2, files = files + "   \
			"?3,"                                                  \
			" folders = folders + ?4, charged = charged + ?5"      \
			" WHERE past = ?1 AND file IS NULL"                    \
		}                                                              \
	}

/* Behind what stands above, which changes them. */
#define RULES_OF_HISTORY_SUMS                                                 \
	{                                                                     \
		"history",                                                    \
		    "SELECT u.user, printf('user %d says %d bytes of"         \
		    " history, %d entries, %d held; there are %d, %d, %d',"   \
		    " u.user, u.history, u.pasts, u.held, h, n, k),"          \
		    " h - u.history, n - u.pasts, k - u.held FROM (SELECT"    \
		    " u.*, ifnull(t.h, 0) AS h, ifnull(t.n, 0) AS n,"         \
		    " ifnull(t.k, 0) AS k FROM users u LEFT JOIN (SELECT"     \
		    " owner, sum(charged) AS h, sum(iif(own, iif(file IS"     \
		    " NULL, 1 + files + folders, 1), 0)) AS n, sum(iif(held," \
		    " charged, 0)) AS k FROM past GROUP BY owner) t"          \
		    " ON t.owner = u.user WHERE u.user NOT IN (SELECT owner"  \
		    " FROM t.leaving)) u WHERE (u.history, u.pasts, u.held)"  \
		    " <> (h, n, k)",                                          \
		{                                                             \
			"UPDATE users SET history = history + ?2,"            \
			" pasts = pasts + ?3, held = held + ?4 WHERE user = " \
			"?1"                                                  \
		}                                                             \
	}

#endif
