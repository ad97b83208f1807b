/* SPDX-License-Identifier: Apache-2.0
 *
 * Driver of an accelerator in its shell: C99, nothing but the C library, bare metal or Linux.
 *
 * xf_network.h beside this file, of the same build, describes the network. Register map: docs/shell.md.
 * Functions that return int return XF_OK, or an error that xf_error_text names.
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
  XF_NO_SHELL,        /* there is no shell of this version at the registers */
  XF_OTHER_NETWORK,   /* the hash is not that of xf_network.h */
  XF_OTHER_FRAMES,    /* the frames are not those of xf_network.h */
  XF_NO_ANSWER,       /* polled as often as was allowed */
  XF_READ_FAILED,     /* the memory answered SLVERR or DECERR to a read */
  XF_WRITE_FAILED,    /* the same, to a write */
  XF_FRAME_FAILED,    /* the accelerator ended a frame at another beat */
  XF_BAD_DESCRIPTOR,  /* address not divided by 8, frames out of range, or queue full */
  XF_BAD_TEMPLATE,    /* the network has none, a bank other than 0 and 1, or a weight other than 0 and 1 */
  XF_NO_ROOM,         /* without a DMA: a word was written without room */
  XF_NO_WORD          /* without a DMA: a word was read where there was none */
};

#define XF_WITH_DMA 0x58465348u
#define XF_WITHOUT_DMA 0x58464750u

/* A frame: `beats` beats of `lanes` elements of `bits` bits, element 0 in the lowest; a beat lies in `slot`
 * bytes, a frame in `stride`, which 8 divides, or 4 without a DMA. */
typedef struct {
  uint32_t bytes, beats, lanes, bits, is_signed, slot, stride;
} xf_frames;

/* A template: `mw` x `mh` weights, folded into words of `simd` x `pe` bits; the first word of bank b lies at the
 * register address `banks[b]`, the next one `word_bytes` further. All 0: the network has none. */
typedef struct {
  uint32_t mw, mh, simd, pe, banks[2], word_bytes;
} xf_template;

typedef struct {
  uint64_t hash;
  xf_frames in, out;
  xf_template weights;
  uint32_t shell; /* what the register at 0 holds: XF_WITH_DMA or XF_WITHOUT_DMA */
} xf_network;

/* Registers: memory-mapped at `registers`, or, where `read` is set, through two functions. `pause`, where it is
 * set, is called between two looks at a register. */
typedef struct {
  volatile uint32_t *registers;
  uint32_t (*read)(void *context, uint32_t offset);
  void (*write)(void *context, uint32_t offset, uint32_t value);
  void (*pause)(void *context);
  void *context;
  uint32_t polls; /* looks at a register before XF_NO_ANSWER; 0: 100,000,000 */
} xf_device;

/* Look that the device is that network's, and reset it. */
int xf_open(const xf_device *device, const xf_network *network);

/* Stop what runs, wait until nothing is under way on the bus, clear errors and counters. */
int xf_reset(const xf_device *device);

/* Hand over a batch: `frames` frames at physical address `source`, answers to `target`; 8 divides both. Up to
 * four batches wait. */
int xf_start(const xf_device *device, uint64_t source, uint64_t target, uint32_t frames);

/* Of a network with a template: which bank the frames of later xf_start are compared with, and whether each
 * becomes the template of the other one. */
void xf_set_flags(const xf_device *device, int bank, int learn);

/* Write a template into bank 0 or 1: mw rows of mh weights, each 0 or 1; nothing is written
 * if one is neither. Not while a frame that uses the bank, or that learns, is under way. */
int xf_load_template(const xf_device *device, const xf_network *network, const uint8_t *weights, int bank);

/* Batches done since the last reset, modulo 2^32. */
uint32_t xf_batches(const xf_device *device);

/* Wait until `count` batches are done since the last reset. */
int xf_wait(const xf_device *device, uint32_t count);

/* A batch from start to end, of a device that is idle. */
int xf_run(const xf_device *device, uint64_t source, uint64_t target, uint32_t frames);

/* Of a shell without a DMA, in place of the four above: `frames` packed frames, one behind the other, word by word
 * through a register; their answers to `answers`. After an error xf_reset makes the device ready again. */
int xf_exchange(const xf_device *device, const xf_network *network, const uint8_t *packed, uint8_t *answers,
                uint32_t frames);

/* Where a read or write failed: the address of its burst. */
uint64_t xf_error_address(const xf_device *device);

const char *xf_error_text(int error);

/* One frame: beats * lanes integers, channels last, to `stride` bytes and back. */
void xf_pack(const xf_frames *form, const int32_t *integers, uint8_t *memory);
void xf_unpack(const xf_frames *form, const uint8_t *memory, int64_t *integers);

#ifdef __cplusplus
}
#endif

#endif
