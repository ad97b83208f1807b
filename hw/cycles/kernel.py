"""The compiled kernel of the cycle model: one for all networks, which are tables.

A stream carries at most one beat that is offered and not taken, because a beat is offered after the one
before it was taken; so its state is how many were offered and taken, and the cycles of the last ones. A node
(operator, source or sink) that sits in the work list moves beats until it needs a cycle that is not known
yet, and wakes its neighbours. The order in which nodes are activated changes nothing.

The pipeline of an operator counts its moves: `move` + `stood` = cycle, where `stood` are the cycles in which
it stood still. When it stands still because of an output beat is known when that beat is taken
(`xnorforge.hw.ops._timing.Stop`).

Reference counts of the arrays (`_nrt`) are switched off: counting them at every call takes longer than all
the rest.
"""

from typing import Any

import numba
import numpy as np
from numba import njit

from xnorforge.core.artifacts import cache_dir, digest
from xnorforge.hw.ops._timing import Stop

numba.config.CACHE_DIR = str(cache_dir() / f"numba-{digest(__file__)[:16]}")  # type: ignore[attr-defined]

# Columns of a stream.
(OFFERED, TAKEN, OFFER, TAKE, WRITER, READER, LOG, LOGGED, FRAME_BEATS, PAUSES, CHANCE, SLOT, STOP_CYCLES,
 EVERY, PHASE, START, OPEN_UNTIL, NEXT_STOP, STREAM_COLUMNS) = range(19)  # fmt: skip
# Columns of a node that do not change; a source and a sink have those from BEATS on.
(KIND, LATENCY, STOP, WORKS, WORK_COUNT, INS, IN_COUNT, OUTS, OUT_COUNT, PERIOD, ROOM, SEEN, FREE,
 GIVEN_AT, GIVEN_MASK, HELD_AT, HELD_MASK, FREED_AT, FREED_MASK, FREED_LOG, FREED_LOGGED, SEEN_AT, SEEN_COUNT,
 SHUTS, LETS, BEATS, PACE, FRAME, LET_BY, LET_FREES, AHEAD, PLACES, ROUND, TURNS,
 NODE_COLUMNS) = range(35)  # fmt: skip
# Columns of a node that change.
(MOVE, STOOD, STOOD_OUT, WORK, STEP, PERIODS, UNRESOLVED, APPLIED, MADE, IS_OFFERED, WRITTEN, FREED_READ,
 FREED_MADE, ALLOWED, ALLOWED_FROM, ENDING, BUSY, WAITS, UNSURE, FORCED, NEEDED, EARLY_STEPS,
 EARLY_WRITES, TURN, TURN_OUT, LEFT, LEFT_OUT, STATE_COLUMNS) = range(28)  # fmt: skip
PIPELINE, SOURCE, SINK, ROUNDS = range(4)
SPARE, RESULT, GIVEN, BEHIND = map(int, (Stop.SPARE, Stop.RESULT, Stop.GIVEN, Stop.BEHIND))
# What a node waits for, where it waits.
NOTHING, INPUT, READERS = range(3)
# Columns of a work, as `xnorforge.hw.ops._timing.Work.row` gives them.
TAKES, SEES, EARLY, NEEDS, STEPS, MOVES, GIVES, FREES, SHUT = range(9)

UNCOUNTED: dict[str, Any] = {"_nrt": False, "error_model": "numpy"}
INLINE: dict[str, Any] = UNCOUNTED | {"forceinline": True}
FOREVER = 2**62
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@njit(cache=True, **INLINE)
def _drawn(start, place):
    """The number that the generator of stream.cpp gives at a place."""
    state = np.uint64(start) + GOLDEN * np.uint64(place + 1)
    z = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.int64(z >> np.uint64(32))


@njit(cache=True, **INLINE)
def _wake(node, queue, waiting, ends):
    if not waiting[node]:
        waiting[node] = True
        queue[ends[1]] = node
        ends[1] = ends[1] + 1 if ends[1] + 1 < len(queue) else 0


