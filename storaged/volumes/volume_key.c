/* See volume_key.h. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "storaged/catalog/catalog.h"
#include "storaged/storaged.h"
#include "storaged/volumes/volume.h"
#include "storaged/volumes/volume_key.h"

/* Hidden names: what is listed in that directory are chunks. */
#define KEY_FILE  ".key"
#define KEY_TEMP  ".key.new"
#define CODED_DIR ".coded"

struct copy {
	LIST_ENTRY(copy) entry;
	char node[NX_ID_LEN + 1];
	uint8_t wrapped[KEYRING_WRAPPED];
};

struct volume_keys {
	const struct storaged_conf *conf;
	struct keyring *ring;
	pthread_mutex_t lock; /* of the copies */
	LIST_HEAD(, copy) copies;
};

struct volume_keys *
volume_keys_new(const struct storaged_conf *conf)
{
	struct volume_keys *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->conf = conf;
	LIST_INIT(&k->copies);
	pthread_mutex_init(&k->lock, NULL);
	k->ring = keyring_new(conf);
	if (!k->ring)
		return volume_keys_free(k);
	if (conf->encryption && keyring_why_not(k->ring))
		nx_err("event=no-key reason=\"%s\"", keyring_why_not(k->ring));
	return k;
}

struct volume_keys *
volume_keys_free(struct volume_keys *k)
{
	struct copy *c;

	if (!k)
		return NULL;
	while ((c = LIST_FIRST(&k->copies))) {
		LIST_REMOVE(c, entry);
		free(c);
	}
	pthread_mutex_destroy(&k->lock);
	keyring_free(k->ring);
	free(k);
	return NULL;
}

/* --- the catalogue's copies -------------------------------------------------*/

static struct copy *
find_copy(struct volume_keys *k, const char *node)
{
	struct copy *c;

	LIST_FOREACH(c, &k->copies, entry)
		if (strcmp(c->node, node) == 0)
			return c;
	return NULL;
}

int
volume_keys_copy(struct volume_keys *k, const char *node,
    const uint8_t wrapped[KEYRING_WRAPPED])
{
	struct copy *c;

	pthread_mutex_lock(&k->lock);
	c = find_copy(k, node);
	if (!c) {
		c = calloc(1, sizeof(*c));
		if (c)
			LIST_INSERT_HEAD(&k->copies, c, entry);
	}
	if (c) {
		(void)snprintf(c->node, sizeof(c->node), "%s", node);
		memcpy(c->wrapped, wrapped, KEYRING_WRAPPED);
	}
	pthread_mutex_unlock(&k->lock);
	return c ? 0 : -ENOMEM;
}

void
volume_keys_forget(struct volume_keys *k, const char *node)
{
	struct copy *c;

	pthread_mutex_lock(&k->lock);
	c = find_copy(k, node);
	if (c) {
		LIST_REMOVE(c, entry);
		free(c);
	}
	pthread_mutex_unlock(&k->lock);
}

/* 1, 0: there is none. */
static int
read_copy(struct volume_keys *k, const char *node, uint8_t *ret_wrapped)
{
	struct copy *c;

	pthread_mutex_lock(&k->lock);
	c = find_copy(k, node);
	if (c)
		memcpy(ret_wrapped, c->wrapped, KEYRING_WRAPPED);
	pthread_mutex_unlock(&k->lock);
	return c != NULL;
}

/* --- the volume's file ------------------------------------------------------*/

