/*
 * Whatever fails while a volume's two images are made, or comes to an end between
 * two steps: nothing half made stays, and what cannot be removed is remembered.
 */
#include "storaged_apart_lab.h"

static const struct volume_image_ops *real;
static int fails_at;          /* the call that fails; 0: none */
static bool removals_fail;    /* and what follows */
static enum apart_image rots; /* that one cannot be mounted */
static bool rot;
static uint64_t eaten; /* of the disk, after the first image */

static bool
is_to_fail(void)
{
	return fails_at > 0 && --fails_at == 0;
}

static enum apart_image
image_named(const char *name)
{
	return strstr(name, ".node") ? OWN : CHUNKS;
}

/* What mounting needs and a look at the superblock does not. */
static void
rot_image(const char *name)
{
	static const uint8_t junk[4096] = {1, 2, 3};
	int fd =
	    open(apart_path(image_named(name), NODE), O_WRONLY | O_CLOEXEC);

	assert_int_equal(pwrite(fd, junk, sizeof(junk), 4096), sizeof(junk));
	close(fd);
}

static void
eat_disk(void)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/eaten", lab.dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(posix_fallocate(fd, 0, (off_t)eaten), 0);
	close(fd);
}

static int
failing_create(const struct volume_env *env, const char *name, uint64_t size,
    struct volume_error *error)
{
	int r;

	if (is_to_fail()) {
		snprintf(error->text, sizeof(error->text), "as planned");
		return -EIO;
	}
	r = real->create(env, name, size, error);
	if (r == 0 && rot && rots == image_named(name))
		rot_image(name);
	if (r == 0 && eaten && image_named(name) == CHUNKS)
		eat_disk();
	return r;
}

static int
failing_open(const struct volume_env *env, const char *name,
    struct volume_device *ret_device, struct volume_error *error)
{
	return is_to_fail() ? -EMFILE
			    : real->open(env, name, ret_device, error);
}

static int
failing_remove(const struct volume_env *env, const char *name)
{
	return is_to_fail() || removals_fail ? -EIO : real->remove(env, name);
}

static int
same_room(const struct volume_env *env, uint64_t *ret_room)
{
	return real->room(env, ret_room);
}

static const struct volume_image_ops failing = {
    .room = same_room,
    .create = failing_create,
    .open = failing_open,
    .remove = failing_remove,
};

static void
begin(void)
{
	real = lab.s.volumes->image;
	lab.s.volumes->image = &failing;
}

static void
end(void)
{
	lab.s.volumes->image = real;
	fails_at = 0;
	removals_fail = rot = false;
	eaten = 0;
}

static unsigned
descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void
note_row(const struct catalog_volume *row, void *arg)
{
	(void)row;
	++*(unsigned *)arg;
}

static unsigned
rows(void)
{
	unsigned n = 0;

	assert_int_equal(catalog_volumes(lab.s.catalog, note_row, &n), 0);
	return n;
}

static void
nothing_is_left(void)
{
	lab_settle();
	assert_int_equal(apart_names(), 0);
	assert_int_equal(apart_mounts(), 0);
	assert_int_equal(rows(), 0);
	assert_null(volume_find(lab.s.volumes, NODE));
}

/* --- making -----------------------------------------------------------------*/

static void
test_each_call_fails(void **state)
{
	unsigned before, n;

	(void)state;
	/* what is opened once */
	LAB_OK(lab_volume(NODE, 16 * MIB));
	LAB_OK(lab_volume_delete(NODE, false));
	nothing_is_left();
	before = descriptors();
	begin();
	for (n = 1;; n++) {
		fails_at = (int)n;
		if (lab_volume(NODE, 16 * MIB) == NX__STATUS__OK)
			break;
		assert_int_equal(fails_at, 0);
		nothing_is_left();
		assert_int_equal(descriptors(), before);
	}
	/* two are made, two are opened */
	assert_int_equal(n, 5);
	end();
	LAB_OK(lab_volume_delete(NODE, false));
	nothing_is_left();
	assert_int_equal(descriptors(), before);
}

static void
does_not_mount(enum apart_image which)
{
	unsigned before = descriptors();

	begin();
	rot = true;
	rots = which;
	assert_int_not_equal(lab_volume(NODE, 16 * MIB), NX__STATUS__OK);
	end();
	nothing_is_left();
	assert_int_equal(descriptors(), before);
}

static void
test_mounting_fails(void **state)
{
	(void)state;
	LAB_OK(lab_volume(NODE, 16 * MIB));
	LAB_OK(lab_volume_delete(NODE, false));
	does_not_mount(CHUNKS);
	does_not_mount(OWN);
}

/* There was room for both when it was looked, and is not for the second. */
static void
test_no_room_for_the_second(void **state)
{
	(void)state;
	begin();
	eaten = 80 * MIB;
	assert_int_equal(lab_volume(NODE, 16 * MIB), NX__STATUS__FULL);
	assert_non_null(strstr(reply.error, "room"));
	end();
	nothing_is_left();
}

