/* The promises of storaged_put_test.c, with everything encrypted and compressed. */
#define LAB_CODED
#include "storaged_put_test.c"
