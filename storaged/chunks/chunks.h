/*
 * The door of the chunk store: how content is kept, checked and copied. It
 * knows neither files nor users nor which volume is whose; those who call it
 * give it stores and checksums.
 *
 *	checksum.h      MD5 and CRC32C of a chunk
 *	digest.h        sums of a whole content
 *	seal.h          encryption of blocks and buffers
 *	coding.h        the form of a chunk that is packed or sealed
 *	chunk_store.h   where chunks live: the seam a second backend fills
 *	chunk_check.h   what a reader gives, held against the checksums; copies
 *	chunk_put.h     writing one chunk with its replicas
 *	erasure.h       parity, and what is lost made of what is left
 *	sending.h       memory for what is decoded and on its way
 *	segment.h       small chunks: many in one file, many in one sync
 */
#ifndef STORAGED_CHUNKS_H
#define STORAGED_CHUNKS_H

#include "storaged/chunks/checksum.h"
#include "storaged/chunks/chunk_check.h"
#include "storaged/chunks/chunk_put.h"
#include "storaged/chunks/chunk_store.h"
#include "storaged/chunks/coding.h"
#include "storaged/chunks/digest.h"
#include "storaged/chunks/erasure.h"
#include "storaged/chunks/seal.h"
#include "storaged/chunks/sending.h"

#endif
