/*
 * Whose fault an error is. A volume is mistrusted for what its disk did, never
 * for what this process lacked at that moment: running out of descriptors says
 * nothing about a disk.
 */
#ifndef STORAGED_FAULT_H
#define STORAGED_FAULT_H

enum volume_fault {
	FAULT_NONE,
	FAULT_OURS,  /* we lack something for a moment: try again later */
	FAULT_FULL,  /* the volume has no room: others may have */
	FAULT_CHUNK, /* this one chunk is rotten or missing, no more is known */
	FAULT_VOLUME, /* the volume: nothing new goes there until it proves well */
};

/* @error: 0 or -errno, of any call on a volume's files. What is not listed is
 * the volume's: mistrust costs a proof, trust could cost a file. */
enum volume_fault volume_fault_of(int error);

#endif
