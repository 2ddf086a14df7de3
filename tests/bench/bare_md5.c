/*
 * MD5 and nothing else, of MIB mebibytes in chunks as storaged's: no store
 * that takes one chunk after the other through one MD5 can be faster.
 *
 *	bare_md5 MIB
 *
 * Prints the seconds it took. The bytes are the same 10 MiB all the time, as
 * MD5 does not mind, taken from memory a mebibyte at a time.
 */
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/err.h"

#define CHUNK_MIB 10U
#define MIB       (1U << 20)

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int
main(int argc, char **argv)
{
	unsigned long mib = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	uint8_t *data = malloc(CHUNK_MIB * MIB), digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *md5 = EVP_MD_CTX_new();
	double before;

	if (mib == 0 || !data || !md5) {
		fprintf(stderr, "usage: bare_md5 MIB\n");
		return 2;
	}
	for (size_t i = 0; i < CHUNK_MIB * MIB; i++)
		data[i] = (uint8_t)(i * 2654435761U >> 24);
	before = now();
	for (unsigned long i = 0; i < mib; i++) {
		if (i % CHUNK_MIB == 0)
			nx_assert(EVP_DigestInit_ex(md5, EVP_md5(), NULL));
		nx_assert(
		    EVP_DigestUpdate(md5, data + i % CHUNK_MIB * MIB, MIB));
		if (i % CHUNK_MIB == CHUNK_MIB - 1 || i == mib - 1)
			nx_assert(EVP_DigestFinal_ex(md5, digest, NULL));
	}
	printf("%.6f\n", now() - before);
	EVP_MD_CTX_free(md5);
	free(data);
	return 0;
}