@njit(cache=True, **INLINE)
def _open(stream, cycle, streams):
    """The first cycle from this one on in which a stream does not pause, as stream.cpp has it; asked for
    cycles in their order.
    """
    while streams[stream, PAUSES] and cycle >= streams[stream, OPEN_UNTIL]:
        if cycle >= streams[stream, NEXT_STOP]:
            every, stop = streams[stream, EVERY], streams[stream, STOP_CYCLES]
            at = (cycle + streams[stream, PHASE]) % every
            if at + stop >= every:
                cycle += every - at
                continue
            streams[stream, NEXT_STOP] = cycle - at + every - stop if stop else FOREVER
        each = streams[stream, SLOT]
        slot = cycle // each if each > 1 else cycle  # a division takes as long as all the rest
        until = (slot + 1) * each
        if _drawn(streams[stream, START], slot) >= streams[stream, CHANCE]:
            streams[stream, OPEN_UNTIL] = min(until, streams[stream, NEXT_STOP])
            break
        cycle = until
    return cycle


@njit(cache=True, **INLINE)
def _note(stream, cycle, streams, log):
    """A beat is taken."""
    if streams[stream, TAKEN] < streams[stream, LOGGED]:
        log[streams[stream, LOG] + streams[stream, TAKEN]] = cycle
    streams[stream, TAKE] = cycle
    streams[stream, TAKEN] += 1


@njit(cache=True, **INLINE)
def _take(stream, cycle, streams, log, queue, waiting, ends):
    _note(stream, cycle, streams, log)
    _wake(streams[stream, WRITER], queue, waiting, ends)


@njit(cache=True, **INLINE)
def _write(n, nodes, states, streams, links, memory, log):
    """An input beat into the buffer; whether there was one that could."""
    stream = links[nodes[n, INS]]
    states[n, UNSURE] = -1
    if streams[stream, OFFERED] == streams[stream, TAKEN]:
        return False
    at = states[n, WRITTEN]
    while True:
        room, known = states[n, ALLOWED] > at, states[n, FREED_READ] < states[n, FREED_MADE]
        cycle = max(streams[stream, OFFER], states[n, ALLOWED_FROM])
        if room and not nodes[n, SHUTS]:
            break
        place = nodes[n, FREED_AT] + 2 * (states[n, FREED_READ] & nodes[n, FREED_MASK])
        if known and (not room or memory[place + 1] <= cycle):
            states[n, ALLOWED], states[n, ALLOWED_FROM] = memory[place], memory[place + 1]
            states[n, FREED_READ] += 1
        elif known or (room and states[n, FORCED]):
            states[n, FORCED] = 0
            break
        else:
            states[n, UNSURE] = cycle if room else -1
            return False
    early = streams[stream, OFFER] - states[n, ALLOWED_FROM]
    states[n, EARLY_WRITES] = min(states[n, EARLY_WRITES], early)
    memory[nodes[n, HELD_AT] + (at & nodes[n, HELD_MASK])] = cycle
    states[n, WRITTEN] = at + 1
    _note(stream, cycle, streams, log)
    return True


@njit(cache=True, **INLINE)
def _stand(n, nodes, states, memory, least, after):
    """The first move from `least` on whose cycle is `after` or later, or -1 where it is not known yet; what
    stops the pipeline at or before it is then part of the clock of the steps.
    """
    move = max(least, after - states[n, STOOD])
    while states[n, APPLIED] < states[n, MADE]:
        place = nodes[n, GIVEN_AT] + 2 * (states[n, APPLIED] & nodes[n, GIVEN_MASK])
        begin = memory[place]
        if nodes[n, STOP] == SPARE:
            begin += 1
        elif nodes[n, STOP] == RESULT or nodes[n, STOP] == BEHIND:
            begin -= 1
        if begin > move:
            break
        if states[n, APPLIED] == states[n, UNRESOLVED]:
            return -1
        states[n, STOOD] += memory[place + 1]
        states[n, APPLIED] += 1
        least = max(least, begin)
        move = max(least, after - states[n, STOOD])
    return move


