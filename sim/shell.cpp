// SPDX-License-Identifier: Apache-2.0
//
// A verilated xf_system with a memory, as a library: what a host sees of it, for drivers (shell.py).
//
// Time passes in register accesses and in xf_sim_run. The memory answers every burst in its order; it may pause on
// each channel at random, and answer a range of addresses with an error. It checks what an AXI3 memory relies on:
// bursts of at most 16 beats of 8 bytes, upwards, within 4 KiB, WLAST where it belongs, offers that stay.

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "Vtop.h"
#include "seeded.h"
#include "verilated.h"

namespace {

struct Burst {
  uint64_t address;
  unsigned beats;
  uint64_t taken;  // in this cycle
};

// Of a memory, in clock cycles; as it is here, it answers in the next cycle, a word per cycle.
struct Timing {
  uint64_t latency = 1;                   // from a burst's address to its first word
  uint64_t every = 0, busy = 0;           // a refresh begins every so many cycles, 0: never, and lasts so long
  uint64_t words = 4 << 20;               // 64-bit words in 2^20 cycles, reads and writes together
};

class System {
 public:
  System(uint64_t seed, uint64_t base, uint64_t bytes, uint64_t pause)
      : memory(bytes), random_{seed}, base_(base), pause_(pause) {
    context_ = std::make_unique<VerilatedContext>();
    context_->randReset(2);
    context_->randSeed(static_cast<int>(seed % 0x7ffffffe) + 1);
    context_->fatalOnError(false);
    context_->errorLimit(1000);
    top_ = std::make_unique<Vtop>(context_.get());
    top_->aclk = 0;
    top_->aresetn = 0;
    top_->s_axi_ctrl_awvalid = top_->s_axi_ctrl_wvalid = top_->s_axi_ctrl_arvalid = 0;
    top_->s_axi_ctrl_bready = top_->s_axi_ctrl_rready = 1;
    context_->assertOn(false);  // registers hold noise until the first edges of the reset
    for (int i = 0; i < 4; i++) cycle();
    top_->aresetn = 1;
    cycle();
    context_->assertOn(true);
  }

  // -1: no answer, or an error; the register's value otherwise.
  int64_t read(uint32_t offset) {
    top_->s_axi_ctrl_araddr = offset;
    top_->s_axi_ctrl_arvalid = 1;
    for (int i = 0; i < 64; i++) {
      top_->eval();
      const bool taken = top_->s_axi_ctrl_arvalid && top_->s_axi_ctrl_arready;
      const bool answered = top_->s_axi_ctrl_rvalid;
      const int64_t value = top_->s_axi_ctrl_rresp ? -1 : int64_t(top_->s_axi_ctrl_rdata);
      cycle();
      if (taken) top_->s_axi_ctrl_arvalid = 0;
      if (answered) return value;
    }
    return -1;
  }

  bool write(uint32_t offset, uint32_t value) {
    top_->s_axi_ctrl_awaddr = offset;
    top_->s_axi_ctrl_wdata = value;
    top_->s_axi_ctrl_wstrb = 15;
    top_->s_axi_ctrl_awvalid = top_->s_axi_ctrl_wvalid = 1;
    for (int i = 0; i < 64; i++) {
      top_->eval();
      const bool address = top_->s_axi_ctrl_awready, data = top_->s_axi_ctrl_wready;
      const bool answered = top_->s_axi_ctrl_bvalid, good = !top_->s_axi_ctrl_bresp;
      cycle();
      if (address) top_->s_axi_ctrl_awvalid = 0;
      if (data) top_->s_axi_ctrl_wvalid = 0;
      if (answered) return good;
    }
    return false;
  }

  void cycle() {
    offer();
    top_->eval();
    transfer();
    top_->aclk = 1;
    top_->eval();
    context_->timeInc(1);
    top_->aclk = 0;
    cycles++;
    if (context_->errorCount()) wrong("an assertion of the design fails");
  }

