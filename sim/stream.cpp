// SPDX-License-Identifier: Apache-2.0
//
// Drives the streams of a verilated top: any number of independent lanes on one clock.
//
// Usage: <program> <job> <result> <seed> <probe> [waves]
// job     per lane a Job, then its input beats, 32-bit words, lowest first
// result  per lane a Result, then the cycle of every output beat (64 bit), then the output beats (32-bit words)
// probe   1: also check, each cycle, that ready and valid depend on registers as the handshake rules demand
//
// A cycle is one rising edge; a beat's cycle is the edge that transfers it, 0 the first edge after reset.
// While a source pauses, its data is noise: the top must not look at it.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

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

struct Lane {
  Port reset_n, s_data, s_valid, s_ready, m_data, m_valid, m_ready;
  Port m_last = {};  // null where the device has none
};

#include "verilated.h"
#if VM_TRACE_FST
#include "verilated_fst_c.h"
using Waves = VerilatedFstC;
#elif VM_TRACE_VCD
#include "verilated_vcd_c.h"
using Waves = VerilatedVcdC;
#endif
#include "ports.h"  // generated: class Top, clock(Top&), lanes(Top&)

struct Job {
  uint64_t inputs, outputs;        // beats
  uint64_t frame;                  // output beats per frame, for `last`
  uint64_t patience;               // cycles without any transfer after which the lane hangs
  uint64_t reset_at;               // cycle of a reset in mid-stream, all ones: none
  uint64_t pause_in, pause_out;    // chance of a pause per cycle, of 2^32
};

struct Result {
  uint64_t accepted, arrived;      // beats since the last reset
  uint64_t first;                  // cycle of the first accepted beat
  uint64_t cycles;                 // cycle in which the lane was done or gave up
  uint64_t surplus;                // beats beyond the expected ones
  uint64_t fault, fault_cycle;     // 0 none, else the handshake rule broken first (see cosim.py, FAULTS)
};

// A sequence per lane and side, the same whatever the other lanes do.
struct Random {
  uint64_t state;
  uint32_t next() {
    uint64_t z = (state += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return static_cast<uint32_t>(z >> 32);
  }
};

class Driver {
 public:
  Driver(const Lane& lane, FILE* file, uint64_t seed, uint64_t index)
      : lane_(lane), source_{seed * 2 + (index << 32)}, sink_{seed * 2 + 1 + (index << 32)} {
    if (fread(&job_, sizeof job_, 1, file) != 1) exit(3);
    in_.resize(job_.inputs * lane.s_data.words());
    if (fread(in_.data(), 4, in_.size(), file) != in_.size()) exit(3);
    out_.resize(job_.outputs * lane.m_data.words());
    cycle_.resize(job_.outputs);
    noise_.resize(lane.s_data.words());
    held_.resize(lane.m_data.words());
    now_.resize(lane.m_data.words());
  }

  bool done() const { return done_; }

  // Inputs of a cycle, before its edge.
  void set(uint64_t cycle) {
    if (cycle == job_.reset_at) {
      reset_left_ = 3;
      in_at_ = out_at_ = 0;
      offered_ = waiting_ = false;
    }
    lane_.reset_n.set(reset_left_ == 0);
    const bool paused = source_.next() < job_.pause_in;
    offered_ = reset_left_ == 0 && in_at_ < job_.inputs && (offered_ || !paused);
    lane_.s_valid.set(offered_);
    lane_.s_data.put(offered_ ? &in_[in_at_ * lane_.s_data.words()] : noise());
    ready_ = sink_.next() >= job_.pause_out;
    lane_.m_ready.set(ready_);
  }

  // Handshakes of a cycle, settled, before its edge.
  void sample(uint64_t cycle) {
    if (reset_left_ > 0) {
      reset_left_--;
      moved_ = cycle;
      return;
    }
    const bool valid = lane_.m_valid.get();
    if (valid) lane_.m_data.read(now_.data());
    if (waiting_ && !valid) fault(1, cycle);
    if (waiting_ && valid && now_ != held_) fault(2, cycle);
    waiting_ = valid && !ready_;
    if (waiting_) held_ = now_;
    if (offered_ && lane_.s_ready.get()) {
      if (in_at_++ == 0) result_.first = cycle;
      offered_ = false;
      moved_ = cycle;
    }
    if (valid && ready_) {
      moved_ = cycle;
      if (out_at_ == job_.outputs) {
        result_.surplus++;
      } else {
        if (lane_.m_last.at && lane_.m_last.get() != (out_at_ % job_.frame == job_.frame - 1)) fault(3, cycle);
        memcpy(&out_[out_at_ * now_.size()], now_.data(), 4 * now_.size());
        cycle_[out_at_++] = cycle;
      }
    }
    const bool complete = in_at_ == job_.inputs && out_at_ == job_.outputs;
    const bool reset_due = job_.reset_at != ~0ull && cycle <= job_.reset_at;
    if (!done_ && !reset_due && (complete || cycle - moved_ > job_.patience)) {
      done_ = true;
      result_.cycles = cycle;
    }
  }

