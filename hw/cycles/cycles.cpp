// SPDX-License-Identifier: Apache-2.0
//
// The cycle model: moves the beats of all streams of a network in exactly the cycles in which its RTL moves them.
//
// A stream carries at most one beat that is offered and not yet taken, because a writer offers a beat after the
// one before it was taken. So the state of a stream is how many beats were offered and taken, and the cycles of
// the last ones.
//
// A node is an operator, a source, a sink, or the front of an operator. A node in the work list moves beats until
// it needs a cycle that is not known yet, and wakes its neighbours as it goes. Timing does not depend on data or on
// the order in which nodes are visited: every cycle is computed from cycles that are known for good. When the
// work list is empty and beats are left, the network is in a deadlock.
//
// A pipeline counts its moves, that is, the cycles in which its one enable is set:
//
//     cycle of a move = move + stalled,   stalled = cycles in which the enable was not set so far.
//
// Why it stalls is an output beat that waits for its reader (enum Stop), which is known only after that beat was
// taken. Beats that were made therefore queue in `made_beats`: `resolved` of them were taken, and the stalls of
// `applied` of them are part of `stalled`. No step may be timed beyond a stall that is not resolved.

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "memory.h"

namespace {

using std::max;
using std::min;
using std::vector;

constexpr int64_t UNLIMITED = int64_t(1) << 62;

enum Kind : int64_t { PIPELINE, SOURCE, SINK, ROUNDS, MEMORY };
enum Stop : int64_t { READER, SPARE, RESULT, GIVEN, BEHIND, ROUND };  // of hw/timing.py
enum Waits : int64_t { NOTHING, INPUT, READERS };

// The three structs that engine.py fills; their fields are those of hw/timing.py and hw/cycles/pauses.py.

struct Work {
  int64_t takes, sees;  // sets of input streams, bit k for stream k
  int64_t early, needs, steps, moves, gives, frees, shuts;
};

struct StreamRow {
  int64_t frame_beats;
  int64_t kept;  // whether the cycles of its transfers are kept
  int64_t bytes;  // from a memory: of a beat in it
  int64_t pauses, chance, slot, stop, every, phase;
  uint64_t start;
};

struct NodeRow {
  int64_t kind, in_count, out_count, latency, stop, work_count;
  int64_t period, room, seen, free;  // of the buffer; period 0: there is none
  int64_t keeps_freed;               // whether the cycles in which the buffer's room is freed are kept
  int64_t places, round, turns;      // of rounds
  int64_t reader;                    // of rounds: the node whose progress they wait for
  int64_t pace;                      // of a source
  MemoryTimes times;                 // of a memory
  const Work* works;
};

struct Node;

struct Stream : StreamRow {
  Node *writer = nullptr, *reader = nullptr;
  int64_t offered = 0, taken = 0;        // beats
  int64_t offer_cycle = 0, take_cycle = 0;  // of the last one
  int64_t open_until = 0, next_stop = 0;    // no pause begins before, no stop begins before
  vector<int64_t> cycles;                // of all transfers, if kept

  bool pending() const { return offered != taken; }

  void take(int64_t cycle) {
    if (kept) cycles.push_back(cycle);
    take_cycle = cycle;
    ++taken;
  }

  // The first cycle from this one on in which the stream does not pause, drawn as sim/stream.cpp draws it. Cycles
  // are asked for in ascending order.
  int64_t open(int64_t cycle) {
    while (pauses && cycle >= open_until) {
      if (cycle >= next_stop) {
        const int64_t at = (cycle + phase) % every;
        if (at + stop >= every) {
          cycle += every - at;
          continue;
        }
        next_stop = stop ? cycle - at + every - stop : UNLIMITED;
      }
      const int64_t number = slot > 1 ? cycle / slot : cycle;  // a division takes as long as all the rest
      const int64_t until = (number + 1) * slot;
      if (drawn(number) >= chance) {
        open_until = min(until, next_stop);
        break;
      }
      cycle = until;
    }
    return cycle;
  }