  bool interrupt() {
    top_->eval();
    return top_->irq;
  }

  std::vector<uint8_t> memory;
  uint64_t cycles = 0, bad_from = 0, bad_to = 0, words_read = 0;
  Timing timing;
  unsigned bad_answer = 0;
  std::string broken;

 private:
  bool pauses() { return pause_ && random_.next() < pause_; }
  void wrong(const char* what) {
    if (broken.empty()) broken = what;
  }

  unsigned answer_of(uint64_t address) const {
    if (bad_from <= address && address < bad_to) return bad_answer;
    return address >= base_ && address + 8 <= base_ + memory.size() ? 0 : 3;
  }

  // What the memory offers in this cycle; once offered, it stays.
  void offer() {
    const bool refresh = timing.every && cycles % timing.every < timing.busy;
    budget_ = std::min<uint64_t>(budget_ + (refresh ? 0 : timing.words), 16 << 20);  // what a burst may take at once
    top_->m_axi_arready = reads_.size() < 8 && !pauses();
    top_->m_axi_awready = writes_.size() < 8 && !pauses();
    top_->m_axi_wready = !refresh && budget_ >= 1 << 20 && !pauses();
    if (!r_valid_ && !reads_.empty() && cycles >= reads_.front().taken + timing.latency && !refresh &&
        budget_ >= 1 << 20 && !pauses())
      r_valid_ = true;
    if (!b_valid_ && !answers_.empty() && !pauses()) b_valid_ = true;
    top_->m_axi_rvalid = r_valid_;
    top_->m_axi_rdata = random_.next();
    if (r_valid_) {
      const Burst& burst = reads_.front();
      const unsigned answer = answer_of(burst.address);
      uint64_t word = 0;
      if (!answer) memcpy(&word, &memory[burst.address - base_], 8);
      top_->m_axi_rdata = word;
      top_->m_axi_rresp = answer;
      top_->m_axi_rlast = burst.beats == 1;
    }
    top_->m_axi_bvalid = b_valid_;
    top_->m_axi_bresp = b_valid_ ? answers_.front() : 0;
  }

  Burst taken(uint64_t address, unsigned length, unsigned size, unsigned kind) {
    if (length > 15 || size != 3 || kind != 1) wrong("a burst is not of at most 16 words, upwards");
    if (address % 8 || address / 4096 != (address + 8 * length) / 4096) wrong("a burst leaves its 4 KiB");
    return {address, length + 1, cycles};
  }

  void transfer() {
    if (!top_->aresetn) return;
    const bool ar_waits = top_->m_axi_arvalid && !top_->m_axi_arready;
    const bool aw_waits = top_->m_axi_awvalid && !top_->m_axi_awready;
    const bool w_waits = top_->m_axi_wvalid && !top_->m_axi_wready;
    const std::vector<uint64_t> ar = {top_->m_axi_araddr, top_->m_axi_arlen}, aw = {top_->m_axi_awaddr, top_->m_axi_awlen};
    const std::vector<uint64_t> w = {top_->m_axi_wdata, top_->m_axi_wstrb, top_->m_axi_wlast};
    if ((ar_waited_ && !(top_->m_axi_arvalid && ar == ar_)) || (aw_waited_ && !(top_->m_axi_awvalid && aw == aw_)) ||
        (w_waited_ && !(top_->m_axi_wvalid && w == w_)))
      wrong("an offer changes before it is taken");
    ar_waited_ = ar_waits, aw_waited_ = aw_waits, w_waited_ = w_waits;
    ar_ = ar, aw_ = aw, w_ = w;

    if (r_valid_ && top_->m_axi_rready) {
      r_valid_ = false;
      budget_ -= std::min<uint64_t>(budget_, 1 << 20);
      words_read++;
      reads_.front().address += 8;
      if (!--reads_.front().beats) reads_.pop_front();
    }
    if (b_valid_ && top_->m_axi_bready) {
      b_valid_ = false;
      answers_.pop_front();
    }
    if (top_->m_axi_arvalid && top_->m_axi_arready)
      reads_.push_back(taken(top_->m_axi_araddr, top_->m_axi_arlen, top_->m_axi_arsize, top_->m_axi_arburst));
    if (top_->m_axi_awvalid && top_->m_axi_awready)
      writes_.push_back(taken(top_->m_axi_awaddr, top_->m_axi_awlen, top_->m_axi_awsize, top_->m_axi_awburst));
    if (top_->m_axi_wvalid && top_->m_axi_wready) {
      budget_ -= std::min<uint64_t>(budget_, 1 << 20);
      words_.push_back({top_->m_axi_wdata, top_->m_axi_wstrb, uint64_t(top_->m_axi_wlast)});
    }
    while (!writes_.empty() && !words_.empty()) {
      Burst& burst = writes_.front();
      const std::vector<uint64_t> word = words_.front();
      words_.pop_front();
      const unsigned answer = answer_of(burst.address);
      worst_ = answer ? answer : worst_;
      for (unsigned b = 0; b < 8 && !answer; b++)
        if (word[1] >> b & 1) memory[burst.address - base_ + b] = word[0] >> 8 * b;
      burst.address += 8;
      if ((--burst.beats == 0) != (word[2] != 0)) wrong("WLAST is not at the end of its burst");
      if (burst.beats) continue;
      writes_.pop_front();
      answers_.push_back(worst_);
      worst_ = 0;
    }
  }

