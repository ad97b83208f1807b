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
  int64_t every, busy;  // a refresh begins every so many cycles, 0: never, and lasts so long
};

class Memory {
  static constexpr int64_t ONE = 1 << 20, BURST = 16, ROOM = 64, RING = 1024;

  struct Reader {
    int64_t slot, beats, frame;  // bytes of a beat, beats and words of a frame
    int64_t end = 0, asked = 0;  // words in all, and those served
    int64_t come = 0, taken = 0, freed = 0;  // beats; so many are known to have left room
    int64_t asks = -1;  // when it asks for its next burst; -1: never, or as a beat that is not taken yet has it
    std::vector<int64_t> offers = std::vector<int64_t>(RING), takes = std::vector<int64_t>(RING);

    int64_t words(int64_t count) const { return count / beats * frame + (count % beats * slot + 7) / 8; }
    int64_t burst() const { return std::min(BURST, frame - asked % frame); }
  };

  MemoryTimes times_;
  std::vector<Reader> readers_;
  int64_t free_;  // when the port is, times 2^20
  size_t last_ = 0;  // whose burst was the last one

 public:
  bool sure = true;  // no beat that is taken later makes the next burst another one

  explicit Memory(const MemoryTimes& times, int64_t cycle = 0) : times_(times), free_(cycle << 20) {}

  size_t add(int64_t slot, int64_t beats) {
    readers_.push_back({slot, beats, (slot * beats + 7) / 8});
    return readers_.size() - 1;
  }
  void read(int64_t frames) {  // in all
    for (Reader& r : readers_) r.end = frames * r.frame;
  }
  int64_t taken(size_t reader) const { return readers_[reader].taken; }
  void take(size_t reader, int64_t cycle) {
    Reader& r = readers_[reader];
    r.takes[r.taken++ % RING] = cycle;
  }

  // From when on a reader's next beat is offered; -1 before its last word was served.
  int64_t offer(size_t reader) const {
    const Reader& r = readers_[reader];
    if (r.taken == r.come) return -1;
    return std::max(r.offers[r.taken % RING], r.taken ? r.takes[(r.taken - 1) % RING] + 1 : 0);
  }

  // When the next burst begins, -1 if nobody asks. A reader asks as soon as there is room for all of it.
  int64_t next() {
    int64_t first = INT64_MAX;
    sure = true;
    for (Reader& r : readers_) {
      r.asks = -1;
      if (r.asked >= r.end) continue;
      while (r.words(r.freed) < r.asked + r.burst() - ROOM && r.freed < r.taken) ++r.freed;
      if (r.words(r.freed) < r.asked + r.burst() - ROOM) {
        sure = false;
        continue;
      }
      r.asks = r.freed ? r.takes[(r.freed - 1) % RING] + 1 : 0;
      first = std::min(first, r.asks);
    }
    return first == INT64_MAX ? -1 : std::max(first, free_ + ONE - 1 >> 20);
  }

  // Serve the burst that begins in the cycle that next() has said.
  void serve(int64_t start) {
    const int64_t period = times_.every << 20, busy = times_.busy << 20;
    do last_ = (last_ + 1) % readers_.size();
    while (readers_[last_].asks < 0 || readers_[last_].asks > start);
    Reader& r = readers_[last_];
    free_ = std::max(free_, start << 20);
    for (int64_t left = r.burst(); left; --left) {
      if (period && free_ % period < busy) free_ += busy - free_ % period;
      const int64_t before = free_;
      free_ += times_.word;
      if (period && free_ / period > before / period) free_ += busy;
      for (++r.asked; r.words(r.come + 1) <= r.asked; ++r.come)
        r.offers[r.come % RING] = (free_ + ONE - 1 >> 20) + times_.latency;
    }
  }
};