  int64_t drawn(int64_t number) const {  // SplitMix64
    const uint64_t state = start + 0x9E3779B97F4A7C15u * uint64_t(number + 1);
    uint64_t z = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return int64_t(z >> 32);
  }
};

// The last entries of a sequence, by their number in it.
template <class Entry>
struct Ring {
  vector<Entry> entries;

  void make(int64_t least) {
    int64_t size = 1;
    while (size < least) size *= 2;
    entries.resize(size);
  }
  Entry& operator[](int64_t number) { return entries[number & (int64_t(entries.size()) - 1)]; }
};

struct MadeBeat {
  int64_t move;   // in which it can be offered
  int64_t stall;  // cycles for which the pipeline stalls because of it
};

struct Freed {
  int64_t room;   // beats that may have been written in all, from then on; 0: the buffer is shut
  int64_t cycle;  // from which on
};

// The cycle clock of rounds (hw/timing.py): a stall before the last move of a round.
struct RoundClock {
  int64_t stalled = 0, turn = 0;
  int64_t unread = 0;  // beats taken before the rounds whose results may still be unread
};

struct Node : NodeRow {
  vector<Stream*> ins, outs;
  Node* wakes = nullptr;  // waits for room that this node frees
  bool waiting = false;   // in the work list
  Waits waits = NOTHING;

  // Steps.
  int64_t move = -1, stalled = 0;          // the last move, and the clock of steps
  int64_t work = 0, step = 0, periods = 0;  // position in the table of works
  bool ending = false;                     // a step's first move is timed, its last one not yet
  int64_t busy = 0;                        // moves in which a step was done
  int64_t needed = 0;                      // beats that must be written before it goes on, while it waits for input

  // Beats that it makes.
  Ring<MadeBeat> made_beats;
  int64_t made = 0, resolved = 0, applied = 0;
  bool offered = false;     // the first beat that is not resolved
  int64_t stalled_out = 0;  // the clock of made beats: `stalled` after all resolved ones

  // The input buffer.
  Ring<int64_t> held;  // cycle in which a beat was written; of rounds: move in which a beat was taken
  Ring<Freed> freed;
  vector<Freed> freed_log;
  bool shuts_buffer = false;                // some work shuts it
  int64_t written = 0;                      // beats
  int64_t freed_made = 0, freed_read = 0;   // entries of `freed`; those that the writing side has passed
  int64_t allowed = 0, allowed_from = 0;    // what the last entry read says
  // Cycle in which a beat could enter unless the buffer shuts, or a memory serve a burst unless another
  // reader asks until then; -1: none.
  int64_t unsure = -1;
  bool forced = false;  // it does

  // By how many cycles a step, a write came later than the other side of the buffer would have allowed: the least
  // in this frame.
  int64_t early_steps = UNLIMITED, early_writes = UNLIMITED;

  RoundClock taking, passing;  // of rounds: when beats are taken, and when they are passed on
  int64_t beats = 0, frame_beats = 0;  // of a source: to be sent in all, and per frame
  std::unique_ptr<Memory> memory;

  bool moves() const { return kind == PIPELINE || kind == ROUNDS; }
  bool buffered() const { return period > 0; }
  const Work& current() const { return works[work]; }

  void next_work() {
    step = 0;
    if (++work == work_count) {
      work = 0;
      ++periods;
    }
  }
};

struct Spent {  // cycles
  int64_t busy = 0, starved = 0, blocked = 0;

  void add(const Spent& other, int64_t times) {
    busy += times * other.busy;
    starved += times * other.starved;
    blocked += times * other.blocked;
  }
};

// All that the next frame depends on: `marks` are counts and differences, `cycles` the absolute times that belong
// to them. If all marks are those of an earlier frame, the next frame moves like the one after that, later by the
// difference in cycles.
struct Noted {
  vector<int64_t> marks, cycles;
  vector<size_t> first;  // of each node, and the end

