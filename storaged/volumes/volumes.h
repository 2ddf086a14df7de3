/*
 * The door of the volumes: which there are, which of them a chunk goes to, what
 * is known of each, and what nodemgr may ask about them. Volumes
 * know the catalogue and chunk stores, nothing of files, users or uploads.
 */
#ifndef STORAGED_VOLUMES_H
#define STORAGED_VOLUMES_H

#include "proto/volume.pb-c.h"
#include "storaged/volumes/base.h"
#include "storaged/volumes/disk.h"
#include "storaged/volumes/disk_identity.h"
#include "storaged/volumes/disk_list.h"
#include "storaged/volumes/fault.h"
#include "storaged/volumes/formatter.h"
#include "storaged/volumes/stripe.h"
#include "storaged/volumes/volume.h"

/* As it is shown; the strings are borrowed from @v. */
void volume_info(
    struct storaged *s, const struct volume *v, Nx__VolumeInfo *ret_info);

#endif
