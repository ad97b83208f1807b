// SPDX-License-Identifier: Apache-2.0
//
// A memory whose one port the readers of constants share, a burst each in turn, as in hw/shells/dma/xf_dma_share.sv
// and xf_dma_read.sv: the cycle from which a reader offers each beat, for the cycle model and sim/stream.cpp.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

// In clock cycles; a word is 8 bytes.
struct MemoryTimes {
  int64_t word;         // in which a word comes, times 2^20; 0: there is no such memory
  int64_t latency;      // from a word's turn to its beat
  int64_t every, busy;  // a refresh begins every so many cycles, and lasts so long
};

class Memory {
 public:
  static constexpr int64_t UNKNOWN = -1;

  explicit Memory(const MemoryTimes& times, int64_t cycle = 0) : times_(times), free_(cycle << 20) {}

  // A reader: bytes of a beat in memory, beats of a frame.
  size_t add(int64_t slot, int64_t beats) {
    readers_.push_back({slot, beats, (slot * beats + 7) / 8});
    return readers_.size() - 1;
  }

  // So many frames are read in all.
  void read(int64_t frames) {
    for (Reader& r : readers_) r.end = frames * r.frame;
  }

  int64_t taken(size_t reader) const { return readers_[reader].taken; }

  // A reader's next beat was taken.
  void take(size_t reader, int64_t cycle) {
    Reader& r = readers_[reader];
    r.takes[r.taken++ % RING] = cycle;
  }

  // From when on a reader's next beat is offered, UNKNOWN before its last word was served.
  int64_t offer(size_t reader) {
    const Reader& r = readers_[reader];
    if (r.taken == r.come) return UNKNOWN;
    const int64_t come = r.offers[r.taken % RING];
    return r.taken ? std::max(come, r.takes[(r.taken - 1) % RING] + 1) : come;
  }

  // When the next burst begins, UNKNOWN if nobody asks; `sure`: no beat taken later makes it another one.
  int64_t next(bool& sure) {
    int64_t first = UNKNOWN;
    sure = true;
    for (Reader& r : readers_) {
      ready(r);
      if (r.asks == UNKNOWN && r.asked < r.end) sure = false;
      if (r.asks != UNKNOWN && (first == UNKNOWN || r.asks < first)) first = r.asks;
    }
    return first == UNKNOWN ? UNKNOWN : std::max(first, free_ + FULL - 1 >> 20);
  }

  // That burst.
  void serve() {
    bool sure;
    const int64_t start = next(sure);
    do last_ = (last_ + 1) % readers_.size();
    while (readers_[last_].asks == UNKNOWN || readers_[last_].asks > start);
    Reader& r = readers_[last_];
    const int64_t words = burst(r);
    free_ = std::max(free_, start << 20);
    const int64_t period = times_.every << 20, busy = times_.busy << 20;
    for (int64_t k = 0; k < words; ++k) {
      if (period && free_ % period < busy) free_ += busy - free_ % period;
      const int64_t before = free_;
      free_ += times_.word;
      if (period && free_ / period > before / period) free_ += busy;
      for (++r.asked; r.words(r.come + 1) <= r.asked && r.come < r.taken + RING; ++r.come)
        r.offers[r.come % RING] = (free_ + FULL - 1 >> 20) + times_.latency;
    }
  }

  // Bursts that begin up to this cycle, before which all takes are known.
  void serve_until(int64_t cycle) {
    bool sure;
    for (int64_t begin = next(sure); begin != UNKNOWN && begin <= cycle; begin = next(sure)) serve();
  }

 private:
  static constexpr int64_t FULL = 1 << 20, BURST = 16, ROOM = 64, RING = 1024;

  struct Reader {
    int64_t slot, beats, frame;  // words of a frame
    int64_t end = 0, asked = 0;  // words in all, and those served
    int64_t come = 0, taken = 0, freed = 0;  // beats; so many are known to have left room
    int64_t asks = UNKNOWN;
    std::vector<int64_t> offers = std::vector<int64_t>(RING), takes = std::vector<int64_t>(RING);

    // In which so many beats lie.
    int64_t words(int64_t count) const { return count / beats * frame + (count % beats * slot + 7) / 8; }
  };

  static int64_t burst(const Reader& r) { return std::min(BURST, r.frame - r.asked % r.frame); }

  // When a reader asks for its next burst: as soon as there is room for all of it.
  static void ready(Reader& r) {
    r.asks = UNKNOWN;
    if (r.asked >= r.end) return;
    for (const int64_t wanted = r.asked + burst(r) - ROOM; r.words(r.freed) < wanted; ++r.freed)
      if (r.freed == r.taken) return;
    r.asks = r.freed ? r.takes[(r.freed - 1) % RING] + 1 : 0;
  }

  MemoryTimes times_;
  std::vector<Reader> readers_;
  int64_t free_;  // when the port is, times 2^20
  size_t last_ = 0;   // whose burst was the last one
};