  void add(int64_t mark, int64_t cycle) {
    marks.push_back(mark);
    cycles.push_back(cycle);
  }
};

struct Seen {
  int64_t frames = 0;  // that were sent
  vector<int64_t> cycles;
};

struct Periods {
  int64_t together;  // frames that repeat as a group
  vector<int64_t> streams, nodes;  // cycles from a group to the next; of a node without state 0
};

class Model {
 public:
  vector<Stream> streams;
  vector<Node> nodes;
  vector<Spent> total;           // per node
  vector<int64_t> repeats;       // rows: frames before, frames skipped, together, periods of streams and nodes
  int64_t simulated = 0;         // frames

  Model(const StreamRow* stream_rows, int64_t stream_count, const NodeRow* node_rows, int64_t node_count,
        const int64_t* links)
      : streams(stream_count), nodes(node_count), queue(node_count), postponed(node_count) {
    for (int64_t k = 0; k < stream_count; ++k) static_cast<StreamRow&>(streams[k]) = stream_rows[k];
    for (int64_t k = 0; k < node_count; ++k) {
      Node& n = nodes[k];
      static_cast<NodeRow&>(n) = node_rows[k];
      for (int64_t i = 0; i < n.in_count; ++i) {
        n.ins.push_back(&streams[*links++]);
        n.ins.back()->reader = &n;
      }
      for (int64_t i = 0; i < n.out_count; ++i) {
        n.outs.push_back(&streams[*links++]);
        n.outs.back()->writer = &n;
      }
    }
    for (Node& n : nodes) prepare(n);
    for (Node& n : nodes)
      if (n.kind == ROUNDS) nodes[n.reader].wakes = &n;
  }

  // With pauses no frame repeats another, so that all of them are moved at once.
  void run(int64_t frames, bool paused) {
    vector<vector<Spent>> spent_after = {spent()};  // each number of frames
    vector<Spent> skipped(nodes.size());
    for (int64_t left = frames; left;) {
      const int64_t more = paused ? left : 1;
      simulated += more;
      left -= more;
      send(simulated);
      spent_after.resize(simulated + 1);
      spent_after[simulated] = spent();
      Periods found;
      if (paused || !repeating(simulated, found) || !left) continue;
      int64_t many = skippable(found);
      const bool all = many == UNLIMITED;
      many = all ? left : min(many, left - 1);  // buffers are fullest at the end
      if (!many) continue;
      // What the skipped frames spend: whole groups, and the first frames of one.
      const int64_t begin = simulated - found.together, groups = many / found.together;
      for (size_t n = 0; n < nodes.size(); ++n) {
        skipped[n].add(spent_after[simulated][n], groups);
        skipped[n].add(spent_after[begin + many % found.together][n], 1);
        skipped[n].add(spent_after[begin][n], -groups - 1);
      }
      repeats.insert(repeats.end(), {simulated, many, found.together});
      repeats.insert(repeats.end(), found.streams.begin(), found.streams.end());
      repeats.insert(repeats.end(), found.nodes.begin(), found.nodes.end());
      left -= many;
      if (!all) skip(simulated, many, found);
    }
    total = spent_after.back();
    for (size_t n = 0; n < nodes.size(); ++n) total[n].add(skipped[n], 1);
  }

 private:
  vector<Node*> queue;  // the work list; the last one first, because what it needs is in the cache
  size_t queued = 0;
  std::map<vector<int64_t>, Seen> seen;  // by marks, the last time
  vector<int64_t> postponed;             // cycles of skipped frames, per node

