// SPDX-License-Identifier: Apache-2.0
//
// Layers of xnorforge that hls4ml lacks and that join streams or change an image's size; see xf_pixels.h.

#ifndef XF_IMAGES_H_
#define XF_IMAGES_H_

#include "ap_int.h"
#include "hls_stream.h"
#include "nnet_common.h"

namespace nnet {

// Concat of two streams of `n_chan` and `other_chan` channels.
template <class a_T, class b_T, class res_T, typename CONFIG_T>
void xf_concat(a_T a[CONFIG_T::n_pixels * CONFIG_T::n_chan], b_T b[CONFIG_T::n_pixels * CONFIG_T::other_chan],
               res_T res[CONFIG_T::n_pixels * (CONFIG_T::n_chan + CONFIG_T::other_chan)]) {
    #pragma HLS PIPELINE
    for (unsigned at = 0; at < CONFIG_T::n_pixels; at++) {
        res_T *y = res + at * (CONFIG_T::n_chan + CONFIG_T::other_chan);
        for (unsigned c = 0; c < CONFIG_T::n_chan; c++)
            y[c] = a[at * CONFIG_T::n_chan + c];
        for (unsigned c = 0; c < CONFIG_T::other_chan; c++)
            y[CONFIG_T::n_chan + c] = b[at * CONFIG_T::other_chan + c];
    }
}

template <class a_T, class b_T, class res_T, typename CONFIG_T>
void xf_concat(hls::stream<a_T> &a, hls::stream<b_T> &b, hls::stream<res_T> &res) {
    for (unsigned at = 0; at < CONFIG_T::n_pixels; at++) {
        #pragma HLS PIPELINE
        a_T x = a.read();
        b_T z = b.read();
        res_T y;
        PRAGMA_DATA_PACK(y)
        for (unsigned c = 0; c < CONFIG_T::n_chan; c++)
            y[c] = x[c];
        for (unsigned c = 0; c < CONFIG_T::other_chan; c++)
            y[CONFIG_T::n_chan + c] = z[c];
        res.write(y);
    }
}

// Pools. Table: per channel +1 for the maximum, -1 for the minimum, 0 for the sum. A kernel is at most its stride.
template <class x_T, class y_T, class d_T> void xf_meet(const x_T x, y_T &y, bool first, const d_T direction) {
    #pragma HLS INLINE
    if (first)
        y = x;
    else if (direction == 0)
        y += x;
    else if (direction > 0 ? x > y : x < y)
        y = x;
}

template <class data_T, class res_T, typename CONFIG_T>
void xf_pool(data_T data[CONFIG_T::height * CONFIG_T::width * CONFIG_T::n_chan],
             res_T res[CONFIG_T::out_height * CONFIG_T::out_width * CONFIG_T::n_chan],
             typename CONFIG_T::table_t table[CONFIG_T::n_table]) {
    #pragma HLS PIPELINE
    for (unsigned oy = 0; oy < CONFIG_T::out_height; oy++) {
        for (unsigned ox = 0; ox < CONFIG_T::out_width; ox++) {
            for (unsigned ky = 0; ky < CONFIG_T::kernel_height; ky++) {
                for (unsigned kx = 0; kx < CONFIG_T::kernel_width; kx++) {
                    unsigned y = oy * CONFIG_T::stride_height + ky, x = ox * CONFIG_T::stride_width + kx;
                    for (unsigned c = 0; c < CONFIG_T::n_chan; c++)
                        xf_meet(data[(y * CONFIG_T::width + x) * CONFIG_T::n_chan + c],
                                res[(oy * CONFIG_T::out_width + ox) * CONFIG_T::n_chan + c], ky + kx == 0, table[c]);
                }
            }
        }
    }
}

template <class data_T, class res_T, typename CONFIG_T>
void xf_pool(hls::stream<data_T> &data, hls::stream<res_T> &res, typename CONFIG_T::table_t table[CONFIG_T::n_table]) {
    res_T line[CONFIG_T::out_width];
    unsigned oy = 0, ky = 0;
    for (unsigned y = 0; y < CONFIG_T::height; y++) {
        unsigned ox = 0, kx = 0;
        for (unsigned x = 0; x < CONFIG_T::width; x++) {
            #pragma HLS PIPELINE
            data_T pixel = data.read();
            bool inside = oy < CONFIG_T::out_height && ox < CONFIG_T::out_width;
            if (inside && ky < CONFIG_T::kernel_height && kx < CONFIG_T::kernel_width) {
                res_T met = line[ox];
                for (unsigned c = 0; c < CONFIG_T::n_chan; c++) {
                    #pragma HLS UNROLL
                    xf_meet(pixel[c], met[c], ky + kx == 0, table[c]);
                }
                line[ox] = met;
                if (ky == CONFIG_T::kernel_height - 1 && kx == CONFIG_T::kernel_width - 1)
                    res.write(met);
            }
            if (++kx == CONFIG_T::stride_width) {
                kx = 0;
                ox++;
            }
        }
        if (++ky == CONFIG_T::stride_height) {
            ky = 0;
            oy++;
        }
    }
}

// The pads of a window: `value` around the image, for bits 0 (-1) or 1 (+1).
template <class data_T, class res_T, typename CONFIG_T>
void xf_pad(data_T data[CONFIG_T::height * CONFIG_T::width * CONFIG_T::n_chan],
            res_T res[CONFIG_T::out_height * CONFIG_T::out_width * CONFIG_T::n_chan]) {
    #pragma HLS PIPELINE
    for (unsigned oy = 0; oy < CONFIG_T::out_height; oy++) {
        for (unsigned ox = 0; ox < CONFIG_T::out_width; ox++) {
            const unsigned y = oy - CONFIG_T::top, x = ox - CONFIG_T::left; // a place before the image wraps beyond it
            for (unsigned c = 0; c < CONFIG_T::n_chan; c++) {
                res_T &to = res[(oy * CONFIG_T::out_width + ox) * CONFIG_T::n_chan + c];
                if (y < CONFIG_T::height && x < CONFIG_T::width)
                    to = data[(y * CONFIG_T::width + x) * CONFIG_T::n_chan + c];
                else
                    to = CONFIG_T::value;
            }
        }
    }
}

template <class data_T, class res_T, typename CONFIG_T>
void xf_pad(hls::stream<data_T> &data, hls::stream<res_T> &res) {
    for (unsigned oy = 0; oy < CONFIG_T::out_height; oy++) {
        for (unsigned ox = 0; ox < CONFIG_T::out_width; ox++) {
            #pragma HLS PIPELINE
            res_T pixel;
            PRAGMA_DATA_PACK(pixel)
            for (unsigned c = 0; c < CONFIG_T::n_chan; c++) {
                #pragma HLS UNROLL
                pixel[c] = CONFIG_T::value;
            }
            if (oy - CONFIG_T::top < CONFIG_T::height && ox - CONFIG_T::left < CONFIG_T::width) {
                data_T from = data.read();
                for (unsigned c = 0; c < CONFIG_T::n_chan; c++) {
                    #pragma HLS UNROLL
                    pixel[c] = from[c];
                }
            }
            res.write(pixel);
        }
    }
}

// Reorder: of each part of `period` groups the `given` ones that `table` names; the last part may end early.
template <class data_T, class res_T, typename CONFIG_T>
void xf_reorder(data_T data[CONFIG_T::n_in * CONFIG_T::group], res_T res[CONFIG_T::n_out * CONFIG_T::group],
                typename CONFIG_T::table_t table[CONFIG_T::n_table]) {
    #pragma HLS PIPELINE
    for (unsigned i = 0; i < CONFIG_T::n_out; i++) {
        const unsigned from = i / CONFIG_T::given * CONFIG_T::period + (unsigned)table[i % CONFIG_T::given];
        for (unsigned c = 0; c < CONFIG_T::group; c++)
            res[i * CONFIG_T::group + c] = data[from * CONFIG_T::group + c];
    }
}

template <class data_T, class res_T, typename CONFIG_T>
void xf_reorder(hls::stream<data_T> &data, hls::stream<res_T> &res,
                typename CONFIG_T::table_t table[CONFIG_T::n_table]) {
    const unsigned group = CONFIG_T::group, given = CONFIG_T::given * group;
    typename data_T::value_type part[CONFIG_T::period * CONFIG_T::group];
    for (unsigned i = 0; i < CONFIG_T::n_out * group; i += CONFIG_T::out_chan) {
        if (i % given == 0) {
            for (unsigned x = 0; x < CONFIG_T::period * group; x += CONFIG_T::n_chan) {
                #pragma HLS PIPELINE
                data_T pixel = data.read();
                for (unsigned c = 0; c < CONFIG_T::n_chan; c++) {
                    #pragma HLS UNROLL
                    part[x + c] = pixel[c];
                }
            }
        }
        res_T pixel;
        PRAGMA_DATA_PACK(pixel)
        for (unsigned c = 0; c < CONFIG_T::out_chan; c++) {
            #pragma HLS UNROLL
            const unsigned at = i % given + c;
            pixel[c] = part[(unsigned)table[at / group] * group + at % group];
        }
        res.write(pixel);
    }
}

} // namespace nnet

#endif
