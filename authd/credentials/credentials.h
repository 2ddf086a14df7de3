/*
 * The door of what proves who somebody is: keys, codes, passwords, tokens, marks
 * of devices, and what each may look like. Nothing in this room knows the
 * database or who asks.
 */
#ifndef AUTHD_CREDENTIALS_H
#define AUTHD_CREDENTIALS_H

#include "authd/credentials/access_key.h"
#include "authd/credentials/authdata.h"
#include "authd/credentials/challenge.h"
#include "authd/credentials/clientdata.h"
#include "authd/credentials/device.h"
#include "authd/credentials/keyring.h"
#include "authd/credentials/keys.h"
#include "authd/credentials/otp.h"
#include "authd/credentials/password.h"
#include "authd/credentials/recovery.h"
#include "authd/credentials/refresh.h"
#include "authd/credentials/rules.h"
#include "authd/credentials/seal.h"
#include "authd/credentials/secret.h"
#include "authd/credentials/token.h"
#include "authd/credentials/token_cache.h"
#include "authd/credentials/totp.h"

#endif