  static void prepare(Node& n) {
    n.allowed = n.room;
    if (n.kind == SOURCE) n.frame_beats = n.outs[0]->frame_beats;
    if (n.kind == ROUNDS) n.held.make((n.turns + 2) * n.places);
    if (n.kind == MEMORY) n.memory = std::make_unique<Memory>(n.times);
    for (const Stream* out : n.outs)
      if (n.kind == MEMORY) n.memory->add(out->bytes, out->frame_beats);
    if (n.kind != PIPELINE && n.kind != ROUNDS) return;
    const int64_t running = 4;  // most beats beyond its latency that are made and not taken (timing.RUNNING)
    n.made_beats.make(n.latency + running);
    if (!n.buffered()) return;
    int64_t frees = 0;
    for (const Work* work = n.works; work != n.works + n.work_count; ++work) {
      frees += work->frees > 0;
      n.shuts_buffer |= work->shuts != 0;
    }
    n.held.make(n.room + n.period + 1);
    n.freed.make((n.room / n.period + 2) * frees + 1);
  }

  // ---- Moving beats ----------------------------------------------------------------------------------------

  // Let the sources send so many frames in all, and move beats until nothing moves.
  void send(int64_t frames) {
    for (Node& n : nodes) {
      n.beats = frames * n.frame_beats;
      n.early_steps = n.early_writes = UNLIMITED;
      if (n.memory) n.memory->read(frames);
      wake(n);
    }
    while (queued || force()) {
      Node& n = *queue[--queued];
      if (n.kind == PIPELINE) move_pipeline(n);
      if (n.kind == ROUNDS) move_rounds(n);
      if (n.kind == SOURCE)
        while (send_beat(n)) {
        }
      if (n.kind == MEMORY) serve(n);
      n.waiting = false;  // only now: it has seen whatever woke it meanwhile
    }
  }

  void wake(Node& n) {
    if (n.waiting) return;
    n.waiting = true;
    queue[queued++] = &n;
  }

  // Nothing moves any more. Let the earliest beat into a buffer of which it is not known how long it stays open,
  // or serve a burst: whatever shuts the buffer, or asks besides, is a consequence of it, so late enough. Whether
  // there is one.
  bool force() {
    Node* first = nullptr;
    for (Node& n : nodes)
      if (n.unsure >= 0 && (!first || n.unsure < first->unsure)) first = &n;
    if (!first) return false;
    first->forced = true;
    wake(*first);
    return true;
  }

  // A source offers a beat as soon as it can. Whether there was one to offer.
  bool send_beat(Node& n) {
    Stream& out = *n.outs[0];
    if (out.pending() || out.taken == n.beats) return false;
    int64_t cycle = out.taken ? out.take_cycle + 1 : 0;
    if (n.pace) cycle = max(cycle, out.taken * n.pace / n.frame_beats);
    offer(out, cycle);
    return true;
  }

  // A memory offers what has come, and serves bursts as long as it is known whose turn it is.
  void serve(Node& n) {
    n.unsure = -1;
    for (bool moved = true; moved;) {
      moved = false;
      for (size_t k = 0; k < n.outs.size(); ++k) {
        Stream& out = *n.outs[k];
        if (n.memory->taken(k) < out.taken) n.memory->take(k, out.take_cycle);
        if (out.pending()) continue;
        const int64_t cycle = n.memory->offer(k);
        if (cycle < 0) continue;
        offer(out, cycle);
        moved = true;
      }
      const int64_t begin = n.memory->next();
      if (moved || begin < 0) continue;
      if (!n.memory->sure && !n.forced) {
        n.unsure = begin;
        return;
      }
      n.forced = false;
      n.memory->serve(begin);
      moved = true;
    }
  }

  // A beat is offered in the first cycle from `cycle` on in which the stream does not pause. If its reader has room,
  // or does nothing but wait for it, it is taken here: a visit less.
  void offer(Stream& stream, int64_t cycle) {
    stream.offer_cycle = stream.open(cycle);
    ++stream.offered;
    Node& reader = *stream.reader;
    if (reader.kind == SINK) {
      stream.take(stream.offer_cycle);
    } else if (reader.buffered() && &stream == reader.ins[0]) {
      if (write(reader) && reader.waits == INPUT && reader.written >= reader.needed) wake(reader);
    } else {
      if (reader.in_count == 1 && reader.waits == INPUT) {
        const int64_t made = reader.made;
        // After a step that made no beat, one that takes a beat again can only wait.
        if (do_step(reader) && reader.current().takes && !stream.pending() && reader.made == made) return;
      }
      wake(reader);
    }
  }

