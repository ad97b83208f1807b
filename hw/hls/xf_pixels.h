// SPDX-License-Identifier: Apache-2.0
//
// Layers of xnorforge that hls4ml lacks and that work pixel by pixel, in integers; the meaning is execute_node of the
// operator, hw/ops/<name>/op.py.
//
// Every layer has two forms: arrays (io_parallel) and streams with one pixel per beat (io_stream). A bit is ap_uint<1>.
// Sums are exact: ap_int widens, and what is assigned wraps, which is the operators' "modulo 2^bits". CONFIG_T holds the
// sizes, `table` the layer's integers, laid out as each layer says.

#ifndef XF_PIXELS_H_
#define XF_PIXELS_H_

#include "ap_int.h"
#include "hls_stream.h"
#include "nnet_common.h"

namespace nnet {

// What one pixel becomes: x and y are its channels, `at` its place in the image. Operators of one expression (hw/ir)
// write theirs into the configuration of their layer, with an x of each stream.

// (dot + n) / 2: the matches of n bits whose signed dot product is `dot`. Table: n.
struct xf_matches {
    template <typename CONFIG_T, class x_T, class y_T>
    static void pixel(y_T *y, unsigned at, const typename CONFIG_T::table_t *table, const x_T *x) {
        for (unsigned c = 0; c < CONFIG_T::n_chan; c++) {
            #pragma HLS UNROLL
            y[c] = (x[c] + table[0]) >> 1;
        }
    }
};

// Threshold. Table: directions (C), thresholds (steps, C).
struct xf_levels {
    template <typename CONFIG_T, class x_T, class y_T>
    static void pixel(y_T *y, unsigned at, const typename CONFIG_T::table_t *table, const x_T *x) {
        for (unsigned c = 0; c < CONFIG_T::n_chan; c++) {
            #pragma HLS UNROLL
            y_T level = 0;
            for (unsigned s = 1; s <= CONFIG_T::steps; s++) {
                #pragma HLS UNROLL
                if (x[c] * table[c] >= table[s * CONFIG_T::n_chan + c])
                    level++;
            }
            y[c] = level;
        }
    }
};

// Join of one stream: products with a multiplier per channel. Table: multipliers (C).
struct xf_scale {
    template <typename CONFIG_T, class x_T, class y_T>
    static void pixel(y_T *y, unsigned at, const typename CONFIG_T::table_t *table, const x_T *x) {
        for (unsigned c = 0; c < CONFIG_T::n_chan; c++) {
            #pragma HLS UNROLL
            y[c] = x[c] * table[c];
        }
    }
};

// CI-BCNN's interacted bitcount. Table: influence (groups, teacher, student). p = `scale` * x - `offset`; |K| <= `top`.
struct xf_interact {
    template <typename CONFIG_T, class x_T, class y_T>
    static void pixel(y_T *y, unsigned at, const typename CONFIG_T::table_t *table, const x_T *x) {
        typedef ap_int<CONFIG_T::sum_bits> sum_t;
        for (unsigned s = 0; s < CONFIG_T::n_chan; s++) {
            #pragma HLS UNROLL
            const unsigned first = s / CONFIG_T::group * CONFIG_T::group;
            sum_t moved = 0;
            for (unsigned t = 0; t < CONFIG_T::group; t++) {
                #pragma HLS UNROLL
                const typename CONFIG_T::table_t k = table[(first + t) * CONFIG_T::group + s - first];
                const int size = k < 0 ? -k.to_int() : k.to_int();
                if (size < 2)
                    continue; // no edge, or one that moves nothing
                sum_t p = x[first + t] * ap_int<3>(CONFIG_T::scale) - CONFIG_T::offset;
                sum_t step = -(size - 1) / 2;
                for (int j = 1; j < CONFIG_T::top; j++) {
                    #pragma HLS UNROLL
                    if (j < size && p * size > CONFIG_T::extent * (2 * j - size))
                        step++;
                }
                if (k < 0)
                    moved -= step;
                else
                    moved += step;
            }
            sum_t p = x[s] * ap_int<3>(CONFIG_T::scale) - CONFIG_T::offset;
            y[s] = p + moved * CONFIG_T::unit;
        }
    }
};

template <class res_T, typename CONFIG_T, class... data_T>
void xf_pixels(res_T res[CONFIG_T::n_pixels * CONFIG_T::n_chan], typename CONFIG_T::table_t table[CONFIG_T::n_table],
               data_T *...data) {
    #pragma HLS PIPELINE
    #pragma HLS ARRAY_PARTITION variable=table complete
    for (unsigned at = 0; at < CONFIG_T::n_pixels; at++) {
        CONFIG_T::op::template pixel<CONFIG_T>(res + at * CONFIG_T::n_chan, at, table, (data + at * CONFIG_T::n_chan)...);
    }
}

template <class res_T, typename CONFIG_T, class... data_T>
void xf_pixels(hls::stream<res_T> &res, typename CONFIG_T::table_t table[CONFIG_T::n_table],
               hls::stream<data_T> &...data) {
    #pragma HLS ARRAY_PARTITION variable=table complete
    for (unsigned at = 0; at < CONFIG_T::n_pixels; at++) {
        #pragma HLS PIPELINE
        res_T y;
        PRAGMA_DATA_PACK(y)
        CONFIG_T::op::template pixel<CONFIG_T>(y.data, at, table, data.read().data...);
        res.write(y);
    }
}

} // namespace nnet

#endif
