/* What the tests of buckets and of resumable uploads do. */
#ifndef STORAGED_OBJECTS_LAB_H
#define STORAGED_OBJECTS_LAB_H

#include "storaged_lab.h"

#define MIB (1024 * 1024)

static inline int
setup(void **state)
{
	int r = lab_setup(state);

	if (r == 0)
		LAB_OK(lab_volume(LAB_NODE("1"), 256 * MIB));
	return r;
}

static inline char *
text(const char *s)
{
	return (char *)(uintptr_t)s;
}

static inline ProtobufCBinaryData
bytes(const char *s)
{
	return (ProtobufCBinaryData){strlen(s), (uint8_t *)text(s)};
}

static inline Nx__Status
feed(uint64_t user, const void *data, size_t size)
{
	uint64_t id = LAB_BODY(Nx__OpenUploadReply)->upload;
	int fd = nx_take_fd(&reply.fds[0]);

	(void)lab_feed(fd, data, size);
	nx_close(&fd);
	return lab_finish(user, id, size);
}

/* Windows that nobody asked on for keep their files. */
static inline void
readers_go(void)
{
	lab_disconnect(NX_ROLE_ADMIN);
	lab_connect(NX_ROLE_ADMIN);
	lab_settle();
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, lab_teardown)

#endif
