/* The promises of storaged_compact_test.c, with everything encrypted. Compressed
 * its files would hardly fill a segment. */
#define LAB_CODED
#define LAB_UNPACKED
#include "storaged_compact_test.c"
