/* The C driver on a shell without a DMA, against its verilated form: test_gp_drivers.py compiles and runs it.
 *
 * Usage: <program> <folder of memory files> <frames> <pause, of 2^32>; integers on standard input, answers on standard output.
 * First a word is read where there is none, and words are written without room: both are told, and a reset helps.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "xf_network.h"

void *xf_sim_open(const char *folder, uint64_t seed, uint64_t base, uint64_t bytes, uint64_t pause);
int64_t xf_sim_read(void *system, uint32_t offset);
int xf_sim_write(void *system, uint32_t offset, uint32_t value);
void xf_sim_run(void *system, uint64_t cycles);
const char *xf_sim_broken(void *system);

static uint32_t read_register(void *system, uint32_t offset) { return (uint32_t)xf_sim_read(system, offset); }
static void write_register(void *system, uint32_t offset, uint32_t value) { xf_sim_write(system, offset, value); }
static void pass(void *system) { xf_sim_run(system, 64); }

static void check(int error) {
  if (!error) return;
  fprintf(stderr, "%s\n", xf_error_text(error));
  exit(1);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  const uint32_t frames = (uint32_t)strtoul(argv[2], NULL, 10);
  void *system = xf_sim_open(argv[1], 7, 0, 8, strtoull(argv[3], NULL, 10));
  if (!system) return 2;
  xf_device device = {0};
  device.read = read_register, device.write = write_register, device.pause = pass;
  device.context = system, device.polls = 1000000;
  xf_network other = xf_the_network;
  other.shell = XF_WITH_DMA;
  if (xf_open(&device, &other) != XF_NO_SHELL) return 3;
  other.shell = XF_WITHOUT_DMA, other.hash ^= 1;
  if (xf_open(&device, &other) != XF_OTHER_NETWORK) return 3;
  check(xf_open(&device, &xf_the_network));

  uint8_t *packed = malloc((size_t)frames * XF_IN_STRIDE), *found = malloc((size_t)frames * XF_OUT_STRIDE);
  if (!packed || !found) return 2;
  int32_t integers[XF_IN_COUNT];
  int64_t answers[XF_OUT_COUNT];
  for (uint32_t n = 0; n < frames; n++) {
    for (uint32_t k = 0; k < XF_IN_COUNT; k++)
      if (scanf("%" SCNd32, &integers[k]) != 1) return 2;
    xf_pack(&xf_the_network.in, integers, packed + n * XF_IN_STRIDE);
  }
  if (read_register(system, 0x80) != 0) return 3;
  if (xf_exchange(&device, &xf_the_network, packed, found, frames) != XF_NO_WORD) return 3;
  check(xf_reset(&device));
  for (int k = 0; k < 100000 && !(read_register(system, 0x28) & 4); k++) write_register(system, 0x80, 0);
  if (xf_exchange(&device, &xf_the_network, packed, found, frames) != XF_NO_ROOM) return 3;
  check(xf_reset(&device));
  for (int turn = 0; turn < 2; turn++) check(xf_exchange(&device, &xf_the_network, packed, found, frames));
  for (uint32_t n = 0; n < frames; n++) {
    xf_unpack(&xf_the_network.out, found + n * XF_OUT_STRIDE, answers);
    for (uint32_t k = 0; k < XF_OUT_COUNT; k++) printf("%" PRId64 " ", answers[k]);
  }
  free(packed);
  free(found);
  return xf_sim_broken(system)[0] != 0;
}