  void take(Stream& stream, int64_t cycle) {
    stream.take(cycle);
    wake(*stream.writer);
  }

  // Let the offered beat into the input buffer; whether there was one that could enter.
  bool write(Node& n) {
    Stream& in = *n.ins[0];
    n.unsure = -1;
    if (!in.pending()) return false;
    int64_t cycle;
    for (;;) {
      const bool room = n.allowed > n.written, known = n.freed_read < n.freed_made;
      cycle = max(in.offer_cycle, n.allowed_from);
      if (room && !n.shuts_buffer) break;
      // A buffer that shuts: what was freed, or shut, up to the cycle counts; what comes later does not.
      const Freed& next = n.freed[n.freed_read];
      if (known && (!room || next.cycle <= cycle)) {
        n.allowed = next.room;
        n.allowed_from = next.cycle;
        ++n.freed_read;
      } else if (known || (room && n.forced)) {
        n.forced = false;
        break;
      } else {
        n.unsure = room ? cycle : -1;
        return false;
      }
    }
    n.early_writes = min(n.early_writes, in.offer_cycle - n.allowed_from);
    n.held[n.written++] = cycle;
    in.take(cycle);
    return true;
  }

  void move_pipeline(Node& n) {
    do {
      if (n.buffered() && write(n)) wake(*n.ins[0]->writer);
      give(n);
      n.waits = NOTHING;
    } while (do_step(n));
  }

  // The first move from `least` on in cycle `after` or later, with all stalls before it; -1 if one of them is not
  // known yet.
  static int64_t next_move(Node& n, int64_t least, int64_t after) {
    int64_t move = max(least, after - n.stalled);
    while (n.applied < n.made) {
      const MadeBeat& beat = n.made_beats[n.applied];
      const int64_t begin = beat.move + (n.stop == SPARE) - (n.stop == RESULT || n.stop == BEHIND);
      if (begin > move) break;
      if (n.applied == n.resolved) return -1;
      n.stalled += beat.stall;
      ++n.applied;
      least = max(least, begin);
      move = max(least, after - n.stalled);
    }
    return move;
  }

  // The next step of a pipeline; whether its cycle is known.
  bool do_step(Node& n) {
    const Work& work = n.current();
    if (!n.ending) {
      int64_t after = -1;  // the first cycle in which everything that it reads is there
      if (work.needs && n.step == 0) {
        const int64_t need = n.periods * n.period + work.needs;
        if (n.written < need) {
          n.waits = INPUT;
          n.needed = need;
          return false;
        }
        after = n.held[need - 1] + n.seen;
        n.early_steps = min(n.early_steps, n.move + 1 + n.stalled - after);
      }
      if (const int64_t read = work.takes | work.sees) {
        for (int64_t k = 0; k < n.in_count; ++k) {
          if (!(read >> k & 1)) continue;
          if (!n.ins[k]->pending()) {
            n.waits = INPUT;
            return false;
          }
          after = max(after, n.ins[k]->offer_cycle);
        }
      }
      if (work.early) {  // not a move of the pipeline
        take_all(n, work, after);
      } else {
        const int64_t move = next_move(n, n.move + 1, after);
        if (move < 0) {
          n.waits = READERS;
          return false;
        }
        take_all(n, work, move + n.stalled);
        n.busy += work.moves;
        n.move = move + work.moves - 1;
        if (work.gives) n.made_beats[n.made++].move = n.move + n.latency;
        n.ending = work.moves > 1;
      }
    }
    if (n.ending) {  // all stalls up to the last move of the step must be known
      if (next_move(n, n.move, -1) < 0) {
        n.waits = READERS;
        return false;
      }
      n.ending = false;
    }
    if (++n.step == work.steps) {
      free_room(n, work);
      n.next_work();
    }
    return true;
  }

