"""Blocks of dot products that stay in registers, written as LLVM vectors and called from compiled kernels.

Loops that numba's compiler vectorises by itself keep the sums in memory and reach a fifth of this. The code
here is the same for every processor: LLVM cuts its vectors into those the target has. One instruction is
asked for by name, where the target has it: AVX512-VNNI's products of four bytes.

All addresses are int64. The *places* of a window are a table of int64: the distance, in bytes, of each of its
words from its first byte.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils, config
from numba.core.codegen import get_host_cpu_features
from numba.extending import intrinsic

I8, I16, I32, I64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))
WORDS = ir.VectorType(I64, 8)
SUMS = ir.VectorType(I32, 16)
SHORTS = ir.VectorType(I16, 32)
LANES = 16  # results that lie side by side in the weights


def target_has(feature: str) -> bool:
    """Whether compiled code may use a feature of the processor, by LLVM's name, as "avx512vnni"."""
    features = config.CPU_FEATURES  # type: ignore[attr-defined]
    return f"+{feature}" in (get_host_cpu_features() if features is None else features).split(",")


def byte_products() -> bool:
    """Whether four products of bytes are one instruction, so that `sums` takes bytes."""
    return target_has("avx512vnni")


def short_lookups() -> bool:
    """Whether 32 numbers of 16 bits are looked up in a table of 32 by one instruction."""
    return target_has("avx512bw")


def _pointer(builder, address, kind):
    return builder.inttoptr(address, kind.as_pointer())


def _number(value: int):
    return ir.Constant(I64, value)


def _everywhere(builder, value, kind):
    """A number in every lane of a vector type."""
    undefined = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(I32, 0))
    lanes = ir.Constant(ir.VectorType(I32, kind.count), [0] * kind.count)
    return builder.shuffle_vector(first, undefined, lanes)


def _walk(builder, first, weights, places, count, step: int, visit) -> None:
    """Call visit(address of a word of the window, address of its weights) for every word; its weights have
    `step` bytes.
    """
    with cgutils.for_range(builder, count) as word:
        entry = builder.add(places, builder.shl(word.index, _number(3)))
        address = builder.add(first, builder.load(_pointer(builder, entry, I64)))
        visit(address, builder.add(weights, builder.mul(word.index, _number(step))))


def _cleared(builder, kind, rows: int, columns: int, value: int = 0) -> list[list]:
    """Sums of 0, or numbers of another value; they become registers."""
    zero = ir.Constant(kind, [value] * kind.count)
    sums = [[cgutils.alloca_once_value(builder, zero) for _ in range(columns)] for _ in range(rows)]
    for row in sums:
        for total in row:
            builder.store(zero, total)
    return sums


def _each_case(builder, number, most: int, write) -> None:
    """write(k) for every k of 1 .. most, of which the code runs the one that `number` is."""
    after = builder.append_basic_block("after")
    chosen = builder.switch(number, after)
    for k in range(1, most + 1):
        with builder.goto_block(case := builder.append_basic_block(f"case{k}")):
            write(k)
            builder.branch(after)
        chosen.add_case(_number(k), case)
    builder.position_at_end(after)


