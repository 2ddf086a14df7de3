/* The promises of storaged_upload_test.c, with everything encrypted and compressed. */
#define LAB_CODED
#include "storaged_upload_test.c"
