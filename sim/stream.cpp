// SPDX-License-Identifier: Apache-2.0
//
// Drives the streams of a verilated top: any number of independent lanes on one clock, each with one or more streams in and
// out, which pause on their own. Inner streams pause where the top has a port for it.
//
// Usage: <program> <job> <result> <seed> <probe> [waves half]
// job     per lane a Job, its MemoryTimes; per stream in its Pause, bytes of a beat in memory (0: it has none)
//         and beats of a frame, its beats (64 bit), then these, 32-bit words, lowest first, then its gates (64 bit)
//         and these, by their beats; per stream out its Pause, how many beats to expect and how many a frame has
//         (64 bit); per inner stream its Pause
// result  per lane a Result; per stream in how many beats were taken, then the cycle of every beat; per stream out how many
//         came, the cycle of every expected beat (64 bit), then the beats (32-bit words)
// waves   file for the waveforms, in which half a clock cycle takes `half` picoseconds
// probe   1: also check, each cycle, that ready and valid depend on registers as the handshake rules demand
//
// A cycle is one rising edge; a beat's cycle is the edge that transfers it, 0 the first edge after reset.
// While a source pauses, its data is noise: the top must not look at it.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "../hw/cycles/memory.h"
#include "seeded.h"
#include "streams.h"

void Lanes::lane(Port reset_n, Port pause) { all.push_back({reset_n, pause, {}, {}}); }
void Lanes::source(Stream stream) { all.back().sources.push_back(stream); }
void Lanes::sink(Stream stream) { all.back().sinks.push_back(stream); }

struct Job {
  uint64_t patience;               // cycles without any transfer after which the lane hangs
  uint64_t reset_at;               // cycle of a reset in mid-stream, all ones: none
};

struct Result {
  uint64_t first;                  // cycle of the first accepted beat
  uint64_t cycles;                 // cycle in which the lane was done or gave up
  uint64_t surplus;                // beats beyond the expected ones
  uint64_t fault, fault_cycle;     // 0 none, else the handshake rule broken first (see cosim.py, FAULTS)
};

// When a stream pauses, whatever other streams and lanes do: in slots that are drawn at random, and for some cycles at a stretch (see sim/pauses.py).
struct Pause {
  uint64_t chance, slot, stop, every, phase, start;  // chance of 2^32
};

class Valve {
 public:
  explicit Valve(FILE* file) {
    if (fread(&pause_, sizeof pause_, 1, file) != 1) exit(3);
  }

  // Whether the stream pauses in a cycle; asked for cycles in their order.
  bool closed(uint64_t cycle) {
    if (cycle >= until_) {
      const uint64_t slot = cycle / pause_.slot, at = (cycle + pause_.phase) % pause_.every;
      const bool stopped = at + pause_.stop >= pause_.every;
      const uint64_t turn = cycle - at + pause_.every - (stopped ? 0 : pause_.stop);
      until_ = (slot + 1) * pause_.slot;
      if (pause_.stop && turn < until_) until_ = turn;
      closed_ = stopped || Random{pause_.start}.at(slot) < pause_.chance;
    }
    return closed_;
  }

 private:
  Pause pause_;
  uint64_t until_ = 0;  // closed_ holds up to this cycle
  bool closed_ = false;
};

// A beat that is not offered before so many beats came out of a stream.
struct Gate {
  uint64_t beat, sink, count;
};

static uint64_t number(FILE* file) {
  uint64_t value;
  if (fread(&value, sizeof value, 1, file) != 1) exit(3);
  return value;
}

// What comes out of one stream.
class Sink {
 public:
  Sink(const Stream& stream, FILE* file) : stream_(stream), valve_(file), held_(stream.words()), now_(stream.words()) {
    count_ = number(file);
    frame_ = number(file);
    beats_.resize(count_ * stream.words());
    cycle_.resize(count_);
  }

  void restart() { at_ = 0, waiting_ = false; }
  bool done() const { return at_ == count_; }
  uint64_t came() const { return at_; }
  bool valid() const { return stream_.valid.get(); }
  void turn(bool other) const { stream_.ready.set(ready_ != other); }