  // Ready may not depend on valid of its own port, nor valid on ready. Leaves the inputs as they were.
  template <class Settle>
  void probe(uint64_t cycle, Settle settle) {
    if (reset_left_ > 0) return;
    const bool ready = lane_.s_ready.get(), valid = lane_.m_valid.get();
    lane_.s_valid.set(!offered_);
    settle();
    if (lane_.s_ready.get() != ready) fault(4, cycle);
    if (lane_.m_valid.get() != valid) fault(5, cycle);
    lane_.s_valid.set(offered_);
    lane_.m_ready.set(!ready_);
    settle();
    if (lane_.m_valid.get() != valid) fault(6, cycle);
    lane_.m_ready.set(ready_);
    settle();
  }

  void write(FILE* file) {
    result_.accepted = in_at_;
    result_.arrived = out_at_;
    fwrite(&result_, sizeof result_, 1, file);
    fwrite(cycle_.data(), 8, cycle_.size(), file);
    fwrite(out_.data(), 4, out_.size(), file);
  }

 private:
  void fault(uint64_t kind, uint64_t cycle) {
    if (result_.fault) return;
    result_.fault = kind;
    result_.fault_cycle = cycle;
  }

  const uint32_t* noise() {
    for (auto& word : noise_) word = source_.next();
    if (lane_.s_data.bits % 32) noise_.back() &= (1u << lane_.s_data.bits % 32) - 1;
    return noise_.data();
  }

  Lane lane_;
  Job job_;
  Result result_ = {};
  Random source_, sink_;
  std::vector<uint32_t> in_, out_, noise_, held_, now_;
  std::vector<uint64_t> cycle_;
  uint64_t in_at_ = 0, out_at_ = 0, moved_ = 0;
  int reset_left_ = 0;
  bool offered_ = false, ready_ = false, waiting_ = false, done_ = false;
};

int main(int argc, char** argv) {
  auto context = std::make_unique<VerilatedContext>();
  const uint64_t seed = strtoull(argv[3], nullptr, 10);
  const bool probe = argv[4][0] == '1';
  context->randReset(2);  // registers start with noise, so that a forgotten reset shows
  context->randSeed(static_cast<int>(seed % 0x7ffffffe) + 1);
  context->fatalOnError(false);  // an assertion prints its path; the other lanes go on
  context->errorLimit(1000);
  if (argc > 5) context->traceEverOn(true);
  auto top = std::make_unique<Top>(context.get());
#if VM_TRACE
  Waves waves;
  if (argc > 5) {
    top->trace(&waves, 99);
    waves.open(argv[5]);
  }
#endif

  FILE* file = fopen(argv[1], "rb");
  if (!file) return 3;
  std::vector<Driver> drivers;
  const auto ports = lanes(*top);
  for (size_t i = 0; i < ports.size(); i++) drivers.emplace_back(ports[i], file, seed, i);
  fclose(file);

  auto settle = [&] { top->eval(); };
  auto edge = [&] {
#if VM_TRACE
    if (argc > 5) waves.dump(context->time());
#endif
    context->timeInc(1);
    clock(*top).set(1);
    top->eval();
#if VM_TRACE
    if (argc > 5) waves.dump(context->time());
#endif
    context->timeInc(1);
    clock(*top).set(0);
  };

  clock(*top).set(0);
  for (const auto& lane : ports) {
    lane.reset_n.set(0);
    lane.s_valid.set(0);
    lane.m_ready.set(0);
  }
  for (int i = 0; i < 4; i++) {
    settle();
    edge();
  }

  // Some cycles beyond the last beat, in which a surplus beat would come.
  uint64_t after = 0;
  for (uint64_t cycle = 0; after < 32; cycle++) {
    for (auto& driver : drivers) driver.set(cycle);
    settle();
    if (probe) {
      for (auto& driver : drivers) driver.probe(cycle, settle);
    }
    bool all = true;
    for (auto& driver : drivers) {
      driver.sample(cycle);
      all = all && driver.done();
    }
    edge();
    if (all) after++;
  }
#if VM_TRACE
  if (argc > 5) waves.close();
#endif
  top->final();
  file = fopen(argv[2], "wb");
  if (!file) return 3;
  for (auto& driver : drivers) driver.write(file);
  return fclose(file) ? 3 : 0;
}
