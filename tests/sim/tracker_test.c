/* What a user's program does with the C driver of a network with a template: test_drivers.py compiles and runs it.
 *
 * Usage: <program> <folder of memory files> <frames> <pause, of 2^32>; on standard input per frame: its bank, whether it is
 * learnt, the bank that is loaded before it (-1: none) and that template's weights, its integers. Answers on standard output.
 */
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
static int refused;  /* writes that were answered with an error */

static uint32_t read_register(void *system, uint32_t offset) { return (uint32_t)xf_sim_read(system, offset); }
static void write_register(void *system, uint32_t offset, uint32_t value) {
  refused += !xf_sim_write(system, offset, value);
}
static void pass(void *system) { xf_sim_run(system, 64); }

static void check(int error) {
  if (!error) return;
  fprintf(stderr, "%s\n", xf_error_text(error));
  exit(1);
}

static int next(void) {
  int found;
  if (scanf("%d", &found) != 1) exit(2);
  return found;
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  void *system = xf_sim_open(argv[1], 7, BASE, 1 << 24, strtoull(argv[3], NULL, 10));
  if (!system) return 2;
  xf_device device = {0};
  device.read = read_register, device.write = write_register, device.pause = pass;
  device.context = system, device.polls = 1000000;
  check(xf_open(&device, &xf_the_network));

  const size_t weights = (size_t)xf_the_network.weights.mw * xf_the_network.weights.mh;
  uint8_t *memory = xf_sim_memory(system), *held = malloc(weights + !weights);
  int32_t *integers = malloc(XF_IN_COUNT * sizeof *integers);
  int64_t *answers = malloc(XF_OUT_COUNT * sizeof *answers);
  if (!held || !integers || !answers) return 2;
  for (size_t k = 0; k < weights; k++) held[k] = 2;
  if (xf_load_template(&device, &xf_the_network, held, 0) != XF_BAD_TEMPLATE) return 3;
  if (xf_load_template(&device, &xf_the_network, held, 2) != XF_BAD_TEMPLATE) return 3;
  for (uint32_t n = (uint32_t)strtoul(argv[2], NULL, 10); n; n--) {
    const int bank = next(), learn = next(), loaded = next();
    for (size_t k = 0; loaded >= 0 && k < weights; k++) held[k] = (uint8_t)next();
    if (loaded >= 0) check(xf_load_template(&device, &xf_the_network, held, loaded));
    for (uint32_t k = 0; k < XF_IN_COUNT; k++) integers[k] = next();
    xf_pack(&xf_the_network.in, integers, memory);
    xf_set_flags(&device, bank, learn);
    check(xf_run(&device, BASE, TARGET, 1));
    xf_unpack(&xf_the_network.out, memory + (TARGET - BASE), answers);
    for (uint32_t k = 0; k < XF_OUT_COUNT; k++) printf("%" PRId64 " ", answers[k]);
  }
  free(held), free(integers), free(answers);
  return refused || xf_sim_broken(system)[0] != 0;
}
