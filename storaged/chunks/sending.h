/*
 * Memory for content on its way to somebody. What is decoded before it is sent
 * lies in no file: it goes out in a sealed memfd, which is memory of this
 * program until the last one who has it open lets it go. A slow reader holds it
 * for long, so it is counted, and each user has a share.
 *
 * Each memfd that goes out stays open here too; whether anybody else still has
 * it is asked of the kernel, by trying for a lease. From any thread.
 */
#ifndef STORAGED_SENDING_H
#define STORAGED_SENDING_H

#include <stddef.h>
#include <stdint.h>

/* Less is given the more there is under way, so that a user with many slow
 * readers gets along with short pieces. */
#define SENDING_ALL  (256U << 20)
#define SENDING_USER (SENDING_ALL / 4)
/* One block can be had beyond that, as long as there is this. */
#define SENDING_MOST   (2 * SENDING_ALL)
#define SENDING_PIECES 2048U

/* As much of @want bytes as @owner may have now, whole blocks of 64 KiB; it is
 * theirs until sending_return. 0: too much is under way. */
uint32_t sending_take(uint64_t owner, uint32_t want);
void sending_return(uint64_t owner, uint32_t taken);

/* A memfd for what was taken, to be filled. Descriptor or -errno. */
int sending_open(void);
/*
 * Seals @memfd, which has all of it. @taken counts as @owner's until nobody else
 * has it open any more. A descriptor of it, the caller's, open for reading only;
 * or -errno. Consumes @memfd, and of @taken what it takes is returned by itself:
 * on failure too.
 */
int sending_begin(int memfd, uint64_t owner, uint32_t taken);

/* Lets go of what nobody has any more: every few seconds. */
void sending_look(void);
/* Bytes that are under way. */
uint64_t sending_bytes(void);

#endif
