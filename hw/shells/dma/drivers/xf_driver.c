/* SPDX-License-Identifier: Apache-2.0 */
#include "xf_driver.h"

#include <string.h>

enum {
  ID = 0x00, VERSION = 0x04, HASH_LOW = 0x08, HASH_HIGH = 0x0C, IN_BYTES = 0x10, IN_BEATS = 0x14, OUT_BYTES = 0x18,
  OUT_BEATS = 0x1C, CONTROL = 0x24, STATUS = 0x28, ERROR = 0x2C, ERROR_LOW = 0x30, ERROR_HIGH = 0x34,
  SOURCE_LOW = 0x40, SOURCE_HIGH = 0x44, TARGET_LOW = 0x48, TARGET_HIGH = 0x4C, FRAMES = 0x50, START = 0x54,
  BATCHES = 0x58, FRAMES_DONE = 0x5C, WEIGHTS_LOW = 0x7C, WEIGHTS_HIGH = 0x80
};
enum { RESETTING = 2, FAILED = 4, SOFT_RESET = 1, MOST_FRAMES = 65535 };

static const uint32_t SHELL = 0x58465348, MAJOR = 1, POLLS = 100000000;

static uint32_t get(const xf_device *device, uint32_t offset) {
  return device->read ? device->read(device->context, offset) : device->registers[offset / 4];
}

static void put(const xf_device *device, uint32_t offset, uint32_t value) {
  if (device->write)
    device->write(device->context, offset, value);
  else
    device->registers[offset / 4] = value;
}

static void rest(const xf_device *device) {
  if (device->pause) device->pause(device->context);
}

static uint32_t polls(const xf_device *device) { return device->polls ? device->polls : POLLS; }

int xf_open(const xf_device *device, const xf_network *network) {
  if (get(device, ID) != SHELL || get(device, VERSION) >> 16 != MAJOR) return XF_NO_SHELL;
  if (((uint64_t)get(device, HASH_HIGH) << 32 | get(device, HASH_LOW)) != network->hash) return XF_OTHER_NETWORK;
  if (get(device, IN_BYTES) != network->in.bytes || get(device, IN_BEATS) != network->in.beats ||
      get(device, OUT_BYTES) != network->out.bytes || get(device, OUT_BEATS) != network->out.beats)
    return XF_OTHER_FRAMES;
  if (network->clock_khz && device->clock_khz > network->clock_khz) return XF_TOO_FAST;
  const int error = xf_reset(device);
  if (error || !network->loads.words) return error;
  return get(device, network->loads.id) ? XF_OK : XF_NO_WEIGHTS;
}

int xf_reset(const xf_device *device) {
  uint32_t left = polls(device);
  put(device, CONTROL, SOFT_RESET);
  while (get(device, STATUS) & RESETTING) {
    if (!left--) return XF_NO_ANSWER;
    rest(device);
  }
  return XF_OK;
}

/* The error that stopped the shell. */
static int failure(const xf_device *device) {
  static const int errors[] = {XF_NO_SHELL, XF_READ_FAILED, XF_WRITE_FAILED, XF_FRAME_FAILED, XF_BAD_DESCRIPTOR,
                               XF_NO_SHELL, XF_NO_SHELL, XF_WEIGHTS_FAILED};
  const uint32_t code = get(device, ERROR) & 15;
  return code < sizeof errors / sizeof *errors ? errors[code] : XF_NO_SHELL;
}

int xf_start(const xf_device *device, uint64_t source, uint64_t target, uint32_t frames) {
  if ((source | target) % 8 || !frames || frames > MOST_FRAMES) return XF_BAD_DESCRIPTOR;
  put(device, SOURCE_LOW, (uint32_t)source);
  put(device, SOURCE_HIGH, (uint32_t)(source >> 32));
  put(device, TARGET_LOW, (uint32_t)target);
  put(device, TARGET_HIGH, (uint32_t)(target >> 32));
  put(device, FRAMES, frames);
  put(device, START, 1);
  return get(device, STATUS) & FAILED ? failure(device) : XF_OK;
}

static uint32_t word_at(const uint8_t *file) {
  return (uint32_t)file[0] | (uint32_t)file[1] << 8 | (uint32_t)file[2] << 16 | (uint32_t)file[3] << 24;
}

enum { HEAD = 32 };

static uint32_t crc_of(const uint8_t *data, size_t size) {
  uint32_t crc = UINT32_MAX;
  while (size--) {
    crc ^= *data++;
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
  }
  return ~crc;
}

/* Whether a weights file is whole and fits. */
static int look_at(const xf_network *network, const uint8_t *file, size_t size) {
  const xf_loads *loads = &network->loads;
  const xf_in_memory *in_memory = &network->in_memory;
  if (size < HEAD || memcmp(file, "XFW1", 4)) return XF_BAD_WEIGHTS;
  const uint32_t count = word_at(file + 16), text = word_at(file + 20), bytes = word_at(file + 24);
  if (size != HEAD + (uint64_t)8 * count + bytes + text) return XF_BAD_WEIGHTS;
  const uint32_t crc = crc_of(file + HEAD, size - HEAD - text);
  if ((crc < 2 ? 2 : crc) != word_at(file + 12) || crc_of(file + size - text, text) != word_at(file + 28))
    return XF_BAD_WEIGHTS;
  if (((uint64_t)word_at(file + 8) << 32 | word_at(file + 4)) != (loads->words ? loads->structure : in_memory->structure) ||
      count != loads->words || bytes != in_memory->bytes)
    return XF_OTHER_STRUCTURE;
  for (uint32_t k = 0; k < count; k++) {
    const uint32_t place = word_at(file + HEAD + (size_t)8 * k), at = loads->window + place;
    if (place % 4 || place >= loads->window || at == loads->open || at == loads->id || at == loads->control)
      return XF_OTHER_STRUCTURE;
  }
  return XF_OK;
}

