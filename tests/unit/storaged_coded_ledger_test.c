/* Everything that storaged_ledger_test.c asks, of copies that are sealed. */
#define LAB_CODED
#include "storaged_ledger_test.c"
