/* What a user's program does with the C driver of a network with a template: test_drivers.py compiles and runs it.
 *
 * Usage: <program> <folder of memory files> <frames> <pause, of 2^32>; on standard input per frame: its bank, whether it is
 * learnt, the bank that is loaded before it (-1: none) and that template's weights, its integers. Answers on standard output.
 */
#include "shell_program.h"

static int next(void) {
  int found;
  if (scanf("%d", &found) != 1) exit(2);
  return found;
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  void *system = xf_sim_open(argv[1], 7, BASE, 1 << 24, strtoull(argv[3], NULL, 10));
  if (!system) return 2;
  const xf_device device = device_of(system);
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
