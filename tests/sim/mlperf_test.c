/* MLPerf Tiny's runner against its functions of xf_mlperf.h: test_overlay_programs.py compiles and runs it.
 *
 * Usage: <program> <folder of memory files> <frames>; the bytes of the frames on standard input, the harness's messages on
 * standard output.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xf_mlperf.h"
#include "xf_network.h"

#ifdef __cplusplus
extern "C" {
#endif
void *xf_sim_open(const char *folder, uint64_t seed, uint64_t base, uint64_t bytes, uint64_t pause);
uint8_t *xf_sim_memory(void *system);
int64_t xf_sim_read(void *system, uint32_t offset);
int xf_sim_write(void *system, uint32_t offset, uint32_t value);
void xf_sim_run(void *system, uint64_t cycles);
uint64_t xf_sim_cycles(void *system);
const char *xf_sim_broken(void *system);
#ifdef __cplusplus
}
#endif

static void *simulated;
static size_t wanted;

static uint32_t read_register(void *context, uint32_t offset) { return (uint32_t)xf_sim_read(context, offset); }
static void write_register(void *context, uint32_t offset, uint32_t value) { xf_sim_write(context, offset, value); }
static void pass(void *context) { xf_sim_run(context, 64); }

unsigned long xf_microseconds(void) { return (unsigned long)(xf_sim_cycles(simulated) / 100); }

size_t ee_get_buffer(uint8_t *buffer, size_t max_len) {
  return fread(buffer, 1, max_len < wanted ? max_len : wanted, stdin);
}

void th_printf(const char *format, ...) {
  va_list given;
  va_start(given, format);
  vprintf(format, given);
  va_end(given);
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  simulated = xf_sim_open(argv[1], 7, 0x20000000, 1 << 16, 0);
  if (!simulated) return 2;
  xf_device device;
  memset(&device, 0, sizeof device);
  device.read = read_register, device.write = write_register, device.pause = pass;
  device.context = simulated, device.polls = 1000000;
  th_results();
  if (xf_mlperf_open(&device, xf_sim_memory(simulated), 0x20000000)) return 3;
  wanted = 5;
  th_load_tensor();
  wanted = 1 << 20;
  for (long n = strtol(argv[2], NULL, 10); n; n--) {
    th_load_tensor();
    th_timestamp();
    th_infer();
    th_timestamp();
    th_results();
  }
  return xf_sim_broken(simulated)[0] != 0;
}
