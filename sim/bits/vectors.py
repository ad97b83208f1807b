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

I8, I32, I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)
WORDS = ir.VectorType(I64, 8)
SUMS = ir.VectorType(I32, 16)
LANES = 16  # results that lie side by side in the weights


def target_has(feature: str) -> bool:
    """Whether compiled code may use a feature of the processor, by LLVM's name, as "avx512vnni"."""
    features = config.CPU_FEATURES  # type: ignore[attr-defined]
    return f"+{feature}" in (get_host_cpu_features() if features is None else features).split(",")


def byte_products() -> bool:
    """Whether four products of bytes are one instruction, so that `sums` takes bytes."""
    return target_has("avx512vnni")


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


def _cleared(builder, kind, rows: int, columns: int) -> list[list]:
    """Sums of 0; they become registers."""
    zero = ir.Constant(kind, [0] * kind.count)
    sums = [[cgutils.alloca_once_value(builder, zero) for _ in range(columns)] for _ in range(rows)]
    for row in sums:
        for total in row:
            builder.store(zero, total)
    return sums


def unequal_bits(positions: int):
    """An intrinsic: windows of bits against 16 rows of weights, `positions` windows at once.

    Its arguments, all int64:
        first: address of the first of the windows; `stride` bytes on is the next.
        weights: address, 64-byte aligned, of uint64 (words of a window, 16).
        limits: address of int64 (16,). A result is bit 1 where the number of unequal bits is at most that.
            Where the address is 0, a result is the number of equal bits, `length` less the unequal ones.
        places, count: address of the places of the words, uint64, and how many there are.
        out: address of the first window's results, 2 bytes or int32 (16,); `out_stride` bytes on are those of
            the next.
    """

    @intrinsic
    def tile(_context, first, weights, limits, length, places, count, stride, out, out_stride):  # noqa: ARG001
        def code(context, builder, _signature, arguments):
            first, weights, limits, length, places, count, stride, out, out_stride = arguments
            sums = _cleared(builder, WORDS, positions, 2)
            ones = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(WORDS, [WORDS]), "llvm.ctpop.v8i64"
            )

            def visit(word, at):
                halves = [
                    builder.load(_pointer(builder, builder.add(at, _number(64 * k)), WORDS), align=64)
                    for k in range(2)
                ]
                for p in range(positions):
                    address = builder.add(word, builder.mul(stride, _number(p)))
                    bits = _everywhere(builder, builder.load(_pointer(builder, address, I64), align=1), WORDS)
                    for total, half in zip(sums[p], halves):
                        found = builder.call(ones, [builder.xor(bits, half)])
                        builder.store(builder.add(builder.load(total), found), total)

            _walk(builder, first, weights, places, count, 128, visit)
            with builder.if_else(builder.icmp_signed("!=", limits, _number(0))) as (as_bits, as_counts):
                for branch, finish in ((as_bits, compare), (as_counts, subtract)):
                    with branch:
                        for p in range(positions):
                            to = builder.add(out, builder.mul(out_stride, _number(p)))
                            finish(builder, sums[p], limits, length, to)
            return context.get_dummy_value()

        def compare(builder, halves, limits, _length, to):
            masks = [
                builder.icmp_signed(
                    "<=",
                    builder.load(half),
                    builder.load(_pointer(builder, builder.add(limits, _number(64 * k)), WORDS), align=8),
                )
                for k, half in enumerate(halves)
            ]
            lanes = ir.Constant(ir.VectorType(I32, LANES), list(range(LANES)))
            bits = builder.bitcast(builder.shuffle_vector(*masks, lanes), ir.IntType(16))
            builder.store(bits, _pointer(builder, to, ir.IntType(16)), align=1)

        def subtract(builder, halves, _limits, length, to):
            half_sums = ir.VectorType(I32, 8)
            for k, half in enumerate(halves):
                equal = builder.sub(_everywhere(builder, length, WORDS), builder.load(half))
                place = _pointer(builder, builder.add(to, _number(32 * k)), half_sums)
                builder.store(builder.trunc(equal, half_sums), place, align=4)

        return types.void(*([types.int64] * 9)), code

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
            bits = ir.IntType(16)
            for k, total in enumerate(totals):
                place = _pointer(builder, builder.add(limits, _number(64 * k)), SUMS)
                mask = builder.icmp_signed(">=", builder.load(total), builder.load(place, align=4))
                at = _pointer(builder, builder.add(to, _number(2 * k)), bits)
                builder.store(builder.bitcast(mask, bits), at, align=1)

        def give(builder, totals, _limits, to):
            for k, total in enumerate(totals):
                place = _pointer(builder, builder.add(to, _number(64 * k)), SUMS)
                builder.store(builder.load(total), place, align=4)

        return types.void(*([types.int64] * 10)), code

    return tile


def compare_sixteen():
    """An intrinsic: 16 bits, whether int32 (16,) at an address reach those at another, xor the 2 bytes at a
    third; written to a fourth.
    """

    @intrinsic
    def tile(_context, numbers, thresholds, falls, out):  # noqa: ARG001
        def code(context, builder, _signature, arguments):
            numbers, thresholds, falls, out = arguments
            bits = ir.IntType(16)
            x, least = (
                builder.load(_pointer(builder, address, SUMS), align=4) for address in (numbers, thresholds)
            )
            mask = builder.bitcast(builder.icmp_signed(">=", x, least), bits)
            inverted = builder.load(_pointer(builder, falls, bits), align=1)
            builder.store(builder.xor(mask, inverted), _pointer(builder, out, bits), align=1)
            return context.get_dummy_value()

        return types.void(*([types.int64] * 4)), code

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
