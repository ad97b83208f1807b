/* The C driver replaces the weights of the verilated shell: test_loading.py compiles and runs it.
 *
 * Usage: <program> <folder of memory files> <frames> <file of another structure> <file>; integers on standard input.
 * Answers before, behind refused files, and behind a load; then what xf_load returned of the first file, of it again, of a
 * part of the second, and of all of that.
 */
#include "shell_program.h"

static int load(const xf_device *device, const char *name, size_t less) {
  static uint8_t data[1 << 20];
  FILE *file = fopen(name, "rb");
  if (!file) exit(2);
  const size_t size = fread(data, 1, sizeof data, file);
  fclose(file);
  return xf_load(device, &xf_the_network, data, size - less);
}

static const char *name_of(int error) {
  return error == XF_OK ? "ok" : error == XF_BAD_WEIGHTS ? "bad" : error == XF_OTHER_STRUCTURE ? "structure" : xf_error_text(error);
}

static void answer(const xf_device *device, const uint8_t *memory, uint32_t frames) {
  int64_t answers[XF_OUT_COUNT];
  check(xf_run(device, BASE, TARGET, frames));
  for (uint32_t n = 0; n < frames; n++) {
    xf_unpack(&xf_the_network.out, memory + (TARGET - BASE) + n * XF_OUT_STRIDE, answers);
    for (uint32_t k = 0; k < XF_OUT_COUNT; k++) printf("%" PRId64 " ", answers[k]);
  }
  printf("\n");
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  const uint32_t frames = (uint32_t)strtoul(argv[2], NULL, 10);
  void *system = xf_sim_open(argv[1], 7, BASE, 1 << 24, 0);
  if (!system) return 2;
  const xf_device device = device_of(system);
  check(xf_open(&device, &xf_the_network));
  uint8_t *memory = xf_sim_memory(system);
  int32_t integers[XF_IN_COUNT];
  for (uint32_t n = 0; n < frames; n++) {
    for (uint32_t k = 0; k < XF_IN_COUNT; k++)
      if (scanf("%" SCNd32, &integers[k]) != 1) return 2;
    xf_pack(&xf_the_network.in, integers, memory + n * XF_IN_STRIDE);
  }
  answer(&device, memory, frames);
  const int refused[] = {load(&device, argv[3], 0), load(&device, argv[3], 0), load(&device, argv[4], 1)};
  answer(&device, memory, frames);
  const int loaded = load(&device, argv[4], 0);
  answer(&device, memory, frames);
  for (int k = 0; k < 3; k++) printf("%s, ", name_of(refused[k]));
  printf("%s\n", name_of(loaded));
  return xf_sim_broken(system)[0] != 0;
}
