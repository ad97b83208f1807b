/* SPDX-License-Identifier: Apache-2.0
 *
 * Driver of an accelerator in its shell: C99, nothing but the C library, bare metal or Linux.
 *
 * xf_network.h next to this file, from the same build, describes the network. Register map: docs/guide/board.md.
 * Functions that return int return XF_OK, or an error that xf_error_text describes.
 */
#ifndef XF_DRIVER_H
#define XF_DRIVER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
  XF_OK = 0,
  XF_NO_SHELL,        /* no shell of this version at the registers */
  XF_OTHER_NETWORK,   /* the hash differs from xf_network.h */
  XF_OTHER_FRAMES,    /* the frames differ from xf_network.h */
  XF_NO_ANSWER,       /* no answer after the allowed number of polls */
  XF_READ_FAILED,     /* the memory answered SLVERR or DECERR to a read */
  XF_WRITE_FAILED,    /* the same, to a write */
  XF_FRAME_FAILED,    /* a frame did not end at its last beat */
  XF_BAD_DESCRIPTOR,  /* address not a multiple of 8, frames out of range, or queue full */
  XF_BAD_WEIGHTS,     /* not a whole weights file, or the network has no weights that can be loaded */
  XF_OTHER_STRUCTURE, /* the weights are of a network of another structure */
  XF_NO_WEIGHTS,      /* a load was interrupted; only xf_load helps */
  XF_WEIGHTS_FAILED,  /* the memory answered SLVERR or DECERR to a read of weights */
  XF_TOO_FAST,        /* the device's clock is above that of xf_network.h */
  XF_LOST             /* the counters are those of another program's batches, or of a reset */
};

/* A frame: `beats` beats of `lanes` elements of `bits` bits, element 0 in the lowest; a beat occupies `slot`
 * bytes, a frame `stride` bytes, a multiple of 8. */
typedef struct {
  uint32_t bytes, beats, lanes, bits, is_signed, slot, stride;
} xf_frames;

/* Weights that can be loaded: hash of the structure, first address of the window, addresses of the registers `open` and `id` and of what begins
 * and ends a load, words. All 0: they are constants. */
typedef struct {
  uint64_t structure;
  uint32_t window, open, id, control, words;
} xf_loads;

/* Weights that lie in memory and are read with every frame: hash of the structure, bytes. All 0: there are none. */
typedef struct {
  uint64_t structure;
  uint32_t bytes;
} xf_in_memory;

typedef struct {
  uint64_t hash;
  xf_frames in, out;
  xf_loads loads;
  xf_in_memory in_memory;
  uint32_t clock_khz; /* the highest that the bitstream was made for; 0: not known */
} xf_network;

/* Registers: memory-mapped at `registers`, or accessed through `read` and `write` where `read` is set. `pause`,
 * where set, is called between two polls of a register. */
typedef struct {
  volatile uint32_t *registers;
  uint32_t (*read)(void *context, uint32_t offset);
  void (*write)(void *context, uint32_t offset, uint32_t value);
  void (*pause)(void *context);
  void *context;
  uint32_t polls; /* polls of a register before XF_NO_ANSWER; 0: 100,000,000 */
  uint32_t clock_khz; /* of the accelerator, as you set it, which xf_open compares; 0: not known */
} xf_device;

/* Check that the device holds this network, and reset it. */
int xf_open(const xf_device *device, const xf_network *network);

/* Stop the accelerator, wait until the bus is idle, clear errors and counters. */
int xf_reset(const xf_device *device);

/* Start a batch: `frames` frames at physical address `source`, answers to `target`; both are multiples of 8. Up
 * to four batches can wait. */
int xf_start(const xf_device *device, uint64_t source, uint64_t target, uint32_t frames);

/* Replace all weights by those of a weights file (weights.bin of an overlay, `size` bytes in memory) of a network of
 * the same structure. Frames that have begun keep the old ones; later frames wait and have the new ones. After an
 * interrupted load, xf_open returns XF_NO_WEIGHTS; call it again. */
int xf_load(const xf_device *device, const xf_network *network, const uint8_t *file, size_t size);

/* Weights in memory of a network that reads them with every frame, before the first xf_start: copy those of a weights
 * file to `memory`, in_memory.bytes bytes at physical address `address`, a multiple of 8. Batches started later read
 * them; those started before keep their own, so leave these in place until they are done. If the network also has
 * weights to load, wait for all batches before this and xf_load. */
int xf_place_weights(const xf_device *device, const xf_network *network, const uint8_t *file, size_t size,
                     uint8_t *memory, uint64_t address);

/* Batches done since the last reset, modulo 2^32. */
uint32_t xf_batches(const xf_device *device);

/* Wait until `count` batches are done since the last reset, modulo 2^32, of those that are under way, up to five;
 * XF_LOST where the counter is neither up to five below it nor up to four above. */
int xf_wait(const xf_device *device, uint32_t count);

/* Run a batch to completion on an idle device. */
int xf_run(const xf_device *device, uint64_t source, uint64_t target, uint32_t frames);

/* The address of the burst of a failed read or write. */
uint64_t xf_error_address(const xf_device *device);

const char *xf_error_text(int error);

/* Convert one frame, beats * lanes integers, channels last, to `stride` bytes and back. */
void xf_pack(const xf_frames *form, const int32_t *integers, uint8_t *memory);
void xf_unpack(const xf_frames *form, const uint8_t *memory, int64_t *integers);

#ifdef __cplusplus
}
#endif

#endif