/* An image of that name, of whoever: it is not touched, nor is the other made. */
static void
test_name_is_taken(void **state)
{
	for (int which = CHUNKS; which <= OWN; which++) {
		run("echo precious >%s", apart_path(which, NODE));
		assert_int_not_equal(
		    lab_volume(NODE, 16 * MIB), NX__STATUS__OK);
		assert_int_equal(apart_size(which, NODE), 9);
		assert_int_equal(apart_size(!which, NODE), 0);
		assert_int_equal(rows(), 0);
		run("rm %s", apart_path(which, NODE));
	}
	(void)state;
	nothing_is_left();
}

/* What was made and cannot be removed is remembered, and goes later. */
static void
test_undoing_fails(void **state)
{
	(void)state;
	begin();
	removals_fail = true;
	fails_at = 3; /* the first is opened */
	assert_int_not_equal(lab_volume(NODE, 16 * MIB), NX__STATUS__OK);
	lab_settle();
	assert_int_equal(rows(), 1);
	assert_int_equal(apart_size(OWN, NODE), 16 * MIB);
	/* nodemgr undoes it too; it fails still, then does not */
	assert_int_not_equal(lab_volume_delete(NODE, false), NX__STATUS__OK);
	assert_int_equal(rows(), 1);
	end();
	LAB_OK(lab_volume_delete(NODE, false));
	nothing_is_left();
}

static void
test_undoing_is_the_next_starts(void **state)
{
	(void)state;
	begin();
	removals_fail = true;
	fails_at = 4;
	assert_int_not_equal(lab_volume(NODE, 16 * MIB), NX__STATUS__OK);
	lab_settle();
	end();
	lab_stop();
	lab_start();
	nothing_is_left();
}

/* --- interrupted ------------------------------------------------------------*/

/* A crash left the images of the bits of @images, and the row. */
static void
interrupted(unsigned images, enum catalog_volume_state then)
{
	struct catalog_volume row = {
	    .size = 16 * MIB, .own = 16 * MIB, .state = then};
	const struct volume_image_ops *image = lab.s.volumes->image;
	struct volume_error error;

	snprintf(row.node, sizeof(row.node), "%s", NODE);
	lab_save_volume(&row);
	if (images & 1)
		assert_int_equal(
		    image->create(&lab.s.volumes->env, NODE, 16 * MIB, &error),
		    0);
	if (images & 2)
		assert_int_equal(image->create(&lab.s.volumes->env,
				     own_name(NODE).text, 16 * MIB, &error),
		    0);
	lab_stop();
	lab_start();
	nothing_is_left();
}

static void
test_interrupted(void **state)
{
	(void)state;
	for (unsigned images = 0; images < 4; images++) {
		interrupted(images, CATALOG_VOLUME_MAKING);
		interrupted(images, CATALOG_VOLUME_GOING);
	}
	LAB_OK(lab_volume(NODE, 16 * MIB));
}

/* --- deleting ---------------------------------------------------------------*/

static void
test_deleting_fails(void **state)
{
	(void)state;
	for (int n = 1; n <= 2; n++) {
		LAB_OK(lab_volume(NODE, 16 * MIB));
		begin();
		fails_at = n;
		assert_int_not_equal(
		    lab_volume_delete(NODE, false), NX__STATUS__OK);
		assert_int_equal(fails_at, 0);
		end();
		assert_int_equal(rows(), 1);
		assert_int_equal(apart_mounts(), 0);
		LAB_OK(lab_volume_delete(NODE, false));
		nothing_is_left();
	}
}

/* A node that still runs holds its own: the names go, the room comes later. */
static void
test_deleting_what_is_held(void **state)
{
	int node;

	(void)state;
	LAB_OK(lab_volume(NODE, 16 * MIB));
	LAB_OK(apart_attach(NODE, &node));
	LAB_OK(lab_volume_delete(NODE, false));
	nothing_is_left();
	assert_true(apart_can_write(node));
	close(node);
	LAB_OK(lab_volume(NODE, 16 * MIB));
	LAB_OK(apart_attach(NODE, &node));
	assert_int_equal(faccessat(node, "more", F_OK, 0), -1);
	close(node);
}

static int
setup_small(void **state)
{
	lab.tmpfs = "size=160M";
	return lab_setup(state);
}

#define T(f) cmocka_unit_test_setup_teardown(f, lab_setup, lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_each_call_fails),
	    T(test_mounting_fails),
	    cmocka_unit_test_setup_teardown(
		test_no_room_for_the_second, setup_small, lab_teardown),
	    T(test_name_is_taken),
	    T(test_undoing_fails),
	    T(test_undoing_is_the_next_starts),
	    T(test_interrupted),
	    T(test_deleting_fails),
	    T(test_deleting_what_is_held),
	};

	LAB_OR_SKIP("making and removing two images");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
