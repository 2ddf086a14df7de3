/* See superblock.h, and Documentation/filesystems/ext4/super.rst. */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/id.h"
#include "storaged/volumes/superblock.h"

#define AT     1024 /* of the device */
#define LENGTH 1024
#define MAGIC  0xef53

/* Offsets in it; all little-endian. */
#define BLOCKS_LO  0x04
#define LOG_BLOCK  0x18
#define MAGIC_AT   0x38
#define STATE      0x3a
#define INCOMPAT   0x60
#define BLOCKS_HI  0x150
#define ERROR_FS   0x2
#define RECOVER    0x4
#define SIXTY_FOUR 0x80

static uint16_t
read_16(const uint8_t *at)
{
	uint16_t n;

	memcpy(&n, at, sizeof(n));
	return le16toh(n);
}

static uint32_t
read_32(const uint8_t *at)
{
	uint32_t n;

	memcpy(&n, at, sizeof(n));
	return le32toh(n);
}

int
superblock_read(int fd, struct superblock *ret_superblock)
{
	uint8_t block[LENGTH];
	uint32_t incompat, shift;
	uint64_t blocks;
	ssize_t n = pread(fd, block, sizeof(block), AT);

	if (n < 0)
		return -errno;
	if (n != LENGTH || read_16(block + MAGIC_AT) != MAGIC)
		return -EINVAL;
	incompat = read_32(block + INCOMPAT);
	blocks = read_32(block + BLOCKS_LO);
	if (incompat & SIXTY_FOUR)
		blocks |= (uint64_t)read_32(block + BLOCKS_HI) << 32;
	shift = read_32(block + LOG_BLOCK);
	if (shift > 6 || blocks > UINT64_MAX >> (10 + shift))
		return -EINVAL;
	*ret_superblock = (struct superblock){
	    .size = blocks << (10 + shift),
	    .unclean = (incompat & RECOVER) != 0,
	    .errors = (read_16(block + STATE) & ERROR_FS) != 0,
	};
	return 0;
}

int
superblock_check(int fd, const struct superblock *sb, uint64_t size,
    struct volume_error *error)
{
	off_t end = lseek(fd, 0, SEEK_END);
	uint64_t have = (uint64_t)end;
	char is[32], wants[32];

	if (end < 0)
		return -errno;
	if (sb->size <= have && (size == 0 || size == have))
		return 0;
	(void)snprintf(is, sizeof(is), "%s", nx_size_format(have));
	(void)snprintf(wants, sizeof(wants), "%s",
	    nx_size_format(sb->size > have ? sb->size : size));
	(void)snprintf(error->text, sizeof(error->text),
	    "its image has %s (%llu bytes), %s %s (%llu): it was cut short or "
	    "is another volume's; it is not mounted, put the right one there",
	    is, (unsigned long long)have,
	    sb->size > have ? "the file system on it" : "the catalogue says",
	    wants, (unsigned long long)(sb->size > have ? sb->size : size));
	return -EINVAL;
}
