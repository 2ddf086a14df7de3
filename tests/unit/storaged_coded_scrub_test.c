/* The promises of storaged_scrub_test.c, with everything encrypted and compressed. */
#define LAB_CODED
#include "storaged_scrub_test.c"