  void take_all(Node& n, const Work& work, int64_t cycle) {
    for (int64_t k = 0; k < n.in_count; ++k)
      if (work.takes >> k & 1) take(*n.ins[k], cycle);
  }

  // The last step of a work frees room in the buffer, or shuts it.
  void free_room(Node& n, const Work& work) {
    if (!n.buffered() || !work.frees) return;
    const int64_t room = n.periods * n.period + work.frees + n.room;
    const int64_t cycle = n.move + n.stalled + n.free;
    n.freed[n.freed_made++] = {work.shuts ? 0 : room, cycle};
    if (n.keeps_freed) n.freed_log.push_back({room, cycle});
    if (n.wakes) wake(*n.wakes);
  }

  // Offer the beats that a pipeline made, one after the other, and work out for how long it stalls because of each.
  void give(Node& n) {
    // These two time a beat's stall from the beat before it, so that it is known before the beat is offered.
    const bool at_once = n.stop == RESULT || n.stop == BEHIND;
    while (n.resolved != n.made) {
      int64_t taken = -2;  // cycle in which the last reader took the last beat
      for (const Stream* out : n.outs) {
        if (out->pending()) return;
        if (out->taken) taken = max(taken, out->take_cycle);
      }
      MadeBeat& beat = n.made_beats[n.resolved];
      int64_t cycle = beat.move + n.stalled_out, stall = 0;
      if (!n.offered) {
        if (at_once) {
          stall = max<int64_t>(0, taken + (n.stop == RESULT ? 2 : 1) - cycle);
          cycle += stall;
        }
        for (Stream* out : n.outs) offer(*out, cycle);
        n.offered = !at_once;
        if (n.offered) continue;
      } else {
        stall = taken - cycle + (n.stop == GIVEN);
        n.offered = false;
      }
      if (stall || n.applied != n.resolved) {
        beat.stall = stall;
        n.stalled_out += stall;
      } else {
        ++n.applied;
      }
      ++n.resolved;
    }
  }

  // ---- Fronts that work in rounds --------------------------------------------------------------------------

  // As `next_move`, by a clock that stalls before the last move of a round until the results of an earlier round
  // were read.
  int64_t next_round_move(Node& n, RoundClock& clock, int64_t least, int64_t after) {
    Node& reader = nodes[n.reader];
    int64_t move = max(least, after - clock.stalled);
    for (;;) {
      const int64_t last = (clock.turn + 1) * n.round - 1, until = (clock.turn + 2 - n.turns) * n.round;
      if (last > move) return move;
      while (clock.unread < n.made && n.held[clock.unread] < until) ++clock.unread;
      if (clock.unread) {
        if (reader.freed_made < clock.unread) return -1;
        const int64_t read = reader.freed[clock.unread - 1].cycle;
        clock.stalled += max<int64_t>(0, read - last - clock.stalled);
      }
      ++clock.turn;
      least = max(least, last);
      move = max(least, after - clock.stalled);
    }
  }

  // A beat takes the next place as soon as the one before it left that, and is passed on `latency` moves later.
  // Two clocks, because the beat that is passed on may be ahead of the one that is taken, or behind.
  void move_rounds(Node& n) {
    Stream &in = *n.ins[0], &out = *n.outs[0];
    for (bool moved = true; moved;) {
      moved = false;
      if (n.resolved < n.made) {
        const int64_t move = next_round_move(n, n.passing, n.held[n.resolved] + n.latency, -1);
        if (move >= 0) {
          ++n.resolved;
          offer(out, move + n.passing.stalled);
          moved = true;
        }
      }
      if (in.pending()) {
        int64_t least = n.move + 1;
        if (n.made >= n.places) least = max(least, n.held[n.made - n.places] + n.round);
        const int64_t move = next_round_move(n, n.taking, least, in.offer_cycle);
        if (move >= 0) {
          n.held[n.made++] = n.move = move;
          n.busy = n.made * n.round / n.places;
          take(in, move + n.taking.stalled);
          moved = true;
        }
      }
    }
  }