/* 1; 0: there is none, or it is not whole and so as good as none. */
static int
read_file(int chunks, uint8_t *ret_wrapped)
{
	nx_cleanup_fd int fd =
	    openat(chunks, KEY_FILE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	int r;

	if (fd < 0)
		return errno == ENOENT || errno == ELOOP ? 0 : -errno;
	r = nx_read_full(fd, ret_wrapped, KEYRING_WRAPPED);
	return r == -ENODATA || r == -EIO ? 0 : r < 0 ? r : 1;
}

static int
write_file(int chunks, const uint8_t *wrapped)
{
	nx_cleanup_fd int fd = -1;
	int r;

	if (unlinkat(chunks, KEY_TEMP, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(
	    chunks, KEY_TEMP, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
	if (fd < 0)
		return -errno;
	r = nx_write_full(fd, wrapped, KEYRING_WRAPPED);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0 && renameat(chunks, KEY_TEMP, chunks, KEY_FILE) < 0)
		r = -errno;
	if (r == 0 && fsync(chunks) < 0)
		r = -errno;
	return r;
}

/* --- finding it -------------------------------------------------------------*/

int
volume_key_possible(struct volume_keys *k, struct volume_error *error)
{
	const char *why_not = keyring_why_not(k->ring);

	if (!k->conf->encryption || !why_not)
		return 0;
	(void)snprintf(error->text, sizeof(error->text), "%s", why_not);
	return -ENOKEY;
}

/* Both places of it, the volume's own first. */
struct found {
	bool there[2];
	uint8_t wrapped[2][KEYRING_WRAPPED];
};

static void
say_why_not(struct volume_keys *k, const struct found *f, int r,
    struct volume_error *error)
{
	char name[KEYRING_NAME];

	if (r != -ENOKEY) {
		(void)snprintf(error->text, sizeof(error->text),
		    "its key is damaged, on the volume and in the catalogue");
		return;
	}
	keyring_name(f->wrapped[f->there[0] ? 0 : 1], name);
	(void)snprintf(error->text, sizeof(error->text),
	    "it is encrypted, and the key %s that opens its own is not "
	    "here%s%s",
	    name, keyring_why_not(k->ring) ? ": " : "",
	    keyring_why_not(k->ring) ? keyring_why_not(k->ring) : "");
}

/* From either place: which one (0, 1), *ret_former as keyring_unwrap says. */
static int
unwrap(struct volume_keys *k, const char *node, const struct found *f,
    struct volume_key *key, bool *ret_former)
{
	int r = -EBADMSG;

	for (int i = 0; i < 2; i++) {
		int e;

		if (!f->there[i])
			continue;
		e = keyring_unwrap(k->ring, node, f->wrapped[i], key->bytes);
		if (e >= 0) {
			memcpy(key->wrapped, f->wrapped[i], KEYRING_WRAPPED);
			*ret_former = e == 1;
			return i;
		}
		/* A key that is not here says more than damage does. */
		if (e == -ENOKEY)
			r = e;
	}
	return r;
}

/* Has it in both places, wrapped by the key in use where that can be. */
static int
settle(struct volume_keys *k, const char *node, int chunks,
    const struct found *f, bool former, struct volume_key *key)
{
	if (former && !keyring_why_not(k->ring)) {
		keyring_wrap(k->ring, node, key->bytes, key->wrapped);
		nx_info("event=key-wrapped-anew node=%s", node);
	}
	key->unsaved = !f->there[1] ||
	    memcmp(f->wrapped[1], key->wrapped, KEYRING_WRAPPED) != 0;
	if (f->there[0] &&
	    memcmp(f->wrapped[0], key->wrapped, KEYRING_WRAPPED) == 0)
		return 0;
	return write_file(chunks, key->wrapped);
}

static int
find(struct volume_keys *k, const char *node, int chunks, struct found *f,
    struct volume_key *key, struct volume_error *error)
{
	bool former = false;
	int r;

	if (f->there[0] || f->there[1]) {
		r = unwrap(k, node, f, key, &former);
		if (r < 0)
			say_why_not(k, f, r, error);
	} else {
		r = volume_key_possible(k, error);
		if (r == 0) {
			randombytes_buf(key->bytes, SEAL_KEY_LEN);
			keyring_wrap(k->ring, node, key->bytes, key->wrapped);
			nx_info("event=key-made node=%s", node);
		}
	}
	return r < 0 ? r : settle(k, node, chunks, f, former, key);
}

int
volume_key_find(struct volume_keys *k, const char *node, int chunks,
    struct volume_key *ret_key, struct volume_error *error)
{
	struct volume_key key = {0};
	struct found f = {0};
	int r = read_file(chunks, f.wrapped[0]);

	if (r < 0)
		return r;
	f.there[0] = r > 0;
	f.there[1] = read_copy(k, node, f.wrapped[1]) > 0;
	*ret_key = key;
	if (!f.there[0] && !f.there[1] && !k->conf->encryption)
		return 0;
	key.bytes = sodium_malloc(SEAL_KEY_LEN);
	if (!key.bytes)
		return -ENOMEM;
	r = find(k, node, chunks, &f, &key, error);
	if (r < 0)
		volume_key_fini(&key);
	else
		*ret_key = key;
	return r;
}

void
volume_key_fini(struct volume_key *key)
{
	sodium_free(key->bytes);
	key->bytes = NULL;
}

int
volume_key_copy(const struct volume_key *key, struct volume_key *ret_key)
{
	struct volume_key copy = {0};

	if (key->bytes) {
		copy.bytes = sodium_malloc(SEAL_KEY_LEN);
		if (!copy.bytes)
			return -ENOMEM;
		memcpy(copy.bytes, key->bytes, SEAL_KEY_LEN);
	}
	*ret_key = copy;
	return 0;
}

size_t
volume_key_extra(const struct volume_key *key)
{
	return key->bytes ? SEAL_EXTRA : 0;
}

int
volume_key_seal(const struct volume_key *key, const char *what,
    const void *plain, size_t len, void *ret_sealed)
{
	if (key->bytes)
		return seal_buffer(key->bytes, what, plain, len, ret_sealed);
	memcpy(ret_sealed, plain, len);
	return 0;
}

int
volume_key_open(const struct volume_key *key, const char *what,
    const void *sealed, size_t len, void *ret_plain)
{
	if (key->bytes)
		return seal_buffer_open(
		    key->bytes, what, sealed, len, ret_plain);
	memcpy(ret_plain, sealed, len);
	return 0;
}

/* --- what follows of it -----------------------------------------------------*/

struct coding_how
volume_key_how(const struct volume_keys *k, const struct volume_key *key)
{
	/* No key although it is to be encrypted: it would not be attached. */
	nx_assert(key->bytes || !k->conf->encryption);
	return (struct coding_how){.key = key->bytes,
	    .seal = k->conf->encryption,
	    .pack = strcmp(k->conf->compression, "zstd") == 0};
}

int
volume_coded_directory(const struct volume_keys *k, int chunks, int *ret_dirfd)
{
	bool wanted =
	    k->conf->encryption || strcmp(k->conf->compression, "zstd") == 0;
	int fd;

	if (wanted && mkdirat(chunks, CODED_DIR, 0700) == 0 &&
	    fsync(chunks) < 0)
		return -errno;
	fd = openat(
	    chunks, CODED_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && (wanted || errno != ENOENT))
		return -errno;
	*ret_dirfd = fd < 0 ? -1 : fd;
	return 0;
}

struct saving {
	struct catalog_volume_key_op op;
	struct volumes *vs;
	char node[NX_ID_LEN + 1];
};

static void
saved(int result, void *arg)
{
	struct saving *s = arg;

	if (result < 0)
		nx_warn("event=key-not-saved node=%s error=\"%s\" "
			"note=\"tried again when it is attached next\"",
		    s->node, strerror(-result));
	else
		(void)volume_keys_copy(s->vs->keys, s->node, s->op.wrapped);
	free(s);
}

void
volume_key_save(struct volumes *vs, struct volume *v)
{
	struct saving *s;

	if (!v->mounted.key.bytes || !v->mounted.key.unsaved)
		return;
	s = calloc(1, sizeof(*s));
	if (!s)
		return; /* as when saving it fails */
	v->mounted.key.unsaved = false;
	s->vs = vs;
	memcpy(s->node, v->node, sizeof(s->node));
	s->op = (struct catalog_volume_key_op){
	    .volume = v->key, .done = saved, .arg = s};
	memcpy(s->op.wrapped, v->mounted.key.wrapped, KEYRING_WRAPPED);
	catalog_volume_key_save(vs->s->catalog, &s->op);
}