int xf_place_weights(const xf_device *device, const xf_network *network, const uint8_t *file, size_t size,
                     uint8_t *memory, uint64_t address) {
  const int error = network->in_memory.bytes ? look_at(network, file, size) : XF_BAD_WEIGHTS;
  if (error) return error;
  if (address % 8) return XF_BAD_DESCRIPTOR;
  memcpy(memory, file + HEAD + (size_t)8 * network->loads.words, network->in_memory.bytes);
  put(device, WEIGHTS_LOW, (uint32_t)address);
  put(device, WEIGHTS_HIGH, (uint32_t)(address >> 32));
  return XF_OK;
}

int xf_load(const xf_device *device, const xf_network *network, const uint8_t *file, size_t size) {
  const xf_loads *loads = &network->loads;
  const int error = loads->words ? look_at(network, file, size) : XF_BAD_WEIGHTS;
  uint32_t left = polls(device);
  if (error) return error;
  const uint32_t count = word_at(file + 16);
  put(device, loads->control, 0);
  while (!get(device, loads->open)) {
    if (!left--) return XF_NO_ANSWER;
    rest(device);
  }
  for (uint32_t k = 0; k < count; k++)
    put(device, loads->window + word_at(file + HEAD + (size_t)8 * k), word_at(file + HEAD + 4 + (size_t)8 * k));
  put(device, loads->control, word_at(file + 12));
  return get(device, loads->id) == word_at(file + 12) ? XF_OK : XF_NO_WEIGHTS;
}

uint32_t xf_batches(const xf_device *device) { return get(device, BATCHES); }

/* Wait until `count` batches are done; up to `below` fewer and `above` more are those of this program. */
static int await(const xf_device *device, uint32_t count, uint32_t below, uint32_t above) {
  uint32_t left = polls(device), ahead;
  while ((ahead = xf_batches(device) - count) > above) { /* modulo 2^32 */
    if (get(device, STATUS) & FAILED) return failure(device);
    if (ahead < 0 - below) return XF_LOST;
    if (!left--) return XF_NO_ANSWER;
    rest(device);
  }
  return XF_OK;
}

int xf_wait(const xf_device *device, uint32_t count) { return await(device, count, 5, 4); } /* one runs, four wait */

int xf_run(const xf_device *device, uint64_t source, uint64_t target, uint32_t frames) {
  const uint32_t before = xf_batches(device), done = get(device, FRAMES_DONE);
  int error = xf_start(device, source, target, frames);
  if (!error) error = await(device, before + 1, 1, 0);
  if (error) return error;
  const uint64_t last = (uint64_t)get(device, TARGET_HIGH) << 32 | get(device, TARGET_LOW);
  return last == target && get(device, FRAMES_DONE) - done == frames ? XF_OK : XF_LOST;
}

uint64_t xf_error_address(const xf_device *device) {
  return (uint64_t)get(device, ERROR_HIGH) << 32 | get(device, ERROR_LOW);
}

const char *xf_error_text(int error) {
  static const char *const texts[] = {
      "no error",
      "no shell of this version at the registers; load the bitstream of this overlay first",
      "the device holds another network; load the bitstream next to xf_network.h",
      "the device's frames differ from those of xf_network.h; use the header of the same build",
      "no answer came; check that the clock and the memory port run",
      "the memory refused a read of frames at xf_error_address(); use addresses that the device can reach",
      "the memory refused a write of answers at xf_error_address(); use addresses that the device can reach",
      "a frame did not end at its last beat; call xf_reset() before the next run",
      "a descriptor was refused: addresses must be multiples of 8, frames 1 .. 65535, batches waiting at most four",
      "not a whole weights file, or the weights are constants; use weights.bin of a build with LOADABLE=1",
      "the weights are of another structure; build their network with LOADABLE=1 and the options of this one",
      "a load of weights was interrupted; call xf_load() again",
      "the memory refused a read of weights at xf_error_address(); give xf_place_weights() an address that the device can reach",
      "the clock of the device is above that of its bitstream; set clock_khz of xf_network.h or less",
      "another program has used or reset the device; let one alone open it, and call xf_reset()",
  };
  return error >= 0 && (size_t)error < sizeof texts / sizeof *texts ? texts[error] : "an unknown error";
}

void xf_pack(const xf_frames *form, const int32_t *integers, uint8_t *memory) {
  memset(memory, 0, form->stride);
  for (uint32_t beat = 0; beat < form->beats; beat++, memory += form->slot)
    for (uint32_t lane = 0; lane < form->lanes; lane++) {
      const uint32_t value = (uint32_t)*integers++;
      for (uint32_t bit = 0; bit < form->bits; bit++) {
        const uint32_t at = lane * form->bits + bit;
        memory[at / 8] |= (uint8_t)((value >> (bit < 31 ? bit : 31) & 1) << at % 8);
      }
    }
}

void xf_unpack(const xf_frames *form, const uint8_t *memory, int64_t *integers) {
  for (uint32_t beat = 0; beat < form->beats; beat++, memory += form->slot)
    for (uint32_t lane = 0; lane < form->lanes; lane++) {
      uint64_t value = 0;
      for (uint32_t bit = 0; bit < form->bits && bit < 64; bit++) {
        const uint32_t at = lane * form->bits + bit;
        value |= (uint64_t)(memory[at / 8] >> at % 8 & 1) << bit;
      }
      if (form->is_signed && form->bits < 64 && value >> (form->bits - 1) & 1) value |= ~(uint64_t)0 << form->bits;
      *integers++ = (int64_t)value;
    }
}