@njit(cache=True, **INLINE)
def _free(n, nodes, states, w, works, memory, log, queue, waiting, ends):
    """Room that the last step of a work frees; none at all where it shuts the buffer."""
    if nodes[n, PERIOD] and works[w, FREES]:
        room = states[n, PERIODS] * nodes[n, PERIOD] + works[w, FREES] + nodes[n, ROOM]
        place = nodes[n, FREED_AT] + 2 * (states[n, FREED_MADE] & nodes[n, FREED_MASK])
        cycle = states[n, MOVE] + states[n, STOOD] + nodes[n, FREE]
        memory[place], memory[place + 1] = 0 if works[w, SHUT] else room, cycle
        if states[n, FREED_MADE] < nodes[n, FREED_LOGGED]:
            place = nodes[n, FREED_LOG] + 2 * states[n, FREED_MADE]
            log[place], log[place + 1] = room, cycle
        states[n, FREED_MADE] += 1
        if nodes[n, LETS]:
            _wake(nodes[n, LETS], queue, waiting, ends)


@njit(cache=True, **INLINE)
def _row(n, move, left, nodes, states, works, streams, links, memory, log, queue, waiting, ends):
    """Of `left` steps, each a move that gives a beat, from `move` on, as many as one after the other give
    beats that are taken at once, 0 where it is fewer than two; all that comes of them is done.
    """
    stream, made = links[nodes[n, OUTS]], states[n, MADE]
    if states[n, APPLIED] != made or nodes[n, OUT_COUNT] != 1 or streams[stream, PAUSES]:
        return np.int64(0)
    first = move + nodes[n, LATENCY] + states[n, STOOD_OUT]
    if nodes[n, STOP] == RESULT or nodes[n, STOP] == GIVEN or streams[stream, TAKE] >= first:
        return np.int64(0)
    reader, many = streams[stream, READER], left
    w = nodes[reader, WORKS] + states[reader, WORK]
    if nodes[reader, PERIOD]:
        many = min(many, states[reader, ALLOWED] - states[reader, WRITTEN])
        if many < 2 or first < states[reader, ALLOWED_FROM] or nodes[reader, SHUTS]:
            return np.int64(0)
        early = first - states[reader, ALLOWED_FROM]
        states[reader, EARLY_WRITES] = min(states[reader, EARLY_WRITES], early)
        for k in range(many):
            place = nodes[reader, HELD_AT] + ((states[reader, WRITTEN] + k) & nodes[reader, HELD_MASK])
            memory[place] = first + k
        states[reader, WRITTEN] += many
        if states[reader, WAITS] == INPUT and states[reader, WRITTEN] >= states[reader, NEEDED]:
            _wake(reader, queue, waiting, ends)
    elif nodes[reader, KIND] != SINK:
        many = min(many, works[w, STEPS] - states[reader, STEP])
        waits = states[reader, WAITS] == INPUT and nodes[reader, IN_COUNT] == 1 and works[w, TAKES]
        if many < 2 or not waits or works[w, GIVES] or works[w, EARLY] or works[w, MOVES] > 1:
            return np.int64(0)
        late = states[reader, MOVE] + states[reader, STOOD] >= first
        if late or states[reader, APPLIED] != states[reader, MADE]:
            return np.int64(0)
        states[reader, BUSY] += many
        states[reader, MOVE] = first + many - 1 - states[reader, STOOD]
        states[reader, STEP] += many
        if states[reader, STEP] == works[w, STEPS]:
            _next_work(reader, nodes, states)
            if not works[nodes[reader, WORKS] + states[reader, WORK], TAKES]:
                _wake(reader, queue, waiting, ends)
    last = first + many - 1
    for k in range(min(many, streams[stream, LOGGED] - streams[stream, TAKEN])):
        log[streams[stream, LOG] + streams[stream, TAKEN] + k] = first + k
    streams[stream, OFFERED] += many
    streams[stream, TAKEN] += many
    streams[stream, OFFER] = streams[stream, TAKE] = last
    states[n, MADE] = states[n, UNRESOLVED] = states[n, APPLIED] = made + many
    return many