  std::unique_ptr<VerilatedContext> context_;
  std::unique_ptr<Vtop> top_;
  Random random_;
  uint64_t base_, pause_, budget_ = 0;
  std::deque<Burst> reads_, writes_;
  std::deque<std::vector<uint64_t>> words_;
  std::deque<unsigned> answers_;
  std::vector<uint64_t> ar_, aw_, w_;
  unsigned worst_ = 0;
  bool r_valid_ = false, b_valid_ = false, ar_waited_ = false, aw_waited_ = false, w_waited_ = false;
};

System& of(void* system) { return *static_cast<System*>(system); }

}  // namespace

extern "C" {

// `folder`: where the memory files of the design lie. `base`, `bytes`: the memory; all else answers with DECERR.
// `pause`: chance of a pause per cycle and channel, of 2^32. Null: there is no such folder.
void* xf_sim_open(const char* folder, uint64_t seed, uint64_t base, uint64_t bytes, uint64_t pause) {
  char before[4096];
  if (!getcwd(before, sizeof before) || chdir(folder)) return nullptr;
  System* system = new System(seed, base, bytes, pause);
  return chdir(before) ? nullptr : system;
}
void xf_sim_close(void* system) { delete &of(system); }
uint8_t* xf_sim_memory(void* system) { return of(system).memory.data(); }
int64_t xf_sim_read(void* system, uint32_t offset) { return of(system).read(offset); }
int xf_sim_write(void* system, uint32_t offset, uint32_t value) { return of(system).write(offset, value); }
void xf_sim_run(void* system, uint64_t cycles) {
  while (cycles--) of(system).cycle();
}
uint64_t xf_sim_cycles(void* system) { return of(system).cycles; }
// How the memory answers from now on: see Timing.
void xf_sim_timing(void* system, uint64_t latency, uint64_t every, uint64_t busy, uint64_t words) {
  of(system).timing = {latency, every, busy, words};
}
uint64_t xf_sim_words_read(void* system) { return of(system).words_read; }
int xf_sim_interrupt(void* system) { return of(system).interrupt(); }
// Addresses from .. to answer with `answer` (2: SLVERR, 3: DECERR) from now on.
void xf_sim_fail(void* system, uint64_t from, uint64_t to, unsigned answer) {
  of(system).bad_from = from, of(system).bad_to = to, of(system).bad_answer = answer;
}
// The first rule that was broken, in words; empty if none was.
const char* xf_sim_broken(void* system) { return of(system).broken.c_str(); }
}
