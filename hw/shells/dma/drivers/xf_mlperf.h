/* SPDX-License-Identifier: Apache-2.0
 *
 * MLPerf Tiny: the functions th_load_tensor, th_infer, th_results and th_timestamp of its harness
 * (api/submitter_implemented.h of github.com/mlcommons/tiny, which declares them) over xf_driver.h.
 *
 * Compiled as C, or as C++ together with the harness. The board's own code gives th_printf, the serial port,
 * and xf_microseconds.
 */
#ifndef XF_MLPERF_H
#define XF_MLPERF_H

#include "xf_driver.h"

/* Before the first th_ function: a device that is described by xf_network.h, and XF_MLPERF_BYTES of memory that
 * is not cached, for the host at `memory`, for the device at `address`; 8 divides both. Both stay in use. Without a DMA
 * any memory will do, and `address` is not looked at.
 * Returns XF_OK or an error of xf_open. */
int xf_mlperf_open(const xf_device *device, uint8_t *memory, uint64_t address);
#define XF_MLPERF_BYTES (XF_IN_STRIDE + XF_OUT_STRIDE)

/* The board's: microseconds since any fixed moment. */
unsigned long xf_microseconds(void);

/* Of the harness, called here. */
size_t ee_get_buffer(uint8_t *buffer, size_t max_len);
void th_printf(const char *format, ...);

void th_load_tensor(void); /* the bytes of a frame that the runner sent: integers, channels last */
void th_infer(void);       /* one frame through the device */
void th_results(void);     /* "m-results-[…]": scores of all classes, three decimals */
void th_timestamp(void);   /* "m-lap-us-…" */

#endif