  // ---- Frames that repeat ----------------------------------------------------------------------------------

  // Cycles in which the nodes were busy, starved and blocked, in frames that were moved.
  vector<Spent> spent() const {
    vector<Spent> found;
    for (size_t k = 0; k < nodes.size(); ++k) {
      const Node& n = nodes[k];
      const int64_t stalled = n.kind == ROUNDS ? n.taking.stalled : n.stalled;
      found.push_back({n.busy, n.move + max<int64_t>(n.round, 1) - n.busy, stalled - postponed[k]});
    }
    return found;
  }

  // Whether the frame just moved repeats an earlier one in every part of the network.
  bool repeating(int64_t frames, Periods& found) {
    const Noted now = noted(frames);
    const Seen then = std::exchange(seen[now.marks], {frames, now.cycles});
    if (!then.frames) return false;
    vector<int64_t> later(now.cycles);
    for (size_t k = 0; k < later.size(); ++k) later[k] -= then.cycles[k];
    found.together = frames - then.frames;
    found.streams.assign(later.begin(), later.begin() + streams.size());
    for (size_t k = 0; k < streams.size(); ++k)
      if (now.marks[k]) return false;  // beats are missing, a deadlock
    for (size_t n = 0; n < nodes.size(); ++n) {
      const auto begin = later.begin() + now.first[n], end = later.begin() + now.first[n + 1];
      found.nodes.push_back(begin == end ? 0 : *begin);
      if (std::count(begin, end, found.nodes[n]) != end - begin) return false;
    }
    return true;
  }

  Noted noted(int64_t frames) {
    Noted found;
    for (const Stream& stream : streams)
      found.add(stream.taken != frames * stream.frame_beats, stream.take_cycle);
    for (Node& n : nodes) {
      found.first.push_back(found.marks.size());
      if (n.kind == PIPELINE) note_pipeline(n, found);
      if (n.kind == ROUNDS) note_rounds(n, found);
    }
    found.first.push_back(found.marks.size());
    return found;
  }

  static void note_pipeline(Node& n, Noted& found) {
    const int64_t cycle = n.move + n.stalled;
    found.add(n.freed_made - n.freed_read, cycle);
    found.add(n.made - n.applied, cycle);
    if (n.buffered()) found.add(n.allowed ? n.allowed - n.written : -1, n.allowed_from);
    for (int64_t k = n.freed_read; k < n.freed_made; ++k)
      found.add(n.freed[k].room ? n.freed[k].room - n.written : -1, n.freed[k].cycle);
    for (int64_t k = n.applied; k < n.made; ++k)
      found.add(n.made_beats[k].move - n.move, cycle + n.made_beats[k].stall);
  }

  void note_rounds(Node& n, Noted& found) {
    const int64_t turn = n.move / n.round, cycle = n.move + n.passing.stalled;
    found.add(n.move % n.round, n.move + n.taking.stalled);
    found.add(n.taking.turn - turn, cycle);
    found.add(n.passing.turn - turn, cycle);
    found.add(n.made - n.taking.unread, cycle);
    found.add(n.made - n.passing.unread, cycle);
    const int64_t first = max<int64_t>(0, min({n.taking.unread, n.passing.unread, n.made - n.places}));
    for (int64_t k = first; k < n.made; ++k)
      found.add(n.held[k] - n.move, k ? nodes[n.reader].freed[k - 1].cycle : 0);
  }