  void set(uint64_t cycle) {
    ready_ = !valve_.closed(cycle);
    stream_.ready.set(ready_);
  }

  // The rule that is broken, 0 for none; `moved` and `surplus` as they turn out.
  uint64_t sample(uint64_t cycle, bool& moved, uint64_t& surplus) {
    uint64_t fault = 0;
    const bool valid = stream_.valid.get();
    if (valid) stream_.read(now_.data());
    if (waiting_ && !valid) fault = 1;
    if (waiting_ && valid && now_ != held_) fault = 2;
    waiting_ = valid && !ready_;
    if (waiting_) held_ = now_;
    if (!valid || !ready_) return fault;
    if (at_ == count_) {
      surplus++;  // no progress: a device that never stops giving beats is one that hangs
      return fault;
    }
    moved = true;
    if (stream_.last.at && stream_.last.get() != (at_ % frame_ == frame_ - 1)) fault = 3;
    memcpy(&beats_[at_ * now_.size()], now_.data(), 4 * now_.size());
    cycle_[at_++] = cycle;
    return fault;
  }

  void write(FILE* file) const {
    fwrite(&at_, sizeof at_, 1, file);
    fwrite(cycle_.data(), 8, cycle_.size(), file);
    fwrite(beats_.data(), 4, beats_.size(), file);
  }

 private:
  Stream stream_;
  Valve valve_;
  std::vector<uint32_t> beats_, held_, now_;
  std::vector<uint64_t> cycle_;
  uint64_t count_ = 0, frame_ = 1, at_ = 0;
  bool ready_ = false, waiting_ = false;
};

// What goes into one stream.
class Source {
 public:
  Source(const Stream& stream, FILE* file, uint64_t seed)
      : stream_(stream), valve_(file), random_{seed}, noise_(stream.words()) {
    slot_ = number(file);
    frame_ = number(file);
    count_ = number(file);
    beats_.resize(count_ * stream.words());
    cycle_.resize(count_);
    if (fread(beats_.data(), 4, beats_.size(), file) != beats_.size()) exit(3);
    gates_.resize(number(file));
    if (fread(gates_.data(), sizeof(Gate), gates_.size(), file) != gates_.size()) exit(3);
  }

  // Its beats come from a memory, if they are constants.
  void join(Memory& memory) {
    if (!slot_) return;
    memory_ = &memory, reader_ = memory.add(slot_, frame_);
    memory.read(count_ / frame_);
  }

  void restart() { at_ = 0, gate_ = 0, offered_ = false; }
  bool done() const { return at_ == count_; }
  void write(FILE* file) const {
    fwrite(&at_, sizeof at_, 1, file);
    fwrite(cycle_.data(), 8, cycle_.size(), file);
  }

  void set(bool running, uint64_t cycle, const std::vector<Sink>& sinks) {
    while (gate_ < gates_.size() && gates_[gate_].beat <= at_ && sinks[gates_[gate_].sink].came() >= gates_[gate_].count) gate_++;
    const bool open = gate_ == gates_.size() || gates_[gate_].beat > at_;
    const int64_t come = memory_ ? memory_->offer(reader_) : 0;
    const bool paused = valve_.closed(cycle) || come < 0 || come > int64_t(cycle);
    offered_ = running && at_ < count_ && open && (offered_ || !paused);
    stream_.valid.set(offered_);
    stream_.put(offered_ ? &beats_[at_ * stream_.words()] : noise());
  }

  bool transfers(uint64_t cycle) {
    if (!offered_ || !stream_.ready.get()) return false;
    cycle_[at_++] = cycle;
    offered_ = false;
    if (memory_) memory_->take(reader_, cycle);
    return true;
  }

  bool constant() const { return slot_; }
  bool ready() const { return stream_.ready.get(); }
  void turn(bool other) const { stream_.valid.set(offered_ != other); }

 private:
  const uint32_t* noise() {
    for (auto& word : noise_) word = random_.next();
    if (stream_.data.bits % 32) noise_[stream_.data.words() - 1] &= (1u << stream_.data.bits % 32) - 1;
    if (stream_.more.at) noise_.back() &= (1u << stream_.more.bits) - 1;
    return noise_.data();
  }

