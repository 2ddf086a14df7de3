"""A tree of very many entries, written straight into a catalogue.

Making it over HTTP would take minutes. The catalogue must be at rest, its
daemon stopped. Every file has one chunk on the first base volume, and as many
of those exist as files as the volume has inodes for.
"""
import glob
import os
import secrets
import sqlite3
import subprocess
import tempfile

PER_FOLDER = 100
SIZE = 10
CHARGE, FOLDER_CHARGE = 4096, 512
SPARE = 4096  # inodes


def rows(db, owner, name, entries):
    """Fills the tables; the chunks' ids."""
    at = {table: (db.execute(f"SELECT max({key}) FROM {table}").fetchone()[0]
                  or 0) + 1000000
          for table, key in (("entries", "entry"), ("files", "file"),
                             ("chunks", "chunk"))}
    top = at["entries"]
    folders = entries // (PER_FOLDER + 1)
    files = folders * PER_FOLDER
    ids = [secrets.token_hex(16) for _ in range(files)]
    now = 1700000000
    entry = ("INSERT INTO entries(entry, owner, parent, name, file, size,"
             " files, folders, modified_at, charged, height, reach)"
             " VALUES(?,?,?,?,?,?,?,?,?,?,?,?)")
    db.execute(entry, (top, owner, 0, name, None, files * SIZE, files, folders,
                       now, files * CHARGE + folders * FOLDER_CHARGE, 2, 10))
    for f in range(folders):
        folder = top + 1 + f * (PER_FOLDER + 1)
        first = f * PER_FOLDER
        db.execute(entry, (folder, owner, top, str(f), None,
                           PER_FOLDER * SIZE, PER_FOLDER, 0, now,
                           PER_FOLDER * CHARGE, 1, 4))
        some = range(PER_FOLDER)
        db.executemany(entry, (
            (folder + 1 + i, owner, folder, str(i), at["files"] + first + i,
             SIZE, 0, 0, now, CHARGE, 0, 0) for i in some))
        db.executemany(
            "INSERT INTO files(file, id, owner, name, tree, size, chunks, want,"
            " replicas, md5, created_at) VALUES(?,?,?,?,1,?,1,1,1,?,?)",
            ((at["files"] + first + i, secrets.token_hex(16), owner, str(i),
              SIZE, "0" * 32, now) for i in some))
        db.executemany(
            "INSERT INTO chunks(chunk, id, file, idx, size, md5, crc)"
            " VALUES(?,?,?,0,?,?,?)",
            ((at["chunks"] + first + i, ids[first + i],
              at["files"] + first + i, SIZE, bytes(16), bytes(4))
             for i in some))
    db.executemany("INSERT INTO replicas(chunk, volume) VALUES(?, 1)",
                   ((at["chunks"] + i,) for i in range(files)))
    db.execute("INSERT OR IGNORE INTO users(user) VALUES(?)", (owner,))
    db.execute(
        "UPDATE users SET used = used + ?, files = files + ?,"
        " chunks = chunks + ?, folders = folders + ?, charged = charged + ?,"
        " tree = tree + ? WHERE user = ?",
        (files * SIZE, files, files, folders + 1,
         files * CHARGE + (folders + 1) * FOLDER_CHARGE, files * SIZE, owner))
    return ids


def chunk_files(image, ids):
    with tempfile.TemporaryDirectory() as at:
        subprocess.run(["mount", "-o", "loop", image, at], check=True)
        try:
            free = os.statvfs(at).f_ffree - SPARE
            store = os.path.join(at, "chunks")
            owner = os.stat(store)
            for name in ids[:max(free, 0)]:
                path = os.path.join(store, name)
                fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o400)
                os.write(fd, bytes(SIZE))
                os.fchown(fd, owner.st_uid, owner.st_gid)
                os.close(fd)
        finally:
            subprocess.run(["umount", at], check=True)


def fill(state, beside, name, entries):
    """/@name of the user who has a folder /@beside: @entries below it."""
    db = sqlite3.connect(os.path.join(state, "state/storage/storage.db"))
    with db:
        node = db.execute("SELECT node FROM volumes WHERE volume = 1")
        node = node.fetchone()[0]
        owner = db.execute("SELECT owner FROM entries WHERE parent = 0"
                           " AND name = ?", (beside,)).fetchone()[0]
        ids = rows(db, owner, name, entries)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    image, = glob.glob(os.path.join(state, f"state/volumes/{node}.img"))
    chunk_files(image, ids)