  // Number of frames that can be skipped with these periods; UNLIMITED if all of them are equal.
  //
  // Parts of a network meet in buffers. While one part works faster than the other, neither notices the other
  // until the time by which it comes early enough is used up, by the difference of their periods in every frame.
  int64_t skippable(const Periods& found) const {
    std::set<int64_t> all(found.streams.begin(), found.streams.end());
    bool limited = found.together > 1;
    for (size_t k = 0; k < nodes.size(); ++k) {
      if (nodes[k].moves()) all.insert(found.nodes[k]);
      if (nodes[k].pace) all.insert(found.together * nodes[k].pace);
      limited |= nodes[k].pace != 0;
    }
    if (all.size() == 1) return UNLIMITED;
    if (limited) return 0;
    int64_t many = UNLIMITED;
    for (size_t k = 0; k < nodes.size(); ++k) {
      const Node& n = nodes[k];
      if (!n.moves()) continue;
      const int64_t period = found.nodes[k];
      const auto differs = [&](const Stream* one) { return found.streams[one - streams.data()] != period; };
      if (std::any_of(n.outs.begin(), n.outs.end(), differs)) return 0;
      if (std::none_of(n.ins.begin(), n.ins.end(), differs)) continue;
      if (!n.buffered() || n.shuts_buffer || min(n.early_steps, n.early_writes) < 0) return 0;
      const int64_t gained = period - found.streams[n.ins[0] - streams.data()];
      many = min(many, gained > 0 ? n.early_writes / gained : n.early_steps / -gained);
    }
    return many;
  }

  // Everything that the next beats depend on comes later by the skipped frames.
  void skip(int64_t after, int64_t frames, const Periods& found) {
    for (size_t k = 0; k < streams.size(); ++k) streams[k].take_cycle += frames * found.streams[k];
    for (size_t k = 0; k < nodes.size(); ++k) {
      Node& n = nodes[k];
      if (!n.moves()) continue;
      const int64_t cycles = frames * found.nodes[k];
      postponed[k] += cycles;
      for (int64_t* stalled : {&n.stalled, &n.stalled_out, &n.taking.stalled, &n.passing.stalled})
        *stalled += cycles;
      if (!n.buffered()) continue;
      n.allowed_from += cycles;
      for (Freed& entry : n.freed.entries) entry.cycle += cycles;
    }
    seen.clear();  // later frames are compared with those that were skipped
    Periods unused;
    repeating(after, unused);
  }
};

}  // namespace

// What engine.py calls.

extern "C" {

struct Numbers {
  const int64_t* at;
  int64_t count;
};

Model* new_model(const StreamRow* streams, int64_t stream_count, const NodeRow* nodes, int64_t node_count,
                 const int64_t* links) {
  return new Model(streams, stream_count, nodes, node_count, links);
}

void delete_model(Model* model) { delete model; }

int64_t run(Model* model, int64_t frames, bool paused) {
  model->run(frames, paused);
  return model->simulated;
}

// Rows of 3 + streams + nodes.
Numbers repeats_of(Model* model) { return {model->repeats.data(), int64_t(model->repeats.size())}; }

// Cycles of the transfers of a stream.
Numbers transfers_of(Model* model, int64_t stream) {
  const auto& cycles = model->streams[stream].cycles;
  return {cycles.data(), int64_t(cycles.size())};
}

// Pairs of room and cycle, of a node whose buffer frees room.
Numbers freed_of(Model* model, int64_t node) {
  const auto& log = model->nodes[node].freed_log;
  return {log.empty() ? nullptr : &log[0].room, 2 * int64_t(log.size())};
}

// Per stream: beats offered and taken.
void counts_of(Model* model, int64_t* counts) {
  for (const Stream& stream : model->streams) {
    *counts++ = stream.offered;
    *counts++ = stream.taken;
  }
}

// Per node: busy, starved, blocked, and what it waits for.
void works_of(Model* model, int64_t* works) {
  for (size_t n = 0; n < model->nodes.size(); ++n) {
    const Spent& spent = model->total[n];
    for (const int64_t cycles : {spent.busy, spent.starved, spent.blocked}) *works++ = cycles;
    *works++ = model->nodes[n].waits;
  }
}

}  // extern "C"