  Stream stream_;
  Valve valve_;
  Random random_;
  std::vector<uint32_t> beats_, noise_;
  std::vector<Gate> gates_;
  std::vector<uint64_t> cycle_;
  uint64_t slot_ = 0, frame_ = 0, count_ = 0, at_ = 0, gate_ = 0;
  Memory* memory_ = nullptr;
  size_t reader_ = 0;
  bool offered_ = false;
};

class Driver {
 public:
  Driver(const Lane& lane, FILE* file, uint64_t seed, uint64_t index) : lane_(lane) {
    if (fread(&job_, sizeof job_, 1, file) != 1) exit(3);
    if (fread(&times_, sizeof times_, 1, file) != 1) exit(3);
    for (size_t k = 0; k < lane.sources.size(); k++)
      sources_.emplace_back(lane.sources[k], file, seed + (index << 32) + (uint64_t(k) << 56));
    for (size_t k = 0; k < lane.sinks.size(); k++) sinks_.emplace_back(lane.sinks[k], file);
    for (size_t k = 0; k < lane.pause.bits; k++) inner_.emplace_back(file);
    closed_.resize(lane.pause.words());
    join(0);
  }

  bool done() const { return done_; }

  // Inputs of a cycle, before its edge.
  void set(uint64_t cycle) {
    if (cycle == job_.reset_at) {
      reset_left_ = 3;
      started_ = false;
      for (auto& source : sources_) source.restart();
      for (auto& sink : sinks_) sink.restart();
      join(cycle);
    }
    lane_.reset_n.set(reset_left_ == 0);
    for (int64_t at = 0; memory_ && (at = memory_->next()) >= 0 && at <= int64_t(cycle);) memory_->serve(at);
    for (auto& source : sources_) source.set(reset_left_ == 0, cycle, sinks_);
    for (auto& sink : sinks_) sink.set(cycle);
    if (inner_.empty()) return;
    for (auto& word : closed_) word = 0;
    for (size_t k = 0; k < inner_.size(); k++) closed_[k / 32] |= uint32_t(inner_[k].closed(cycle)) << k % 32;
    lane_.pause.put(closed_.data());
  }

  // Handshakes of a cycle, settled, before its edge.
  void sample(uint64_t cycle) {
    if (reset_left_ > 0) {
      reset_left_--;
      moved_ = cycle;
      return;
    }
    bool moved = false, complete = true;
    for (auto& sink : sinks_) {
      fault(sink.sample(cycle, moved, result_.surplus), cycle);
      complete = complete && sink.done();
    }
    for (auto& source : sources_) {
      if (source.transfers(cycle)) {
        if (!started_) result_.first = cycle;
        started_ = moved = true;
      }
      complete = complete && source.done();
    }
    if (moved) moved_ = cycle;
    const bool reset_due = job_.reset_at != ~0ull && cycle <= job_.reset_at;
    if (!done_ && !reset_due && (complete || cycle - moved_ > job_.patience)) {
      done_ = true;
      result_.cycles = cycle;
    }
  }

  // Ready may not depend on valid of its own stream, nor valid on any ready or valid: what both are as long as no input is turned,
  // then one input after the other is turned and the outputs are compared. A lane outside a reset only. Streams of constants are
  // turned together, and one by one where that changes anything.
  size_t inputs() const { return sources_.size() + sinks_.size(); }
  size_t alike(size_t input) const {
    size_t end = input;
    while (end < sources_.size() && sources_[end].constant()) end++;
    return std::max(end, input + 1);
  }
  void look() {
    ready_.clear(), valid_.clear();
    for (auto& source : sources_) ready_.push_back(source.ready());
    for (auto& sink : sinks_) valid_.push_back(sink.valid());
  }
  void turn(size_t input, size_t end, bool other) {
    const size_t count = sources_.size();
    for (; input < std::min(end, inputs()); input++)
      input < count ? sources_[input].turn(other) : sinks_[input - count].turn(other);
  }
  // Whether that changed what it may not; where one input alone was turned, it is a fault.
  bool changed(size_t input, size_t end, uint64_t cycle) {
    if (reset_left_ > 0 || input >= inputs()) return false;
    const bool source = input < sources_.size(), single = end == input + 1;
    uint64_t found = 0;
    for (size_t k = 0; k < sinks_.size(); k++)
      if (sinks_[k].valid() != valid_[k]) found = source ? 5 : 6;
    for (size_t k = input; k < std::min(end, sources_.size()); k++)
      if (sources_[k].ready() != ready_[k]) found = 4;
    if (single) fault(found, cycle);
    return found;
  }