@njit(cache=True, **INLINE)
def _next_work(n, nodes, states):
    """All steps of a work are done."""
    states[n, STEP] = 0
    states[n, WORK] += 1
    if states[n, WORK] == nodes[n, WORK_COUNT]:
        states[n, WORK] = 0
        states[n, PERIODS] += 1


@njit(cache=True, **INLINE)
def _step(n, nodes, states, works, streams, links, memory, log, queue, waiting, ends):
    """The next step of the pipeline; whether there was one."""
    w = nodes[n, WORKS] + states[n, WORK]
    if not states[n, ENDING]:
        after = np.int64(-1)
        if works[w, NEEDS] and states[n, STEP] == 0:
            need = states[n, PERIODS] * nodes[n, PERIOD] + works[w, NEEDS]
            if states[n, WRITTEN] < need:
                states[n, WAITS], states[n, NEEDED] = INPUT, need
                return False
            after = memory[nodes[n, HELD_AT] + ((need - 1) & nodes[n, HELD_MASK])] + nodes[n, SEEN]
            early = states[n, MOVE] + 1 + states[n, STOOD] - after
            states[n, EARLY_STEPS] = min(states[n, EARLY_STEPS], early)
        if works[w, TAKES] | works[w, SEES]:
            for k in range(nodes[n, IN_COUNT]):
                if ((works[w, TAKES] | works[w, SEES]) >> k) & 1:
                    stream = links[nodes[n, INS] + k]
                    if streams[stream, OFFERED] == streams[stream, TAKEN]:
                        states[n, WAITS] = INPUT
                        return False
                    after = max(after, streams[stream, OFFER])
        if works[w, EARLY]:
            for k in range(nodes[n, IN_COUNT]):
                if (works[w, TAKES] >> k) & 1:
                    _take(links[nodes[n, INS] + k], after, streams, log, queue, waiting, ends)
        else:
            move = _stand(n, nodes, states, memory, states[n, MOVE] + 1, after)
            if move < 0:
                states[n, WAITS] = READERS
                return False
            for k in range(nodes[n, IN_COUNT]):
                if (works[w, TAKES] >> k) & 1:
                    cycle = move + states[n, STOOD]
                    _take(links[nodes[n, INS] + k], cycle, streams, log, queue, waiting, ends)
            left, many = works[w, STEPS] - states[n, STEP], np.int64(0)
            if left > 1 and works[w, GIVES] and works[w, MOVES] == 1 and not works[w, TAKES]:
                many = _row(
                    n, move, left, nodes, states, works, streams, links, memory, log, queue, waiting, ends
                )
            states[n, BUSY] += many or works[w, MOVES]
            states[n, MOVE] = move + (many or works[w, MOVES]) - 1
            if many:
                states[n, STEP] += many - 1
            elif works[w, GIVES]:
                place = nodes[n, GIVEN_AT] + 2 * (states[n, MADE] & nodes[n, GIVEN_MASK])
                memory[place] = states[n, MOVE] + nodes[n, LATENCY]
                states[n, MADE] += 1
            states[n, ENDING] = works[w, MOVES] > 1
    # The cycle of the last move of the step is known when all that stops it before is.
    if states[n, ENDING]:
        if _stand(n, nodes, states, memory, states[n, MOVE], -1) < 0:
            states[n, WAITS] = READERS
            return False
        states[n, ENDING] = 0
    states[n, STEP] += 1
    if states[n, STEP] == works[w, STEPS]:
        _free(n, nodes, states, w, works, memory, log, queue, waiting, ends)
        _next_work(n, nodes, states)
    return True