def _unequal(builder, positions: int, blocks: int, first, weights, places, count, stride) -> list[list]:
    """Numbers of unequal bits: of `positions` windows, `blocks` vectors of 16 results each."""
    totals = _cleared(builder, SUMS, positions, blocks)
    kind = ir.FunctionType(SUMS, [SUMS])
    ones = cgutils.get_or_insert_function(builder.module, kind, "llvm.ctpop.v16i32")

    def visit(word, at):
        for half in range(2):
            rows = [
                builder.load(_pointer(builder, builder.add(at, _number(64 * k)), SUMS), align=64)
                for k in range(half * blocks, (half + 1) * blocks)
            ]
            for p in range(positions):
                address = builder.add(builder.add(word, builder.mul(stride, _number(p))), _number(4 * half))
                bits = _everywhere(builder, builder.load(_pointer(builder, address, I32), align=1), SUMS)
                for total, row in zip(totals[p], rows):
                    found = builder.call(ones, [builder.xor(bits, row)])
                    builder.store(builder.add(builder.load(total), found), total)

    _walk(builder, first, weights, places, count, 128 * blocks, visit)
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
                with builder.if_else(builder.icmp_signed("!=", limits, _number(0))) as (as_bits, as_counts):
                    for branch, finish in ((as_bits, compare), (as_counts, subtract)):
                        with branch:
                            finish_all(positions, found, finish)

            def fewest(positions):
                least = _cleared(builder, SUMS, positions, blocks, 2**31 - 1)
                with cgutils.for_range(builder, builder.load(_pointer(builder, length, I64))) as tap:
                    entry = builder.add(length, builder.shl(builder.add(tap.index, _number(1)), _number(3)))
                    place = builder.add(first, builder.load(_pointer(builder, entry, I64)))
                    found = _unequal(builder, positions, blocks, place, weights, places, count, stride)
                    for row, totals in zip(least, found):
                        for one, total in zip(row, totals):
                            fewer = builder.icmp_signed("<", total, builder.load(one))
                            builder.store(builder.select(fewer, total, builder.load(one)), one)
                return [[builder.load(one) for one in row] for row in least]

            def finish_all(positions, found, finish):
                for p in range(positions):
                    to = builder.add(out, builder.mul(out_stride, _number(p)))
                    for k in range(blocks):
                        finish(found[p][k], k, to)

            def compare(found, k, to):
                place = _pointer(builder, builder.add(limits, _number(64 * k)), SUMS)
                few = builder.icmp_signed("<=", found, builder.load(place, align=4))
                at = _pointer(builder, builder.add(to, _number(2 * k)), I16)
                builder.store(builder.bitcast(few, I16), at, align=1)

            def subtract(found, k, to):
                equal = builder.sub(_everywhere(builder, builder.trunc(length, I32), SUMS), found)
                builder.store(equal, _pointer(builder, builder.add(to, _number(64 * k)), SUMS), align=4)

            _each_case(builder, many, most, write)
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
                builder.load(_pointer(builder, builder.add(tail, _number(8 * k)), I64)) for k in range(7)
            ]
            low, mask = (_everywhere(builder, builder.trunc(number, I32), SUMS) for number in table[5:])

            def at(address, distance, kind, align):
                distance = _number(distance) if isinstance(distance, int) else distance
                return builder.load(_pointer(builder, builder.add(address, distance), kind), align=align)

            def write(positions):
                found = _unequal(builder, positions, blocks, first, weights, places, count, stride)
                for k in range(blocks):
                    starts, factors, others, least = (at(place, 64 * k, SUMS, 4) for place in table[:4])
                    inverted = at(table[4], 2 * k, I16, 1)
                    for p in range(positions):
                        on = builder.add(builder.mul(out_stride, _number(p)), _number(64 * k))
                        total = builder.sub(starts, builder.mul(found[p][k], factors))
                        total = builder.add(total, builder.mul(at(other, on, SUMS, 4), others))
                        total = builder.add(builder.and_(total, mask), low)
                        builder.store(total, _pointer(builder, builder.add(out, on), SUMS), align=4)
                        reached = builder.bitcast(builder.icmp_signed(">=", total, least), I16)
                        to = builder.add(builder.mul(bits_stride, _number(p)), _number(2 * k))
                        to = _pointer(builder, builder.add(bits, to), I16)
                        builder.store(builder.xor(reached, inverted), to, align=1)

            _each_case(builder, many, most, write)
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
            totals = _cleared(builder, SUMS, positions, blocks)
            for k in range(blocks):
                place = _pointer(builder, builder.add(starts, _number(64 * k)), SUMS)
                start = builder.load(place, align=4)
                for row in totals:
                    builder.store(start, row[k])

            def walk(product):
                def visit(word, at):
                    rows = [
                        builder.load(_pointer(builder, builder.add(at, _number(64 * k)), SUMS), align=64)
                        for k in range(blocks)
                    ]
                    for p in range(positions):
                        address = builder.add(word, builder.mul(stride, _number(p)))
                        four = builder.load(_pointer(builder, address, I32), align=1)
                        x = _everywhere(builder, four, SUMS)
                        for total, row in zip(totals[p], rows):
                            builder.store(product(builder, builder.load(total), x, row), total)

                _walk(builder, first, weights, places, count, 64 * blocks, visit)

            with builder.if_else(builder.icmp_signed("!=", short, _number(0))) as (shorts, four_bytes):
                with shorts:
                    walk(_short_product)
                with four_bytes:
                    if byte_products():
                        walk(_byte_product)
            with builder.if_else(builder.icmp_signed("!=", limits, _number(0))) as (as_bits, as_sums):
                for branch, finish in ((as_bits, compare), (as_sums, give)):
                    with branch:
                        for p in range(positions):
                            to = builder.add(out, builder.mul(out_stride, _number(p)))
                            finish(builder, totals[p], limits, to)
            return context.get_dummy_value()

        def compare(builder, totals, limits, to):
            for k, total in enumerate(totals):
                place = _pointer(builder, builder.add(limits, _number(64 * k)), SUMS)
                mask = builder.icmp_signed(">=", builder.load(total), builder.load(place, align=4))
                at = _pointer(builder, builder.add(to, _number(2 * k)), I16)
                builder.store(builder.bitcast(mask, I16), at, align=1)

        def give(builder, totals, _limits, to):
            for k, total in enumerate(totals):
                place = _pointer(builder, builder.add(to, _number(64 * k)), SUMS)
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
                    builder.load(_pointer(builder, builder.add(signs, _number(64 * k)), kind), align=1)
                    for k in range(3)
                ]
                with cgutils.for_range(builder, many) as turn:
                    found = []
                    for k, factor in enumerate(factors):
                        place = builder.add(builder.add(x, builder.mul(turn.index, stride)), _number(2 * k))
                        two = builder.load(_pointer(builder, place, I16), align=1)
                        pairs = builder.bitcast(_everywhere(builder, two, SHORTS), kind)
                        found.append(builder.call(product, [pairs, factor]))
                    total = builder.add(builder.add(found[0], found[1]), found[2])
                    to = builder.add(out, builder.mul(turn.index, out_stride))
                    builder.store(total, _pointer(builder, to, SHORTS), align=64)
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
                        _pointer(builder, builder.add(address, _number(64 * k)), SHORTS), align=align
                    )
                    for k in range(blocks)
                ]

            def write(positions):
                look_up = cgutils.get_or_insert_function(
                    builder.module, kind, "llvm.x86.avx512.permvar.hi.512"
                )
                totals = _cleared(builder, SHORTS, positions, blocks)
                for row in totals:
                    for total, start in zip(row, rows_at(starts, 2)):
                        builder.store(start, total)

                def visit(table, at):
                    rows = rows_at(at, 2)
                    for p in range(positions):
                        address = builder.add(table, builder.mul(stride, _number(p)))
                        numbers = builder.load(_pointer(builder, address, SHORTS), align=64)
                        for total, row in zip(totals[p], rows):
                            found = builder.call(look_up, [numbers, row])
                            builder.store(builder.add(builder.load(total), found), total)

                _walk(builder, first, indices, places, count, 64 * blocks, visit)
                for k, limit in enumerate(rows_at(limits, 2)):
                    for p in range(positions):
                        reached = builder.icmp_signed(">=", builder.load(totals[p][k]), limit)
                        to = builder.add(builder.mul(out_stride, _number(p)), _number(4 * k))
                        to = _pointer(builder, builder.add(out, to), I32)
                        builder.store(builder.bitcast(reached, I32), to, align=1)

            if short_lookups():
                _each_case(builder, many, most, write)
            return context.get_dummy_value()

        return types.void(*([types.int64] * 10)), code

    return tile