  void write(FILE* file) const {
    fwrite(&result_, sizeof result_, 1, file);
    for (const auto& source : sources_) source.write(file);
    for (const auto& sink : sinks_) sink.write(file);
  }

 private:
  void join(uint64_t cycle) {
    if (!times_.word) return;
    memory_ = std::make_unique<Memory>(times_, cycle);
    for (auto& source : sources_) source.join(*memory_);
  }

  void fault(uint64_t kind, uint64_t cycle) {
    if (!kind || result_.fault) return;
    result_.fault = kind;
    result_.fault_cycle = cycle;
  }

  Lane lane_;
  Job job_;
  Result result_ = {};
  std::vector<Source> sources_;
  std::vector<Sink> sinks_;
  MemoryTimes times_;
  std::unique_ptr<Memory> memory_;
  std::vector<Valve> inner_;
  std::vector<uint32_t> closed_;
  std::vector<bool> ready_, valid_;
  uint64_t moved_ = 0;
  int reset_left_ = 0;
  bool started_ = false, done_ = false;
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
  const uint64_t half = argc > 6 ? strtoull(argv[6], nullptr, 10) : 1;
  start(context.get());
#if VM_TRACE
  Waves waves;
  if (argc > 5) {
    trace(waves);
    waves.open(argv[5]);
  }
#endif

  FILE* file = fopen(argv[1], "rb");
  if (!file) return 3;
  std::vector<Driver> drivers;
  Lanes found;
  lanes(found);
  const auto& ports = found.all;
  size_t inputs = 0;
  for (size_t i = 0; i < ports.size(); i++) {
    drivers.emplace_back(ports[i], file, seed, i);
    inputs = std::max(inputs, drivers.back().inputs());
  }
  fclose(file);

  auto edge = [&] {
#if VM_TRACE
    if (argc > 5) waves.dump(context->time());
#endif
    context->timeInc(half);
    clock_port().set(1);
    evaluate();
#if VM_TRACE
    if (argc > 5) waves.dump(context->time());
#endif
    context->timeInc(half);
    clock_port().set(0);
  };

  clock_port().set(0);
  for (const auto& lane : ports) {
    lane.reset_n.set(0);
    for (const auto& source : lane.sources) source.valid.set(0);
    for (const auto& sink : lane.sinks) sink.ready.set(0);
  }
  for (int i = 0; i < 4; i++) {
    evaluate();
    edge();
  }

  // Some cycles beyond the last beat, in which a surplus beat would come.
  uint64_t after = 0;
  for (uint64_t cycle = 0; after < 32; cycle++) {
    for (auto& driver : drivers) driver.set(cycle);
    evaluate();
    if (probe) {
      for (auto& driver : drivers) driver.look();
      for (size_t input = 0, end; input < inputs; input = end) {  // of all lanes at once, since none depends on another
        end = drivers[0].alike(input);
        auto turned = [&](size_t from, size_t until) {
          for (auto& driver : drivers) driver.turn(from, until, true);
          evaluate();
          bool found = false;
          for (auto& driver : drivers) found |= driver.changed(from, until, cycle);
          for (auto& driver : drivers) driver.turn(from, until, false);
          return found;
        };
        if (turned(input, end) && end > input + 1)
          for (size_t one = input; one < end; one++) turned(one, one + 1);
      }
      evaluate();
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
  finish();
  file = fopen(argv[2], "wb");
  if (!file) return 3;
  for (auto& driver : drivers) driver.write(file);
  return fclose(file) ? 3 : 0;
}
