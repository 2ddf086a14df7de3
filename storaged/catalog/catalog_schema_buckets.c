/*
 * The step of catalog_schema.c that brought buckets, and uploads in pieces. A
 * file's row is in a tree (tree = 1), raw (0), an object's (2), or nobody sees it
 * (3): what is uploaded in pieces, and each of those. The newest version of a
 * key is the one with the highest object; live says whether a list has it.
 */
#include "storaged/catalog/catalog_internal.h"

const char catalog_schema_buckets[] =
    "ALTER TABLE files ADD COLUMN parts INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE clock(seen INTEGER NOT NULL) STRICT;"
    "INSERT INTO clock(seen) VALUES(unixepoch());"
    "CREATE TABLE buckets("
    " bucket INTEGER PRIMARY KEY AUTOINCREMENT,"
    " name TEXT NOT NULL UNIQUE,"
    " owner INTEGER NOT NULL,"
    " made_at INTEGER NOT NULL,"
    " versions INTEGER NOT NULL," /* 0 off, 1 on, 2 suspended */
    " lockable INTEGER NOT NULL,"
    " mode INTEGER NOT NULL," /* 0 none, 1 governance, 2 compliance */
    " days INTEGER NOT NULL) STRICT;"
    "CREATE INDEX buckets_owner ON buckets(owner, name);"
    "CREATE TABLE objects("
    " object INTEGER PRIMARY KEY AUTOINCREMENT,"
    " bucket INTEGER NOT NULL,"
    " key BLOB NOT NULL,"
    " version TEXT NOT NULL," /* empty: the null version */
    " live INTEGER NOT NULL,"
    " file INTEGER," /* NULL: a delete marker */
    " size INTEGER NOT NULL,"
    " charged INTEGER NOT NULL,"
    " modified_at INTEGER NOT NULL,"
    " mode INTEGER NOT NULL,"
    " until INTEGER NOT NULL,"
    " hold INTEGER NOT NULL,"
    " meta BLOB NOT NULL) STRICT;"
    "CREATE UNIQUE INDEX objects_key ON objects(bucket, key, object DESC);"
    "CREATE UNIQUE INDEX objects_live ON objects(bucket, key)"
    " WHERE live = 1;"
    "CREATE UNIQUE INDEX objects_null ON objects(bucket, key)"
    " WHERE version = '' AND live = 0;"
    "CREATE UNIQUE INDEX objects_version ON objects(version)"
    " WHERE version <> '';"
    "CREATE UNIQUE INDEX objects_file ON objects(file)"
    " WHERE file IS NOT NULL;"
    "CREATE TABLE uploads("
    " file INTEGER PRIMARY KEY," /* the whole */
    " owner INTEGER NOT NULL,"
    " kind INTEGER NOT NULL," /* 1 multipart, 2 resumable */
    " bucket INTEGER,"
    " key BLOB,"
    " path TEXT NOT NULL," /* or empty: a raw file, name is in files */
    " meta BLOB NOT NULL,"
    " mode INTEGER NOT NULL,"
    " until INTEGER NOT NULL,"
    " hold INTEGER NOT NULL,"
    " expires_at INTEGER NOT NULL,"
    " size INTEGER NOT NULL DEFAULT 0," /* of all pieces */
    " charged INTEGER NOT NULL,"
    " chunks INTEGER NOT NULL DEFAULT 0,"
    " parts INTEGER NOT NULL DEFAULT 0,"
    " changes INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE INDEX uploads_owner ON uploads(owner, file);"
    "CREATE INDEX uploads_key ON uploads(bucket, key, file)"
    " WHERE bucket IS NOT NULL;"
    "CREATE INDEX uploads_expire ON uploads(expires_at);"
    "CREATE TABLE parts("
    " whole INTEGER NOT NULL,"
    " number INTEGER NOT NULL,"
    " file INTEGER NOT NULL,"
    " size INTEGER NOT NULL,"
    " offset INTEGER NOT NULL," /* in the whole; -1: not known yet */
    " PRIMARY KEY(whole, number)) STRICT, WITHOUT ROWID;"
    "CREATE UNIQUE INDEX parts_file ON parts(file);"
    "CREATE INDEX parts_offset ON parts(whole, offset);";
