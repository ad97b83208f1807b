// SPDX-License-Identifier: Apache-2.0
//
// What lies between a verilated top (model.cpp, compiled with it) and what drives its streams (stream.cpp, compiled once).
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "verilated.h"
#if VM_TRACE_FST
#include "verilated_fst_c.h"
using Waves = VerilatedFstC;
#elif VM_TRACE_VCD
#include "verilated_vcd_c.h"
using Waves = VerilatedVcdC;
#endif

struct Port {
  void* at;     // Verilator's storage: little endian, unused high bits must be zero
  size_t bytes;
  size_t bits;
  size_t words() const { return (bits + 31) / 32; }
  uint8_t get() const { return *static_cast<uint8_t*>(at); }
  void set(uint8_t bit) const { *static_cast<uint8_t*>(at) = bit; }
  void put(const uint32_t* words) const { memcpy(at, words, bytes < 4 * this->words() ? bytes : 4 * this->words()); }
  void read(uint32_t* words) const { memcpy(words, at, bytes < 4 * this->words() ? bytes : 4 * this->words()); }
};

struct Stream {
  Port data, valid, ready;
  Port last = {};  // of a stream out; null where the device has none
  Port more = {};  // travels beside the data, the last word of a beat; null likewise
  size_t words() const { return data.words() + (more.at ? 1 : 0); }
  void put(const uint32_t* words) const {
    data.put(words);
    if (more.at) more.put(words + data.words());
  }
  void read(uint32_t* words) const {
    data.read(words);
    if (!more.at) return;
    words[data.words()] = 0;
    more.read(words + data.words());
  }
};

struct Lane {
  Port reset_n;
  Port pause;  // a bit per inner stream; null where the top has none
  std::vector<Stream> sources, sinks;
};

struct Lanes {
  std::vector<Lane> all;
  void lane(Port reset_n, Port pause);
  void source(Stream stream);  // of the lane before it, as is a sink
  void sink(Stream stream);
};

// Of model.cpp: the one top, from `start` to `finish`.
void start(VerilatedContext* context);
void evaluate();
void finish();
Port clock_port();
void lanes(Lanes& to);
#if VM_TRACE
void trace(Waves& waves);
#endif