@njit(cache=True, **INLINE)
def _offer(stream, cycle, begins, nodes, states, works, streams, links, memory, log, queue, waiting, ends):
    """A beat is offered as soon as the stream does not pause, and seen from `begins` on; taken at once where
    the reader has room for it, or does nothing but wait for it.
    """
    streams[stream, OFFER] = max(_open(stream, cycle, streams), begins)
    streams[stream, OFFERED] += 1
    reader = streams[stream, READER]
    if nodes[reader, KIND] == SINK:
        _note(stream, streams[stream, OFFER], streams, log)
    elif nodes[reader, PERIOD]:
        written = _write(reader, nodes, states, streams, links, memory, log)
        enough = states[reader, WAITS] == INPUT and states[reader, WRITTEN] >= states[reader, NEEDED]
        if written and enough:
            _wake(reader, queue, waiting, ends)
    else:
        if nodes[reader, IN_COUNT] == 1 and states[reader, WAITS] == INPUT:
            made, w = states[reader, MADE], nodes[reader, WORKS]
            stepped = _step(reader, nodes, states, works, streams, links, memory, log, queue, waiting, ends)
            # Else a step follows that waits for nothing, or for the beat that is still there.
            again = (
                works[w + states[reader, WORK], TAKES] and streams[stream, TAKEN] == streams[stream, OFFERED]
            )
            if stepped and again and states[reader, MADE] == made:
                return
        _wake(reader, queue, waiting, ends)


@njit(cache=True, **INLINE)
def _give(n, nodes, states, works, streams, links, memory, log, queue, waiting, ends):
    """Beats that the pipeline made: offer the next one, see when it was taken, and so on."""
    first, last = nodes[n, OUTS], nodes[n, OUTS] + nodes[n, OUT_COUNT]
    alone = nodes[n, STOP] == RESULT or nodes[n, STOP] == BEHIND
    while states[n, UNRESOLVED] != states[n, MADE]:
        taken = np.int64(-2)
        for k in range(first, last):
            stream = links[k]
            if streams[stream, OFFERED] != streams[stream, TAKEN]:
                return
            if streams[stream, TAKEN]:
                taken = max(taken, streams[stream, TAKE])
        place = nodes[n, GIVEN_AT] + 2 * (states[n, UNRESOLVED] & nodes[n, GIVEN_MASK])
        cycle = memory[place] + states[n, STOOD_OUT]
        stood = 0
        if not states[n, IS_OFFERED]:
            if alone:
                stood = max(0, taken + (2 if nodes[n, STOP] == RESULT else 1) - cycle)
                cycle += stood
            for k in range(first, last):
                _offer(
                    links[k],
                    cycle,
                    0,
                    nodes,
                    states,
                    works,
                    streams,
                    links,
                    memory,
                    log,
                    queue,
                    waiting,
                    ends,
                )
            if not alone:
                states[n, IS_OFFERED] = 1
                continue
        else:
            stood = taken - cycle + (1 if nodes[n, STOP] == GIVEN else 0)
            states[n, IS_OFFERED] = 0
        if stood or states[n, APPLIED] != states[n, UNRESOLVED]:
            memory[place + 1] = stood
            states[n, STOOD_OUT] += stood
        else:
            states[n, APPLIED] += 1
        states[n, UNRESOLVED] += 1


@njit(cache=True, **INLINE)
def _pipeline(n, nodes, states, works, streams, links, memory, log, queue, waiting, ends):
    while True:
        if nodes[n, PERIOD] and _write(n, nodes, states, streams, links, memory, log):
            _wake(streams[links[nodes[n, INS]], WRITER], queue, waiting, ends)
        _give(n, nodes, states, works, streams, links, memory, log, queue, waiting, ends)
        states[n, WAITS] = NOTHING
        if not _step(n, nodes, states, works, streams, links, memory, log, queue, waiting, ends):
            break