def word_access():
    """Three intrinsics: the uint64 at an address, a uint64 to an address, eight of them from an address to
    another. In loops of few steps numba's own indexing takes longer than the work.
    """

    @intrinsic
    def load(_context, address):  # noqa: ARG001
        def code(_context, builder, _signature, arguments):
            return builder.load(_pointer(builder, arguments[0], I64), align=8)

        return types.uint64(types.int64), code

    @intrinsic
    def store(_context, address, word):  # noqa: ARG001
        def code(context, builder, _signature, arguments):
            builder.store(arguments[1], _pointer(builder, arguments[0], I64), align=8)
            return context.get_dummy_value()

        return types.void(types.int64, types.uint64), code

    @intrinsic
    def copy(_context, source, target):  # noqa: ARG001
        def code(context, builder, _signature, arguments):
            source, target = (_pointer(builder, address, WORDS) for address in arguments)
            builder.store(builder.load(source, align=8), target, align=8)
            return context.get_dummy_value()

        return types.void(types.int64, types.int64), code

    return load, store, copy


def compare_sixteen():
    """An intrinsic: 16 bits, whether int32 (16,) at an address reach those at another, xor the 2 bytes at a
    third; written to a fourth.
    """

    @intrinsic
    def tile(_context, numbers, thresholds, falls, out):  # noqa: ARG001
        def code(context, builder, _signature, arguments):
            numbers, thresholds, falls, out = arguments
            x, least = (
                builder.load(_pointer(builder, address, SUMS), align=4) for address in (numbers, thresholds)
            )
            mask = builder.bitcast(builder.icmp_signed(">=", x, least), I16)
            inverted = builder.load(_pointer(builder, falls, I16), align=1)
            builder.store(builder.xor(mask, inverted), _pointer(builder, out, I16), align=1)
            return context.get_dummy_value()

        return types.void(*([types.int64] * 4)), code

    return tile


