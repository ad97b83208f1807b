"""Blocks of dot products that stay in registers, written as LLVM vectors and called from compiled kernels.

Loops that numba's compiler vectorises by itself keep the sums in memory and reach a fifth of this. The code
here is the same for every processor: LLVM cuts its vectors into those the target has. A few instructions are
asked for by name, where the target has them: AVX512-VNNI's products of four bytes, and look-ups in tables.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from xnorforge.sim.bits._llvm import (
    I8,
    I16,
    I32,
    I64,
    SHORTS,
    SUMS,
    WORDS,
    byte_products,
    cleared_sums,
    constant,
    each_case,
    each_word,
    in_every_lane,
    pointer_to,
    short_lookups,
)  # fmt: skip


def _unequal(builder, positions: int, blocks: int, first, weights, places, count, stride) -> list[list]:
    """Numbers of unequal bits: of `positions` windows, `blocks` vectors of 16 results each."""
    totals = cleared_sums(builder, SUMS, positions, blocks)
    kind = ir.FunctionType(SUMS, [SUMS])
    ones = cgutils.get_or_insert_function(builder.module, kind, "llvm.ctpop.v16i32")

    def visit(word, at):
        for half in range(2):
            rows = [
                builder.load(pointer_to(builder, builder.add(at, constant(64 * k)), SUMS), align=64)
                for k in range(half * blocks, (half + 1) * blocks)
            ]
            for p in range(positions):
                address = builder.add(builder.add(word, builder.mul(stride, constant(p))), constant(4 * half))
                bits = in_every_lane(builder, builder.load(pointer_to(builder, address, I32), align=1), SUMS)
                for total, row in zip(totals[p], rows):
                    found = builder.call(ones, [builder.xor(bits, row)])
                    builder.store(builder.add(builder.load(total), found), total)

    each_word(builder, first, weights, places, count, 128 * blocks, visit)
    return [[builder.load(total) for total in row] for row in totals]


def unequal_bits(most: int, blocks: int, pooled: bool = False):
    """An intrinsic: windows of bits against 16 * `blocks` rows of weights.

    Its arguments, all int64:
        many: how many windows, 1 .. `most`.
        first: address of the first of the windows; `stride` bytes on is the next.
        weights: address, 64-byte aligned, of the halves of words, uint32 (words of a window, 2, 16 * blocks).
        limits: address of int32 (16 * blocks,). A result is bit 1 where the number of unequal bits is at most
            that. Where the address is 0, a result is the number of equal bits, `length` less the unequal
            ones.
        places, count: address of the places of the words, int64, and how many there are.
        out: address of the first window's results, bits or int32; `out_stride` bytes on are those of the
            next.

    With `pooled`, `length` is the address of int64, how many windows are one result, and the distances of
    them in bytes: a bit is 1 where it is for any.
    """

    @intrinsic
    def tile(_context, many, first, weights, limits, length, places, count, stride, out, out_stride):  # noqa: ARG001
        def code(context, builder, _signature, arguments):
            many, first, weights, limits, length, places, count, stride, out, out_stride = arguments

            def write(positions):
                if pooled:
                    found = fewest(positions)
                    finish_all(positions, found, compare)
                    return
                found = _unequal(builder, positions, blocks, first, weights, places, count, stride)
                with builder.if_else(builder.icmp_signed("!=", limits, constant(0))) as (as_bits, as_counts):
                    for branch, finish in ((as_bits, compare), (as_counts, subtract)):
                        with branch:
                            finish_all(positions, found, finish)

            def fewest(positions):
                least = cleared_sums(builder, SUMS, positions, blocks, 2**31 - 1)
                with cgutils.for_range(builder, builder.load(pointer_to(builder, length, I64))) as tap:
                    entry = builder.add(length, builder.shl(builder.add(tap.index, constant(1)), constant(3)))
                    place = builder.add(first, builder.load(pointer_to(builder, entry, I64)))
                    found = _unequal(builder, positions, blocks, place, weights, places, count, stride)
                    for row, totals in zip(least, found):
                        for one, total in zip(row, totals):
                            fewer = builder.icmp_signed("<", total, builder.load(one))
                            builder.store(builder.select(fewer, total, builder.load(one)), one)
                return [[builder.load(one) for one in row] for row in least]

            def finish_all(positions, found, finish):
                for p in range(positions):
                    to = builder.add(out, builder.mul(out_stride, constant(p)))
                    for k in range(blocks):
                        finish(found[p][k], k, to)

            def compare(found, k, to):
                place = pointer_to(builder, builder.add(limits, constant(64 * k)), SUMS)
                few = builder.icmp_signed("<=", found, builder.load(place, align=4))
                at = pointer_to(builder, builder.add(to, constant(2 * k)), I16)
                builder.store(builder.bitcast(few, I16), at, align=1)

            def subtract(found, k, to):
                equal = builder.sub(in_every_lane(builder, builder.trunc(length, I32), SUMS), found)
                builder.store(equal, pointer_to(builder, builder.add(to, constant(64 * k)), SUMS), align=4)

            each_case(builder, many, most, write)
            return context.get_dummy_value()

        return types.void(*([types.int64] * 10)), code

    return tile


def joined_bits(most: int, blocks: int):
    """An intrinsic: as `unequal_bits`, the numbers of equal bits times factors are added to those of another
    stream times theirs, and the sums are compared.

    Its arguments, all int64; `other`, `out` and `bits` of the next window are `out_stride`, `out_stride` and
    `bits_stride` bytes on:
        many, first, weights, places, count, stride: as there.
        tail: address of int64 (7,): addresses of int32 (16 * blocks,), the sums of windows without an unequal
            bit and zeros, less the least sum; the factors, those of the other stream, and the thresholds;
            of the bits that are xored to the results of the comparison; the least sum, and the number of
            them less one, a power of two less one: sums are modulo that.
        other: address of int32 (16 * blocks,) of the other stream.
        out: address of the sums, int32 (16 * blocks,).
        bits: address of the bits, whether they reach the thresholds.
    """

    @intrinsic
    def tile(_context, many, first, w, tail, places, count, step, other, out, out_step, bits, bits_step):  # noqa: ARG001
        def code(context, builder, _signature, arguments):
            many, first, weights, tail, places, count, stride, *rest = arguments
            other, out, out_stride, bits, bits_stride = rest
            table = [
                builder.load(pointer_to(builder, builder.add(tail, constant(8 * k)), I64)) for k in range(7)
            ]
            low, mask = (in_every_lane(builder, builder.trunc(number, I32), SUMS) for number in table[5:])

            def at(address, distance, kind, align):
                distance = constant(distance) if isinstance(distance, int) else distance
                return builder.load(pointer_to(builder, builder.add(address, distance), kind), align=align)

            def write(positions):
                found = _unequal(builder, positions, blocks, first, weights, places, count, stride)
                for k in range(blocks):
                    starts, factors, others, least = (at(place, 64 * k, SUMS, 4) for place in table[:4])
                    inverted = at(table[4], 2 * k, I16, 1)
                    for p in range(positions):
                        on = builder.add(builder.mul(out_stride, constant(p)), constant(64 * k))
                        total = builder.sub(starts, builder.mul(found[p][k], factors))
                        total = builder.add(total, builder.mul(at(other, on, SUMS, 4), others))
                        total = builder.add(builder.and_(total, mask), low)
                        builder.store(total, pointer_to(builder, builder.add(out, on), SUMS), align=4)
                        reached = builder.bitcast(builder.icmp_signed(">=", total, least), I16)
                        to = builder.add(builder.mul(bits_stride, constant(p)), constant(2 * k))
                        to = pointer_to(builder, builder.add(bits, to), I16)
                        builder.store(builder.xor(reached, inverted), to, align=1)

            each_case(builder, many, most, write)
            return context.get_dummy_value()

        return types.void(*([types.int64] * 12)), code

    return tile


def _byte_product(builder, total, x, weights):
    """total + x0 w0 + x1 w1 + x2 w2 + x3 w3 of unsigned bytes x and signed bytes w, in every lane."""
    kind = ir.FunctionType(SUMS, [SUMS] * 3)
    product = cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.avx512.vpdpbusd.512")
    return builder.call(product, [total, x, weights])


def _short_product(builder, total, x, weights):
    """total + x0 w0 + x1 w1 of signed 16-bit halves, in every lane; processors have this as one
    instruction.
    """
    half = ir.Constant(SUMS, [16] * 16)
    low = [builder.ashr(builder.shl(pair, half), half) for pair in (x, weights)]
    high = [builder.ashr(pair, half) for pair in (x, weights)]
    return builder.add(total, builder.add(builder.mul(*low), builder.mul(*high)))


def sums(positions: int, blocks: int):
    """An intrinsic: windows of integers against 16 * `blocks` rows of weights, `positions` windows at once.

    Four bytes of a window, and of a row of weights, are one word: two signed 16-bit numbers each where
    `short` is 1; where it is 0, which needs `byte_products()`, four unsigned bytes and four signed ones. The
    other arguments are those of `unequal_bits`, with weights int32 (words, 16 * blocks). `limits` is the
    address of int32 (16 * blocks,), and a result is bit 1 where the sum is at least that; where the address
    is 0, a result is the sum, int32. `starts` is the address of int32 (16 * blocks,), what the sums start
    from.
    """

    @intrinsic
    def tile(_context, short, x, w, limits, starts, places, count, step, out, out_step):  # noqa: ARG001
        def code(context, builder, _signature, arguments):
            short, first, weights, limits, starts, places, count, stride, out, out_stride = arguments
            totals = cleared_sums(builder, SUMS, positions, blocks)
            for k in range(blocks):
                place = pointer_to(builder, builder.add(starts, constant(64 * k)), SUMS)
                start = builder.load(place, align=4)
                for row in totals:
                    builder.store(start, row[k])

            def walk(product):
                def visit(word, at):
                    rows = [
                        builder.load(pointer_to(builder, builder.add(at, constant(64 * k)), SUMS), align=64)
                        for k in range(blocks)
                    ]
                    for p in range(positions):
                        address = builder.add(word, builder.mul(stride, constant(p)))
                        four = builder.load(pointer_to(builder, address, I32), align=1)
                        x = in_every_lane(builder, four, SUMS)
                        for total, row in zip(totals[p], rows):
                            builder.store(product(builder, builder.load(total), x, row), total)

                each_word(builder, first, weights, places, count, 64 * blocks, visit)

            with builder.if_else(builder.icmp_signed("!=", short, constant(0))) as (shorts, four_bytes):
                with shorts:
                    walk(_short_product)
                with four_bytes:
                    if byte_products():
                        walk(_byte_product)
            with builder.if_else(builder.icmp_signed("!=", limits, constant(0))) as (as_bits, as_sums):
                for branch, finish in ((as_bits, compare), (as_sums, give)):
                    with branch:
                        for p in range(positions):
                            to = builder.add(out, builder.mul(out_stride, constant(p)))
                            finish(builder, totals[p], limits, to)
            return context.get_dummy_value()

        def compare(builder, totals, limits, to):
            for k, total in enumerate(totals):
                place = pointer_to(builder, builder.add(limits, constant(64 * k)), SUMS)
                mask = builder.icmp_signed(">=", builder.load(total), builder.load(place, align=4))
                at = pointer_to(builder, builder.add(to, constant(2 * k)), I16)
                builder.store(builder.bitcast(mask, I16), at, align=1)

        def give(builder, totals, _limits, to):
            for k, total in enumerate(totals):
                place = pointer_to(builder, builder.add(to, constant(64 * k)), SUMS)
                builder.store(builder.load(total), place, align=4)

        return types.void(*([types.int64] * 10)), code

    return tile


def sign_tables():
    """An intrinsic, which needs `short_lookups()`: tables of 32 sums, int16, each of six unsigned bytes times
    a sign of each. Arguments, all int64: address of the first bytes, how many bytes on the next are, and how
    many tables; address of the signs, int8 (3, 32, 2); address of the first table, 64-byte aligned, and how
    many bytes on the next is.
    """

    @intrinsic
    def tile(_context, x, stride, many, signs, out, out_stride):  # noqa: ARG001
        def code(context, builder, _signature, arguments):
            x, stride, many, signs, out, out_stride = arguments
            if short_lookups():
                kind = ir.VectorType(I8, 64)
                product = cgutils.get_or_insert_function(
                    builder.module, ir.FunctionType(SHORTS, [kind, kind]), "llvm.x86.avx512.pmaddubs.w.512"
                )
                factors = [
                    builder.load(pointer_to(builder, builder.add(signs, constant(64 * k)), kind), align=1)
                    for k in range(3)
                ]
                with cgutils.for_range(builder, many) as turn:
                    found = []
                    for k, factor in enumerate(factors):
                        place = builder.add(builder.add(x, builder.mul(turn.index, stride)), constant(2 * k))
                        two = builder.load(pointer_to(builder, place, I16), align=1)
                        pairs = builder.bitcast(in_every_lane(builder, two, SHORTS), kind)
                        found.append(builder.call(product, [pairs, factor]))
                    total = builder.add(builder.add(found[0], found[1]), found[2])
                    to = builder.add(out, builder.mul(turn.index, out_stride))
                    builder.store(total, pointer_to(builder, to, SHORTS), align=64)
            return context.get_dummy_value()

        return types.void(*([types.int64] * 6)), code

    return tile


def looked_up(most: int, blocks: int):
    """An intrinsic, which needs `short_lookups()`: windows of tables against 32 * `blocks` rows of weights.

    As `unequal_bits`, in place of words of bits tables of int16 (32,), 64-byte aligned, and in place of
    halves of weights which number of each table is added, int16 (tables of a window, 32 * blocks). `starts`
    is the address of int16 (32 * blocks,), what the sums start from, `limits` that of as many: a result is
    bit 1 where the sum is at least that.
    """

    @intrinsic
    def tile(_context, many, first, indices, limits, starts, places, count, stride, out, out_stride):  # noqa: ARG001
        def code(context, builder, _signature, arguments):
            many, first, indices, limits, starts, places, count, stride, out, out_stride = arguments
            kind = ir.FunctionType(SHORTS, [SHORTS, SHORTS])

            def rows_at(address, align):
                return [
                    builder.load(
                        pointer_to(builder, builder.add(address, constant(64 * k)), SHORTS), align=align
                    )
                    for k in range(blocks)
                ]

            def write(positions):
                look_up = cgutils.get_or_insert_function(
                    builder.module, kind, "llvm.x86.avx512.permvar.hi.512"
                )
                totals = cleared_sums(builder, SHORTS, positions, blocks)
                for row in totals:
                    for total, start in zip(row, rows_at(starts, 2)):
                        builder.store(start, total)

                def visit(table, at):
                    rows = rows_at(at, 2)
                    for p in range(positions):
                        address = builder.add(table, builder.mul(stride, constant(p)))
                        numbers = builder.load(pointer_to(builder, address, SHORTS), align=64)
                        for total, row in zip(totals[p], rows):
                            found = builder.call(look_up, [numbers, row])
                            builder.store(builder.add(builder.load(total), found), total)

                each_word(builder, first, indices, places, count, 64 * blocks, visit)
                for k, limit in enumerate(rows_at(limits, 2)):
                    for p in range(positions):
                        reached = builder.icmp_signed(">=", builder.load(totals[p][k]), limit)
                        to = builder.add(builder.mul(out_stride, constant(p)), constant(4 * k))
                        to = pointer_to(builder, builder.add(out, to), I32)
                        builder.store(builder.bitcast(reached, I32), to, align=1)

            if short_lookups():
                each_case(builder, many, most, write)
            return context.get_dummy_value()

        return types.void(*([types.int64] * 10)), code

    return tile


def peak_loop():
    """An intrinsic: the machine's limit for binary products, 8 vectors of xor, population count and sum per
    round, the weights from the first-level cache. Arguments, all int64: addresses of uint64 (512,) and of
    uint64 (8, 8, 8), 64-byte aligned, rounds, and the address of uint64 (8,), where the sums go.
    """

    @intrinsic
    def rounds_of(_context, words, weights, rounds, out):  # noqa: ARG001
        def code(context, builder, _signature, arguments):
            words, weights, rounds, out = arguments
            [totals] = cleared_sums(builder, WORDS, 1, 8)
            kind = ir.FunctionType(WORDS, [WORDS])
            ones = cgutils.get_or_insert_function(builder.module, kind, "llvm.ctpop.v8i64")
            with cgutils.for_range(builder, rounds) as turn:
                place = builder.shl(builder.and_(turn.index, constant(511)), constant(3))
                word = builder.load(pointer_to(builder, builder.add(words, place), I64))
                bits = in_every_lane(builder, word, WORDS)
                row = builder.add(weights, builder.shl(builder.and_(turn.index, constant(7)), constant(9)))
                for k, total in enumerate(totals):
                    weight = builder.load(
                        pointer_to(builder, builder.add(row, constant(64 * k)), WORDS), align=64
                    )
                    found = builder.call(ones, [builder.xor(bits, weight)])
                    builder.store(builder.add(builder.load(total), found), total)
            for total in totals[1:]:
                builder.store(builder.add(builder.load(totals[0]), builder.load(total)), totals[0])
            builder.store(builder.load(totals[0]), pointer_to(builder, out, WORDS), align=8)
            return context.get_dummy_value()

        return types.void(*([types.int64] * 4)), code

    return rounds_of