@njit(cache=True, **INLINE)
def _stand_in_rounds(n, stood, turn, left, nodes, states, memory, least, after):
    """`_stand` of a pipeline that stops before the last moves of rounds. `stood`, `turn`, `left` are columns:
    a clock, the round it is in, beats taken before the rounds whose results may still be unread.
    """
    reader, round_moves = nodes[n, LET_BY], nodes[n, ROUND]
    move = max(least, after - states[n, stood])
    while True:
        last = (states[n, turn] + 1) * round_moves - 1
        if last > move:
            return move
        until = (states[n, turn] + 2 - nodes[n, TURNS]) * round_moves
        while states[n, left] < states[n, MADE]:
            if memory[nodes[n, HELD_AT] + (states[n, left] & nodes[n, HELD_MASK])] >= until:
                break
            states[n, left] += 1
        if states[n, left]:
            if states[reader, FREED_MADE] < states[n, left]:
                return np.int64(-1)
            place = nodes[reader, FREED_AT] + 2 * ((states[n, left] - 1) & nodes[reader, FREED_MASK])
            states[n, stood] += max(0, memory[place + 1] - last - states[n, stood])
        states[n, turn] += 1
        least = max(least, last)
        move = max(least, after - states[n, stood])


@njit(cache=True, **INLINE)
def _rounds(n, nodes, states, works, streams, links, memory, log, queue, waiting, ends):
    """A front that goes round: a beat takes the next place as soon as the one before it left that, and is
    passed on `LATENCY` moves later. Two clocks, as the one of those passed on may be ahead or behind.
    """
    into, out, at, mask = links[nodes[n, INS]], links[nodes[n, OUTS]], nodes[n, HELD_AT], nodes[n, HELD_MASK]
    moved = True
    while moved:
        moved = False
        if states[n, UNRESOLVED] < states[n, MADE]:
            least = memory[at + (states[n, UNRESOLVED] & mask)] + nodes[n, LATENCY]
            move = _stand_in_rounds(n, STOOD_OUT, TURN_OUT, LEFT_OUT, nodes, states, memory, least, -1)
            if move >= 0:
                cycle = move + states[n, STOOD_OUT]
                states[n, UNRESOLVED] += 1
                _offer(out, cycle, 0, nodes, states, works, streams, links, memory, log, queue, waiting, ends)
                moved = True
        if streams[into, OFFERED] != streams[into, TAKEN]:
            made, least = states[n, MADE], states[n, MOVE] + 1
            if made >= nodes[n, PLACES]:
                least = max(least, memory[at + ((made - nodes[n, PLACES]) & mask)] + nodes[n, ROUND])
            after = streams[into, OFFER]
            move = _stand_in_rounds(n, STOOD, TURN, LEFT, nodes, states, memory, least, after)
            if move >= 0:
                cycle = move + states[n, STOOD]
                memory[at + (made & mask)] = states[n, MOVE] = move
                states[n, MADE] = made + 1
                states[n, BUSY] = (made + 1) * nodes[n, ROUND] // nodes[n, PLACES]
                _take(into, cycle, streams, log, queue, waiting, ends)
                moved = True


