/*
 * Disks for the laboratory: ext4 on loop devices below its directory, which can
 * be pulled, given back and filled.
 */
#ifndef STORAGED_DISKS_LAB_H
#define STORAGED_DISKS_LAB_H

#include "storaged_lab.h"

#ifndef MIB
#define MIB (1024 * 1024)
#endif

static inline void
run(const char *fmt, ...)
{
	char command[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	if (system(command) != 0)
		fail_msg("%s", command);
}

static inline const char *
disk_path(char name)
{
	static char paths[4][128];
	static unsigned turn;
	char *path = paths[turn++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%c", lab.dir, name);
	return path;
}

static inline void
disk_mount(char name)
{
	run("mount -o loop,errors=remount-ro %s.disk %s", disk_path(name),
	    disk_path(name));
}

/* A disk of @mib MiB, mounted. */
static inline void
disk_create(char name, unsigned mib)
{
	const char *path = disk_path(name);

	run("mkdir -p %s && truncate -s %uM %s.disk && "
	    "mkfs.ext4 -q -F -b 4096 -m 0 %s.disk",
	    path, mib, path, path);
	disk_mount(name);
}

/* As pulled: what is open there goes on, the directory is empty. */
static inline void
disk_pull(char name)
{
	run("umount -l %s", disk_path(name));
}

/* Turns read-only, as a file system does that has found an error. */
static inline void
disk_break(char name)
{
	run("echo 1 >/sys/fs/ext4/$(findmnt -n -o SOURCE %s | tail -n 1 | "
	    "sed s,/dev/,,)/trigger_fs_error",
	    disk_path(name));
}

static inline struct disk *
disk_at(char name)
{
	return disk_find(lab.s.volumes, disk_path(name));
}

static inline void
tell_and_fail(void)
{
	struct disk *d;
	struct volume *v;

	TAILQ_FOREACH(d, &lab.s.volumes->disks, entry)
		printf("# disk %s%s: %s\n", d->path, d->away ? " away" : "",
		    d->why);
	TAILQ_FOREACH(v, &lab.s.volumes->list, entry)
		printf("# volume %s on %s: %s, %u references\n", v->node,
		    v->disk->path, volume_condition(v), v->refs);
	fail_msg("it does not come to be");
}

static inline void
turn_until(bool (*over)(void *arg), void *arg)
{
	for (int i = 0; i < 6000 && !over(arg); i++) {
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
		usleep(5000);
	}
	if (!over(arg))
		tell_and_fail();
}

static inline bool
is_away(void *arg)
{
	return ((struct disk *)arg)->away;
}

/* Nothing of it is mounted any more. */
static inline bool
is_let_go(void *arg)
{
	struct volume *v;

	TAILQ_FOREACH(v, &lab.s.volumes->list, entry)
		if (v->disk == arg && (v->attached || v->own.attached))
			return false;
	return nx_workers_pending(lab.s.disks) == 0;
}

/* It is there, and all its volumes are, and are trusted. */
static inline bool
is_well(void *arg)
{
	struct disk *d = arg;
	struct volume *v;

	TAILQ_FOREACH(v, &lab.s.volumes->list, entry)
		if (v->disk == d && (!v->attached || v->suspect || own_away(v)))
			return false;
	return !d->away;
}

static inline void
look_at(struct disk *d)
{
	disk_look(lab.s.volumes, d);
}

/* A namespace for the mounts to be in; what they are on goes with it. */
static inline int
disks_setup(void **state, const char *disks, unsigned mib)
{
	static char conf[256];

	(void)state;
	snprintf(lab.dir, sizeof(lab.dir), "/tmp/nexus-storage.XXXXXX");
	if (!mkdtemp(lab.dir) || unshare(CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -1;
	conf[0] = '\0';
	for (const char *d = disks; *d; d++) {
		disk_create(*d, mib);
		snprintf(conf + strlen(conf), sizeof(conf) - strlen(conf),
		    "%s%s", conf[0] ? ", " : "", disk_path(*d));
	}
	lab.disks = conf;
	lab.base_size = 64 * MIB;
	lab.base_max = 2;
	nx_log_open("lab", getenv("LAB_DEBUG") != NULL);
	lab.base = event_base_new();
	lab_start();
	return 0;
}

static inline int
disks_teardown(void **state)
{
	(void)state;
	lab_stop();
	event_base_free(lab.base);
	lab.base = NULL;
	(void)!system("grep -o '/tmp/nexus-storage[^ ]*' /proc/self/mounts | "
		      "tac | xargs -r umount -l");
	nftw(lab.dir, lab_remove, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	lab.disks = NULL;
	lab.base_size = lab.base_max = lab.away_grace = 0;
	return 0;
}

/* On how many disks the first chunk of @path is. */
static inline unsigned
disks_of(uint64_t user, const char *path)
{
	struct catalog_entry entry;
	struct path p;

	assert_null(path_parse(path, strlen(path), &p));
	assert_int_equal(catalog_stat(lab.s.catalog, user, &p, &entry), 0);
	return (unsigned)catalog_file_disks(lab.s.catalog, entry.file, 1000);
}

#endif
