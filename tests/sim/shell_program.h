/* What the C programs of the tests share: the verilated shell as the registers of a device. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "xf_network.h"

void *xf_sim_open(const char *folder, uint64_t seed, uint64_t base, uint64_t bytes, uint64_t pause);
uint8_t *xf_sim_memory(void *system);
int64_t xf_sim_read(void *system, uint32_t offset);
int xf_sim_write(void *system, uint32_t offset, uint32_t value);
void xf_sim_run(void *system, uint64_t cycles);
const char *xf_sim_broken(void *system);

static const uint64_t BASE = 0x20000000, TARGET = 0x20800000;

static uint32_t read_register(void *system, uint32_t offset) {
  return (uint32_t)xf_sim_read(system, offset);
}
static void write_register(void *system, uint32_t offset, uint32_t value) {
  xf_sim_write(system, offset, value);
}
static void pass(void *system) { xf_sim_run(system, 64); }

static void check(int error) {
  if (!error) return;
  fprintf(stderr, "%s\n", xf_error_text(error));
  exit(1);
}

/* A device whose registers are the shell's. */
static xf_device device_of(void *system) {
  xf_device device = {0};
  device.read = read_register, device.write = write_register, device.pause = pass;
  device.context = system, device.polls = 1000000;
  return device;
}

/* Frames of integers on standard input, to `BASE`. */
static void read_frames(uint8_t *memory, uint32_t frames) {
  int32_t integers[XF_IN_COUNT];
  for (uint32_t n = 0; n < frames; n++) {
    for (uint32_t k = 0; k < XF_IN_COUNT; k++)
      if (scanf("%" SCNd32, &integers[k]) != 1) exit(2);
    xf_pack(&xf_the_network.in, integers, memory + n * XF_IN_STRIDE);
  }
}

/* Run them, and print a line of answers. */
static void answer(const xf_device *device, const uint8_t *memory, uint32_t frames) {
  int64_t answers[XF_OUT_COUNT];
  check(xf_run(device, BASE, TARGET, frames));
  for (uint32_t n = 0; n < frames; n++) {
    xf_unpack(&xf_the_network.out, memory + (TARGET - BASE) + n * XF_OUT_STRIDE, answers);
    for (uint32_t k = 0; k < XF_OUT_COUNT; k++) printf("%" PRId64 " ", answers[k]);
  }
  printf("\n");
}
