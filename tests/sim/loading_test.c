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

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  const uint32_t frames = (uint32_t)strtoul(argv[2], NULL, 10);
  void *system = xf_sim_open(argv[1], 7, BASE, 1 << 24, 0);
  if (!system) return 2;
  const xf_device device = device_of(system);
  check(xf_open(&device, &xf_the_network));
  uint8_t *memory = xf_sim_memory(system);
  read_frames(memory, frames);
  answer(&device, memory, frames);
  const int refused[] = {load(&device, argv[3], 0), load(&device, argv[3], 0), load(&device, argv[4], 1)};
  answer(&device, memory, frames);
  const int loaded = load(&device, argv[4], 0);
  answer(&device, memory, frames);
  printf("%d, %d, %d, %d\n", refused[0], refused[1], refused[2], loaded);
  return xf_sim_broken(system)[0] != 0;
}
