/* What a user's program does with the C driver, against the verilated shell: test_drivers.py compiles and runs it.
 *
 * Usage: <program> <folder of memory files> <frames> <pause, of 2^32>; integers on standard input, answers on standard output.
 * Descriptors that cannot be are refused. Last line: what happens to a batch whose target is no memory, then whether the device runs again.
 */
#include "shell_program.h"

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  const uint32_t frames = (uint32_t)strtoul(argv[2], NULL, 10);
  void *system = xf_sim_open(argv[1], 7, BASE, 1 << 24, strtoull(argv[3], NULL, 10));
  if (!system) return 2;
  const xf_device device = device_of(system);
  xf_network other = xf_the_network;
  other.hash ^= 1;
  if (xf_open(&device, &other) != XF_OTHER_NETWORK) return 3;
  check(xf_open(&device, &xf_the_network));

  uint8_t *memory = xf_sim_memory(system);
  read_frames(memory, frames);
  answer(&device, memory, frames);
  if (xf_run(&device, BASE + 4, TARGET, 1) != XF_BAD_DESCRIPTOR) return 3;
  check(xf_reset(&device));
  if (xf_run(&device, BASE, TARGET, 0) != XF_BAD_DESCRIPTOR) return 3;
  check(xf_reset(&device));
  const int failed = xf_run(&device, BASE, 0, 1);
  printf("%s at %" PRIu64, failed == XF_WRITE_FAILED ? "write failed" : xf_error_text(failed), xf_error_address(&device));
  check(xf_reset(&device));
  check(xf_run(&device, BASE, TARGET, frames));
  printf(", %" PRIu32 " batch\n", xf_batches(&device));
  return xf_sim_broken(system)[0] != 0;
}