@njit(cache=True, **INLINE)
def _source(n, nodes, states, works, streams, links, memory, log, queue, waiting, ends):
    """Offers a beat as soon as it can, which is seen when the frame may begin. Whether there was one that
    could.
    """
    stream = links[nodes[n, OUTS]]
    if streams[stream, OFFERED] != streams[stream, TAKEN] or streams[stream, TAKEN] == nodes[n, BEATS]:
        return False
    begins, frame = np.int64(0), streams[stream, TAKEN] // nodes[n, FRAME]
    if nodes[n, AHEAD] and frame >= nodes[n, AHEAD] and streams[stream, TAKEN] % nodes[n, FRAME] == 0:
        reader, freed = nodes[n, LET_BY], (frame - nodes[n, AHEAD] + 1) * nodes[n, LET_FREES] - 1
        if states[reader, FREED_MADE] <= freed:
            return False
        begins = log[nodes[reader, FREED_LOG] + 2 * freed + 1]
    cycle = streams[stream, TAKE] + 1 if streams[stream, TAKEN] else np.int64(0)
    if nodes[n, PACE]:
        cycle = max(cycle, streams[stream, TAKEN] * nodes[n, PACE] // nodes[n, FRAME])
    _offer(stream, cycle, begins, nodes, states, works, streams, links, memory, log, queue, waiting, ends)
    return True


@njit(cache=True, **INLINE)
def _force(nodes, states, queue, waiting, ends):
    """Let the earliest beat in that could enter a buffer of which it is not known how long it stays open;
    whether there is one. Nothing else moves any more, so whatever shuts the buffer comes of that beat.
    """
    first = -1
    for n in range(len(nodes)):
        unsure = nodes[n, SHUTS] and states[n, UNSURE] >= 0
        if unsure and (first < 0 or states[n, UNSURE] < states[first, UNSURE]):
            first = n
    if first < 0:
        return False
    states[first, FORCED] = 1
    _wake(first, queue, waiting, ends)
    return True


@njit(cache=True, nogil=True, **UNCOUNTED)
def move_beats(nodes, states, works, streams, links, memory, log, queue, waiting, ends):
    """Move beats until nothing moves any more.

    Args:
        nodes: int64 (nodes, NODE_COLUMNS).
        states: int64 (nodes, STATE_COLUMNS), overwritten.
        works: int64 (works, 9), those of all operators.
        streams: int64 (streams, STREAM_COLUMNS), overwritten.
        links: int64 (any,), the streams in and out of the nodes.
        memory: int64 (any,), zeros, where the nodes keep cycles.
        log: int64 (any,), overwritten with the cycles in which beats were taken.
        queue: int64 (nodes + 1,), the work list, a ring, overwritten.
        waiting: bool (nodes,), False, whether a node is in it.
        ends: int64 (2,), where the next one leaves it and enters it.
    """
    for k in range(len(nodes)):
        _wake(k, queue, waiting, ends)
    while ends[0] != ends[1] or _force(nodes, states, queue, waiting, ends):
        k = queue[ends[0]]
        ends[0] = ends[0] + 1 if ends[0] + 1 < len(queue) else 0
        if nodes[k, KIND] == PIPELINE:
            _pipeline(k, nodes, states, works, streams, links, memory, log, queue, waiting, ends)
        elif nodes[k, KIND] == ROUNDS:
            _rounds(k, nodes, states, works, streams, links, memory, log, queue, waiting, ends)
        elif nodes[k, KIND] == SOURCE:
            while _source(k, nodes, states, works, streams, links, memory, log, queue, waiting, ends):
                pass
        waiting[k] = False  # it has seen all that happened meanwhile


@njit(cache=True, nogil=True, **UNCOUNTED)
def most_held(written, cycles, freed):
    """Most beats in a buffer right after one of these cycles, in which beats are written, int64 (beats,);
    after each of `cycles`, `freed` of them have left it, both int64 (any,).
    """
    most, k = 0, 0
    for beat in range(len(written)):
        while k < len(cycles) and cycles[k] <= written[beat]:
            k += 1
        most = max(most, beat + 1 - (freed[k - 1] if k else 0))
    return most


@njit(cache=True, **INLINE)
def _note_pipeline(n, nodes, states, memory, marks, cycles):
    """All that the next steps of a pipeline depend on."""
    at, move, written = nodes[n, SEEN_AT], states[n, MOVE], states[n, WRITTEN]
    freed, stops = states[n, FREED_MADE] - states[n, FREED_READ], states[n, MADE] - states[n, APPLIED]
    cycle = move + states[n, STOOD]
    cycles[at : at + nodes[n, SEEN_COUNT]] = cycle
    marks[at], marks[at + 1] = freed, stops
    at += 2
    if nodes[n, PERIOD]:
        marks[at] = states[n, ALLOWED] - written if states[n, ALLOWED] else np.int64(-1)
        cycles[at] = states[n, ALLOWED_FROM]
        at += 1
    for k in range(states[n, FREED_READ], states[n, FREED_MADE]):
        place = nodes[n, FREED_AT] + 2 * (k & nodes[n, FREED_MASK])
        marks[at] = memory[place] - written if memory[place] else np.int64(-1)
        cycles[at] = memory[place + 1]
        at += 1
    for k in range(states[n, APPLIED], states[n, MADE]):
        place = nodes[n, GIVEN_AT] + 2 * (k & nodes[n, GIVEN_MASK])
        marks[at], cycles[at] = memory[place] - move, cycle + memory[place + 1]
        at += 1


@njit(cache=True, **INLINE)
def _note_rounds(n, nodes, states, memory, marks, cycles):
    """All that the next beats of a front that goes round depend on."""
    at, move, made, reader = nodes[n, SEEN_AT], states[n, MOVE], states[n, MADE], nodes[n, LET_BY]
    turn = move // nodes[n, ROUND]
    first = max(np.int64(0), min(states[n, LEFT], states[n, LEFT_OUT], made - nodes[n, PLACES]))
    cycles[at : at + nodes[n, SEEN_COUNT]] = move + states[n, STOOD_OUT]
    marks[at], cycles[at] = move % nodes[n, ROUND], move + states[n, STOOD]
    marks[at + 1], marks[at + 2] = states[n, TURN] - turn, states[n, TURN_OUT] - turn
    marks[at + 3], marks[at + 4] = made - states[n, LEFT], made - states[n, LEFT_OUT]
    at += 5
    for k in range(first, made):
        taken = memory[nodes[n, HELD_AT] + (k & nodes[n, HELD_MASK])]
        place = nodes[reader, FREED_AT] + 2 * ((k - 1) & nodes[reader, FREED_MASK])
        marks[at], cycles[at] = taken - move, memory[place + 1] if k else np.int64(0)
        at += 1


@njit(cache=True, nogil=True, **UNCOUNTED)
def note_state(nodes, states, streams, memory, log, frames, marks, cycles):
    """All that the next frame depends on, after a number of frames have been moved. Where all marks are those
    of an earlier frame, it moves like the one behind that, by what its cycles are later.

    Args:
        nodes, states, streams, memory, log: of `move_beats`.
        frames: that were moved, 1 or more.
        marks: int64 (any,), zeros, overwritten: of each stream whether a beat is missing, and of each node
            `SEEN_COUNT` numbers from `SEEN_AT` on.
        cycles: int64 (any,), zeros, overwritten: those that belong to the marks.
    """
    for k in range(len(streams)):
        marks[k] = streams[k, TAKEN] != frames * streams[k, FRAME_BEATS]
        cycles[k] = streams[k, TAKE]
    for n in range(len(nodes)):
        if nodes[n, KIND] == PIPELINE:
            _note_pipeline(n, nodes, states, memory, marks, cycles)
        elif nodes[n, KIND] == ROUNDS:
            _note_rounds(n, nodes, states, memory, marks, cycles)
        elif nodes[n, AHEAD]:
            at = nodes[n, SEEN_AT]
            for k in range(min(frames, nodes[n, AHEAD])):
                freed = (frames - k) * nodes[n, LET_FREES] - 1
                marks[at + k] = 1
                cycles[at + k] = log[nodes[nodes[n, LET_BY], FREED_LOG] + 2 * freed + 1]


@njit(cache=True, nogil=True, **UNCOUNTED)
def postpone(nodes, states, streams, memory, of_streams, of_nodes):
    """Everything that the next beats depend on comes so many cycles later.

    Args:
        nodes, states, streams, memory: of `move_beats`, between two frames; overwritten.
        of_streams, of_nodes: int64 (streams,), (nodes,), by how many cycles.
    """
    for k in range(len(streams)):
        streams[k, TAKE] += of_streams[k]
    for n in range(len(nodes)):
        if nodes[n, KIND] != PIPELINE and nodes[n, KIND] != ROUNDS:
            continue
        states[n, STOOD] += of_nodes[n]
        states[n, STOOD_OUT] += of_nodes[n]
        if nodes[n, PERIOD]:
            states[n, ALLOWED_FROM] += of_nodes[n]
            for entry in range(nodes[n, FREED_MASK] + 1):
                memory[nodes[n, FREED_AT] + 2 * entry + 1] += of_nodes[n]
