/* SPDX-License-Identifier: Apache-2.0
 *
 * MLPerf Tiny: the functions th_load_tensor, th_infer, th_results and th_timestamp of its harness
 * (api/submitter_implemented.h of github.com/mlcommons/tiny, which declares them) over xf_driver.h.
 *
 * Compiled as C, or as C++ together with the harness. The board's own code provides th_printf, the serial port,
 * and xf_microseconds.
 */
#ifndef XF_MLPERF_H
#define XF_MLPERF_H

#include "xf_driver.h"

/* Call this before the first th_ function, with a device that xf_network.h describes, and XF_MLPERF_BYTES of uncached
 * memory at `memory` for the host and at `address` for the device, both multiples of 8. The device and the memory
 * stay in use. Without a DMA any memory will do, and `address` is ignored.
 * Returns XF_OK or an error of xf_open. */
int xf_mlperf_open(const xf_device *device, uint8_t *memory, uint64_t address);
#define XF_MLPERF_BYTES (XF_IN_STRIDE + XF_OUT_STRIDE)

/* Provided by the board's code: microseconds since any fixed moment. */
unsigned long xf_microseconds(void);

/* Functions of the harness that are called here. */
size_t ee_get_buffer(uint8_t *buffer, size_t max_len);
void th_printf(const char *format, ...);

void th_load_tensor(void); /* the bytes of a frame that the runner sent: integers, channels last */
void th_infer(void);       /* one frame through the device */
void th_results(void);     /* "m-results-[…]": scores of all classes, three decimals */
void th_timestamp(void);   /* "m-lap-us-…" */

#endif
