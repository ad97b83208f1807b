/* SPDX-License-Identifier: Apache-2.0 */
#include "xf_mlperf.h"

#include "xf_network.h"

#if XF_OUT_COUNT < XF_CLASSES
#error "this network answers with labels, and MLPerf Tiny's results are the scores of all classes"
#endif
#ifndef EE_MSG_TIMESTAMP
#define EE_MSG_TIMESTAMP "m-lap-us-%lu\r\n"
#endif

static xf_device device;
static uint8_t *memory;
static uint64_t place;
static int state = XF_NO_SHELL; /* what happened first; XF_OK: nothing */

int xf_mlperf_open(const xf_device *opened, uint8_t *shared, uint64_t address) {
  device = *opened;
  memory = shared;
  place = address;
  state = xf_open(&device, &xf_the_network);
  return state;
}

void th_load_tensor(void) {
  static uint8_t raw[XF_IN_COUNT * ((XF_IN_BITS + 7) / 8)];
  static int32_t integers[XF_IN_COUNT];
  const unsigned bytes = (XF_IN_BITS + 7) / 8;
  const size_t given = ee_get_buffer(raw, sizeof raw);
  if (given != sizeof raw) {
    th_printf("e-[%lu bytes were sent, a frame has %lu]\r\n", (unsigned long)given, (unsigned long)sizeof raw);
    return;
  }
  for (size_t k = 0; k < XF_IN_COUNT; k++) { /* least significant byte first */
    uint32_t value = 0;
    for (unsigned byte = 0; byte < bytes; byte++) value |= (uint32_t)raw[k * bytes + byte] << 8 * byte;
    integers[k] = (int32_t)value; /* xf_pack reads its XF_IN_BITS lowest bits */
  }
  xf_pack(&xf_the_network.in, integers, memory);
}

void th_infer(void) {
  if (state != XF_OK) return;
  if (xf_the_network.shell == XF_WITH_DMA)
    state = xf_run(&device, place, place + XF_IN_STRIDE, 1);
  else
    state = xf_exchange(&device, &xf_the_network, memory, memory + XF_IN_STRIDE, 1);
}

void th_results(void) {
  static int64_t answers[XF_OUT_COUNT];
  if (state != XF_OK) {
    th_printf("e-[%s]\r\n", xf_error_text(state));
    return;
  }
  xf_unpack(&xf_the_network.out, memory + XF_IN_STRIDE, answers);
  th_printf("m-results-[");
  for (unsigned k = 0; k < XF_CLASSES; k++)
    th_printf(k + 1 < XF_CLASSES ? "%0.3f," : "%0.3f", xf_scale[k] * (double)answers[k] + xf_bias[k]);
  th_printf("]\r\n");
}

void th_timestamp(void) { th_printf(EE_MSG_TIMESTAMP, xf_microseconds()); }