def merge_eight():
    """An intrinsic: one word each of eight pixels that lie side by side, of what the bits of a pixel and of
    those to its right give one behind the other. Arguments, all int64: address of the first of the pixels,
    uint64; the bits of each, and how many pixels are taken together; which word of them; address of the first
    result, and how many bytes on the next is.
    """

    @intrinsic
    def tile(_context, pixels, bits, many, word, out, stride):  # noqa: ARG001
        def code(context, builder, _signature, arguments):
            pixels, bits, many, word, out, stride = arguments
            [[merged]] = _cleared(builder, WORDS, 1, 1)
            start = builder.mul(word, _number(64))
            with cgutils.for_range(builder, many) as turn:
                place = builder.add(pixels, builder.shl(turn.index, _number(3)))
                x = builder.load(_pointer(builder, place, WORDS), align=8)
                up = builder.sub(builder.mul(turn.index, bits), start)
                for move, shift in ((builder.shl, up), (builder.lshr, builder.neg(up))):
                    moved = move(x, _everywhere(builder, builder.and_(shift, _number(63)), WORDS))
                    inside = builder.icmp_unsigned("<", shift, _number(64))
                    moved = builder.select(inside, moved, ir.Constant(WORDS, [0] * 8))
                    builder.store(builder.or_(builder.load(merged), moved), merged)
            found = builder.load(merged)
            with builder.if_else(builder.icmp_signed("==", stride, _number(8))) as (beside, apart):
                with beside:
                    builder.store(found, _pointer(builder, out, WORDS), align=8)
                with apart:
                    for k in range(8):
                        place = builder.add(out, builder.mul(stride, _number(k)))
                        element = builder.extract_element(found, ir.Constant(I32, k))
                        builder.store(element, _pointer(builder, place, I64), align=8)
            return context.get_dummy_value()

        return types.void(*([types.int64] * 6)), code

    return tile


def interleave_three():
    """An intrinsic: 64 bytes of each of three planes to 192 bytes, a byte of each plane in turn. Arguments,
    all int64: address of the first plane, distance of one from the next, address of the result.
    """

    @intrinsic
    def tile(_context, planes, distance, out):  # noqa: ARG001
        def code(context, builder, _signature, arguments):
            planes, distance, out = arguments
            kind = ir.VectorType(I8, 64)
            a, b, c = (
                builder.load(
                    _pointer(builder, builder.add(planes, builder.mul(distance, _number(k))), kind), align=1
                )
                for k in range(3)
            )
            for part in range(3):
                places = [divmod(k, 3) for k in range(64 * part, 64 * part + 64)]
                two = [pixel + 64 * (plane == 1) for pixel, plane in places]
                three = [64 + pixel if plane == 2 else k for k, (pixel, plane) in enumerate(places)]
                mixed = builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(I32, 64), two))
                mixed = builder.shuffle_vector(mixed, c, ir.Constant(ir.VectorType(I32, 64), three))
                builder.store(mixed, _pointer(builder, builder.add(out, _number(64 * part)), kind), align=1)
            return context.get_dummy_value()

        return types.void(*([types.int64] * 3)), code

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
            [totals] = _cleared(builder, WORDS, 1, 8)
            kind = ir.FunctionType(WORDS, [WORDS])
            ones = cgutils.get_or_insert_function(builder.module, kind, "llvm.ctpop.v8i64")
            with cgutils.for_range(builder, rounds) as turn:
                place = builder.shl(builder.and_(turn.index, _number(511)), _number(3))
                word = builder.load(_pointer(builder, builder.add(words, place), I64))
                bits = _everywhere(builder, word, WORDS)
                row = builder.add(weights, builder.shl(builder.and_(turn.index, _number(7)), _number(9)))
                for k, total in enumerate(totals):
                    weight = builder.load(
                        _pointer(builder, builder.add(row, _number(64 * k)), WORDS), align=64
                    )
                    found = builder.call(ones, [builder.xor(bits, weight)])
                    builder.store(builder.add(builder.load(total), found), total)
            for total in totals[1:]:
                builder.store(builder.add(builder.load(totals[0]), builder.load(total)), totals[0])
            builder.store(builder.load(totals[0]), _pointer(builder, out, WORDS), align=8)
            return context.get_dummy_value()

        return types.void(*([types.int64] * 4)), code

    return rounds_of
